package localnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	ethereum "github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/rlp"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/genesis/pchain"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/node"
)

// forged is what a hostile node says of a block it sent.
type forged struct {
	Name    string      `json:"name"`
	Hash    common.Hash `json:"hash"`
	Height  uint64      `json:"height"`
	Refused string      `json:"refused"`
	May     string      `json:"may"`
}

// notOnTheWire are vectors that this network can't have.
var notOnTheWire = map[string]string{
	"a P-Chain height below the parent's": "without P-Chain transactions the height is 0",
	"the base fee of another millisecond": "at the floor it is the same fee",
}

// TestEveryInvalidHeaderIsRefusedByTheOthers puts each on the wire, from a
// validator in its own window, and wants every other node to count it under the
// rule it breaks, to say so, and to go on.
func TestEveryInvalidHeaderIsRefusedByTheOthers(t *testing.T) {
	l := startWithLiars(t, 5, 1)
	liar := l.bad[0]
	var list []forged
	l.tell(liar, "forgeries", nil, &list)
	checkAgainstVectors(t, list)
	before := l.footprints()
	stop := l.traffic()
	l.awaitReceipts(10)
	l.tell(liar, "mode", url.Values{"is": {"mute"}}, nil)

	sent := l.refuse(liar, nil)
	l.agree()
	for reason := range reasonsOf(list) {
		// With the seal on it, the header convicts who made it; a name alone
		// doesn't.
		switch reason {
		case "malformed":
			l.awaitLogged("refused bytes that are no block", `"reason": "malformed"`)
		case "too_early", "pchain_ahead":
			l.awaitLogged("not taking a block yet", `"reason": "`+reason+`"`, liar.info.NodeID, `"sealedByIt": true`)
		case "extra", "proposer", "signature":
			l.awaitLogged("refused a block", `"reason": "`+reason+`"`, `"sealedByIt": false`)
		case "empty":
		default:
			l.awaitLogged("refused a block", `"reason": "`+reason+`"`, liar.info.NodeID, `"sealedByIt": true`)
		}
	}
	stop() // these two need a quiet chain
	sent = append(sent, l.refuse(liar, []string{"rank 1 a millisecond before its window"})...)
	if testutil.Full() {
		sent = append(sent, l.refuse(liar, []string{"an empty block a millisecond before the heartbeat"})...)
	}
	stop = l.traffic()
	if testutil.Full() { // and each by itself
		for _, f := range list {
			if !strings.Contains(f.Name, "a millisecond before") {
				sent = append(sent, l.refuse(liar, []string{f.Name})...)
			}
		}
	}
	l.awaitReceipts(10)
	stop()
	l.agree()
	l.unknown(sent)
	l.checkBounds(before)
	t.Logf("%d invalid blocks were sent to %d nodes each and are on no chain", len(sent), len(l.up()))
}

// checkAgainstVectors wants a forgery for every invalid header of the vectors.
func checkAgainstVectors(t *testing.T, list []forged) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "spec", "vectors", "header.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct{ Name, Result string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	// Where the vectors' word and the label differ.
	label := strings.NewReplacer("turn", "out_of_turn", "p-chain height", "pchain_height", " ", "_")
	for _, c := range file.Cases {
		i := slices.IndexFunc(list, func(f forged) bool { return f.Name == c.Name })
		switch {
		case c.Result == "valid" || notOnTheWire[c.Name] != "":
		case i < 0:
			t.Errorf("no forgery breaks the rule of the vector %q", c.Name)
		case list[i].Refused != label.Replace(c.Result) && list[i].Refused != "malformed" && list[i].Refused != "":
			t.Errorf("forgery %q is to be refused for %q, the vector says %q", c.Name, list[i].Refused, c.Result)
		}
	}
}

func reasonsOf(list []forged) map[string]int {
	out := map[string]int{}
	for _, f := range list {
		if f.Refused != "" {
			out[f.Refused]++
		}
	}
	return out
}

// attempts is how often a moment may pass before all nodes looked at a block: on
// a busy machine a height can be decided without it.
const attempts = 12

// refuse has the liar send forgeries and wants every honest node to refuse each
// under its reason and under no other. It returns what was sent.
func (l *liars) refuse(liar *peer, names []string) []forged {
	l.t.Helper()
	var all []forged
	for range attempts {
		before := l.allRefusals()
		var sent []forged
		l.tell(liar, "forge", url.Values{"name": names}, &sent)
		all = append(all, sent...)
		want, most := reasonsOf(sent), reasonsOf(sent)
		for _, f := range sent {
			most[f.May]++
		}
		// Those that transient reasons hold back are tried again, so they count
		// once or more; the others exactly once.
		counted := func() (missing []string) {
			for p, now := range l.allRefusals() {
				for reason, n := range want {
					got := now[reason] - before[p][reason]
					if got < n {
						missing = append(missing, fmt.Sprintf("%s: %d of %d for %q", p.name, got, n, reason))
					}
					if got > most[reason] && reason != "too_early" && reason != "pchain_ahead" {
						l.t.Fatalf("%s refused %d blocks for %q, want at most %d", p.name, got, reason, most[reason])
					}
				}
			}
			return missing
		}
		deadline := time.Now().Add(3 * time.Second)
		missing := counted()
		for len(missing) > 0 && time.Now().Before(deadline) {
			<-time.After(pause)
			missing = counted()
		}
		if len(missing) == 0 {
			return all
		}
		l.t.Logf("not all looked: %v", missing)
	}
	l.t.Fatalf("in %d attempts the nodes never refused all of %q", attempts, names)
	return nil
}

// allRefusals returns how many blocks each honest node refused, by reason.
func (l *liars) allRefusals() map[*peer]map[string]int {
	l.t.Helper()
	out := map[*peer]map[string]int{}
	for _, p := range l.up() {
		out[p] = map[string]int{}
		for reason, v := range l.labelled(p, "pars_chain_verifies_failed_total", "reason") {
			out[p][reason] = int(v)
		}
	}
	return out
}

// unknown wants no honest node to know any of the blocks.
func (l *liars) unknown(sent []forged) {
	l.t.Helper()
	for _, p := range l.up() {
		for _, f := range sent {
			if h, err := p.client.HeaderByHash(l.t.Context(), f.Hash); !errors.Is(err, ethereum.NotFound) {
				l.t.Errorf("%s knows the invalid block %q: %v, %v", p.name, f.Name, h, err)
			}
		}
	}
}

// TestProposerOutOfTurn has a validator propose before its window, in another's
// name and as nobody, again and again while users go on.
func TestProposerOutOfTurn(t *testing.T) {
	l := startWithLiars(t, 5, 1)
	liar := l.bad[0]
	before := l.footprints()
	stop := l.traffic()
	l.awaitReceipts(10)
	rounds := 3
	if testutil.Full() {
		rounds = 30
	}
	var sent []forged
	for range rounds {
		sent = append(sent, l.refuse(liar, []string{"the last rank in the first window", "another proposer's name on the block"})...)
		sent = append(sent, l.refuse(liar, []string{"a proposer that is no validator"})...)
	}
	l.awaitReceipts(10)
	l.awaitLogged("refused a block", `"reason": "out_of_turn"`, liar.info.NodeID, `"sealedByIt": true`)
	l.awaitLogged("refused a block", `"reason": "proposer"`)
	l.awaitLogged("refused a block", `"reason": "signature"`, `"sealedByIt": false`)
	stop()
	l.agree()
	l.unknown(sent)
	l.checkBounds(before)
}

// equivocation is what a hostile node says of a height at which it sealed
// several blocks.
type equivocation struct {
	Height uint64        `json:"height"`
	Parent common.Hash   `json:"parent"`
	Blocks []common.Hash `json:"blocks"`
	SentMs int64         `json:"sentMs"`
}

// TestEquivocatingProposer seals two blocks at a height and sends them to
// different nodes. The chain goes on with one of them, or another, and every
// honest node has the proof.
func TestEquivocatingProposer(t *testing.T) {
	l := startWithLiars(t, 5, 1)
	liar := l.bad[0]
	before := l.footprints()
	stop := l.traffic()
	l.awaitReceipts(10)
	heights := 3
	if testutil.Full() {
		heights = 50
	}
	var done []equivocation
	for _, variants := range []string{"2", "4", "16"} {
		for range heights {
			var some []equivocation
			l.tell(liar, "equivocate", url.Values{"heights": {"1"}, "variants": {variants}}, &some)
			done = append(done, some...)
		}
	}
	l.awaitReceipts(10)
	l.agree()
	l.convict(liar, done)

	t.Log("it equivocates and then votes for nothing")
	l.abandon(liar)
	stop()
	l.agree()
	l.checkBounds(before)
}

// abandon has the liar split the others in two halves and fall silent. Neither
// half is a quorum, so they must come together by themselves.
func (l *liars) abandon(liar *peer) {
	l.t.Helper()
	var done []equivocation
	l.tell(liar, "equivocate", url.Values{"heights": {"1"}, "variants": {"2"}, "abstain": {"true"}}, &done)
	l.until(fmt.Sprintf("block %d to be decided", done[0].Height), func() bool {
		h, err := l.up()[0].head(l.t.Context())
		return err == nil && h >= done[0].Height
	})
	l.t.Logf("block %d was decided %d ms after two of it were sent", done[0].Height, time.Now().UnixMilli()-done[0].SentMs)
	l.awaitReceipts(10)
	l.tell(liar, "mode", url.Values{"is": {"honest"}}, nil)
	l.awaitReceipts(10)
	l.convict(liar, done)
}

// convict wants every honest node to have a proof for each height that convicts
// the liar by the key that genesis has of it, and to have said so.
func (l *liars) convict(liar *peer, done []equivocation) {
	l.t.Helper()
	g, err := node.ReadGenesis(filepath.Join(l.banner.DataDir, "genesis.json"))
	if err != nil {
		l.t.Fatal(err)
	}
	_, chainID, _, err := pchain.New(g)
	if err != nil {
		l.t.Fatal(err)
	}
	var key *bls.PublicKey
	for _, v := range g.Validators {
		if v.NodeID.String() == liar.info.NodeID {
			if key, err = bls.PublicKeyFromCompressedBytes(v.PublicKey[:]); err != nil {
				l.t.Fatal(err)
			}
		}
	}
	missed := 0
	for _, p := range l.up() {
		proofs := map[uint64]engine.Equivocation{}
		fetch := func() bool {
			for _, e := range l.equivocations(p) {
				if e.NodeID != liar.info.NodeID {
					l.t.Errorf("%s accuses %s", p.name, e.NodeID)
				}
				var a, b types.Header
				if err := errors.Join(rlp.DecodeBytes(e.First, &a), rlp.DecodeBytes(e.Second, &b)); err != nil {
					l.t.Fatal(err)
				}
				proofs[e.Number] = engine.NewEquivocation(&a, &b)
			}
			return len(proofs) > 0
		}
		l.until(p.name+" to have a proof", fetch)
		for _, d := range done {
			proof, ok := proofs[d.Height]
			if !ok {
				missed++
				l.t.Logf("%s has no proof for height %d", p.name, d.Height)
				continue
			}
			if err := proof.Verify(g.Network.ID, chainID, key); err != nil {
				l.t.Errorf("the proof of %s for height %d: %v", p.name, d.Height, err)
			}
			if !slices.Contains(d.Blocks, proof.First.Hash()) || !slices.Contains(d.Blocks, proof.Second.Hash()) {
				l.t.Errorf("the proof of %s for height %d has blocks %s and %s, want two of %s", p.name, d.Height, proof.First.Hash(), proof.Second.Hash(), d.Blocks)
			}
		}
		if got := int(l.metric(p, "pars_chain_equivocations_total")); got < len(proofs) {
			l.t.Errorf("%s counts %d equivocations, want at least %d", p.name, got, len(proofs))
		}
	}
	if missed > 0 {
		l.t.Errorf("%d of %d proofs are missing", missed, len(done)*len(l.up()))
	}
	l.awaitLogged("a proposer sealed two blocks on one parent", liar.info.NodeID)
}

// evidence is one entry of pars_getEquivocations.
type evidence struct {
	NodeID string        `json:"nodeId"`
	Number uint64        `json:"number"`
	First  hexutil.Bytes `json:"first"`
	Second hexutil.Bytes `json:"second"`
}

func (l *liars) equivocations(p *peer) []evidence {
	l.t.Helper()
	var out []evidence
	if err := p.client.Client().CallContext(l.t.Context(), &out, "pars_getEquivocations"); err != nil {
		l.t.Fatal(err)
	}
	return out
}

// TestWithholdingProposer stays silent in its windows, then sends blocks whose
// reveal is not its signature, and then is good again.
func TestWithholdingProposer(t *testing.T) {
	l := startWithLiars(t, 5, 1)
	liar := l.bad[0]
	before := l.footprints()
	stop := l.traffic()
	l.awaitReceipts(10)
	l.tell(liar, "mode", url.Values{"is": {"mute"}}, nil)
	for _, p := range l.up() {
		l.until(p.name+" to miss the proposer", func() bool { return l.metric(p, "pars_schedule_silent_proposers") == 1 })
	}
	l.awaitLogged("a proposer has let its windows pass", liar.info.NodeID)
	sent := l.refuse(liar, []string{
		"a reveal for another height", "a reveal of another mix digest", "a seal of some header as reveal",
		"a reveal by another validator", "a mix digest of its own", "the parent's mix digest", "a reveal of zeros",
	})
	l.awaitReceipts(10)
	l.tell(liar, "mode", url.Values{"is": {"honest"}}, nil)
	l.awaitLogged("a silent proposer is back", liar.info.NodeID)
	for _, p := range l.up() {
		l.until(p.name+" to miss nobody", func() bool { return l.metric(p, "pars_schedule_silent_proposers") == 0 })
	}
	stop()
	l.agree()
	l.unknown(sent)
	l.checkBounds(before)
}

// TestTwoProposeAtOnce makes the first two ranks propose in the same millisecond
// at every height: rank 0 waits for rank 1's window, in all five nodes. At most
// one of the two blocks may be accepted, the same one everywhere.
func TestTwoProposeAtOnce(t *testing.T) {
	collisions, step := 15, 15
	if testutil.Full() {
		collisions, step = 1000, 100
	}
	l := startWithLiars(t, 5, 5)
	l.banner.Accounts = l.banner.Accounts[:3]
	for _, p := range l.bad {
		p.setDown(false)
		l.tell(p, "mode", url.Values{"is": {"dawdle"}}, nil)
	}
	before := l.footprints()
	stop := l.traffic()
	began := time.Now()
	// A rejected block is one that was verified and lost against another.
	lost := func() int {
		least := 1 << 30
		for _, p := range l.up() {
			least = min(least, int(l.metric(p, "pars_chain_blocks_rejected_total")))
		}
		return least
	}
	for want := step; want <= collisions; want += step {
		last := lost()
		l.progress(fmt.Sprintf("%d collisions", want), func() (int, bool) { last = lost(); return last, last >= want })
		l.agree()
	}
	stop()
	l.agree()
	head, err := l.nodes[0].head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("every node decided %d times between two valid blocks, in %d heights and %s", lost(), head, time.Since(began).Round(time.Second))
	for _, p := range l.up() {
		if e := l.equivocations(p); len(e) != 0 {
			t.Errorf("%s accuses honest nodes: %+v", p.name, e)
		}
	}
	l.checkBounds(before)
}

// progress waits as long as a number grows.
func (l *liars) progress(what string, look func() (int, bool)) {
	l.t.Helper()
	last, enough := look()
	for !enough {
		at := last
		l.until(what+" to come nearer", func() bool { last, enough = look(); return last > at })
	}
}

// labelled returns a metric's values by one label.
func (l *liars) labelled(p *peer, name, label string) map[string]float64 {
	l.t.Helper()
	out := map[string]float64{}
	for series, v := range l.metrics(p) {
		rest, ok := strings.CutPrefix(series, name+"{"+label+`="`)
		if value, _, found := strings.Cut(rest, `"`); ok && found {
			out[value] = v
		}
	}
	return out
}
