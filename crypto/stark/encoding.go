package stark

import (
	"encoding/binary"
	"math/bits"
)

// airVersion is the first byte of an encoded [AIR].
const airVersion = 1

// MaxAIRSize bounds an encoded [AIR] in bytes.
const MaxAIRSize = 128 << 10

const fromEndFlag = 0x80

// MarshalBinary returns the one encoding of a (spec/stark.md, "AIR"): integers
// are little-endian, lists are preceded by their count, lengths that are powers
// of two are given by their logarithm.
func (a *AIR) MarshalBinary() ([]byte, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	b := []byte{airVersion, byte(a.Hash), a.Width, a.Exemptions}
	b = le.AppendUint16(b, a.PublicInputs)
	b = le.AppendUint16(b, uint16(len(a.Constants)))
	for _, c := range a.Constants {
		b = le.AppendUint64(b, c)
	}
	b = append(b, byte(len(a.Periodic)))
	for _, col := range a.Periodic {
		b = append(b, log2(uint64(len(col))))
		for _, v := range col {
			b = le.AppendUint64(b, v)
		}
	}
	b = le.AppendUint16(b, uint16(len(a.Nodes)))
	for _, n := range a.Nodes {
		b = le.AppendUint16(append(b, byte(n.Op)), n.A)
		if n.Op >= OpAdd {
			b = le.AppendUint16(b, n.B)
		}
	}
	b = le.AppendUint16(b, uint16(len(a.Constraints)))
	for _, c := range a.Constraints {
		b = append(le.AppendUint16(b, c.Root), c.Base, byte(len(c.Cycles)))
		for _, cycle := range c.Cycles {
			b = append(b, log2(uint64(cycle)))
		}
	}
	b = append(b, byte(len(a.Assertions)))
	for _, s := range a.Assertions {
		kind := byte(s.Kind)
		if s.FromEnd {
			kind |= fromEndFlag
		}
		b = append(le.AppendUint32(append(b, kind, s.Column), s.Step), log2(uint64(s.Stride)))
		b = le.AppendUint16(b, uint16(len(s.Values)))
		for _, v := range s.Values {
			if v.Public {
				b = le.AppendUint16(append(b, 1), uint16(v.N))
			} else {
				b = le.AppendUint64(append(b, 0), v.N)
			}
		}
	}
	if len(b) > MaxAIRSize {
		return nil, bad("the AIR takes %d bytes, want at most %d", len(b), MaxAIRSize)
	}
	return b, nil
}

// log2 of a power of two; 0 for 0.
func log2(n uint64) byte {
	if n == 0 {
		return 0
	}
	return byte(bits.TrailingZeros64(n))
}

// ParseAIR reads what [AIR.MarshalBinary] writes, and nothing else.
func ParseAIR(b []byte) (*AIR, error) {
	if len(b) > MaxAIRSize {
		return nil, bad("the AIR takes %d bytes, want at most %d", len(b), MaxAIRSize)
	}
	r := reader{b: b}
	if v := r.u8(); v != airVersion {
		return nil, bad("AIR version %d, want %d", v, airVersion)
	}
	a := &AIR{Hash: Hash(r.u8()), Width: r.u8(), Exemptions: r.u8(), PublicInputs: r.u16()}
	// A list is allocated only when the bytes that it must have are there.
	fits := func(n, size int) bool {
		if n*size > len(r.b) {
			r.err = true
		}
		return !r.err
	}
	if n := int(r.u16()); fits(n, elementBytes) {
		a.Constants = make([]uint64, n)
		for i := range a.Constants {
			a.Constants[i] = r.u64()
		}
	}
	for range r.u8() {
		log := int(r.u8())
		if log > 13 || !fits(1<<log, elementBytes) {
			return nil, bad("a periodic column is cut off or longer than %d", MaxPeriodicValues)
		}
		col := make([]uint64, 1<<log)
		for i := range col {
			col[i] = r.u64()
		}
		a.Periodic = append(a.Periodic, col)
	}
	if n := int(r.u16()); fits(n, 3) {
		a.Nodes = make([]Node, n)
		for i := range a.Nodes {
			a.Nodes[i] = Node{Op: Op(r.u8()), A: r.u16()}
			if a.Nodes[i].Op >= OpAdd {
				a.Nodes[i].B = r.u16()
			}
		}
	}
	if n := int(r.u16()); fits(n, 4) {
		a.Constraints = make([]Constraint, n)
		for i := range a.Constraints {
			c := &a.Constraints[i]
			c.Root, c.Base = r.u16(), r.u8()
			for _, log := range r.bytes(int(r.u8())) {
				if log > 31 {
					return nil, bad("constraint %d has a cycle of 2^%d", i, log)
				}
				c.Cycles = append(c.Cycles, 1<<log)
			}
		}
	}
	for range r.u8() {
		if !a.readAssertion(&r) {
			return nil, bad("an assertion is cut off or not in its one form")
		}
	}
	if !r.done() {
		return nil, bad("the AIR is cut off or has bytes after its end")
	}
	return a, a.Check()
}

func (a *AIR) readAssertion(r *reader) bool {
	kind := r.u8()
	s := Assertion{Kind: AssertionKind(kind &^ fromEndFlag), FromEnd: kind&fromEndFlag != 0, Column: r.u8(), Step: r.u32()}
	log := r.u8()
	if log > 31 {
		return false
	}
	if log > 0 {
		s.Stride = 1 << log
	}
	n := int(r.u16())
	if n > MaxSequenceValues || n*3 > len(r.b) {
		return false
	}
	s.Values = make([]Value, n)
	for i := range s.Values {
		switch r.u8() {
		case 0:
			s.Values[i].N = r.u64()
		case 1:
			s.Values[i] = Value{Public: true, N: uint64(r.u16())}
		default:
			return false
		}
	}
	a.Assertions = append(a.Assertions, s)
	return !r.failed()
}
