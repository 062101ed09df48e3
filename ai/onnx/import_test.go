package onnx_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pars-network/pars/ai/model"
	"github.com/pars-network/pars/ai/onnx"
	"github.com/pars-network/pars/internal/onnxfile"
)

// scalar names a constant of one float.
func scalar(g *onnxfile.Graph, name string, v float32) string { return g.Floats(name, []float32{v}) }

func TestWhatCanNotBeTakenIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		build func(g *onnxfile.Graph) string
		op    string
		why   string
	}{
		"an operator that has no whole numbers": {func(g *onnxfile.Graph) string {
			return g.Node("Softmax", "probabilities", nil, "x")
		}, "Softmax", "no such operator"},
		"weights that are floats": {func(g *onnxfile.Graph) string {
			x := g.Node("DequantizeLinear", "real", nil, "x", scalar(g, "s", 1))
			return g.Node("MatMul", "product", nil, x, g.Floats("w", make([]float32, 8), 4, 2))
		}, "MatMul", "not quantised"},
		"an input that is not quantised": {func(g *onnxfile.Graph) string {
			return g.Node("MatMul", "product", nil, "x", g.Bytes("w", onnxfile.Int8, make([]byte, 8), 4, 2))
		}, "MatMul", "not quantised"},
		"a matrix for another list": {func(g *onnxfile.Graph) string {
			return g.Node("MatMulInteger", "product", nil, "x", g.Bytes("w", onnxfile.Int8, make([]byte, 10), 5, 2))
		}, "MatMulInteger", "weights for 5"},
		"a scale of nothing": {func(g *onnxfile.Graph) string {
			return g.Node("DequantizeLinear", "real", nil, "x", scalar(g, "s", 0))
		}, "DequantizeLinear", "scale"},
		"two values multiplied": {func(g *onnxfile.Graph) string {
			x := g.Node("DequantizeLinear", "real", nil, "x", scalar(g, "s", 1))
			return g.Node("Mul", "square", nil, x, x)
		}, "Mul", "two values"},
	} {
		t.Run(name, func(t *testing.T) {
			g := &onnxfile.Graph{Name: "t"}
			g.Input("x", onnxfile.Uint8, 1, 4)
			g.Output(c.build(g), onnxfile.Uint8, 1, 4)
			_, err := onnx.Import(g.File(), onnx.Config{})
			var got *onnx.UnsupportedError
			if !errors.As(err, &got) || got.Op != c.op || !strings.Contains(got.Why, c.why) {
				t.Errorf("Import = %v, want that %s is refused since %q", err, c.op, c.why)
			}
		})
	}
}

func TestASoftmaxCanBeLeftOut(t *testing.T) {
	g := &onnxfile.Graph{Name: "t"}
	x := g.Input("x", onnxfile.Uint8, 1, 4)
	x = g.Node("MatMulInteger", "logits", nil, x, g.Bytes("w", onnxfile.Int8, []byte{1, 2, 3, 4, 5, 6, 7, 0xff}, 4, 2))
	g.Output(g.Node("Softmax", "probabilities", nil, x), onnxfile.Float, 1, 2)
	r, err := onnx.Import(g.File(), onnx.Config{Output: "logits"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Model.Infer([]byte{1, 10, 100, 200})
	if want := []int32{1 + 30 + 500 + 1400, 2 + 40 + 600 - 200}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Infer = %d, %v, want %d", got, err, want)
	}
}

// chainOf builds a random network of many operators in the QDQ or QOperator form.
func chainOf(random *rand.Rand, powers bool) []byte {
	g := &onnxfile.Graph{Name: "random"}
	count := 0
	name := func(s string) string { count++; return s + string(rune('a'+count/26)) + string(rune('a'+count%26)) }
	scale := func(from, to float64) float32 {
		if powers {
			return []float32{1.0 / 256, 1.0 / 128, 1.0 / 64, 1.0 / 32}[random.IntN(4)]
		}
		return float32(from + (to-from)*random.Float64())
	}
	weights := func(n int) []byte {
		out := make([]byte, n)
		for i := range out {
			out[i] = byte(int8(random.IntN(255) - 127))
		}
		return out
	}
	zeroAt := func() string { return g.Bytes(name("zero"), onnxfile.Uint8, []byte{byte(random.IntN(256))}) }
	channels, side := 1+random.IntN(3), 8+random.IntN(5)
	x := g.Input("x", onnxfile.Uint8, 1, channels, side, side)
	xs, xz := scalar(g, "xs", scale(0.004, 0.03)), zeroAt()
	window := func(kernel, stride, pad int) onnxfile.Attributes {
		return onnxfile.Attributes{"kernel_shape": []int{kernel, kernel}, "strides": []int{stride, stride}, "pads": []int{pad, pad, pad, pad}}
	}
	for range 1 + random.IntN(4) {
		switch random.IntN(5) {
		case 0, 1: // a convolution, perhaps of each channel alone
			kernel, stride, pad := 1+2*random.IntN(2), 1+random.IntN(2), random.IntN(2)
			if pad >= kernel || side < 3 {
				kernel, pad = 1, 0
			}
			a := window(kernel, stride, pad)
			outputs, inside := 1+random.IntN(5), channels
			if random.IntN(3) == 0 {
				outputs, inside = channels, 1
				a["group"] = channels
			}
			ws := make([]float32, outputs)
			for i := range ws {
				ws[i] = scale(0.002, 0.02)
			}
			bias := make([]int32, outputs)
			for i := range bias {
				bias[i] = int32(random.IntN(20000) - 10000)
			}
			ys, yz := scalar(g, name("ys"), scale(0.01, 0.1)), zeroAt()
			x = g.Node("QLinearConv", name("conv"), a, x, xs, xz, g.Bytes(name("w"), onnxfile.Int8, weights(outputs*inside*kernel*kernel), outputs, inside, kernel, kernel),
				g.Floats(name("ws"), ws, outputs), g.Bytes(name("wz"), onnxfile.Int8, make([]byte, outputs), outputs), ys, yz, g.Int32s(name("b"), bias, outputs))
			xs, xz, channels, side = ys, yz, outputs, (side+2*pad-kernel)/stride+1
		case 2:
			if side < 2 {
				continue
			}
			x = g.Node("MaxPool", name("max"), window(2, 2, 0), x)
			side /= 2
		case 3: // a value added to itself after a pool that keeps its sides
			ys, yz := scalar(g, name("ys"), scale(0.01, 0.1)), zeroAt()
			pooled := x
			if side >= 2 {
				pooled = g.Node("MaxPool", name("max"), window(3, 1, 1), x)
			}
			x = g.Node("QLinearAdd", name("sum"), nil, x, xs, xz, pooled, xs, xz, ys, yz)
			xs, xz = ys, yz
		case 4: // through floats: dequantised, cut, quantised
			real := g.Node("Relu", name("relu"), nil, g.Node("DequantizeLinear", name("real"), nil, x, xs, xz))
			ys, yz := scalar(g, name("ys"), scale(0.01, 0.1)), zeroAt()
			x = g.Node("QuantizeLinear", name("whole"), nil, real, ys, yz)
			xs, xz = ys, yz
		}
	}
	x = g.Node("Flatten", "list", nil, x)
	n := channels * side * side
	ys, yz := scalar(g, "logits.scale", scale(0.05, 0.3)), zeroAt()
	x = g.Node("QLinearMatMul", "logits", nil, x, xs, xz, g.Bytes("matrix", onnxfile.Int8, weights(5*n), n, 5), scalar(g, "matrix.scale", scale(0.002, 0.02)),
		g.Bytes("matrix.zero", onnxfile.Int8, []byte{0}), ys, yz)
	g.Output(x, onnxfile.Uint8, 1, 5)
	return g.File()
}

// Random networks of all kinds of operators, against the runtime.
func TestRandomNetworksEqualONNXRuntimes(t *testing.T) {
	const networks, count = 24, 40
	r := start(t)
	total := comparison{}
	for seed := range uint64(networks) {
		random := rand.New(rand.NewPCG(seed, 99))
		powers := seed%2 == 0
		file := filepath.Join(t.TempDir(), "random.onnx")
		if err := os.WriteFile(file, chainOf(random, powers), 0o600); err != nil {
			t.Fatal(err)
		}
		ours := load(t, file)
		in := inputs(random, ours.Model.Input.Size(), count)
		c := compare(infer(t, ours, in), r.run(t, file, ours.Input, ours.Output, ours.Model.Input.Size(), in), ours.Model.Output().Len())
		if powers && c.unequal > 0 {
			t.Errorf("seed %d: %d of %d numbers differ, want none where all scales are powers of two: %v", seed, c.unequal, c.values, ours.Operators)
		}
		// An error of one in a layer becomes more behind the next one.
		total.values += c.values
		total.unequal += c.unequal
		total.beyondOne += c.beyondOne
	}
	t.Logf("%d networks, %d numbers, %d unequal, %d by more than one", networks, total.values, total.unequal, total.beyondOne)
	if total.beyondOne*1000 > total.values {
		t.Errorf("%d of %d numbers differ by more than one", total.beyondOne, total.values)
	}
}

func FuzzImport(f *testing.F) {
	files, err := filepath.Glob("testdata/*.onnx")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for seed := range uint64(4) {
		f.Add(chainOf(rand.New(rand.NewPCG(seed, 1)), true))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := onnx.Import(b, onnx.Config{})
		if err != nil {
			return
		}
		encoded, err := r.Model.MarshalBinary()
		if err != nil {
			t.Fatalf("an imported model has no encoding: %v", err)
		}
		m, err := model.Parse(encoded)
		if err != nil {
			t.Fatalf("an imported model can't be parsed: %v", err)
		}
		if _, err := m.Analyse(); err != nil {
			t.Fatalf("an imported model is refused: %v", err)
		}
	})
}
