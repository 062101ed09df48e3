package e2e

import (
	"context"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
)

// signedOutside runs contracts/tools/signature.mjs and returns the variables it
// prints, as a shell would have them.
func signedOutside(ctx context.Context, t *testing.T, message string) []string {
	t.Helper()
	cmd := exec.CommandContext(ctx, "node", filepath.Join("tools", "signature.mjs"), message)
	cmd.Dir = filepath.Join("..", "contracts")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("tools/signature.mjs: %v: run `make deps` first\n%s", err, out)
	}
	vars := regexp.MustCompile(`(?m)^export (MLDSA_[A-Z]+=0x[0-9a-f]+)$`).FindAllStringSubmatch(string(out), -1)
	if len(vars) != 3 {
		t.Fatalf("tools/signature.mjs printed %d variables, want 3:\n%s", len(vars), out)
	}
	return []string{vars[0][1], vars[1][1], vars[2][1]}
}

// variable is the value of one of them, decoded.
func variable(t *testing.T, vars []string, name string) []byte {
	t.Helper()
	for _, v := range vars {
		if digits, ok := strings.CutPrefix(v, name+"=0x"); ok {
			raw, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
	}
	t.Fatalf("no %s among the variables", name)
	return nil
}

// TestForgeDeploysAndVerifiesAnOutsideSignature is the path of a contract
// developer: forge deploys a contract to the running node and calls it with an
// ML-DSA-87 signature that an implementation in TypeScript made.
func TestForgeDeploysAndVerifiesAnOutsideSignature(t *testing.T) {
	p := startDev(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*startTime)
	defer cancel()
	scratch := t.TempDir()
	script := func(vars []string) (string, error) {
		cmd := exec.CommandContext(ctx, filepath.Join("tools", "forge"), "script", "script/Deploy.s.sol",
			"--rpc-url", p.banner.HTTP, "--private-key", p.banner.Accounts[0].PrivateKey,
			"--broadcast", "--skip-simulation", "--slow")
		cmd.Dir = filepath.Join("..", "contracts")
		// Folders of its own: the tests of contracts/ may be running too.
		cmd.Env = append(append(os.Environ(), vars...),
			"FOUNDRY_OUT="+filepath.Join(scratch, "out"), "FOUNDRY_CACHE_PATH="+filepath.Join(scratch, "cache"),
			"FOUNDRY_BROADCAST="+filepath.Join(scratch, "broadcast"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}

	vars := signedOutside(ctx, t, "signed outside of the chain")
	if out, err := script(vars); err != nil {
		t.Fatalf("forge script: %v\n%s", err, out)
	}
	logs, err := p.client.FilterLogs(ctx, ethereum.FilterQuery{Topics: [][]common.Hash{
		{crypto.Keccak256Hash([]byte("Recorded(bytes32,bytes32)"))},
		{crypto.Keccak256Hash(variable(t, vars, "MLDSA_PK"))},
		{crypto.Keccak256Hash(variable(t, vars, "MLDSA_MESSAGE"))},
	}})
	if err != nil || len(logs) != 1 {
		t.Fatalf("events of the notary = %v, %v, want one", logs, err)
	}
	r, err := p.client.TransactionReceipt(ctx, logs[0].TxHash)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("recording an ML-DSA-87 signature used %d gas", r.GasUsed)

	bad := variable(t, vars, "MLDSA_SIG")
	bad[100] ^= 1
	for i, v := range vars {
		if strings.HasPrefix(v, "MLDSA_SIG=") {
			vars[i] = "MLDSA_SIG=0x" + hex.EncodeToString(bad)
		}
	}
	selector := hex.EncodeToString(crypto.Keccak256([]byte("BadSignature()"))[:4])
	if out, err := script(vars); err == nil || !strings.Contains(out, selector) {
		t.Errorf("forge script with an altered signature: %v, want a failure that shows BadSignature, %s\n%s", err, selector, out)
	}
}

// TestFoundryTestsOnTheNode runs the tests of contracts/node: each family's
// example contract is deployed to this node by transactions and used with
// signatures and a proof that were made outside of it.
func TestFoundryTestsOnTheNode(t *testing.T) {
	p := startDev(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*startTime)
	defer cancel()
	scratch := t.TempDir()
	cmd := exec.CommandContext(ctx, filepath.Join("tools", "forge"), "test", "--threads", "1", "-vv")
	cmd.Dir = filepath.Join("..", "contracts")
	cmd.Env = append(os.Environ(), "FOUNDRY_PROFILE=node", "FOUNDRY_OUT="+filepath.Join(scratch, "out"), "FOUNDRY_CACHE_PATH="+filepath.Join(scratch, "cache"),
		"ETH_RPC_URL="+p.banner.HTTP, "ETH_POLL_INTERVAL=1", "NODE_KEY="+p.banner.Accounts[0].PrivateKey, "CAST="+installed(t, "clients", "cast"), "BEACON_AIR=0x"+hex.EncodeToString(beaconAIR(t)))
	cmd.Env = append(cmd.Env, aiVariables(t)...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "11 tests passed") {
		t.Errorf("forge test on the node: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}
