package stark

import "testing"

// The bound must hold: a hash block for every Merkle node and byte that an
// honest proof makes the verifier hash.
func TestWorkGrowsWithTheStatement(t *testing.T) {
	work := func(name string, change func(*claim)) Work {
		c, _ := loadClaim(t, name)
		if change != nil {
			change(&c)
		}
		w, err := WorkOf(&c.air, c.length, c.options, len(c.proof))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	base := work("fib_small_n64_blake3_256_q42f8", nil)
	for name, w := range map[string]Work{
		"longer trace":   work("fib_small_n4096_blake3_256_q42f8", nil),
		"more queries":   work("fib_small_n64_blake3_256_q42f8", func(c *claim) { c.options.Queries = 84 }),
		"cubic":          work("fib_small_n64_sha3_256_q42f8x3", nil),
		"wider":          work("fib_small_n64_blake3_256_q42f8", func(c *claim) { c.air.Width = 20 }),
		"bigger periods": work("fib_small_n64_blake3_256_q42f8", func(c *claim) { c.air.Periodic = [][]uint64{make([]uint64, 64)} }),
	} {
		if w.Multiplications <= base.Multiplications || w.HashBlocks < base.HashBlocks {
			t.Errorf("%s: %+v, want more than %+v", name, w, base)
		}
	}
}
