package cli

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pars-network/pars/ai/model"
	"github.com/pars-network/pars/client/chain"
	"github.com/pars-network/pars/internal/onnxfile"
)

const exampleNetworks = "../ai/onnx/testdata"

func runAI(env map[string]string, stdin string, args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = Main(System{
		Args: append([]string{"ai"}, args...), Getenv: func(name string) string { return env[name] },
		Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr,
	})
	return code, stdout.String(), stderr.String()
}

func TestImportedModelsGiveTheNetworksNumbers(t *testing.T) {
	network, file := filepath.Join(exampleNetworks, "language-qdq.onnx"), filepath.Join(t.TempDir(), "language.pars")
	code, out, errs := runAI(nil, "", "import", network, "--out", file, "--json")
	var made importJSON
	if err := json.Unmarshal([]byte(out), &made); code != ExitOK || err != nil || made.InputSize != 64 || made.Uploaded {
		t.Fatalf("import: exit %d, %s, %s, want a model with 64 bytes of input", code, out, errs)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if id := chain.Keccak256(b); made.Model != "0x"+hex.EncodeToString(id[:]) || made.Size != len(b) {
		t.Errorf("import says %s, %d bytes, want the hash of the file, %x, %d bytes", made.Model, made.Size, id, len(b))
	}
	for text, label := range map[string]int{
		"hello, are you going home tomorrow? good night": 0,
		"salam khoobi? farda miram khoone, shab bekheir": 1,
		"سلام خوبی؟ فردا می\u200cروم خانه":               2,
	} {
		var outputs [2]runJSON
		for i, from := range []string{network, file} {
			code, out, errs := runAI(nil, text, "run", from, "--json")
			if err := json.Unmarshal([]byte(out), &outputs[i]); code != ExitOK || err != nil {
				t.Fatalf("run %s: exit %d, %s, %s", from, code, out, errs)
			}
		}
		if outputs[0].Label != label || !slices.Equal(outputs[0].Output, outputs[1].Output) {
			t.Errorf("%q is %+v by the network and %+v by the model, want %d by both", text, outputs[0], outputs[1], label)
		}
	}
	if code, out, _ := runAI(nil, "سلام", "run", file, "--lang", "fa"); code != ExitOK || !strings.Contains(out, "بزرگ\u200cترین: شمارهٔ ۲") {
		t.Errorf("run in Persian: exit %d, %q, want number 2", code, out)
	}
}

func TestImportRefusesWhatCanNotBe(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	g := &onnxfile.Graph{Name: "t"}
	g.Input("x", onnxfile.Uint8, 1, 4)
	g.Output(g.Node("LSTM", "memory", nil, "x"), onnxfile.Uint8, 1, 4)
	lstm := write("lstm.onnx", g.File())
	digits := filepath.Join(exampleNetworks, "digits-qdq.onnx")
	key := write("key", []byte(strings.Repeat("11", 32)))
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"an operator that has no place", []string{"import", lstm}, ExitRefused, `can't take LSTM at "memory"`},
		{"the same in Persian", []string{"import", lstm, "--lang", "fa"}, ExitRefused, "پذیرفتنی نیست"},
		{"a file that is something else", []string{"import", key}, ExitUsage, "not a readable ONNX file"},
		{"no file", []string{"import", lstm + "x"}, ExitUsage, "no such file"},
		{"an upload without a key", []string{"import", digits, "--upload"}, ExitUsage, "--key"},
		{"no such output", []string{"import", digits, "--output", "nowhere"}, ExitUsage, `"nowhere"`},
		{"no node", []string{"import", digits, "--upload", "--key", key, "--rpc", closed.URL}, ExitUnreachable, "no node answers"},
		{"an input that is too long", []string{"run", filepath.Join(exampleNetworks, "language-qdq.onnx"), "--input", digits}, ExitUsage, "more than 64 bytes"},
	} {
		code, _, errs := runAI(nil, "", c.args...)
		if code != c.code || !strings.Contains(errs, c.want) || strings.Contains(errs, strings.Repeat("11", 32)) {
			t.Errorf("%s: exit %d, %q, want exit %d and %q", c.name, code, errs, c.code, c.want)
		}
	}
}

// chainOfChunks is as much of a node as an upload asks.
type chainOfChunks struct {
	t    *testing.T
	has  map[string]bool // chunks that are there, by hash in hex
	sent int
}

func (c *chainOfChunks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Method string            `json:"method"`
		Params []json.RawMessage `json:"params"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		c.t.Error(err)
	}
	result := `"0x1"`
	switch req.Method {
	case "eth_call":
		var call struct{ Data string }
		if err := json.Unmarshal(req.Params[0], &call); err != nil {
			c.t.Error(err)
		}
		size := 0
		if c.has[call.Data[10:]] {
			size = modelChunk
		}
		result = fmt.Sprintf(`"0x%064x"`, size)
	case "eth_getBlockByNumber":
		result = `{"baseFeePerGas":"0x1"}`
	case "eth_sendRawTransaction":
		var raw string
		if err := json.Unmarshal(req.Params[0], &raw); err != nil {
			c.t.Error(err)
		}
		b, err := hex.DecodeString(raw[2:])
		if err != nil {
			c.t.Error(err)
		}
		c.sent++
		hash := chain.Keccak256(b)
		result = `"0x` + hex.EncodeToString(hash[:]) + `"`
	case "eth_getTransactionReceipt":
		result = `{"status":"0x1","blockNumber":"0x2a","gasUsed":"0x64"}`
	}
	_, _ = w.Write([]byte(`{"result":` + result + `}`))
}

// An upload that was cut off goes on where it ended.
func TestUploadSendsOnlyTheChunksThatLack(t *testing.T) {
	// Three chunks of weights.
	weights := make([]byte, 4096*17)
	for i := range weights {
		weights[i] = byte(i % 251)
	}
	g := &onnxfile.Graph{Name: "t"}
	g.Input("x", onnxfile.Uint8, 1, 4096)
	g.Output(g.Node("MatMulInteger", "sums", nil, "x", g.Bytes("w", onnxfile.Int8, weights, 4096, 17)), onnxfile.Int32, 1, 17)
	dir := t.TempDir()
	file, out, key := filepath.Join(dir, "big.onnx"), filepath.Join(dir, "big.pars"), filepath.Join(dir, "key")
	for path, b := range map[string][]byte{file: g.File(), key: []byte(strings.Repeat("11", 32))} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	node := &chainOfChunks{t: t, has: make(map[string]bool)}
	server := httptest.NewServer(node)
	defer server.Close()
	upload := func(gas string) string {
		t.Helper()
		node.sent = 0
		code, text, errs := runAI(nil, "", "import", file, "--out", out, "--upload", "--key", key, "--rpc", server.URL)
		if code != ExitOK || !strings.Contains(text, "Registered in block 42, for "+gas+" gas") {
			t.Fatalf("import --upload: exit %d, %q, %q", code, text, errs)
		}
		return errs
	}
	if errs := upload("400"); node.sent != 4 || strings.Count(errs, "Uploading [") != 5 || !strings.Contains(errs, "["+strings.Repeat("#", barWidth)+"] 4 of 4") {
		t.Errorf("%d transactions and %q, want three chunks, the registration, and the bar of each step", node.sent, errs)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := model.Parse(b); err != nil {
		t.Fatal(err)
	}
	for i, chunk := range slices.Collect(slices.Chunk(b, modelChunk)) {
		if hash := chain.Keccak256(chunk); i < 2 {
			node.has[hex.EncodeToString(hash[:])] = true
		}
	}
	if upload("200"); node.sent != 2 {
		t.Errorf("%d transactions where two chunks are there, want the third and the registration", node.sent)
	}
}
