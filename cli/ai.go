package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pars-network/pars/ai/model"
	"github.com/pars-network/pars/ai/onnx"
	"github.com/pars-network/pars/client/chain"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// aiContract is where models are, 0x0300; modelChunk is how many bytes of one a
// transaction brings there (docs/precompiles/ai.md).
var aiContract = chain.Address{18: 0x03}

const modelChunk = 24_575

// barWidth is how many signs a progress bar has.
const barWidth = 30

type importFlags struct {
	out, output              string
	upload                   bool
	rpc, key, passphraseFile string
	timeout                  time.Duration
}

type portJSON struct {
	Name  string  `json:"name"`
	Dims  []int   `json:"dims"`
	Scale float32 `json:"scale,omitempty"`
	Zero  int32   `json:"zero,omitempty"`
}

type importJSON struct {
	Version     int            `json:"version"`
	Model       string         `json:"model"`
	Size        int            `json:"size"`
	Nodes       int            `json:"nodes"`
	MACs        uint64         `json:"macs"`
	InputSize   int            `json:"input_size"`
	Input       portJSON       `json:"input"`
	Output      portJSON       `json:"output"`
	Operators   map[string]int `json:"operators"`
	File        string         `json:"file,omitempty"`
	Uploaded    bool           `json:"uploaded"`
	Chunks      int            `json:"chunks,omitempty"`
	Transaction string         `json:"transaction,omitempty"`
	Block       uint64         `json:"block,omitempty"`
	GasUsed     uint64         `json:"gas_used,omitempty"`
}

func (a *app) aiCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "ai", Short: "neural networks on the EVM chain (0x0300)",
		Long:              "These commands read ONNX files and talk to an EVM node over JSON-RPC. No sessiond is needed.",
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.settle() },
	}
	var f importFlags
	imported := &cobra.Command{
		Use: "import MODEL.onnx", Short: "turn a quantised ONNX network into a model for the chain", Args: args(cobra.ExactArgs(1)),
		Long: `import reads a statically quantised ONNX network, in the QOperator or the QDQ form, and
turns it into a model in whole numbers. It says which operator it can't take. With
--upload it registers the model at 0x0300; what an earlier try uploaded is not sent again.`,
		Example: `  parsctl ai import digits.onnx --out digits.pars
  parsctl ai import digits.onnx --upload --key wallet.key --rpc http://127.0.0.1:8545`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.aiImport(cmd.Context(), args[0], f) },
	}
	flags := imported.Flags()
	flags.StringVar(&f.out, "out", "", "write the model to this file")
	flags.StringVar(&f.output, "output", "", "end the model at this tensor of the network, such as the one before a Softmax")
	flags.BoolVar(&f.upload, "upload", false, "register the model on the chain")
	flags.StringVar(&f.rpc, "rpc", "", "JSON-RPC of an EVM node (default PARS_RPC, else http://127.0.0.1:8545)")
	flags.StringVar(&f.key, "key", "", "file with the key that pays for the upload: 64 hex digits, or a keystore")
	flags.StringVar(&f.passphraseFile, "passphrase-file", "", "file whose first line opens the keystore (else "+oraclePassphrase+", else asked for)")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "give up waiting for a block after this long")
	var input string
	run := &cobra.Command{
		Use: "run MODEL", Short: "run a model here, with the numbers that the chain gives", Args: args(cobra.ExactArgs(1)),
		Long:    "run computes a model from a file that import wrote, or from an ONNX file, and prints its result.",
		Example: "  parsctl ai run digits.pars --input seven.bin",
		RunE:    func(_ *cobra.Command, args []string) error { return a.aiRun(args[0], input) },
	}
	run.Flags().StringVar(&input, "input", "-", "file with the input's bytes, filled up with zeros (- is standard input)")
	cmd.AddCommand(imported, run)
	return cmd
}

func (a *app) aiImport(ctx context.Context, path string, f importFlags) error {
	if f.upload && f.key == "" {
		return fmt.Errorf("%w: --upload wants --key FILE, the key that pays", errUsage)
	}
	if f.timeout <= 0 {
		return fmt.Errorf("%w: --timeout is a time to come", errUsage)
	}
	raw, err := readFile(path, onnx.MaxFile)
	if err != nil {
		return err
	}
	r, err := onnx.Import(raw, onnx.Config{Output: f.output})
	if err != nil {
		return err
	}
	b, err := r.Model.MarshalBinary()
	if err != nil {
		return err
	}
	id := chain.Keccak256(b)
	out := importJSON{
		Version: 1, Model: "0x" + hex.EncodeToString(id[:]), Size: len(b), Nodes: len(r.Model.Nodes), MACs: r.Model.Work().MACs, InputSize: r.Model.Input.Size(),
		Input: portJSON(r.Input), Output: portJSON(r.Output), Operators: r.Operators, File: f.out,
	}
	if f.out != "" {
		if err := os.WriteFile(f.out, b, 0o644); err != nil { //nolint:gosec // models are public
			return err
		}
	}
	if !a.json {
		a.describeModel(path, out)
	}
	if f.upload {
		if err := a.uploadModel(ctx, b, f, &out); err != nil {
			return err
		}
	}
	if a.json {
		return a.printJSON(out)
	}
	return nil
}

func (a *app) describeModel(path string, m importJSON) {
	var ops []string
	for _, name := range slices.Sorted(maps.Keys(m.Operators)) {
		ops = append(ops, fmt.Sprintf("%s x%d", name, m.Operators[name]))
	}
	a.print(a.say(msgAIRead, a.ltr(filepath.Base(path)), a.ltr(strings.Join(ops, ", "))))
	a.print(a.say(msgAIModel, a.ltr(m.Model)))
	a.print(a.say(msgAISize, a.number(uint64(m.Size)), a.number(uint64(m.Nodes)), a.number(m.MACs)))
	for _, p := range []struct {
		port        portJSON
		whole, real key
	}{{m.Input, msgAIInput, msgAIInputScaled}, {m.Output, msgAIOutput, msgAIOutputScaled}} {
		name, dims := a.ltr(p.port.Name), a.ltr(fmt.Sprint(p.port.Dims))
		if p.port.Scale == 0 {
			a.print(a.say(p.whole, name, dims))
		} else {
			a.print(a.say(p.real, name, dims, a.ltr(fmt.Sprintf("%g * (n - %d)", p.port.Scale, p.port.Zero))))
		}
	}
	if m.File != "" {
		a.print(a.say(msgAIWritten, a.ltr(m.File)))
	}
}

// bar shows how far an upload is: one line on a terminal that is drawn over, one
// line for each step elsewhere.
func (a *app) bar(done, total int) {
	if a.json {
		return
	}
	full := barWidth * done / max(total, 1)
	line := a.say(msgAIProgress, a.ltr("["+strings.Repeat("#", full)+strings.Repeat(".", barWidth-full)+"]"), a.number(uint64(done)), a.number(uint64(total)))
	if f, ok := a.sys.Stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		line = "\r" + line
		if done < total {
			_, _ = fmt.Fprint(a.sys.Stderr, line)
			return
		}
	}
	_, _ = fmt.Fprintln(a.sys.Stderr, line)
}

// uploadModel brings the chunks that the chain lacks there, and registers them.
func (a *app) uploadModel(ctx context.Context, b []byte, f importFlags, out *importJSON) error {
	key, err := a.readKey(f.key, f.passphraseFile)
	if err != nil {
		return err
	}
	url := f.rpc
	for _, other := range []string{a.sys.Getenv("PARS_RPC"), "http://127.0.0.1:8545"} {
		if url == "" {
			url = other
		}
	}
	client := chain.New(url)
	defer client.Close()
	var hashes [][32]byte
	chunks := slices.Collect(slices.Chunk(b, modelChunk))
	a.bar(0, len(chunks)+1)
	for i, chunk := range chunks {
		hash := chain.Keccak256(chunk)
		hashes = append(hashes, hash)
		size, err := a.askNumber(ctx, client, "sizeOfChunk(bytes32)", hash[:])
		if err != nil {
			return err
		}
		if size == 0 {
			r, err := a.sendModel(ctx, client, key, f.timeout, bytesCall("putChunk(bytes)", chunk))
			if err != nil {
				return fmt.Errorf("uploading chunk %d of %d: %w", i+1, len(chunks), err)
			}
			out.GasUsed += r.GasUsed
		}
		a.bar(i+1, len(chunks)+1)
	}
	r, err := a.sendModel(ctx, client, key, f.timeout, hashesCall("registerModel(bytes32[])", hashes))
	if err != nil {
		return fmt.Errorf("registering the model: %w", err)
	}
	a.bar(len(chunks)+1, len(chunks)+1)
	out.Uploaded, out.Chunks, out.Transaction, out.Block = true, len(chunks), r.Hash, r.Block
	out.GasUsed += r.GasUsed
	if !a.json {
		a.print(a.say(msgAIRegistered, a.number(r.Block), a.number(out.GasUsed)))
	}
	return nil
}

func (a *app) sendModel(ctx context.Context, client *chain.Client, key *chain.Key, limit time.Duration, data []byte) (chain.Receipt, error) {
	hash, err := client.Send(ctx, key, aiContract, data)
	if err != nil {
		return chain.Receipt{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := client.Wait(waiting, hash)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return r, fmt.Errorf("%w: %s is in no block yet", errTimeout, hash)
	}
	return r, err
}

func selector(signature string) []byte {
	hash := chain.Keccak256([]byte(signature))
	return hash[:4:4]
}

func (a *app) askNumber(ctx context.Context, client *chain.Client, signature string, word32 []byte) (uint64, error) {
	out, err := client.Call(ctx, aiContract, append(selector(signature), word32...))
	if err != nil {
		return 0, err
	}
	if len(out) != 32 {
		return 0, fmt.Errorf("the node at %s has no AI contract: got %d bytes, want 32", client.URL(), len(out))
	}
	return binary.BigEndian.Uint64(out[24:]), nil
}

// bytesCall is the calldata of a function of one bytes.
func bytesCall(signature string, b []byte) []byte {
	padding := make([]byte, (32-len(b)%32)%32)
	return bytes.Join([][]byte{selector(signature), word(big.NewInt(32)), word(big.NewInt(int64(len(b)))), b, padding}, nil)
}

// hashesCall is the calldata of a function of one bytes32[].
func hashesCall(signature string, hashes [][32]byte) []byte {
	out := bytes.Join([][]byte{selector(signature), word(big.NewInt(32)), word(big.NewInt(int64(len(hashes))))}, nil)
	for _, h := range hashes {
		out = append(out, h[:]...)
	}
	return out
}

type runJSON struct {
	Version int     `json:"version"`
	Output  []int32 `json:"output"`
	Label   int     `json:"label"`
}

func (a *app) aiRun(path, input string) error {
	raw, err := readFile(path, onnx.MaxFile)
	if err != nil {
		return err
	}
	m, err := model.Parse(raw)
	if err != nil {
		r, failed := onnx.Import(raw, onnx.Config{})
		if failed != nil {
			return fmt.Errorf("%s is neither a model (%w) nor a network: %w", path, err, failed)
		}
		m = r.Model
	}
	if _, err := m.Analyse(); err != nil {
		return err
	}
	size := m.Input.Size()
	var given []byte
	if input == "-" {
		given, err = io.ReadAll(io.LimitReader(a.sys.Stdin, int64(size)+1))
	} else {
		given, err = readFile(input, 2*model.MaxElements)
	}
	if err != nil {
		return err
	}
	if len(given) > size {
		return fmt.Errorf("%w: got an input of more than %d bytes", errUsage, size)
	}
	values, err := m.Infer(append(given, make([]byte, size-len(given))...))
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	out := runJSON{Version: 1, Output: values}
	for i, v := range values {
		if v > values[out.Label] {
			out.Label = i
		}
	}
	if a.json {
		return a.printJSON(out)
	}
	a.print(a.say(msgAIResult, a.ltr(strings.Trim(fmt.Sprint(values), "[]")), a.number(uint64(out.Label))))
	return nil
}

// aiExit is the exit code of an error of a network or model.
func aiExit(err error) (code int, ok bool) {
	var unsupported *onnx.UnsupportedError
	var bad *model.Error
	switch {
	case errors.As(err, &unsupported), errors.As(err, &bad):
		return ExitRefused, true
	case errors.Is(err, onnx.ErrFile):
		return ExitUsage, true
	}
	return 0, false
}

// explainAI is what to tell a person about such an error, "" for others.
func (a *app) explainAI(err error) string {
	if a.lang == english {
		return ""
	}
	var unsupported *onnx.UnsupportedError
	var bad *model.Error
	switch {
	case errors.As(err, &unsupported):
		return a.say(msgErrAIUnsupported, a.ltr(unsupported.Op), a.ltr(unsupported.Node)) + " (" + a.ltr(err.Error()) + ")"
	case errors.As(err, &bad):
		return a.say(msgErrAIModel) + " (" + a.ltr(err.Error()) + ")"
	case errors.Is(err, onnx.ErrFile):
		return a.say(msgErrAIFile) + " (" + a.ltr(err.Error()) + ")"
	}
	return ""
}
