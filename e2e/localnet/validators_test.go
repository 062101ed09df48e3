package localnet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/ethclient"

	"github.com/pars-network/pars/evm/rpc"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/keys"
	"github.com/pars-network/pars/node/staking"
)

// commandTime bounds one command of an operator.
const commandTime = time.Minute

// parsd runs an operator's command, which must succeed, and decodes the JSON it
// prints.
func (n *network) parsd(into any, stdin []byte, args ...string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, testutil.Build(n.t, "parsd"), args...)
	cmd.Env, cmd.Stdin = testutil.Environ(), bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		n.t.Fatalf("parsd %v: %v\n%s", args, err, stderr.String())
	}
	if err := json.Unmarshal(out, into); err != nil {
		n.t.Fatalf("parsd %v printed %q, want JSON: %v", args, out, err)
	}
}

// enrol starts a node that isn't in the genesis, as docs/guide/validators.md
// says, and returns its number and what others need to make it a validator.
func (n *network) enrol() (int, keys.Public) {
	n.t.Helper()
	dir := filepath.Join(n.t.TempDir(), "newcomer")
	var public keys.Public
	n.parsd(&public, nil, "keys", "init", "--datadir", dir, "--json")
	p := &peer{name: fmt.Sprintf("newcomer%d", len(n.nodes)+1)}
	p.alone = testutil.Start(n.t, testutil.Build(n.t, "parsd"), "run", "--json", "--config", n.banner.Join, "--datadir", dir)
	var b node.Banner
	p.alone.JSON(patience, &b)
	if b.NodeID != public.NodeID.String() {
		n.t.Fatalf("the new node is %s, its keys are of %s", b.NodeID, public.NodeID)
	}
	p.info.NodeID, p.info.HTTP, p.info.PID, p.info.API, p.info.DataDir = b.NodeID, b.HTTP, b.PID, b.API, b.DataDir
	client, err := ethclient.DialContext(n.t.Context(), b.HTTP)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(client.Close)
	p.client = client
	n.nodes = append(n.nodes, p)
	return len(n.nodes) - 1, public
}

// admit makes an enrolled node a validator for a term, with stake of a
// development account, in whole STAKE.
func (n *network) admit(public keys.Public, account int, term time.Duration, stake uint64) staking.Added {
	n.t.Helper()
	text, err := json.Marshal(public)
	if err != nil {
		n.t.Fatal(err)
	}
	var added staking.Added
	n.parsd(&added, text, "validator", "add", "--json", "--node", "-", "--account", fmt.Sprint(account),
		"--term", term.String(), "--stake", fmt.Sprint(stake), "--api", n.nodes[0].info.API)
	if added.NodeID != public.NodeID || added.EndTime <= added.StartTime || added.EndTime-added.StartTime > uint64(term/time.Second) {
		n.t.Fatalf("added %+v, want %s for at most %s", added, public.NodeID, term)
	}
	return added
}

// listed reports whether every node lists id as a validator, or none does.
func (n *network) listed(id string) (all, none bool) {
	n.t.Helper()
	all, none = true, true
	for _, p := range n.up() {
		var set staking.Set
		n.parsd(&set, nil, "validator", "list", "--json", "--api", p.info.API)
		there := false
		for _, v := range set.Validators {
			there = there || v.NodeID.String() == id
		}
		all, none = all && there, none && !there
	}
	return all, none
}

// rights is what a node says of who may propose on a block, and who made it.
type rights struct {
	Validators []rpc.Validator
	Schedule   []rpc.Slot
	Proposer   string
}

func (p *peer) rights(ctx context.Context, number uint64) (rights, error) {
	at := hexutil.EncodeUint64(number)
	var (
		r     rights
		times []rpc.BlockTime
	)
	c := p.client.Client()
	if err := c.CallContext(ctx, &r.Validators, "pars_validators", at); err != nil {
		return rights{}, err
	}
	if err := c.CallContext(ctx, &r.Schedule, "pars_schedule", at); err != nil {
		return rights{}, err
	}
	if number == 0 {
		return r, nil
	}
	if err := c.CallContext(ctx, &times, "pars_getBlockTimes", at); err != nil {
		return rights{}, err
	}
	if len(times) != 1 {
		return rights{}, fmt.Errorf("%d answers about block %d, want 1", len(times), number)
	}
	r.Proposer = times[0].Proposer
	return r, nil
}

// has reports whether a node has windows on the block.
func (r rights) has(id string) bool {
	for _, s := range r.Schedule {
		if s.NodeID == id {
			return true
		}
	}
	return false
}

// mayPropose asks the first node whether id has windows on its newest block.
func (n *network) mayPropose(id string) bool {
	ctx, cancel := context.WithTimeout(n.t.Context(), callTime)
	defer cancel()
	h, err := n.nodes[0].head(ctx)
	if err != nil {
		return false
	}
	r, err := n.nodes[0].rights(ctx, h)
	return err == nil && r.has(id)
}

// compareSchedules checks that all nodes that are up give the same windows after
// every block from 0 to the newest one that all have, and returns them.
func (n *network) compareSchedules() []rights {
	n.t.Helper()
	n.agree() // afterwards all have the blocks up to checked
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	out := make([]rights, n.seen.checked+1)
	for number := range out {
		for i, p := range n.up() {
			got, err := p.rights(ctx, uint64(number))
			if err != nil {
				n.t.Fatalf("windows after block %d at %s: %v", number, p.name, err)
			}
			if len(got.Schedule) != len(got.Validators) {
				n.t.Fatalf("after block %d, %s has %d windows for %d validators", number, p.name, len(got.Schedule), len(got.Validators))
			}
			if i == 0 {
				out[number] = got
			} else if !reflect.DeepEqual(got, out[number]) {
				n.t.Fatalf("windows after block %d at %s: %+v\nat %s: %+v", number, p.name, got, n.up()[0].name, out[number])
			}
		}
	}
	return out
}

// stay finds the first block with windows for id and the first one after it
// without, and checks that they come and go once, and that id proposes only in
// windows it has.
func (n *network) stay(all []rights, id string) (from, to, proposed int) {
	n.t.Helper()
	from, to = -1, -1
	for number, r := range all {
		switch there := r.has(id); {
		case there && from < 0:
			from = number
		case there && to >= 0:
			n.t.Fatalf("the windows of %s end at block %d and are back at %d", id, to, number)
		case !there && from >= 0 && to < 0:
			to = number
		}
		if r.Proposer == id {
			proposed++
			if !all[number-1].has(id) {
				n.t.Errorf("%s proposed block %d without a window", id, number)
			}
		}
	}
	return from, to, proposed
}

// refuse runs an operator's command that must fail as a mistake of the user's,
// saying why.
func (n *network) refuse(says string, stdin []byte, args ...string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, testutil.Build(n.t, "parsd"), args...)
	cmd.Env, cmd.Stdin = testutil.Environ(), bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != int(node.CodeUsage) || !strings.Contains(string(out), says) {
		n.t.Errorf("parsd %v: %v, %q, want exit code %d and %q", args, err, out, node.CodeUsage, says)
	}
}

// TestValidatorJoinsAndLeaves adds a node to a running network, makes it a
// validator and lets its term end, while users send transfers.
func TestValidatorJoinsAndLeaves(t *testing.T) {
	n := start(t, "--validators", "4")
	i, public := n.enrol() // before there is traffic, whose users look at the list of nodes
	id := public.NodeID.String()
	stop := n.traffic()
	n.awaitReceipts(10)
	if _, none := n.listed(id); !none {
		t.Errorf("%s is a validator before anybody made it one", id)
	}
	text, err := json.Marshal(public)
	if err != nil {
		t.Fatal(err)
	}
	add := []string{"validator", "add", "--api", n.nodes[0].info.API, "--account", "0", "--node", "-"}
	n.refuse("pars-dev wants 15s to 8760h0m0s", text, append(add, "--term", "14s")...)
	n.refuse("its stake is 1999 STAKE, want 2000 to 3000000", text, append(add, "--term", "20s", "--stake", "1999")...)
	began := time.Now()
	added := n.admit(public, 0, 20*time.Second, 2_000)
	t.Logf("accepted by the P-Chain after %s: %+v", time.Since(began).Round(time.Millisecond), added)
	n.refuse("is a validator until", text, append(add, "--term", "20s")...)
	n.until("all nodes to list the newcomer", func() bool { all, _ := n.listed(id); return all })
	n.until("the newcomer's windows", func() bool { return n.mayPropose(id) })
	t.Logf("windows began %s after the command", time.Since(began).Round(time.Millisecond))
	n.until("the end of the windows", func() bool { return !n.mayPropose(id) })
	t.Logf("windows ended %s after the command", time.Since(began).Round(time.Millisecond))
	n.awaitReceipts(20) // and the network goes on, with the node as a follower
	stop()
	if _, none := n.listed(id); !none {
		t.Errorf("%s is still a validator after its term", id)
	}
	all := n.compareSchedules()
	from, to, proposed := n.stay(all, id)
	t.Logf("%d nodes agree on the windows after each of %d blocks; the newcomer has them on blocks %d to %d and proposed %d blocks", len(n.up()), len(all), from, to, proposed)
	if from < 1 || to < 0 || proposed == 0 {
		t.Errorf("windows of the newcomer from block %d to %d with %d proposals, want both ends after genesis and some proposals", from, to, proposed)
	}
	var owned staking.Owned
	n.parsd(&owned, nil, "validator", "owner", "--json", "--account", "0", "--api", n.nodes[i].info.API)
	// A million less the fee of one transaction, which is far below one STAKE.
	if owned.Free <= 999_999e9 || owned.Free >= 1_000_000e9 {
		t.Errorf("the owner can stake %d units after the term, want its million but for a small fee", owned.Free)
	}
	if code, took := n.nodes[i].alone.Terminate(); code != 0 {
		t.Errorf("exit code of the newcomer after SIGTERM = %d after %s, want 0", code, took)
	}
}

// TestValidatorsComeAndGoUnderFaults lets two newcomers with most of the stake
// serve terms that overlap, while nodes old and new are killed.
func TestValidatorsComeAndGoUnderFaults(t *testing.T) {
	if !testutil.Full() {
		t.Skip("takes minutes; PARS_TEST_FULL=1 runs it, and TestValidatorJoinsAndLeaves is always run")
	}
	n := start(t, "--validators", "5")
	a, publicA := n.enrol()
	b, publicB := n.enrol()
	idA, idB := publicA.NodeID.String(), publicB.NodeID.String()
	stop := n.traffic()
	n.awaitReceipts(10)

	t.Log("a node that nobody sees is refused, unless its owner insists")
	other := filepath.Join(t.TempDir(), "absent")
	var absent keys.Public
	n.parsd(&absent, nil, "keys", "init", "--datadir", other, "--json")
	text, err := json.Marshal(absent)
	if err != nil {
		t.Fatal(err)
	}
	n.refuse("is not connected to the node", text, "validator", "add", "--api", n.nodes[0].info.API, "--account", "2", "--node", "-", "--term", "1m")

	n.admit(publicA, 0, 100*time.Second, 2_000)
	n.until("A's windows", func() bool { return n.mayPropose(idA) })
	n.admit(publicB, 1, 60*time.Second, 3_000)
	n.until("B's windows", func() bool { return n.mayPropose(idB) })

	t.Log("one of genesis is killed while both serve, and comes back")
	n.kill(3)
	n.awaitReceipts(20)
	n.restart(3)
	n.agree()

	t.Log("a newcomer is killed in its term, and comes back")
	n.nodes[a].setDown(true)
	n.nodes[a].alone.Kill()
	n.awaitReceipts(10)
	n.nodes[a].info.Config = n.banner.Join
	n.nodes[a].alone = testutil.Start(t, testutil.Build(t, "parsd"), "run", "--json", "--config", n.banner.Join, "--datadir", n.nodes[a].info.DataDir)
	var back node.Banner
	n.nodes[a].alone.JSON(patience, &back)
	client, err := ethclient.DialContext(t.Context(), back.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	stop() // users read the list of nodes
	n.nodes[a].client, n.nodes[a].info.HTTP, n.nodes[a].info.API = client, back.HTTP, back.API
	n.nodes[a].setDown(false)
	stop = n.traffic()

	n.until("the end of B's windows", func() bool { return !n.mayPropose(idB) })
	n.until("the end of A's windows", func() bool { return !n.mayPropose(idA) })
	n.awaitReceipts(20)
	stop()
	all := n.compareSchedules()
	for name, id := range map[string]string{"A": idA, "B": idB} {
		from, to, proposed := n.stay(all, id)
		t.Logf("newcomer %s (node %d or %d) has windows on blocks %d to %d and proposed %d blocks", name, a+1, b+1, from, to, proposed)
		if from < 1 || to < 0 || proposed == 0 {
			t.Errorf("windows of newcomer %s from block %d to %d with %d proposals, want both ends and some proposals", name, from, to, proposed)
		}
	}
}
