package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Limits of a file. They bound what reading one takes.
const (
	// MaxFile is the longest file, in bytes.
	MaxFile = 64 << 20
	// maxNodes, maxTensors and maxRefs bound the lists of a graph and of a node.
	maxNodes   = 4096
	maxTensors = 4096
	maxRefs    = 64
	// maxRank is how many sides a tensor may have, maxElements how many elements.
	maxRank     = 8
	maxElements = 16 << 20
)

// ErrFile reports bytes that are no ONNX file, or one beyond the limits.
var ErrFile = errors.New("onnx: not a readable ONNX file")

// Types of elements, as TensorProto.DataType numbers them.
const (
	typeFloat = 1
	typeUint8 = 2
	typeInt8  = 3
	typeInt32 = 6
	typeInt64 = 7
)

// tensor is a TensorProto of a type that this package knows.
type tensor struct {
	name   string
	kind   int
	dims   []int
	floats []float32 // of typeFloat
	ints   []int64   // of the others
}

func (t *tensor) len() int {
	n := 1
	for _, d := range t.dims {
		n *= d
	}
	return n
}

// attribute is an AttributeProto.
type attribute struct {
	name   string
	f      float32
	i      int64
	s      string
	t      *tensor
	floats []float32
	ints   []int64
}

// node is a NodeProto.
type node struct {
	name, op, domain string
	in, out          []string
	attributes       map[string]*attribute
}

// port is a ValueInfoProto: dims are -1 where the file gives no number.
type port struct {
	name string
	kind int
	dims []int
}

// graph is a GraphProto.
type graph struct {
	name         string
	nodes        []*node
	tensors      map[string]*tensor
	inputs, outs []port
}

// fields calls f for each field of a message. A value of type varint or 32 bits is
// in n, one with a length in b.
func fields(b []byte, f func(number protowire.Number, n uint64, b []byte) error) error {
	for len(b) > 0 {
		number, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return fmt.Errorf("%w: %w", ErrFile, protowire.ParseError(size))
		}
		b = b[size:]
		var n uint64
		var value []byte
		switch kind {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, size = protowire.ConsumeFixed32(b)
			n = uint64(v)
		case protowire.Fixed64Type:
			n, size = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(b)
		default:
			return fmt.Errorf("%w: a field of wire type %d", ErrFile, kind)
		}
		if size < 0 {
			return fmt.Errorf("%w: %w", ErrFile, protowire.ParseError(size))
		}
		b = b[size:]
		if err := f(number, n, value); err != nil {
			return err
		}
	}
	return nil
}

// integers appends a repeated varint, packed (b) or not (n).
func integers(to []int64, n uint64, b []byte, limit int) ([]int64, error) {
	if b == nil {
		if len(to) >= limit {
			return nil, fmt.Errorf("%w: a list of more than %d numbers", ErrFile, limit)
		}
		return append(to, int64(n)), nil
	}
	for len(b) > 0 {
		v, size := protowire.ConsumeVarint(b)
		if size < 0 || len(to) >= limit {
			return nil, fmt.Errorf("%w: a list of numbers that is cut off or has more than %d", ErrFile, limit)
		}
		to, b = append(to, int64(v)), b[size:]
	}
	return to, nil
}

// reals appends a repeated float, packed or not.
func reals(to []float32, n uint64, b []byte) ([]float32, error) {
	if b == nil {
		return append(to, math.Float32frombits(uint32(n))), nil
	}
	if len(b)%4 != 0 {
		return nil, fmt.Errorf("%w: %d bytes of floats", ErrFile, len(b))
	}
	for ; len(b) > 0; b = b[4:] {
		to = append(to, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return to, nil
}

// readModel reads a ModelProto.
func readModel(b []byte) (*graph, error) {
	if len(b) > MaxFile {
		return nil, fmt.Errorf("%w: got %d bytes, want at most %d", ErrFile, len(b), MaxFile)
	}
	var g *graph
	err := fields(b, func(number protowire.Number, _ uint64, b []byte) (err error) {
		if number == 7 {
			g, err = readGraph(b)
		}
		return err
	})
	if err == nil && g == nil {
		err = fmt.Errorf("%w: it has no graph", ErrFile)
	}
	return g, err
}

func readGraph(b []byte) (*graph, error) {
	g := &graph{tensors: make(map[string]*tensor)}
	err := fields(b, func(number protowire.Number, _ uint64, b []byte) error {
		switch number {
		case 1:
			n, err := readNode(b)
			if err != nil {
				return err
			}
			g.nodes = append(g.nodes, n)
		case 2:
			g.name = string(b)
		case 5:
			t, err := readTensor(b)
			if err != nil {
				return err
			}
			g.tensors[t.name] = t
		case 11, 12:
			p, err := readPort(b)
			if err != nil {
				return err
			}
			if number == 11 {
				g.inputs = append(g.inputs, p)
			} else {
				g.outs = append(g.outs, p)
			}
		}
		if len(g.nodes) > maxNodes || len(g.tensors) > maxTensors || len(g.inputs) > maxTensors || len(g.outs) > maxRefs {
			return fmt.Errorf("%w: more than %d nodes or tensors", ErrFile, maxNodes)
		}
		return nil
	})
	return g, err
}

func readNode(b []byte) (*node, error) {
	n := &node{attributes: make(map[string]*attribute)}
	err := fields(b, func(number protowire.Number, _ uint64, b []byte) error {
		switch number {
		case 1:
			n.in = append(n.in, string(b))
		case 2:
			n.out = append(n.out, string(b))
		case 3:
			n.name = string(b)
		case 4:
			n.op = string(b)
		case 5:
			a, err := readAttribute(b)
			if err != nil {
				return err
			}
			n.attributes[a.name] = a
		case 7:
			n.domain = string(b)
		}
		if len(n.in) > maxRefs || len(n.out) > maxRefs || len(n.attributes) > maxRefs {
			return fmt.Errorf("%w: node %q has more than %d inputs, outputs or attributes", ErrFile, n.name, maxRefs)
		}
		return nil
	})
	return n, err
}

func readAttribute(b []byte) (*attribute, error) {
	a := &attribute{}
	err := fields(b, func(number protowire.Number, n uint64, b []byte) (err error) {
		switch number {
		case 1:
			a.name = string(b)
		case 2:
			a.f = math.Float32frombits(uint32(n))
		case 3:
			a.i = int64(n)
		case 4:
			a.s = string(b)
		case 5:
			a.t, err = readTensor(b)
		case 7:
			a.floats, err = reals(a.floats, n, b)
		case 8:
			a.ints, err = integers(a.ints, n, b, maxElements)
		}
		return err
	})
	return a, err
}

func readTensor(b []byte) (*tensor, error) {
	t := &tensor{}
	var raw []byte
	var dims, ints []int64
	external := false
	err := fields(b, func(number protowire.Number, n uint64, b []byte) (err error) {
		switch number {
		case 1:
			dims, err = integers(dims, n, b, maxRank)
		case 2:
			t.kind = int(n)
		case 4:
			t.floats, err = reals(t.floats, n, b)
		case 5, 7:
			ints, err = integers(ints, n, b, maxElements)
		case 8:
			t.name = string(b)
		case 9:
			raw = b
		case 14:
			external = n != 0
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if external {
		return nil, fmt.Errorf("%w: tensor %q is in another file; save the model as one file", ErrFile, t.name)
	}
	count := int64(1)
	for _, d := range dims {
		if d < 0 || d > maxElements || count*d > maxElements {
			return nil, fmt.Errorf("%w: tensor %q has sides %d, want at most %d elements", ErrFile, t.name, dims, maxElements)
		}
		count *= d
		t.dims = append(t.dims, int(d))
	}
	t.ints = ints
	if raw != nil {
		if err := t.unpack(raw, int(count)); err != nil {
			return nil, err
		}
	}
	have := len(t.ints)
	if t.kind == typeFloat {
		have = len(t.floats)
	}
	switch t.kind {
	case typeFloat, typeUint8, typeInt8, typeInt32, typeInt64:
		if int64(have) != count {
			return nil, fmt.Errorf("%w: tensor %q has %d elements, want %d", ErrFile, t.name, have, count)
		}
	default:
		// Kept by name only: whoever uses it says that its type is none of these.
		t.ints, t.floats = nil, nil
	}
	return t, nil
}

// unpack reads raw_data, which is little-endian.
func (t *tensor) unpack(raw []byte, count int) error {
	size := map[int]int{typeFloat: 4, typeUint8: 1, typeInt8: 1, typeInt32: 4, typeInt64: 8}[t.kind]
	if size == 0 {
		return nil
	}
	if len(raw) != size*count {
		return fmt.Errorf("%w: tensor %q has %d bytes, want %d", ErrFile, t.name, len(raw), size*count)
	}
	t.ints, t.floats = nil, nil
	if t.kind == typeFloat {
		var err error
		t.floats, err = reals(make([]float32, 0, count), 0, raw)
		return err
	}
	t.ints = make([]int64, count)
	for i := range t.ints {
		switch t.kind {
		case typeUint8:
			t.ints[i] = int64(raw[i])
		case typeInt8:
			t.ints[i] = int64(int8(raw[i]))
		case typeInt32:
			t.ints[i] = int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		case typeInt64:
			t.ints[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
		}
	}
	return nil
}

// readPort reads a ValueInfoProto of a tensor.
func readPort(b []byte) (p port, err error) {
	err = fields(b, func(number protowire.Number, _ uint64, b []byte) error {
		switch number {
		case 1:
			p.name = string(b)
		case 2: // TypeProto
			return fields(b, func(number protowire.Number, _ uint64, b []byte) error {
				if number != 1 { // Tensor
					return nil
				}
				return fields(b, func(number protowire.Number, n uint64, b []byte) error {
					switch number {
					case 1:
						p.kind = int(n)
					case 2: // TensorShapeProto
						return fields(b, func(number protowire.Number, _ uint64, b []byte) error {
							if number == 1 {
								return p.side(b)
							}
							return nil
						})
					}
					return nil
				})
			})
		}
		return nil
	})
	return p, err
}

// side reads one TensorShapeProto.Dimension.
func (p *port) side(b []byte) error {
	side := -1
	err := fields(b, func(number protowire.Number, n uint64, _ []byte) error {
		if number == 1 {
			side = int(min(n, maxElements+1))
		}
		return nil
	})
	if len(p.dims) >= maxRank {
		return fmt.Errorf("%w: %q has more than %d sides", ErrFile, p.name, maxRank)
	}
	p.dims = append(p.dims, side)
	return err
}
