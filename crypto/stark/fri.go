package stark

import "slices"

// checkFRI checks that the evaluations at positions belong to a polynomial of
// degree below the trace length: each layer's rows open its commitment, agree
// with the layer before, and fold into the next; the last layer is the
// remainder, sent in full.
func (v *verifier) checkFRI(alphas []element, positions []uint64, evaluations []element) error {
	f, n := v.field, int(v.options.Folding)
	logN := 0
	for 1<<logN < n {
		logN++
	}
	logDomain := v.logDomain
	for i, layer := range v.proof.layers {
		logFolded := logDomain - logN
		folded := distinct(positions, 1<<logFolded-1)
		rowBytes := n * f.size()
		if len(layer.rows) != len(folded)*rowBytes {
			return ErrMalformed
		}
		root, err := batchRoot(v.hash, logFolded, folded, leaves(layer.rows, rowBytes, v.hash.sum), layer.proof)
		if err != nil {
			return err
		}
		if root != v.proof.commitments[2+i] {
			return ErrInvalid
		}
		rows, ok := f.decodeAll(layer.rows)
		if !ok {
			return ErrMalformed
		}
		place := make(map[uint64]int, len(folded))
		for k, p := range folded {
			place[p] = k
		}
		for k, p := range positions {
			row := place[p&(1<<logFolded-1)]
			if rows[row*n+int(p>>logFolded)] != evaluations[k] {
				return ErrInvalid
			}
		}
		evaluations = foldRows(f, rows, logN, logDomain, folded, alphas[i])
		positions, logDomain = folded, logFolded
	}

	if v.hash.sum(v.proof.remainder) != v.proof.commitments[2+v.layers] {
		return ErrInvalid
	}
	remainder, ok := f.decodeAll(v.proof.remainder)
	if !ok {
		return ErrMalformed
	}
	root := rootOfUnity(logDomain)
	for k, p := range positions {
		x := mul(generator, pow(root, p))
		var at element
		for _, c := range remainder { // highest coefficient first
			at = at.scale(x).add(c)
		}
		if at != evaluations[k] {
			return ErrInvalid
		}
	}
	return nil
}

// distinct returns the positions modulo mask+1, each once, in the order in
// which they first appear.
func distinct(positions []uint64, mask uint64) []uint64 {
	out := make([]uint64, 0, len(positions))
	seen := make(map[uint64]struct{}, len(positions))
	for _, p := range positions {
		p &= mask
		if _, ok := seen[p]; !ok {
			seen[p] = struct{}{}
			out = append(out, p)
		}
	}
	return out
}

// foldRows interpolates each row's polynomial of degree below 2^logN from its
// values at 7 root^j w^k, k = 0..2^logN-1, w = root(2^logN), and evaluates it at
// alpha. rows is overwritten.
func foldRows(f field, rows []element, logN, logDomain int, positions []uint64, alpha element) []element {
	n := 1 << logN
	inverse := inv(rootOfUnity(logDomain))
	inverseOffset := inv(generator)
	scale := inv(uint64(n))
	// Twiddles of the inverse transform: powers of 1/w.
	twiddles := make([]uint64, n/2)
	t, step := uint64(1), inv(rootOfUnity(logN))
	for i := range twiddles {
		twiddles[i], t = t, mul(t, step)
	}
	out := make([]element, len(positions))
	for i, p := range positions {
		row := rows[i*n : (i+1)*n]
		inverseDFT(row, twiddles)
		at := alpha.scale(mul(inverseOffset, pow(inverse, p)))
		var sum element
		for _, c := range slices.Backward(row) {
			sum = f.mul(sum, at).add(c)
		}
		out[i] = sum.scale(scale)
	}
	return out
}

// inverseDFT transforms row (a power of two of elements) in place, without the
// factor 1/len(row).
func inverseDFT(row []element, twiddles []uint64) {
	n := len(row)
	bitReverse(row)
	for half := 1; half < n; half *= 2 {
		stride := n / (2 * half)
		for start := 0; start < n; start += 2 * half {
			for k := range half {
				odd := row[start+k+half].scale(twiddles[k*stride])
				row[start+k+half], row[start+k] = row[start+k].sub(odd), row[start+k].add(odd)
			}
		}
	}
}
