package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/ethclient"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/keys"
	"github.com/pars-network/pars/params"
)

// command runs parsd to its end and returns its standard output.
func command(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testutil.Build(t, "parsd"), args...)
	var stderr strings.Builder
	cmd.Env, cmd.Stderr = testutil.Environ(), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("parsd %v: %v\n%s", args, err, stderr.String())
	}
	return out
}

// makeNetwork makes the keys of validators in the folders 0, 1, ... of dir, and
// dir/genesis.json of a testnet with them. All tokens are the first development
// account's.
func makeNetwork(t *testing.T, dir string, validators int) ([]keys.Public, []genesis.Account) {
	t.Helper()
	dev, err := genesis.DevAccounts()
	if err != nil {
		t.Fatal(err)
	}
	alloc := filepath.Join(dir, "alloc.json")
	text := fmt.Sprintf(`{%q: {"balance": %q}}`, dev[0].Address.Hex(), params.Supply().String())
	if err := os.WriteFile(alloc, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	build := []string{
		"genesis", "build", "--network", "pars-testnet", "--alloc", alloc, "--out", filepath.Join(dir, "genesis.json"),
		"--owner", "P-custom18jma8ppw3nhx5r4ap8clazz0dps7rv5u9xde7p",
	}
	public := make([]keys.Public, validators)
	for i := range validators {
		home := filepath.Join(dir, fmt.Sprint(i))
		command(t, "keys", "init", "--datadir", home)
		out := command(t, "keys", "show", "--datadir", home, "--json")
		if err := json.Unmarshal(out, &public[i]); err != nil {
			t.Fatal(err)
		}
		file := home + ".json"
		if err := os.WriteFile(file, out, 0o600); err != nil {
			t.Fatal(err)
		}
		build = append(build, "--validator", file)
	}
	command(t, build...)
	return public, dev
}

// TestFourValidatorsFormANetwork goes the way of docs/guide/node.md: four
// operators make keys, one builds the genesis, all start, and a transaction
// given to one is final at all.
func TestFourValidatorsFormANetwork(t *testing.T) {
	const validators = 4
	dir := t.TempDir()
	public, dev := makeNetwork(t, dir, validators)

	ports := testutil.FreePorts(t, validators)
	nodes := make([]*parsd, validators)
	for i := range validators {
		args := []string{
			"run", "--json", "--network", filepath.Join(dir, "genesis.json"), "--datadir", filepath.Join(dir, fmt.Sprint(i)),
			"--staking.addr", "127.0.0.1", "--staking.port", fmt.Sprint(ports[i]), "--http.port", "0", "--api.port", "0", "--metrics.port", "0", "--session.enable=false",
		}
		if i > 0 {
			args = append(args, "--bootstrap", fmt.Sprintf("%s@127.0.0.1:%d", public[0].NodeID, ports[0]))
		}
		nodes[i] = &parsd{Process: testutil.Start(t, testutil.Build(t, "parsd"), args...)}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*startTime)
	defer cancel()
	for _, p := range nodes {
		p.JSON(2*startTime, &p.banner)
		client, err := ethclient.DialContext(ctx, p.banner.HTTP)
		if err != nil {
			t.Fatal(err)
		}
		p.client = client
		t.Cleanup(p.client.Close)
	}
	nodes[0].banner.Accounts = []node.Account{{PrivateKey: fmt.Sprintf("%x", dev[0].PrivateKey)}}
	tx := nodes[0].account(t, 0).transfer(t, params.Testnet.ChainID(), common.HexToAddress("0xbeef"))
	if err := nodes[3].client.SendTransaction(ctx, tx); err != nil {
		t.Fatal(err)
	}
	var first *types.Receipt
	for i, p := range nodes {
		r, err := p.receipt(ctx, tx.Hash())
		if err != nil {
			t.Fatalf("receipt at node %d: %v", i, err)
		}
		if first == nil {
			first = r
		}
		if r.BlockHash != first.BlockHash || r.Status != types.ReceiptStatusSuccessful {
			t.Errorf("receipt at node %d = %+v, want node 0's: %+v", i, r, first)
		}
		if got, err := p.client.BalanceAt(ctx, common.HexToAddress("0xbeef"), nil); err != nil || got.Cmp(big.NewInt(1_000_000_000)) != 0 {
			t.Errorf("balance at node %d = %v, %v, want 1 gwei", i, got, err)
		}
	}
	for i, p := range nodes {
		if status, text := fetch(ctx, t, p.banner.Metrics+"/readyz"); status != http.StatusOK {
			t.Errorf("/readyz of node %d = %d %s, want 200", i, status, text)
		}
		m := scrape(ctx, t, p.banner.Metrics)
		if got := m["pars_schedule_proposers"].GetMetric()[0].GetGauge().GetValue(); got != validators {
			t.Errorf("proposers at node %d = %v, want %d", i, got, validators)
		}
		if got := m["pars_node_stake_connected_ratio"].GetMetric()[0].GetGauge().GetValue(); got < 0.7 {
			t.Errorf("stake connected at node %d = %v, want a quorum", i, got)
		}
	}
	// Without half of the stake no poll succeeds: those left are alive, not ready.
	for _, p := range nodes[2:] {
		if code, took := p.Terminate(); code != 0 {
			t.Errorf("exit code = %d after %s, want 0", code, took)
		}
	}
	p := nodes[0]
	for {
		status, text := fetch(ctx, t, p.banner.Metrics+"/readyz")
		if status == http.StatusServiceUnavailable && strings.Contains(text, `{"name":"validators","ok":false`) {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("/readyz = %d %s, want 503 for want of validators", status, text)
		}
	}
	if status, text := fetch(ctx, t, p.banner.Metrics+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz = %d %s, want 200: nothing is due yet", status, text)
	}
	for i, p := range nodes[:2] {
		if code, took := p.Terminate(); code != 0 {
			t.Errorf("exit code of node %d = %d after %s, want 0", i, code, took)
		}
	}
}
