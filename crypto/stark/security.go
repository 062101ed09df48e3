package stark

import (
	"math/big"
	"math/bits"
)

// fieldBits is log2 of the modulus, rounded us.
const fieldBits = 64

// ConjecturedSecurity is the security in bits under the conjecture of ethSTARK
// (ePrint 2021/582, equation 19): one query is worth log2(blow-up) bits, proof
// of work counts from 80 bits on, capped by the extension field and by the
// hash's collision resistance of 128 bits.
func (o Options) ConjecturedSecurity() int {
	queries := int(o.Queries) * (bits.Len8(o.Blowup) - 1)
	if queries >= 80 {
		queries += int(o.Grinding)
	}
	return min(min(fieldBits*int(o.Extension), queries)-1, 128)
}

// ProvenSecurity is the security in bits that is proven without conjecture for
// a trace of n steps, in the unique-decoding regime (ePrint 2024/1553, theorem
// 3) and in the list-decoding regime (theorem 2, with the best proximity
// parameter), each capped at 128; the better of the two holds. constraints and
// columns count what the two random combinations batch; they matter for
// algebraic and Horner batching only. n is a power of two from 8 on.
func (o Options) ProvenSecurity(n uint64, constraints, columns int) (unique, list int) {
	s := soundness{o: o, n: n, constraints: batched(o.ConstraintBatching, constraints), columns: batched(o.DEEPBatching, columns)}
	// Query soundness grows with m, everything else falls: the best m is where
	// they cross.
	low, high := 3, int(min(1000, n/2))-1
	for low < high {
		m := (low + high) / 2
		if s.queriesAt(m) >= s.commitAt(m) {
			high = m
		} else {
			low = m + 1
		}
	}
	for m := max(3, low-1); m <= low; m++ {
		list = max(list, min(s.queriesAt(m), s.commitAt(m)))
	}
	clamp := func(bits int) int { return max(0, min(bits, 128)) }
	return clamp(s.uniqueDecoding()), clamp(list)
}

// batched is the factor by which batching n terms with powers of one draw
// loses soundness.
func batched(method Batching, n int) int64 {
	if method == Linear {
		return 1
	}
	return int64(max(1, n-1))
}

// soundness has what the bounds of both regimes depend on.
type soundness struct {
	o                    Options
	n                    uint64
	constraints, columns int64
}

// security is floor(fieldBits x degree - log2(num/den)).
func (s soundness) security(num, den *big.Int) int {
	size := new(big.Int).Lsh(den, uint(fieldBits*int(s.o.Extension)))
	return floorLog2(size, num)
}

// floorLog2 is floor(log2(num/den)) for positive num and den.
func floorLog2(num, den *big.Int) int {
	k := num.BitLen() - den.BitLen()
	// num/den lies in (2^(k-1), 2^(k+1)); decide on which side of 2^k.
	a, b := num, den
	if k >= 0 {
		b = new(big.Int).Lsh(den, uint(k))
	} else {
		a = new(big.Int).Lsh(num, uint(-k))
	}
	if a.Cmp(b) < 0 {
		return k - 1
	}
	return k
}

func integer[T int | int64 | uint64 | uint8](v T) *big.Int { return new(big.Int).SetUint64(uint64(v)) }

func product(xs ...*big.Int) *big.Int {
	r := big.NewInt(1)
	for _, x := range xs {
		r.Mul(r, x)
	}
	return r
}

func power(x *big.Int, e int) *big.Int { return new(big.Int).Exp(x, big.NewInt(int64(e)), nil) }

// deepDegree bounds the degree in the DEEP term: (B+1)(n+1) + n-1.
func (s soundness) deepDegree() *big.Int {
	return integer((uint64(s.o.Blowup)+1)*(s.n+1) + s.n - 1)
}

func (s soundness) uniqueDecoding() int {
	domain := s.n * uint64(s.o.Blowup)
	one := big.NewInt(1)
	least := min(
		s.security(integer(s.constraints), one),
		s.security(s.deepDegree(), one),
		s.security(product(integer(domain), integer(s.columns)), one),
	)
	if s.foldings() > 0 {
		least = min(least, s.security(product(integer(uint64(s.o.Folding)-1), integer(domain+1)), one))
	}
	// A query catches a word beyond the unique-decoding radius with probability
	// 1 - alpha, alpha = (1 + (n+2)/D) / 2.
	num := power(integer(2*domain), int(s.o.Queries))
	den := power(integer(domain+s.n+2), int(s.o.Queries))
	return min(least, floorLog2(num.Lsh(num, uint(s.o.Grinding)), den))
}

func (s soundness) foldings() int {
	layers, d := 0, s.n*uint64(s.o.Blowup)
	for d > (uint64(s.o.RemainderDegree)+1)*uint64(s.o.Blowup) {
		d /= uint64(s.o.Folding)
		layers++
	}
	return layers
}

// queriesAt is the query phase in the list-decoding regime: alpha =
// (1 + 1/2m) sqrt(rho). Twice the logarithm keeps the square root out.
func (s soundness) queriesAt(m int) int {
	q := int(s.o.Queries)
	num := product(power(integer(2*m), 2*q), power(integer(s.o.Blowup), q))
	den := power(integer(2*m+1), 2*q)
	return halve(floorLog2(num.Lsh(num, 2*uint(s.o.Grinding)), den))
}

// commitAt is the least of the other rounds in the list-decoding regime.
func (s soundness) commitAt(m int) int {
	domain := integer(s.n * uint64(s.o.Blowup))
	// The list has at most l = m / (rho - 2m/D) = mD / (n - 2m) words.
	listNum, listDen := product(integer(m), domain), integer(s.n-2*uint64(m))
	least := min(
		s.security(product(listNum, integer(s.constraints)), listDen),
		s.security(product(listNum, listNum, s.deepDegree()), product(listDen, listDen)),
	)
	// (m + 1/2)^7 / (3 rho^1.5) D^2 (N-1), squared to keep the root out.
	num := product(power(integer(2*m+1), 14), power(integer(s.o.Blowup), 3), power(domain, 4), power(integer(s.columns), 2))
	den := new(big.Int).Lsh(big.NewInt(9), 14)
	size := den.Lsh(den, uint(2*fieldBits*int(s.o.Extension)))
	return min(least, halve(floorLog2(size, num)))
}

// halve is floor(a/2) for either sign.
func halve(a int) int { return a >> 1 }
