package contracts_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ava-labs/libevm/accounts/abi"

	"github.com/pars-network/pars/internal/vectors"
)

// runForge runs Foundry's forge, which `make deps` installs.
func runForge(tb testing.TB, args ...string) (output string, err error) {
	tb.Helper()
	if _, err := os.Stat("node_modules"); err != nil {
		tb.Fatalf("%v: run `make deps` first", err)
	}
	out, err := exec.CommandContext(tb.Context(), filepath.Join("tools", "forge"), args...).CombinedOutput()
	return string(out), err
}

// forge runs it and fails the test with its output when it fails.
func forge(tb testing.TB, args ...string) {
	tb.Helper()
	if out, err := runForge(tb, args...); err != nil {
		tb.Fatalf("forge %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// npm's launcher of forge ends with 0 whatever happened; tools/forge must not.
func TestForgeFailsWhenItFails(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "Bad.sol")
	if err := os.WriteFile(bad, []byte("contract   Bad{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := runForge(t, "fmt", "--check", bad); err == nil {
		t.Errorf("forge fmt --check of a badly formatted file succeeded:\n%s", out)
	}
}

var build sync.Once

// artifact is what forge makes of a contract.
type artifact struct {
	ABI  abi.ABI
	Code []byte
}

// compiled returns the artifact of contract name in file src/….sol.
func compiled(tb testing.TB, file, name string) artifact {
	tb.Helper()
	build.Do(func() { forge(tb, "build") })
	raw, err := os.ReadFile(filepath.Join("out", filepath.Base(file), name+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	var out struct {
		ABI      json.RawMessage `json:"abi"`
		Bytecode struct {
			Object string `json:"object"`
		} `json:"bytecode"`
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		tb.Fatal(err)
	}
	parsed, err := abi.JSON(bytes.NewReader(out.ABI))
	if err != nil {
		tb.Fatal(err)
	}
	code, err := hex.DecodeString(strings.TrimPrefix(out.Bytecode.Object, "0x"))
	if err != nil {
		tb.Fatal(err)
	}
	return artifact{ABI: parsed, Code: code}
}

// outside is a running program of tools/ that answers lines of JSON.
type outside struct {
	name     string
	requests *json.Encoder
	answers  *bufio.Scanner
}

// noble starts @noble/post-quantum, an implementation in TypeScript.
func noble(tb testing.TB) *outside {
	tb.Helper()
	return startOutside(tb, "noble.mjs")
}

func startOutside(tb testing.TB, name string) *outside {
	tb.Helper()
	// The test's own context ends before the clean-up below, which waits for
	// node to read the end of its input.
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), "node", filepath.Join("tools", name))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("starting node: %v", err)
	}
	tb.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("tools/%s: %v", name, err)
		}
	})
	answers := bufio.NewScanner(out)
	answers.Buffer(nil, 1<<22)
	return &outside{name: name, requests: json.NewEncoder(in), answers: answers}
}

// nobleRequest is a line to tools/noble.mjs; byte strings are in hex.
type nobleRequest struct {
	Set     string `json:"set"`
	Seed    string `json:"seed"`
	Message string `json:"message,omitempty"`
	Context string `json:"context,omitempty"`
	M       string `json:"m,omitempty"`
}

// nobleAnswer is a line from it.
type nobleAnswer struct {
	PK  vectors.Hex `json:"pk"`
	SK  vectors.Hex `json:"sk"`
	Sig vectors.Hex `json:"sig"`
	CT  vectors.Hex `json:"ct"`
	SS  vectors.Hex `json:"ss"`
}

func (o *outside) ask(tb testing.TB, request nobleRequest) (answer nobleAnswer) {
	tb.Helper()
	o.exchange(tb, request, &answer)
	return answer
}

// exchange sends a request and reads the answer.
func (o *outside) exchange(tb testing.TB, request, answer any) {
	tb.Helper()
	if err := o.requests.Encode(request); err != nil {
		tb.Fatal(err)
	}
	if !o.answers.Scan() {
		tb.Fatalf("tools/%s ended: %v", o.name, o.answers.Err())
	}
	if err := json.Unmarshal(o.answers.Bytes(), answer); err != nil {
		tb.Fatal(err)
	}
}

// sign makes a key pair of a signature set ("ml_dsa87") from seed and signs
// message under the context ctx.
func (o *outside) sign(tb testing.TB, set string, seed, message, ctx []byte) (pk, sk, sig []byte) {
	tb.Helper()
	a := o.ask(tb, nobleRequest{
		Set: set, Seed: hex.EncodeToString(seed), Message: hex.EncodeToString(message), Context: hex.EncodeToString(ctx),
	})
	return a.PK, a.SK, a.Sig
}

// encapsulate makes a key pair of a KEM set ("ml_kem512") from seed and
// encapsulates with the randomness m.
func (o *outside) encapsulate(tb testing.TB, set string, seed, m []byte) (pk, sk, ct, ss []byte) {
	tb.Helper()
	a := o.ask(tb, nobleRequest{Set: set, Seed: hex.EncodeToString(seed), M: hex.EncodeToString(m)})
	return a.PK, a.SK, a.CT, a.SS
}
