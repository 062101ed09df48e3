package onnx_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pars-network/pars/ai/onnx"
)

const trainer = "../../internal/aitrain"

// runtime is a running onnxruntime-web.
type runtime struct {
	requests *json.Encoder
	answers  *bufio.Scanner
}

type request struct {
	File   string  `json:"file"`
	Dims   []int   `json:"dims"`
	Scale  float32 `json:"scale"`
	Zero   int32   `json:"zero"`
	Size   int     `json:"size"`
	Inputs string  `json:"inputs"`
}

func start(t *testing.T) *runtime {
	t.Helper()
	if _, err := os.Stat(filepath.Join(trainer, "node_modules")); err != nil {
		t.Fatalf("%v: run `make deps` first", err)
	}
	// The test's own context ends before the clean-up below, which waits for node
	// to read the end of its input.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "node", filepath.Join(trainer, "runtime.mjs"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting node: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("runtime.mjs: %v", err)
		}
	})
	answers := bufio.NewScanner(out)
	answers.Buffer(nil, 1<<26)
	return &runtime{json.NewEncoder(in), answers}
}

// run gives the runtime's outputs as whole numbers.
func (r *runtime) run(t *testing.T, file string, in, out onnx.Port, size int, inputs []byte) []int32 {
	t.Helper()
	absolute, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.requests.Encode(request{absolute, in.Dims, in.Scale, in.Zero, size, base64.StdEncoding.EncodeToString(inputs)}); err != nil {
		t.Fatal(err)
	}
	if !r.answers.Scan() {
		t.Fatalf("runtime.mjs ended: %v", r.answers.Err())
	}
	var answer struct{ Kind, Outputs, Error string }
	if err := json.Unmarshal(r.answers.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Error != "" {
		t.Fatalf("%s in onnxruntime: %s", file, answer.Error)
	}
	raw, err := base64.StdEncoding.DecodeString(answer.Outputs)
	if err != nil {
		t.Fatal(err)
	}
	var whole []int32
	switch answer.Kind {
	case "uint8":
		for _, b := range raw {
			whole = append(whole, int32(b))
		}
	case "int8":
		for _, b := range raw {
			whole = append(whole, int32(int8(b)))
		}
	case "int32":
		for ; len(raw) > 0; raw = raw[4:] {
			whole = append(whole, int32(binary.LittleEndian.Uint32(raw)))
		}
	case "float32":
		for ; len(raw) > 0; raw = raw[4:] {
			f := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw)))
			whole = append(whole, int32(math.Round(f/float64(out.Scale)))+out.Zero)
		}
	default:
		t.Fatalf("%s gives %s, want whole numbers or float32", file, answer.Kind)
	}
	return whole
}

// comparison counts how outputs differ.
type comparison struct{ inputs, values, unequal, beyondOne, winners int }

func compare(got, want []int32, classes int) (c comparison) {
	best := func(v []int32) int {
		b := 0
		for i := range v {
			if v[i] > v[b] {
				b = i
			}
		}
		return b
	}
	for at := 0; at < len(want); at += classes {
		a, b := got[at:at+classes], want[at:at+classes]
		c.inputs++
		// Numbers that are equal at the top have no single winner: the first one of
		// ours has to be among the greatest there.
		if b[best(a)] != b[best(b)] && a[best(b)] != a[best(a)] {
			c.winners++
		}
		for i := range a {
			c.values++
			if a[i] != b[i] {
				c.unequal++
			}
			if d := a[i] - b[i]; d < -1 || d > 1 {
				c.beyondOne++
			}
		}
	}
	return c
}

func load(t *testing.T, file string) *onnx.Result {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := onnx.Import(raw, onnx.Config{})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return r
}

// infer runs our model on inputs that lie behind each other.
func infer(t *testing.T, r *onnx.Result, inputs []byte) (out []int32) {
	t.Helper()
	size := r.Model.Input.Size()
	for at := 0; at < len(inputs); at += size {
		v, err := r.Model.Infer(inputs[at : at+size])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v...)
	}
	return out
}

// inputs makes so many of them: noise, strokes and flat ones.
func inputs(random *rand.Rand, size, count int) []byte {
	out := make([]byte, size*count)
	for i := range count {
		one := out[i*size : (i+1)*size]
		switch i % 4 {
		case 0:
			for k := range one {
				one[k] = byte(random.IntN(256))
			}
		case 1: // mostly black with bright runs, like writing
			for range 12 {
				from, length := random.IntN(size), 1+random.IntN(12)
				for k := from; k < min(from+length, size); k++ {
					one[k] = byte(128 + random.IntN(128))
				}
			}
		case 2: // text of few letters
			for k := range one[:size/2+random.IntN(size/2)] {
				one[k] = "abcdefghijklmnopqrstuvwxyz     \xd8\xa7\xd8\xb1\xd9\x86"[random.IntN(37)]
			}
		default:
			level := byte(random.IntN(256))
			for k := range one {
				one[k] = level + byte(random.IntN(8))
			}
		}
	}
	return out
}

// 500 inputs of each network; PARS_TEST_FULL=1 takes 10,000.
func TestOutputsEqualONNXRuntimes(t *testing.T) {
	count := 500
	if os.Getenv("PARS_TEST_FULL") == "1" {
		count = 10_000
	}
	files, err := filepath.Glob("testdata/*.onnx")
	if err != nil || len(files) == 0 {
		t.Fatalf("no networks in testdata: %v", err)
	}
	r := start(t)
	for i, file := range files {
		seed := uint64(i + 1)
		t.Run(filepath.Base(file), func(t *testing.T) {
			ours := load(t, file)
			in := inputs(rand.New(rand.NewPCG(seed, seed)), ours.Model.Input.Size(), count)
			want := r.run(t, file, ours.Input, ours.Output, ours.Model.Input.Size(), in)
			got := infer(t, ours, in)
			if len(got) != len(want) {
				t.Fatalf("got %d numbers, want %d", len(got), len(want))
			}
			c := compare(got, want, ours.Model.Output().Len())
			t.Logf("seed %d: %d inputs, %d numbers, %d unequal, %d by more than one, %d other winners", seed, c.inputs, c.values, c.unequal, c.beyondOne, c.winners)
			switch {
			case strings.Contains(file, "pow2") && c.unequal > 0:
				t.Errorf("%d of %d numbers differ, want none where all scales are powers of two", c.unequal, c.values)
			case c.beyondOne > 0:
				t.Errorf("%d of %d numbers differ by more than one", c.beyondOne, c.values)
			case c.winners*1000 > c.inputs:
				t.Errorf("%d of %d inputs have another winner, want at most one in 1,000", c.winners, c.inputs)
			}
		})
	}
}

// The forms of one network are one network.
func TestBothFormsGiveTheSameModel(t *testing.T) {
	for _, name := range []string{"digits", "digits-pow2", "language", "language-pow2"} {
		base, tail, _ := strings.Cut(name, "-")
		if tail != "" {
			tail = "-" + tail
		}
		var models [2]string
		for i, form := range []string{"qoperator", "qdq"} {
			b, err := load(t, fmt.Sprintf("testdata/%s-%s%s.onnx", base, form, tail)).Model.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			models[i] = string(b)
		}
		if models[0] != models[1] {
			t.Errorf("%s: the QOperator form gives a model of %d bytes, the QDQ form another of %d", name, len(models[0]), len(models[1]))
		}
	}
}
