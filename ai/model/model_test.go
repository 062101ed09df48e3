package model_test

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/pars-network/pars/ai/model"
)

func TestEveryValueEqualsTheReferenceAndIsInItsInterval(t *testing.T) {
	seen := make(map[model.Op]int)
	refused := 0
	rapid.Check(t, func(t *rapid.T) {
		m := draw(t)
		intervals, err := m.Analyse()
		if err != nil {
			refused++
			return
		}
		values, err := m.Trace(drawInput(t, m.Input))
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Nodes {
			n := &m.Nodes[i]
			seen[n.Op]++
			r := &reference{n: n, in: m.ShapeOf(n.A), out: m.ShapeOf(i + 1), a: values[n.A], b: values[n.B]}
			for j, want := range r.run() {
				got := values[i+1][j]
				if !want.IsInt64() || int64(got) != want.Int64() {
					t.Fatalf("node %d, %s, element %d = %d, want %s", i+1, n.Op, j, got, want)
				}
				if k := intervals[i+1]; int64(got) < k.Lo || int64(got) > k.Hi {
					t.Fatalf("node %d, %s, element %d = %d, want within %v", i+1, n.Op, j, got, k)
				}
			}
		}
	})
	for op := model.Dense; op <= model.Embed; op++ {
		if seen[op] == 0 {
			t.Errorf("%s was never run (%d models were refused)", op, refused)
		}
	}
}

func TestParseIsTheInverseOfMarshal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := draw(t)
		b, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back, err := model.Parse(b)
		if err != nil {
			t.Fatalf("Parse of a model's encoding: %v", err)
		}
		again, err := back.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("encoding what was parsed gives %x, %v; want %x", again, err, b)
		}
		if back.Work() != m.Work() {
			t.Fatalf("the parsed model takes %+v, want %+v", back.Work(), m.Work())
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, err := model.Parse(b[:cut]); err == nil {
			t.Fatalf("Parse of %d of %d bytes succeeded", cut, len(b))
		}
		if _, err := model.Parse(append(bytes.Clone(b), 0)); err == nil {
			t.Fatal("Parse with a byte behind the model succeeded")
		}
	})
}

func reasonOf(tb testing.TB, err error) model.Error {
	tb.Helper()
	var e *model.Error
	if !errors.As(err, &e) {
		tb.Fatalf("got %v, want a *model.Error", err)
	}
	return *e
}

// bytesInput is so many unsigned bytes.
func bytesInput(n int) model.Input {
	return model.Input{Shape: model.Shape{C: n, H: 1, W: 1}, Hi: 255}
}

func TestOverflowIsRefusedExactly(t *testing.T) {
	// 255 · 127 · n + bias is the greatest sum.
	const n = 4096
	room := math.MaxInt32 - 255*127*n
	weights := bytes.Repeat([]byte{127}, n)
	for bias, want := range map[int]bool{room: true, room + 1: false} {
		m := &model.Model{Input: bytesInput(n), Nodes: []model.Node{{Op: model.Dense, Outputs: 1, Weights: weights, Bias: []int32{int32(bias)}}}}
		if err := m.Complete(); err != nil {
			t.Fatal(err)
		}
		_, err := m.Analyse()
		if (err == nil) != want {
			t.Errorf("a sum of at most %d: %v, want it taken: %t", 255*127*n+bias, err, want)
		}
		if !want && reasonOf(t, err) != (model.Error{Node: 1, Reason: model.Overflow}) {
			t.Errorf("got %v, want an overflow in node 1", err)
		}
	}
}

func TestPartialSumsCountToo(t *testing.T) {
	// The whole sum is small, but its positive half is not.
	m := &model.Model{Input: bytesInput(2), Nodes: []model.Node{
		{Op: model.Requantise, Multipliers: []uint32{60000}, Shifts: []uint8{0}, Lo: 0, Hi: 1 << 24},
		{Op: model.Dense, A: 1, Outputs: 1, Weights: []byte{127, 0x81}, Bias: []int32{1 << 30}},
	}}
	if err := m.Complete(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Analyse(); err == nil || reasonOf(t, err).Reason != model.Overflow {
		t.Errorf("Analyse = %v, want an overflow", err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	in := bytesInput(4)
	window := model.Window{Kernel: [2]int{1, 1}, Stride: [2]int{1, 1}}
	image := model.Input{Shape: model.Shape{C: 1, H: 4, W: 4}, Hi: 255}
	for name, c := range map[string]struct {
		m    model.Model
		want model.Error
	}{
		"no operator":               {model.Model{Input: in}, model.Error{Reason: model.Unused}},
		"an input without elements": {model.Model{Nodes: []model.Node{{Op: model.ReLU}}}, model.Error{Reason: model.BadInput}},
		"an input of 512 in a byte": {model.Model{Input: model.Input{Shape: in.Shape, Hi: 512}, Nodes: []model.Node{{Op: model.ReLU}}}, model.Error{Reason: model.BadInput}},
		"operator 11":               {model.Model{Input: in, Nodes: []model.Node{{Op: 11}}}, model.Error{Node: 1, Reason: model.BadOperator}},
		"a value to come":           {model.Model{Input: in, Nodes: []model.Node{{Op: model.ReLU, A: 1}}}, model.Error{Node: 1, Reason: model.BadOperand}},
		"an unused result":          {model.Model{Input: in, Nodes: []model.Node{{Op: model.ReLU}, {Op: model.ReLU}}}, model.Error{Node: 1, Reason: model.Unused}},
		"weights that are short":    {model.Model{Input: in, Nodes: []model.Node{{Op: model.Dense, Outputs: 1, Weights: make([]byte, 3)}}}, model.Error{Node: 1, Reason: model.BadField}},
		"a sum of two shapes": {model.Model{Input: in, Nodes: []model.Node{{Op: model.Dense, Outputs: 1, Weights: make([]byte, 4)}, {Op: model.Add, A: 1, B: 0}}},
			model.Error{Node: 2, Reason: model.BadOperand}},
		"a multiplier of 0":      {model.Model{Input: in, Nodes: []model.Node{{Op: model.Requantise, Multipliers: []uint32{0}, Shifts: []uint8{0}}}}, model.Error{Node: 1, Reason: model.BadField}},
		"a multiplier of 2^31":   {model.Model{Input: in, Nodes: []model.Node{{Op: model.Requantise, Multipliers: []uint32{1 << 31}, Shifts: []uint8{0}}}}, model.Error{Node: 1, Reason: model.BadField}},
		"a shift of 63":          {model.Model{Input: in, Nodes: []model.Node{{Op: model.Requantise, Multipliers: []uint32{1}, Shifts: []uint8{63}}}}, model.Error{Node: 1, Reason: model.BadField}},
		"a clip to nothing":      {model.Model{Input: in, Nodes: []model.Node{{Op: model.Clip, Lo: 1}}}, model.Error{Node: 1, Reason: model.BadField}},
		"a padded average":       {model.Model{Input: image, Nodes: []model.Node{{Op: model.Average, Window: model.Window{Kernel: [2]int{2, 2}, Stride: [2]int{1, 1}, Pad: [4]int{1, 0, 0, 0}}}}}, model.Error{Node: 1, Reason: model.BadField}},
		"a window of padding":    {model.Model{Input: image, Nodes: []model.Node{{Op: model.MaxPool, Window: model.Window{Kernel: [2]int{1, 1}, Stride: [2]int{1, 1}, Pad: [4]int{1, 0, 0, 0}}}}}, model.Error{Node: 1, Reason: model.BadField}},
		"a stride of 0":          {model.Model{Input: image, Nodes: []model.Node{{Op: model.MaxPool, Window: model.Window{Kernel: [2]int{1, 1}}}}}, model.Error{Node: 1, Reason: model.BadField}},
		"groups that don't fit":  {model.Model{Input: image, Nodes: []model.Node{{Op: model.Conv, Groups: 2, Outputs: 2, Window: window, Weights: make([]byte, 2)}}}, model.Error{Node: 1, Reason: model.BadField}},
		"a window over the edge": {model.Model{Input: image, Nodes: []model.Node{{Op: model.Average, Window: model.Window{Kernel: [2]int{5, 1}, Stride: [2]int{1, 1}}}}}, model.Error{Node: 1, Reason: model.BadField}},
		"an empty table":         {model.Model{Input: in, Nodes: []model.Node{{Op: model.Embed, Outputs: 1}}}, model.Error{Node: 1, Reason: model.BadField}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := reasonOf(t, c.m.Complete()); got != c.want {
				t.Errorf("Complete = %v, want %v", got, c.want)
			}
		})
	}
	short := &model.Model{Input: in, Nodes: []model.Node{{Op: model.Embed, Rows: 255, Outputs: 1, Weights: make([]byte, 255)}}}
	if err := short.Complete(); err != nil {
		t.Fatal(err)
	}
	if _, err := short.Analyse(); err == nil || reasonOf(t, err).Reason != model.OutOfTable {
		t.Errorf("Analyse with a table of 255 rows for bytes = %v, want it refused", err)
	}
}

func TestHalvesGoToTheEvenNumber(t *testing.T) {
	m := &model.Model{
		Input: model.Input{Shape: model.Shape{C: 9, H: 1, W: 1}, Signed: true, Lo: -8, Hi: 8},
		Nodes: []model.Node{{Op: model.Requantise, Multipliers: []uint32{1}, Shifts: []uint8{1}, Lo: -128, Hi: 127}},
	}
	if err := m.Complete(); err != nil {
		t.Fatal(err)
	}
	got, err := m.Infer([]byte{0xfb, 0xfc, 0xfd, 0xff, 0, 1, 3, 4, 5})
	want := []int32{-2, -2, -2, 0, 0, 0, 2, 2, 2}
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("halves of -5 -4 -3 -1 0 1 3 4 5 = %d, want %d", got, want)
		}
	}
}

func TestInputsAreChecked(t *testing.T) {
	m := &model.Model{Input: model.Input{Shape: model.Shape{C: 2, H: 1, W: 1}, Wide: true, Lo: 3, Hi: 256}, Nodes: []model.Node{{Op: model.ReLU}}}
	if err := m.Complete(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in   []byte
		want *model.InputError
	}{
		{[]byte{0, 3, 1, 0}, nil},
		{[]byte{0, 3, 1}, &model.InputError{Size: 3, Want: 4}},
		{[]byte{0, 3, 1, 1}, &model.InputError{Size: 4, Want: 4, Element: 1}},
		{[]byte{0, 2, 1, 0}, &model.InputError{Size: 4, Want: 4}},
	} {
		_, err := m.Infer(c.in)
		var got *model.InputError
		if errors.As(err, &got) != (c.want != nil) || (got != nil && *got != *c.want) {
			t.Errorf("Infer(%x) = %v, want %v", c.in, err, c.want)
		}
	}
}

// Parsing takes memory in proportion to what is parsed: a few bytes can't ask for
// a table of 2^32 rows.
func TestLengthsAreBoundedBeforeAllocation(t *testing.T) {
	head := []byte{1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 255, 255}
	for name, node := range map[string][]byte{
		"table":   {10, 0, 255, 255, 255, 255, 255, 255},
		"factors": append([]byte{4, 0, 255, 255}, make([]byte, 12)...),
		"weights": append([]byte{1, 0, 255, 255}, make([]byte, 600)...),
	} {
		b := append(bytes.Clone(head), node...)
		b = append(b, make([]byte, 600)...)
		if n := testing.AllocsPerRun(10, func() { _, _ = model.Parse(b) }); n > 10 {
			t.Errorf("%s: parsing took %v allocations", name, n)
		}
		if _, err := model.Parse(b); err == nil {
			t.Errorf("%s: Parse succeeded", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.pars")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range seeds {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := model.Parse(b)
		if err != nil {
			return
		}
		again, err := m.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("encoding what was parsed gives %x, %v; want %x", again, err, b)
		}
		intervals, err := m.Analyse()
		if err != nil || m.Work().MACs+m.Work().Moves > 1<<16 {
			return
		}
		in := make([]byte, m.Input.Size())
		for i := range m.Input.Shape.Len() {
			if m.Input.Wide {
				in[2*i], in[2*i+1] = byte(m.Input.Hi>>8), byte(m.Input.Hi)
			} else {
				in[i] = byte(m.Input.Hi)
			}
		}
		values, err := m.Trace(in)
		if err != nil {
			t.Fatal(err)
		}
		for i, value := range values {
			for _, v := range value {
				if k := intervals[i]; int64(v) < k.Lo || int64(v) > k.Hi {
					t.Fatalf("value %d has %d, want within %v", i, v, k)
				}
			}
		}
	})
}

func BenchmarkDense(b *testing.B) {
	const n, outputs = 1024, 256
	w := make([]byte, n*outputs)
	for i := range w {
		w[i] = byte(i * 7)
	}
	m := &model.Model{Input: bytesInput(n), Nodes: []model.Node{{Op: model.Dense, Outputs: outputs, Weights: w}}}
	benchmark(b, m)
}

func BenchmarkConv(b *testing.B) {
	const channels = 32
	w := make([]byte, 16*channels*9)
	for i := range w {
		w[i] = byte(i * 7)
	}
	m := &model.Model{Input: model.Input{Shape: model.Shape{C: 16, H: 32, W: 32}, Hi: 255}, Nodes: []model.Node{
		{Op: model.Conv, Groups: 1, Outputs: channels, Window: model.Window{Kernel: [2]int{3, 3}, Stride: [2]int{1, 1}, Pad: [4]int{1, 1, 1, 1}}, Weights: w},
	}}
	benchmark(b, m)
}

func benchmark(b *testing.B, m *model.Model) {
	if err := m.Complete(); err != nil {
		b.Fatal(err)
	}
	in := make([]byte, m.Input.Size())
	for b.Loop() {
		if _, err := m.Infer(in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(m.Work().MACs), "ns/MAC")
}

// The reference rounds as the text says, not as the package does.
func TestTheReferenceRoundsHalvesToEven(t *testing.T) {
	for v, want := range map[int64]int64{-6: -2, -5: -1, -2: 0, 2: 0, 3: 1, 5: 1, 6: 2, 7: 2, 10: 2} {
		if got := rounded(big.NewInt(v), 2).Int64(); got != want {
			t.Errorf("%d/4 = %d, want %d", v, got, want)
		}
	}
}
