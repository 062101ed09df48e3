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
)

// forge runs Foundry's forge, which `make deps` installs, and fails the test
// with its output when it fails.
func forge(tb testing.TB, args ...string) {
	tb.Helper()
	bin := filepath.Join("node_modules", ".bin", "forge")
	if _, err := os.Stat(bin); err != nil {
		tb.Fatalf("%v: run `make deps` first", err)
	}
	cmd := exec.CommandContext(tb.Context(), bin, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("forge %s: %v\n%s", strings.Join(args, " "), err, out)
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

// outside is a running tools/noble.mjs.
type outside struct {
	requests *json.Encoder
	answers  *bufio.Scanner
}

// noble starts @noble/post-quantum, an implementation in TypeScript.
func noble(tb testing.TB) *outside {
	tb.Helper()
	// The test's own context ends before the clean-up below, which waits for
	// node to read the end of its input.
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), "node", filepath.Join("tools", "noble.mjs"))
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
			tb.Errorf("tools/noble.mjs: %v", err)
		}
	})
	answers := bufio.NewScanner(out)
	answers.Buffer(nil, 1<<20)
	return &outside{requests: json.NewEncoder(in), answers: answers}
}

// sign makes a key pair of ML-DSA set ("ml_dsa87") from seed and signs message
// under the context ctx.
func (o *outside) sign(tb testing.TB, set string, seed [32]byte, message, ctx []byte) (pk, sk, sig []byte) {
	tb.Helper()
	err := o.requests.Encode(map[string]string{
		"set": set, "seed": hex.EncodeToString(seed[:]),
		"message": hex.EncodeToString(message), "context": hex.EncodeToString(ctx),
	})
	if err != nil {
		tb.Fatal(err)
	}
	if !o.answers.Scan() {
		tb.Fatalf("tools/noble.mjs ended: %v", o.answers.Err())
	}
	var answer struct{ PK, SK, Sig string }
	if err := json.Unmarshal(o.answers.Bytes(), &answer); err != nil {
		tb.Fatal(err)
	}
	var parts [3][]byte
	for i, s := range []string{answer.PK, answer.SK, answer.Sig} {
		if parts[i], err = hex.DecodeString(s); err != nil {
			tb.Fatal(err)
		}
	}
	return parts[0], parts[1], parts[2]
}
