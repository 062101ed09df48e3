package stark

import "math/bits"

// Work bounds from above what [Verify] computes, from the statement and the
// proof's length alone, so that it can be paid for before it is done.
type Work struct {
	// HashBlocks counts 64-byte blocks hashed.
	HashBlocks uint64
	// Multiplications counts products in the base field.
	Multiplications uint64
}

// WorkOf returns the bound for a proof of proofSize bytes. It refuses the
// statements that [Verify] refuses before reading the proof.
func WorkOf(air *AIR, traceLength uint64, options Options, proofSize int) (Work, error) {
	if err := options.check(); err != nil {
		return Work{}, err
	}
	if err := air.checkLength(traceLength, options); err != nil {
		return Work{}, err
	}
	s, err := newShape(air, traceLength, options)
	if err != nil {
		return Work{}, err
	}
	q, folding := uint64(options.Queries), uint64(options.Folding)
	product := uint64(options.Extension) * uint64(options.Extension) // of two elements
	var w Work

	// Every byte is hashed at most once; Merkle nodes and draws are a block each.
	w.HashBlocks = uint64(proofSize)/64 + uint64(len(air.Constraints)+len(air.Assertions)+s.width+s.quotients) + 4*q + 16
	w.HashBlocks += 2 * q * uint64(s.logDomain)
	for i, log := 0, s.logDomain; i < s.layers; i++ {
		log -= bits.Len64(folding) - 1
		w.HashBlocks += q * uint64(log)
	}

	// Out of domain: the graph, interpolations, powers, divisors.
	w.Multiplications += product * uint64(len(air.Nodes)+len(air.Constraints)+2*int(air.Exemptions)+s.quotients)
	for _, col := range air.Periodic {
		w.Multiplications += transform(len(col)) + product*uint64(len(col)+64)
	}
	for _, a := range air.Assertions {
		w.Multiplications += transform(len(a.Values)) + product*uint64(len(a.Values)+64) + 256
	}
	// DEEP: one row and two points for each query.
	w.Multiplications += q * (product*uint64(s.width+s.quotients+8) + 128)
	// FRI: an inverse transform, a Horner evaluation and a power for each row.
	row := uint64(options.Extension)*folding*uint64(bits.Len64(folding))/2 + product*folding + 128
	w.Multiplications += uint64(s.layers) * q * row
	w.Multiplications += q * (uint64(options.Extension)*(uint64(options.RemainderDegree)+1) + 128)
	return w, nil
}

// transform is the number of products of an inverse transform of n values.
func transform(n int) uint64 {
	return uint64(n*bits.Len(uint(n))/2 + 128)
}
