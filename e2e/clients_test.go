package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/libevm/common"
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

// installed returns the path of a program that `make deps` installs, or, on
// systems for which there is no package, of the user's own.
func installed(t *testing.T, project, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(project, "node_modules", ".bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	path, err = exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: run `make deps`, or install Foundry on systems other than linux/amd64: %v", name, err)
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
