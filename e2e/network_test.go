package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
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

// TestFourValidatorsFormANetwork goes the way of docs/guide/node.md: four
// operators make keys, one builds the genesis, all start, and a transaction
// given to one is final at all.
func TestFourValidatorsFormANetwork(t *testing.T) {
	const validators = 4
	dir := t.TempDir()
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

	ports := testutil.FreePorts(t, validators)
	nodes := make([]*parsd, validators)
	for i := range validators {
		args := []string{
			"run", "--json", "--network", filepath.Join(dir, "genesis.json"), "--datadir", filepath.Join(dir, fmt.Sprint(i)),
			"--staking.addr", "127.0.0.1", "--staking.port", fmt.Sprint(ports[i]), "--http.port", "0", "--api.port", "0", "--session.enable=false",
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
		if p.client, err = ethclient.DialContext(ctx, p.banner.HTTP); err != nil {
			t.Fatal(err)
		}
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
		if code, took := p.Terminate(); code != 0 {
			t.Errorf("exit code of node %d = %d after %s, want 0", i, code, took)
		}
	}
}
