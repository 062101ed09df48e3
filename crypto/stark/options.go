package stark

import "fmt"

// OptionsSize is the encoded length of [Options] in bytes.
const OptionsSize = 10

// Batching says how the coefficients of a random linear combination are drawn.
type Batching uint8

// The batching methods: every coefficient drawn, powers of one draw, or those
// powers in reverse order.
const (
	Linear    Batching = 0
	Algebraic Batching = 1
	Horner    Batching = 2
)

// Options are the ten protocol parameters of a proof, in the order in which
// they are encoded, a byte each.
type Options struct {
	Queries            uint8 // 1 to 255
	Blowup             uint8 // a power of two, 2 to 128
	Grinding           uint8 // 0 to 32 bits of proof of work
	Extension          uint8 // degree of the extension field, 1 to 3
	Folding            uint8 // FRI folding factor: 2, 4, 8 or 16
	RemainderDegree    uint8 // 2^k - 1, 0 to 255: the most the FRI remainder may have
	ConstraintBatching Batching
	DEEPBatching       Batching
	Partitions         uint8 // row partitions of a leaf, 1 to 16
	HashRate           uint8 // base elements a hash absorbs at once, for partitioning
}

// ParseOptions reads ten bytes.
func ParseOptions(b []byte) (Options, error) {
	if len(b) != OptionsSize {
		return Options{}, fmt.Errorf("%w: options are %d bytes, want %d", ErrStatement, len(b), OptionsSize)
	}
	o := Options{b[0], b[1], b[2], b[3], b[4], b[5], Batching(b[6]), Batching(b[7]), b[8], b[9]}
	return o, o.check()
}

// Bytes returns the encoding that [ParseOptions] reads.
func (o Options) Bytes() [OptionsSize]byte {
	return [OptionsSize]byte{
		o.Queries, o.Blowup, o.Grinding, o.Extension, o.Folding, o.RemainderDegree,
		byte(o.ConstraintBatching), byte(o.DEEPBatching), o.Partitions, o.HashRate,
	}
}

func (o Options) check() error {
	for _, c := range []struct {
		ok   bool
		name string
		got  uint8
		want string
	}{
		{o.Queries >= 1, "queries", o.Queries, "1 to 255"},
		{o.Blowup >= 2 && powerOfTwo(int(o.Blowup)), "blow-up factor", o.Blowup, "a power of two from 2 to 128"},
		{o.Grinding <= 32, "grinding factor", o.Grinding, "at most 32"},
		{o.Extension >= 1 && o.Extension <= 3, "extension degree", o.Extension, "1 to 3"},
		{o.Folding >= 2 && o.Folding <= 16 && powerOfTwo(int(o.Folding)), "folding factor", o.Folding, "2, 4, 8 or 16"},
		{powerOfTwo(int(o.RemainderDegree) + 1), "remainder degree", o.RemainderDegree, "2^k - 1"},
		{o.ConstraintBatching <= Horner, "constraint batching", uint8(o.ConstraintBatching), "0, 1 or 2"},
		{o.DEEPBatching <= Horner, "DEEP batching", uint8(o.DEEPBatching), "0, 1 or 2"},
		{o.Partitions >= 1 && o.Partitions <= 16, "partitions", o.Partitions, "1 to 16"},
		{o.HashRate >= 1, "hash rate", o.HashRate, "1 to 255"},
	} {
		if !c.ok {
			return fmt.Errorf("%w: %s is %d, want %s", ErrStatement, c.name, c.got, c.want)
		}
	}
	return nil
}

func powerOfTwo(n int) bool { return n > 0 && n&(n-1) == 0 }
