package stark

import (
	"errors"
	"testing"
)

func TestUnusableStatementsAreNamed(t *testing.T) {
	for name, change := range map[string]func(*claim){
		"no constraints":         func(c *claim) { c.air.Constraints = nil },
		"no assertions":          func(c *claim) { c.air.Assertions = nil },
		"width 0":                func(c *claim) { c.air.Width = 0 },
		"no exemption":           func(c *claim) { c.air.Exemptions = 0 },
		"too many exemptions":    func(c *claim) { c.air.Exemptions = 200 },
		"column beyond width":    func(c *claim) { c.air.Assertions[0].Column = 9 },
		"step beyond trace":      func(c *claim) { c.air.Assertions[0].Step = 64 },
		"one cell bound twice":   func(c *claim) { c.air.Assertions[1] = c.air.Assertions[0] },
		"node from the future":   func(c *claim) { c.air.Nodes[2].A = 3000 },
		"unknown operation":      func(c *claim) { c.air.Nodes[0].Op = 9 },
		"root beyond nodes":      func(c *claim) { c.air.Constraints[0].Root = 4000 },
		"degree 0":               func(c *claim) { c.air.Constraints[0].Base = 0 },
		"degree above blow-up":   func(c *claim) { c.air.Constraints[0].Base = 10 },
		"odd cycle":              func(c *claim) { c.air.Constraints[0].Cycles = []uint32{3} },
		"cycle beyond trace":     func(c *claim) { c.air.Constraints[0].Cycles = []uint32{128} },
		"periodic column of 3":   func(c *claim) { c.air.Periodic = [][]uint64{{1, 2, 3}} },
		"periodic column of 128": func(c *claim) { c.air.Periodic = [][]uint64{make([]uint64, 128)} },
		"length 63":              func(c *claim) { c.length = 63 },
		"length 4":               func(c *claim) { c.length = 4 },
		"length 0":               func(c *claim) { c.length = 0 },
		"length 2^40":            func(c *claim) { c.length = 1 << 40 },
		"input above modulus":    func(c *claim) { c.public[0] = Modulus },
		"missing input":          func(c *claim) { c.public = nil },
		"no queries":             func(c *claim) { c.options.Queries = 0 },
		"blow-up 3":              func(c *claim) { c.options.Blowup = 3 },
		"extension 4":            func(c *claim) { c.options.Extension = 4 },
		"folding 32":             func(c *claim) { c.options.Folding = 32 },
		"remainder 30":           func(c *claim) { c.options.RemainderDegree = 30 },
		"batching 3":             func(c *claim) { c.options.DEEPBatching = 3 },
		"grinding 33":            func(c *claim) { c.options.Grinding = 33 },
		"partitions 17":          func(c *claim) { c.options.Partitions = 17 },
		"unknown hash":           func(c *claim) { c.air.Hash = 2 },
	} {
		c, _ := loadClaim(t, "fib_small_n64_blake3_256_q42f8")
		change(&c)
		if err := c.verify(); !errors.Is(err, ErrStatement) {
			t.Errorf("%s: Verify = %v, want ErrStatement", name, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	for _, name := range []string{"fib_small_n64_blake3_256_q42f8", "fib_small_n64_sha3_256_q42f8x3"} {
		c, _ := loadClaim(f, name)
		f.Add(c.proof)
	}
	base, _ := loadClaim(f, "fib_small_n64_blake3_256_q42f8")
	good := string(base.proof)
	f.Fuzz(func(t *testing.T, b []byte) {
		c := base
		c.proof = b
		if c.verify() == nil && string(b) != good {
			t.Errorf("a second byte string of %d bytes was accepted", len(b))
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, name := range []string{
		"fib_small_n64_blake3_256_q42f8", "fib_small_n1024_blake3_256_q42f8x3",
		"fib_small_n4096_blake3_256_q42f8", "fib_small_n4096_sha3_256_q42f8",
	} {
		c, _ := loadClaim(b, name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.verify(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
