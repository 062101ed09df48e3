package model

import "encoding/binary"

// reader takes fields off an encoding. After the first that is missing all are
// zero and ok is false.
type reader struct {
	b  []byte
	ok bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.ok = nil, false
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() int {
	if b := r.bytes(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (r *reader) short() int {
	if b := r.bytes(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) word() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) int() int32 { return int32(r.word()) }

// Parse reads an encoding and checks its shapes, not its sums: [Model.Analyse]
// does. Weights alias b. It allocates at most a few bytes for each byte of b.
// Errors are *[Error].
func Parse(b []byte) (*Model, error) {
	if len(b) > MaxSize {
		return nil, &Error{0, TooLarge}
	}
	r := &reader{b, true}
	if v := r.byte(); r.ok && v != version {
		return nil, &Error{0, Version}
	}
	flags := r.byte()
	m := &Model{Input: Input{Wide: flags&1 != 0, Signed: flags&2 != 0}}
	m.Input.Shape = Shape{r.short(), r.short(), r.short()}
	m.Input.Lo, m.Input.Hi = r.int(), r.int()
	count := r.byte()
	if !r.ok {
		return nil, &Error{0, Truncated}
	}
	if flags > 3 {
		return nil, &Error{0, BadInput}
	}
	if err := m.start(); err != nil {
		return nil, err
	}
	// A node takes two bytes at the least.
	if 2*count > len(r.b) {
		return nil, &Error{0, Truncated}
	}
	m.Nodes = make([]Node, 0, count)
	for range count {
		at := len(m.Nodes) + 1
		n, reason := m.read(r)
		if !r.ok {
			return nil, &Error{at, Truncated}
		}
		if reason != "" {
			return nil, &Error{at, reason}
		}
		m.Nodes = append(m.Nodes, n)
		if err := m.place(at); err != nil {
			return nil, err
		}
	}
	if len(r.b) > 0 {
		return nil, &Error{0, Trailing}
	}
	return m, m.finish()
}

// read takes one node off. The values before it are in place.
func (m *Model) read(r *reader) (n Node, reason Reason) {
	n.Op, n.A = Op(r.byte()), r.byte()
	if n.A > len(m.Nodes) {
		return n, BadOperand
	}
	in := m.ShapeOf(n.A)
	switch n.Op {
	case Dense, Conv:
		n.Outputs = r.short()
		weights := uint64(n.Outputs) * uint64(in.Len())
		if n.Op == Conv {
			n.Groups = r.short()
			n.Window = r.window()
			if n.Groups == 0 {
				return n, BadField
			}
			weights = uint64(n.Outputs) * uint64(in.C/n.Groups) * uint64(n.Window.Kernel[0]*n.Window.Kernel[1])
		}
		if weights > MaxSize {
			return n, TooLarge
		}
		n.InZero, n.WeightZero = r.int(), int8(r.byte())
		biased := r.byte()
		if biased > 1 {
			return n, BadField
		}
		n.Weights = r.bytes(int(weights))
		if raw := r.bytes(biased * 4 * n.Outputs); len(raw) > 0 {
			n.Bias = make([]int32, n.Outputs)
			for i := range n.Bias {
				n.Bias[i] = int32(binary.BigEndian.Uint32(raw[4*i:]))
			}
		}
	case Add:
		n.B = r.byte()
	case Requantise:
		factors := r.short()
		n.InZero, n.Zero, n.Lo, n.Hi = r.int(), r.int(), r.int(), r.int()
		raw := r.bytes(4 * factors)
		n.Shifts = r.bytes(factors)
		if !r.ok {
			return n, ""
		}
		n.Multipliers = make([]uint32, factors)
		for i := range n.Multipliers {
			n.Multipliers[i] = binary.BigEndian.Uint32(raw[4*i:])
		}
	case ReLU:
		n.Zero = r.int()
	case Clip:
		n.Lo, n.Hi = r.int(), r.int()
	case MaxPool:
		n.Window = r.window()
	case Average:
		n.Window = r.window()
		n.Shift = uint8(r.byte())
	case ArgMax:
	case Embed:
		rows := r.word()
		n.Outputs = r.short()
		if uint64(rows)*uint64(n.Outputs) > MaxSize {
			return n, TooLarge
		}
		n.Rows = int(rows)
		n.Weights = r.bytes(n.Rows * n.Outputs)
	default:
		return n, BadOperator
	}
	return n, ""
}

func (r *reader) window() (w Window) {
	w.Kernel = [2]int{r.byte(), r.byte()}
	w.Stride = [2]int{r.byte(), r.byte()}
	w.Pad = [4]int{r.byte(), r.byte(), r.byte(), r.byte()}
	return w
}
