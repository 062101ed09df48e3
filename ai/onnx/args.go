package onnx

import (
	"fmt"
	"slices"
)

// cant is an error about the node.
func (n *node) cant(format string, args ...any) error {
	return &UnsupportedError{n.op, n.label(), fmt.Sprintf(format, args...)}
}

func (n *node) has(i int) bool { return i < len(n.in) && n.in[i] != "" }

// value is input i, which depends on the graph's input.
func (l *lowering) value(n *node, i int) (*value, error) {
	if n.has(i) {
		if v, ok := l.values[n.in[i]]; ok {
			return v, nil
		}
	}
	return nil, n.cant("its input %d is missing or a constant", i)
}

// constant is input i, which doesn't.
func (l *lowering) constant(n *node, i int) (*constant, error) {
	if n.has(i) {
		if c, ok := l.constants[n.in[i]]; ok && (c.ints != nil || c.floats != nil || c.len() == 0) {
			return c, nil
		}
	}
	return nil, n.cant("its input %d is missing, no constant, or of a type that is not float, int8, uint8, int32 or int64", i)
}

// number is input i, a constant of one float.
func (l *lowering) number(n *node, i int) (float32, error) {
	c, err := l.constant(n, i)
	if err != nil {
		return 0, err
	}
	if len(c.floats) != 1 {
		return 0, n.cant("its input %d has %d numbers, want one", i, len(c.floats))
	}
	return c.floats[0], nil
}

// zero is input i, a zero point of one whole number, and its type; 0 when it is
// left out.
func (l *lowering) zero(n *node, i, kind int) (int64, int, error) {
	if !n.has(i) {
		return 0, kind, nil
	}
	c, err := l.constant(n, i)
	if err != nil {
		return 0, 0, err
	}
	if len(c.ints) != 1 {
		return 0, 0, n.cant("its zero point, input %d, has %d numbers, want one", i, len(c.ints))
	}
	return c.ints[0], c.kind, nil
}

func (n *node) integer(name string, otherwise int64) int64 {
	if a, ok := n.attributes[name]; ok {
		return a.i
	}
	return otherwise
}

// list is an attribute of so many whole numbers, from 0 to 4096.
func (n *node) list(name string, length int, otherwise int64) ([]int, error) {
	out := slices.Repeat([]int{int(otherwise)}, length)
	a, ok := n.attributes[name]
	if !ok {
		return out, nil
	}
	if len(a.ints) != length {
		return nil, n.cant("%s has %d numbers, want %d", name, len(a.ints), length)
	}
	for i, v := range a.ints {
		if v < 0 || v > 4096 {
			return nil, n.cant("%s has the number %d, want 0 to 4096", name, v)
		}
		out[i] = int(v)
	}
	return out, nil
}

// axis is side number a of so many, which may count from behind.
func (n *node) axis(a int64, rank int) (int, error) {
	if a < 0 {
		a += int64(rank)
	}
	if a < 0 || a >= int64(rank) {
		return 0, n.cant("got the axis %d of %d", a, rank)
	}
	return int(a), nil
}

// ordered reports whether the tensor's elements lie as the model's do.
func (v *value) ordered() bool {
	last := -1
	for i, a := range v.axes {
		if a < 0 || v.dims[i] == 1 {
			continue
		}
		if a < last {
			return false
		}
		last = a
	}
	return true
}

// image reports whether the sides are batch, channels, rows, columns, the last
// one or two perhaps missing.
func (v *value) image() bool {
	if v.flat || len(v.axes) < 2 || v.axes[0] != -1 {
		return false
	}
	for i, a := range v.axes[1:] {
		if a != i {
			return false
		}
	}
	return true
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
