package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ethereum "github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
)

// clientTime bounds one run of a client. Tests don't judge how long it takes.
const clientTime = 3 * time.Minute

// storeInit deploys the contract of clients/common.mjs: called with 32 bytes it
// stores and logs them, called without data it returns them.
const storeInit = "0x7936600c575f545f5260205ff35b5f35805f55805f5260205fa1005f52601a6006f3"

// word7 is the number 7 as 32 bytes.
var word7 = common.BigToHash(big.NewInt(7))

// runClient runs a client's program and returns its standard output, or fails
// the test with all it wrote.
func runClient(t *testing.T, dir string, env []string, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", filepath.Base(name), strings.Join(args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	return bytes.TrimSpace(stdout.Bytes())
}

// installed returns the path of a program that `make deps` installs.
func installed(t *testing.T, project, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(project, "node_modules", ".bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run `make deps` first", err)
	}
	return path
}

// TestJavaScriptClients runs viem and ethers as their users would: they choose
// gas, fees and nonces themselves, and their WebSocket is cut in between.
func TestJavaScriptClients(t *testing.T) {
	p := startDev(t)
	for i, script := range []string{"viem.mjs", "ethers.mjs"} {
		t.Run(script, func(t *testing.T) {
			if _, err := os.Stat("clients/node_modules"); err != nil {
				t.Fatalf("%v: run `make deps` first", err)
			}
			out := runClient(t, "clients", []string{"NODE_URL=" + p.banner.HTTP, "NODE_KEY=" + p.banner.Accounts[i].PrivateKey}, "node", script)
			t.Logf("%s", out)
		})
	}
}

func TestCast(t *testing.T) {
	p := startDev(t)
	bin := installed(t, "clients", "cast")
	cast := func(args ...string) string {
		t.Helper()
		return string(runClient(t, ".", []string{"ETH_RPC_URL=" + p.banner.HTTP}, bin, args...))
	}
	key := p.banner.Accounts[2].PrivateKey
	send := func(args ...string) (hash, contract string) {
		t.Helper()
		var r struct{ Status, TransactionHash, ContractAddress string }
		out := cast(append([]string{"send", "--json", "--private-key", key}, args...)...)
		if err := json.Unmarshal([]byte(out), &r); err != nil || r.Status != "0x1" {
			t.Fatalf("cast send %v = %s, %v, want a receipt with success", args, out, err)
		}
		return r.TransactionHash, r.ContractAddress
	}
	if got := cast("chain-id"); got != "1337" {
		t.Errorf("cast chain-id = %s, want 1337", got)
	}
	if got := cast("client"); !strings.HasPrefix(got, "parsd/") {
		t.Errorf("cast client = %s, want parsd", got)
	}
	friend := "0x00000000000000000000000000000000000f71e4"
	paid, _ := send(friend, "--value", "1.5ether")
	if got := cast("balance", friend, "--ether"); !strings.HasPrefix(got, "1.5") {
		t.Errorf("cast balance = %s, want 1.5", got)
	}
	if got := cast("receipt", paid, "status"); got != "true" {
		t.Errorf("cast receipt status = %s, want true", got)
	}
	if got := cast("tx", paid, "to"); !strings.EqualFold(got, friend) {
		t.Errorf("cast tx to = %s, want %s", got, friend)
	}
	_, contract := send("--create", storeInit)
	called, _ := send(contract, word7.Hex())
	var logs []struct{ Address, TransactionHash string }
	out := cast("logs", "--json", "--from-block", "0", "--address", contract, word7.Hex())
	if err := json.Unmarshal([]byte(out), &logs); err != nil || len(logs) != 1 || logs[0].TransactionHash != called {
		t.Errorf("cast logs = %s, %v, want one log of %s", out, err, called)
	}
	if got := cast("storage", contract, "0"); got != word7.Hex() {
		t.Errorf("cast storage = %s, want 7", got)
	}
	if got := cast("call", contract); got != word7.Hex() {
		t.Errorf("cast call = %s, want 7", got)
	}
	if got := cast("nonce", p.banner.Accounts[2].Address); got != "3" {
		t.Errorf("cast nonce = %s, want 3", got)
	}
	if got := cast("block", "finalized", "--field", "baseFeePerGas"); got == "" {
		t.Error("cast block finalized has no base fee")
	}
	// cast's own EVM runs the transaction again on state it asks for, and the
	// node's tracer says what the node did.
	if got := cast("run", called); !strings.Contains(strings.ToLower(got), strings.ToLower(contract)) || !strings.Contains(got, "successfully executed") {
		t.Errorf("cast run = %s, want a successful call of %s", got, contract)
	}
	var trace struct {
		Type, To string
		Logs     []any
	}
	out = cast("rpc", "debug_traceTransaction", called, `{"tracer":"callTracer","tracerConfig":{"withLog":true}}`)
	if err := json.Unmarshal([]byte(out), &trace); err != nil || trace.Type != "CALL" || !strings.EqualFold(trace.To, contract) || len(trace.Logs) != 1 {
		t.Errorf("debug_traceTransaction = %s, %v, want one call of %s with one log", out, err, contract)
	}
	var times []struct{ GapMs uint64 }
	out = cast("rpc", "pars_getBlockTimes", "0x1", "latest")
	if err := json.Unmarshal([]byte(out), &times); err != nil || len(times) < 3 {
		t.Fatalf("pars_getBlockTimes = %s, %v, want at least three blocks", out, err)
	}
	for _, x := range times {
		if x.GapMs < 400 {
			t.Errorf("block gap = %d ms, want at least 400", x.GapMs)
		}
	}
}

// TestForgeScript deploys a contract with forge that checks a signature of
// ML-DSA-87 which @noble/post-quantum has made, and records it.
func TestForgeScript(t *testing.T) {
	p := startDev(t)
	forge := installed(t, "../contracts", "forge")
	// A copy, since other tests build the project at the same time.
	dir := t.TempDir()
	copyProject(t, "../contracts", dir)
	runClient(t, dir, nil, "node", "tools/signature.mjs", "from an end-to-end test")
	out := runClient(t, dir, nil, forge, "script", "script/Deploy.s.sol", "--rpc-url", p.banner.HTTP,
		"--private-key", p.banner.Accounts[3].PrivateKey, "--broadcast", "--skip-simulation", "--slow")
	t.Logf("%s", out)

	recorded := crypto.Keccak256Hash([]byte("Recorded(bytes32,bytes32)"))
	logs, err := p.client.FilterLogs(t.Context(), ethereum.FilterQuery{FromBlock: new(big.Int), Topics: [][]common.Hash{{recorded}}})
	if err != nil {
		t.Fatal(err)
	}
	document := crypto.Keccak256Hash([]byte("from an end-to-end test"))
	if len(logs) != 1 || logs[0].Topics[2] != document {
		t.Fatalf("logs = %+v, want one record of the document %v", logs, document)
	}
	r, err := p.client.TransactionReceipt(t.Context(), logs[0].TxHash)
	if err != nil || r.Status != 1 {
		t.Errorf("receipt = %+v, %v, want success", r, err)
	}
}

// copyProject copies a Foundry project's own files and links its packages.
func copyProject(t *testing.T, from, to string) {
	t.Helper()
	skip := []string{"node_modules", "out", "cache", "broadcast"}
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case slices.Contains(skip, rel):
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, info.Mode().Perm())
	})
	packages, absErr := filepath.Abs(filepath.Join(from, "node_modules"))
	if err := errors.Join(err, absErr, os.Symlink(packages, filepath.Join(to, "node_modules"))); err != nil {
		t.Fatal(err)
	}
}
