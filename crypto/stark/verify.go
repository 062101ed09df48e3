package stark

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Verify reports whether proof shows that some trace of traceLength steps
// satisfies air with the given public inputs, under exactly these options. It
// returns nil, or an error that is [ErrStatement], [ErrMalformed] or
// [ErrInvalid]. It says nothing about whether the options are strong enough;
// see [Options.ConjecturedSecurity].
func Verify(air *AIR, traceLength uint64, options Options, public []uint64, proof []byte) error {
	if err := air.Check(); err != nil {
		return err
	}
	if err := options.check(); err != nil {
		return err
	}
	if len(public) != int(air.PublicInputs) {
		return bad("%d public inputs, want %d", len(public), air.PublicInputs)
	}
	for i, v := range public {
		if v >= Modulus {
			return bad("public input %d is not below the modulus", i)
		}
	}
	if err := air.checkLength(traceLength, options); err != nil {
		return err
	}
	bounds, err := air.boundaries(traceLength, public)
	if err != nil {
		return err
	}
	s, err := newShape(air, traceLength, options)
	if err != nil {
		return err
	}
	p, err := parse(proof, s, len(air.Constraints)+len(air.Assertions))
	if err != nil {
		return err
	}
	v := verifier{shape: s, air: air, public: public, bounds: bounds, proof: p}
	return v.run()
}

type verifier struct {
	shape
	air    *AIR
	public []uint64
	bounds []boundary
	proof  *proof
	coin   coin
}

// run follows the interactive protocol's messages in order, with the coin in
// the verifier's place (spec/stark.md, "Transcript").
func (v *verifier) run() error {
	v.coin = coin{hash: v.hash, field: v.field, seed: v.hash.sum(v.seed())}
	v.coin.reseed(v.proof.commitments[0])
	coefficients, err := v.batch(v.options.ConstraintBatching, len(v.air.Constraints)+len(v.bounds))
	if err != nil {
		return err
	}
	v.coin.reseed(v.proof.commitments[1])
	z, err := v.coin.draw()
	if err != nil {
		return err
	}
	if err := v.checkOutOfDomain(z, coefficients); err != nil {
		return err
	}
	v.coin.reseed(v.hash.sum(v.outOfDomainBytes()))
	deep, err := v.batch(v.options.DEEPBatching, v.width+v.quotients)
	if err != nil {
		return err
	}
	alphas := make([]element, 0, v.layers+1)
	for _, c := range v.proof.commitments[2:] {
		v.coin.reseed(c)
		alpha, err := v.coin.draw()
		if err != nil {
			return err
		}
		alphas = append(alphas, alpha)
	}
	positions, err := v.positions()
	if err != nil {
		return err
	}
	if err := v.checkOpenings(positions); err != nil {
		return err
	}
	evaluations, err := v.composeDEEP(z, deep, positions)
	if err != nil {
		return err
	}
	return v.checkFRI(alphas, positions, evaluations)
}

// seed is the statement as the coin absorbs it.
func (v *verifier) seed() []byte {
	o := v.options
	elements := []uint64{
		uint64(v.width) << 8, v.length, Modulus & 0xFFFFFFFF, Modulus >> 32,
		uint64(len(v.air.Constraints) + len(v.bounds)),
		uint64(o.Extension)<<24 | uint64(o.Folding)<<16 | uint64(o.RemainderDegree)<<8 | uint64(o.Blowup),
		uint64(o.Grinding), uint64(o.Queries),
	}
	b := make([]byte, 0, (len(elements)+len(v.public))*elementBytes)
	for _, e := range slices.Concat(elements, v.public) {
		b = binary.LittleEndian.AppendUint64(b, e)
	}
	return b
}

// batch draws n coefficients of a random linear combination.
func (v *verifier) batch(method Batching, n int) ([]element, error) {
	out := make([]element, n)
	if method == Linear {
		for i := range out {
			var err error
			if out[i], err = v.coin.draw(); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	alpha, err := v.coin.draw()
	if err != nil {
		return nil, err
	}
	power := embed(1)
	for i := range out {
		out[i] = power
		power = v.field.mul(power, alpha)
	}
	if method == Horner {
		slices.Reverse(out)
	}
	return out, nil
}

// outOfDomainBytes is what the coin absorbs of the out-of-domain frames: both
// rows at z, then both at z*g. The proof has them in another order.
func (v *verifier) outOfDomainBytes() []byte {
	w, m := v.width, v.quotients
	t, q := v.proof.oodTrace, v.proof.oodQuotient
	var b []byte
	for _, part := range [][]element{t[:w], q[:m], t[w:], q[m:]} {
		for _, e := range part {
			for _, c := range e[:v.field.degree] {
				b = binary.LittleEndian.AppendUint64(b, c)
			}
		}
	}
	return b
}

// checkOutOfDomain compares the constraint composition at z, computed from the
// trace's values there, with the value that the quotient columns give.
func (v *verifier) checkOutOfDomain(z element, coefficients []element) error {
	f, n := v.field, v.length
	g := rootOfUnity(bits.TrailingZeros64(n))
	current, next := v.proof.oodTrace[:v.width], v.proof.oodTrace[v.width:]

	periodic := make([]element, len(v.air.Periodic))
	for i, col := range v.air.Periodic {
		periodic[i] = f.horner(interpolate(col), f.pow(z, n/uint64(len(col))))
	}
	var transition element
	for i, c := range v.air.evaluate(f, current, next, periodic, v.public) {
		transition = transition.add(f.mul(coefficients[i], c))
	}
	// The divisor is (z^n - 1) / prod (z - g^(n-j)) over the exempted steps, so
	// the exemptions multiply.
	zn := f.pow(z, n)
	denominators := []element{zn.sub(embed(1))}
	for j := uint64(1); j <= uint64(v.air.Exemptions); j++ {
		transition = f.mul(transition, z.sub(embed(pow(g, n-j))))
	}
	numerators := []element{transition}
	for i, b := range v.bounds {
		value := embed(b.values[0])
		if len(b.values) > 1 {
			value = f.horner(interpolate(b.values), z.scale(inv(pow(g, b.first))))
		}
		coefficient := coefficients[len(v.air.Constraints)+i]
		numerators = append(numerators, f.mul(coefficient, current[b.column].sub(value)))
		denominators = append(denominators, f.pow(z, b.steps).sub(embed(pow(g, b.first*b.steps%n))))
	}
	if slices.ContainsFunc(denominators, element.isZero) {
		return ErrInvalid
	}
	f.invertAll(denominators)
	var want element
	for i := range numerators {
		want = want.add(f.mul(numerators[i], denominators[i]))
	}

	var got element
	for _, q := range slices.Backward(v.proof.oodQuotient[:v.quotients]) {
		got = f.mul(got, zn).add(q)
	}
	if got != want {
		return ErrInvalid
	}
	return nil
}

// positions checks the proof of work and draws the distinct query positions in
// ascending order.
func (v *verifier) positions() ([]uint64, error) {
	pow := v.hash.mergeInt(v.coin.seed, v.proof.nonce)
	if bits.TrailingZeros64(binary.LittleEndian.Uint64(pow[:])) < int(v.options.Grinding) {
		return nil, ErrInvalid
	}
	v.coin.seed, v.coin.counter = pow, 0
	positions := make([]uint64, v.options.Queries)
	for i := range positions {
		d := v.coin.next()
		positions[i] = binary.LittleEndian.Uint64(d[:]) & (v.domain() - 1)
	}
	slices.Sort(positions)
	positions = slices.Compact(positions)
	if len(positions) != v.proof.unique {
		return nil, ErrMalformed
	}
	return positions, nil
}

// checkOpenings compares the opened trace and quotient rows with their
// commitments.
func (v *verifier) checkOpenings(positions []uint64) error {
	for i, o := range []struct {
		opening
		columns, degree int
	}{
		{v.proof.trace, v.width, 1},
		{v.proof.constraint, v.quotients, v.field.degree},
	} {
		rows := leaves(o.rows, o.columns*o.degree*elementBytes, func(row []byte) digest { return v.leaf(row, o.degree) })
		root, err := batchRoot(v.hash, v.logDomain, positions, rows, o.proof)
		if err != nil {
			return err
		}
		if root != v.proof.commitments[i] {
			return ErrInvalid
		}
	}
	return nil
}

// composeDEEP returns the DEEP composition polynomial's value at every
// position: for x = 7 root^position,
// (V(x) - V(z)) / (x - z) + (V(x) - V(zg)) / (x - zg), where V is the random
// combination of all trace and quotient columns.
func (v *verifier) composeDEEP(z element, coefficients []element, positions []uint64) ([]element, error) {
	f, w := v.field, v.width
	zg := z.scale(rootOfUnity(bits.TrailingZeros64(v.length)))
	combine := func(trace, quotients []element) element {
		var sum element
		for i, t := range trace {
			sum = sum.add(f.mul(coefficients[i], t))
		}
		for i, q := range quotients {
			sum = sum.add(f.mul(coefficients[w+i], q))
		}
		return sum
	}
	atZ := combine(v.proof.oodTrace[:w], v.proof.oodQuotient[:v.quotients])
	atZG := combine(v.proof.oodTrace[w:], v.proof.oodQuotient[v.quotients:])

	root := rootOfUnity(v.logDomain)
	denominators := make([]element, 0, 2*len(positions))
	for _, position := range positions {
		x := embed(mul(generator, pow(root, position)))
		denominators = append(denominators, x.sub(z), x.sub(zg))
	}
	if slices.ContainsFunc(denominators, element.isZero) {
		return nil, ErrInvalid
	}
	f.invertAll(denominators)

	base := field{1}
	trace, quotients := v.proof.trace.rows, v.proof.constraint.rows
	out := make([]element, len(positions))
	for i := range positions {
		var at element
		for c := range w {
			t, ok := base.decode(trace)
			if !ok {
				return nil, ErrMalformed
			}
			at, trace = at.add(coefficients[c].scale(t[0])), trace[elementBytes:]
		}
		for c := range v.quotients {
			q, ok := f.decode(quotients)
			if !ok {
				return nil, ErrMalformed
			}
			at, quotients = at.add(f.mul(coefficients[w+c], q)), quotients[f.size():]
		}
		out[i] = f.mul(at.sub(atZ), denominators[2*i]).add(f.mul(at.sub(atZG), denominators[2*i+1]))
	}
	return out, nil
}
