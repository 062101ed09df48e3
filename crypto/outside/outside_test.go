package outside

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/pars-network/pars/internal/testutil"
)

// rounds is how many random cases each pair of implementations is given.
func rounds() int {
	if testutil.Full() {
		return 1000
	}
	return 12
}

// cases is how many rounds of so many comparisons each make as many.
func cases(each int) int { return (rounds() + each - 1) / each }

// source is the randomness of a test, from one printed seed.
type source struct{ *rand.Rand }

func random(t *testing.T) source {
	t.Helper()
	seed := uint64(20261123)
	if s := os.Getenv("PARS_TEST_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 0, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d, %d rounds", seed, rounds())
	return source{rand.New(rand.NewPCG(seed, 0))}
}

// Read implements [io.Reader].
func (s source) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(s.Uint32())
	}
	return len(b), nil
}

func (s source) bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = s.Read(b)
	return b
}

// number is uniform below order, but every eighth time at one of its ends.
func (s source) number(order *big.Int) *big.Int {
	switch s.IntN(16) {
	case 0:
		return big.NewInt(int64(s.IntN(3)))
	case 1:
		return new(big.Int).Sub(order, big.NewInt(int64(1+s.IntN(3))))
	}
	n := new(big.Int).SetBytes(s.bytes(len(order.Bytes()) + 16))
	return n.Mod(n, order)
}

// altered is a copy of b with one bit flipped.
func (s source) altered(b []byte) []byte {
	out := append([]byte(nil), b...)
	out[s.IntN(len(out))] ^= 1 << s.IntN(8)
	return out
}

// node is a running spec/check/outside.mjs.
type node struct {
	t   *testing.T
	mu  sync.Mutex
	in  *json.Encoder
	out *bufio.Scanner
}

func start(t *testing.T) *node {
	t.Helper()
	dir := filepath.Join("..", "..", "spec", "check")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "poseidon-lite")); err != nil {
		t.Fatalf("%v: run `make deps` first", err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "outside.mjs")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // the test's context may have ended it
	})
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	return &node{t: t, in: json.NewEncoder(in), out: scanner}
}

// hexes makes a list of byte strings fit for a request.
func hexes(list [][]byte) []any {
	out := make([]any, 0, len(list))
	for _, b := range list {
		out = append(out, hex.EncodeToString(b))
	}
	return out
}

// ask sends an operation and decodes the answer into v. Byte strings go as hex.
func (n *node) ask(v any, op string, args ...any) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, a := range args {
		switch a := a.(type) {
		case []byte:
			args[i] = hex.EncodeToString(a)
		case [][]byte:
			args[i] = hexes(a)
		case *big.Int:
			args[i] = a.String()
		}
	}
	if args == nil {
		args = []any{}
	}
	if err := n.in.Encode(map[string]any{"op": op, "in": args}); err != nil {
		n.t.Fatal(err)
	}
	if !n.out.Scan() {
		n.t.Fatalf("%s: outside.mjs ended: %v", op, n.out.Err())
	}
	if err := json.Unmarshal(n.out.Bytes(), v); err != nil {
		n.t.Fatalf("%s answered %s: %v", op, n.out.Bytes(), err)
	}
}

func (n *node) text(op string, args ...any) (s string) {
	n.t.Helper()
	n.ask(&s, op, args...)
	return s
}

func (n *node) truth(op string, args ...any) (b bool) {
	n.t.Helper()
	n.ask(&b, op, args...)
	return b
}
