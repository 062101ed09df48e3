package model

import (
	"encoding/binary"
	"math"
)

// version is the first byte of an encoding.
const version = 1

const (
	minInt32 = math.MinInt32
	maxInt32 = math.MaxInt32
)

// AppendBinary appends the encoding of a complete model.
func (m *Model) AppendBinary(b []byte) ([]byte, error) {
	if err := m.Complete(); err != nil {
		return nil, err
	}
	in := m.Input
	var flags byte
	if in.Wide {
		flags |= 1
	}
	if in.Signed {
		flags |= 2
	}
	b = append(b, version, flags)
	for _, side := range []int{in.Shape.C, in.Shape.H, in.Shape.W} {
		b = binary.BigEndian.AppendUint16(b, uint16(side))
	}
	b = appendInt(b, in.Lo)
	b = appendInt(b, in.Hi)
	b = append(b, byte(len(m.Nodes)))
	for i := range m.Nodes {
		b = m.Nodes[i].append(b)
	}
	if len(b) > MaxSize {
		return nil, &Error{0, TooLarge}
	}
	return b, nil
}

// MarshalBinary returns the encoding of a complete model.
func (m *Model) MarshalBinary() ([]byte, error) { return m.AppendBinary(nil) }

func appendInt(b []byte, n int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }

func (n *Node) append(b []byte) []byte {
	b = append(b, byte(n.Op), byte(n.A))
	switch n.Op {
	case Dense, Conv:
		b = binary.BigEndian.AppendUint16(b, uint16(n.Outputs))
		if n.Op == Conv {
			b = binary.BigEndian.AppendUint16(b, uint16(n.Groups))
			b = n.Window.append(b)
		}
		b = appendInt(b, n.InZero)
		b = append(b, byte(n.WeightZero), 0)
		if len(n.Bias) > 0 {
			b[len(b)-1] = 1
		}
		b = append(b, n.Weights...)
		for _, v := range n.Bias {
			b = appendInt(b, v)
		}
	case Add:
		b = append(b, byte(n.B))
	case Requantise:
		b = binary.BigEndian.AppendUint16(b, uint16(len(n.Multipliers)))
		b = appendInt(appendInt(appendInt(appendInt(b, n.InZero), n.Zero), n.Lo), n.Hi)
		for _, v := range n.Multipliers {
			b = binary.BigEndian.AppendUint32(b, v)
		}
		b = append(b, n.Shifts...)
	case ReLU:
		b = appendInt(b, n.Zero)
	case Clip:
		b = appendInt(appendInt(b, n.Lo), n.Hi)
	case MaxPool:
		b = n.Window.append(b)
	case Average:
		b = append(n.Window.append(b), n.Shift)
	case Embed:
		b = binary.BigEndian.AppendUint32(b, uint32(n.Rows))
		b = binary.BigEndian.AppendUint16(b, uint16(n.Outputs))
		b = append(b, n.Weights...)
	}
	return b
}

func (w Window) append(b []byte) []byte {
	for _, v := range []int{w.Kernel[0], w.Kernel[1], w.Stride[0], w.Stride[1], w.Pad[0], w.Pad[1], w.Pad[2], w.Pad[3]} {
		b = append(b, byte(v))
	}
	return b
}
