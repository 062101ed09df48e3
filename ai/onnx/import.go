package onnx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pars-network/pars/ai/model"
)

// UnsupportedError reports an operator that can't be turned into whole numbers.
type UnsupportedError struct {
	// Op is ONNX' name of the operator, Node the name of its place in the graph.
	Op, Node string
	// Why says what about it.
	Why string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("onnx: can't take %s at %q: %s", e.Op, e.Node, e.Why)
}

// Config says what to take of a file. The zero value takes all up to the first
// output.
type Config struct {
	// Output is the tensor where the model ends, "" for the graph's output. What
	// comes behind it, such as a Softmax, is left out.
	Output string
}

// Port is what a model's input or output stands for.
type Port struct {
	// Name is the tensor's.
	Name string
	// Dims are its sides, as ONNX orders them.
	Dims []int
	// Scale is 0 for a tensor of whole numbers; else the tensor has
	// Scale·(n-Zero) for each whole number n.
	Scale float32
	Zero  int32
}

// Result is an imported network.
type Result struct {
	Model         *model.Model
	Input, Output Port
	// Operators counts what the file had, by ONNX' names.
	Operators map[string]int
}

// Import reads a file. Errors are [ErrFile], [UnsupportedError], or a
// [model.Error] of a network that has no place in whole numbers of 32 bits.
func Import(file []byte, c Config) (*Result, error) {
	g, err := readModel(file)
	if err != nil {
		return nil, err
	}
	if c.Output == "" {
		if len(g.outs) == 0 {
			return nil, fmt.Errorf("%w: the graph has no output", ErrFile)
		}
		c.Output = g.outs[0].name
	}
	needed, err := g.needed(c.Output)
	if err != nil {
		return nil, err
	}
	l := &lowering{g: g, values: make(map[string]*value), constants: make(map[string]*constant), m: &model.Model{}}
	if err := l.input(needed); err != nil {
		return nil, err
	}
	out := &Result{Model: l.m, Operators: make(map[string]int)}
	for _, n := range needed {
		out.Operators[n.op]++
		if err := l.lower(n); err != nil {
			return nil, err
		}
	}
	end, ok := l.values[c.Output]
	if !ok {
		return nil, fmt.Errorf("%w: the output %q is a constant", ErrFile, c.Output)
	}
	if out.Output, err = l.finish(c.Output, end); err != nil {
		return nil, err
	}
	out.Input = l.in
	if err := l.m.Complete(); err != nil {
		return nil, err
	}
	if _, err := l.m.Analyse(); err != nil {
		return nil, err
	}
	return out, nil
}

// needed lists the nodes that the tensor depends on, in the order of the file.
func (g *graph) needed(output string) ([]*node, error) {
	want := map[string]bool{output: true}
	var out []*node
	for _, n := range slices.Backward(g.nodes) {
		if !slices.ContainsFunc(n.out, func(name string) bool { return name != "" && want[name] }) {
			continue
		}
		out = append(out, n)
		for _, name := range n.in {
			want[name] = true
		}
	}
	slices.Reverse(out)
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no operator gives %q", ErrFile, output)
	}
	for _, n := range out {
		if _, ok := operators[n.op]; !ok || (n.domain != "" && n.domain != "ai.onnx" && n.domain != "com.microsoft") {
			return nil, &UnsupportedError{n.op, n.label(), "there is no such operator in whole numbers; quantise the network statically, or end the model before it with another output"}
		}
	}
	return out, nil
}

func (n *node) label() string {
	if n.name == "" && len(n.out) > 0 {
		return n.out[0]
	}
	return n.name
}

// value is a tensor that depends on the input.
type value struct {
	// ref is the model's value, 0 for the input.
	ref  int
	dims []int
	// axes has the model's side (0 to 2: channels, rows, columns) for each of
	// dims, -1 for one of length 1 that the model doesn't have.
	axes []int
	// flat values were made a list: the model keeps their shape.
	flat bool
	// real values are scale·(n-zero) for the model's n, one scale or one for each
	// channel; others are whole numbers.
	real  bool
	scale []float32
	zero  int32
	// bounds are what a real value is cut to: a promise that the next
	// requantisation keeps.
	lo, hi *float64
	// open is the graph's input before its form is known.
	open bool
}

func (v *value) with(ref int) *value {
	out := *v
	out.ref = ref
	return &out
}

// constant is a tensor that doesn't depend on the input.
type constant struct {
	*tensor
	// scale and zero are set for what DequantizeLinear made of whole numbers,
	// with one entry or one for each index of axis.
	scale []float32
	zero  []int64
	axis  int
}

// lowering is one import.
type lowering struct {
	g         *graph
	m         *model.Model
	values    map[string]*value
	constants map[string]*constant
	in        Port
}

// input finds the one input that is no constant.
func (l *lowering) input(needed []*node) error {
	for name, t := range l.g.tensors {
		l.constants[name] = &constant{tensor: t}
	}
	var found []port
	for _, p := range l.g.inputs {
		if _, ok := l.constants[p.name]; ok {
			continue
		}
		if slices.ContainsFunc(needed, func(n *node) bool { return slices.Contains(n.in, p.name) }) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("%w: got a graph with %d inputs that count, want one", ErrFile, len(found))
	}
	p := found[0]
	l.in = Port{Name: p.name}
	v := &value{open: true}
	for i, d := range p.dims {
		if d < 0 && i == 0 {
			d = 1 // the batch
		}
		if d < 1 || d > model.MaxElements {
			return fmt.Errorf("%w: the input %q has sides %d, want fixed ones but for the batch", ErrFile, p.name, p.dims)
		}
		l.in.Dims = append(l.in.Dims, d)
	}
	v.dims = l.in.Dims
	shape := model.Shape{C: 1, H: 1, W: 1}
	sides := []*int{&shape.C, &shape.H, &shape.W}
	data := v.dims
	if len(data) > 1 {
		if data[0] != 1 {
			return fmt.Errorf("%w: the input %q is a batch of %d, want 1", ErrFile, p.name, data[0])
		}
		data = data[1:]
		v.axes = []int{-1}
	}
	if len(data) > len(sides) {
		return fmt.Errorf("%w: the input %q has %d sides besides the batch, want at most 3", ErrFile, p.name, len(data))
	}
	for i, d := range data {
		*sides[i] = d
		v.axes = append(v.axes, i)
	}
	l.m.Input.Shape = shape
	switch p.kind {
	case typeUint8:
		l.m.Input.Hi = 255
		v.open = false
	case typeInt8:
		l.m.Input.Signed, l.m.Input.Lo, l.m.Input.Hi = true, -128, 127
		v.open = false
	case typeFloat, typeInt32, typeInt64:
	default:
		return fmt.Errorf("%w: the input %q has elements of type %d, want float, int8, uint8, int32 or int64", ErrFile, p.name, p.kind)
	}
	l.values[p.name] = v
	return nil
}

// emit adds a node and returns its value, of the shape of like.
func (l *lowering) emit(n model.Node, like *value) (*value, error) {
	if len(l.m.Nodes) >= model.MaxNodes {
		return nil, &model.Error{Node: len(l.m.Nodes), Reason: model.TooLarge}
	}
	l.m.Nodes = append(l.m.Nodes, n)
	// A value that nothing uses yet is no error before the end.
	var bad *model.Error
	if err := l.m.Complete(); err != nil && (!errors.As(err, &bad) || bad.Reason != model.Unused) {
		return nil, err
	}
	return like.with(len(l.m.Nodes)), nil
}

// finish makes the output's numbers whole.
func (l *lowering) finish(name string, v *value) (Port, error) {
	p := Port{Name: name, Dims: v.dims}
	if v.open {
		return p, fmt.Errorf("%w: the output %q is the input", ErrFile, name)
	}
	if v.real {
		settled, err := l.settle(v, "output", name)
		if err != nil {
			return p, err
		}
		v = settled
		if len(v.scale) > 1 {
			return p, &UnsupportedError{"output", name, "it has a scale for each channel; end the model with QuantizeLinear"}
		}
		p.Scale, p.Zero = v.scale[0], v.zero
	}
	if v.ref != len(l.m.Nodes) || v.ref == 0 {
		// The model ends with its last node, so the output becomes it.
		if _, err := l.emit(model.Node{Op: model.Clip, A: v.ref, Lo: -1 << 31, Hi: 1<<31 - 1}, v); err != nil {
			return p, err
		}
	}
	return p, nil
}
