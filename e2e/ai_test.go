package e2e

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common"

	"github.com/pars-network/pars/ai/onnx"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/precompile/ai"
)

// networks are the examples that internal/aitrain trained.
const networks = "../ai/onnx/testdata"

// importedNetwork is the encoding of one of them.
func importedNetwork(t *testing.T, name string) []byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(networks, name))
	if err != nil {
		t.Fatal(err)
	}
	r, err := onnx.Import(file, onnx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Model.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// aiVariables are what contracts/node/DigitLock.t.sol reads.
func aiVariables(t *testing.T) []string {
	t.Helper()
	seven, err := os.ReadFile(filepath.Join(networks, "seven.bin"))
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"SEVEN=0x" + hex.EncodeToString(seven),
		"DIGITS=0x" + hex.EncodeToString(importedNetwork(t, "digits-qdq.onnx")),
		"LANGUAGE=0x" + hex.EncodeToString(importedNetwork(t, "language-qoperator.onnx")),
	}
}

// parsctlAI runs a command of parsctl ai and reads its JSON.
func parsctlAI(ctx context.Context, t *testing.T, out any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, testutil.Build(t, "parsctl"), append([]string{"ai", "--json"}, args...)...)
	cmd.Env = testutil.Environ()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("parsctl ai %v: %v\n%s", args, err, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
		t.Fatalf("parsctl ai %v prints %s: %v", args, stdout.String(), err)
	}
}

// TestNetworksSurviveAKill uploads a network as people do, asks the node for a
// digit, kills it the moment the receipt is there, and asks again.
func TestNetworksSurviveAKill(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*startTime)
	defer cancel()
	dir, key := t.TempDir(), filepath.Join(t.TempDir(), "payer")
	file, picture := filepath.Join(networks, "digits-qdq.onnx"), filepath.Join(networks, "seven.bin")
	p := startDev(t, "--datadir", dir)
	if err := os.WriteFile(key, []byte(p.banner.Accounts[0].PrivateKey), 0o600); err != nil {
		t.Fatal(err)
	}
	type upload struct {
		Model    string `json:"model"`
		Uploaded bool   `json:"uploaded"`
		Chunks   int    `json:"chunks"`
		GasUsed  uint64 `json:"gas_used"`
	}
	var first, second upload
	parsctlAI(ctx, t, &first, "import", file, "--upload", "--key", key, "--rpc", p.banner.HTTP)
	if !first.Uploaded || first.Chunks != 1 {
		t.Fatalf("the first upload: %+v, want one chunk uploaded", first)
	}
	var here struct {
		Output []int32 `json:"output"`
		Label  int     `json:"label"`
	}
	parsctlAI(ctx, t, &here, "run", file, "--input", picture)
	seven, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	contract := ai.Registry.ABI()
	input, err := contract.Pack("infer", common.HexToHash(first.Model), seven)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(p *parsd) []int32 {
		t.Helper()
		to := ai.Address
		out, err := p.client.CallContract(ctx, ethereum.CallMsg{To: &to, Data: input}, nil)
		if err != nil {
			t.Fatal(err)
		}
		values, err := contract.Unpack("infer", out)
		if err != nil {
			t.Fatal(err)
		}
		return values[0].([]int32)
	}
	if got := ask(p); !slices.Equal(got, here.Output) || here.Label != 7 {
		t.Errorf("the chain gives %d, parsctl %d and the digit %d, want both equal and a 7", got, here.Output, here.Label)
	}
	p.Kill()

	again := startDev(t, "--datadir", dir)
	if got := ask(again); !slices.Equal(got, here.Output) {
		t.Errorf("after the kill the chain gives %d, want %d", got, here.Output)
	}
	parsctlAI(ctx, t, &second, "import", file, "--upload", "--key", key, "--rpc", again.banner.HTTP)
	if second.Model != first.Model || second.GasUsed*5 > first.GasUsed {
		t.Errorf("uploading again used %d gas, want far less than the %d of the first time, since it is all there", second.GasUsed, first.GasUsed)
	}
}
