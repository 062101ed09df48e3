package stark

import (
	"fmt"
	"testing"
)

// Expected values: the unit tests of Winterfell 0.13.1 (air/src/proof/security.rs).
func TestProvenSecurityAgreesWithWinterfell(t *testing.T) {
	const unchecked = -1
	for _, c := range []struct {
		queries, blowup, grinding, extension, folding, remainder uint8
		log                                                      int
		unique, list                                             int
	}{
		{119, 4, 20, 2, 2, 127, 20, 100, 69},
		{150, 4, 20, 2, 2, 127, 20, unchecked, 69},
		{81, 4, 20, 3, 2, 127, 20, unchecked, 100},
		{123, 8, 16, 2, 2, 7, 8, 116, unchecked},
		{123, 8, 16, 2, 4, 7, 8, 115, unchecked},
		{195, 2, 20, 2, 2, 7, 8, 100, unchecked},
		{163, 2, 20, 3, 2, 7, 8, unchecked, 100},
		{119, 4, 20, 2, 2, 7, 8, 100, unchecked},
		{81, 4, 20, 3, 2, 7, 8, unchecked, 100},
	} {
		o := Options{
			Queries: c.queries, Blowup: c.blowup, Grinding: c.grinding, Extension: c.extension,
			Folding: c.folding, RemainderDegree: c.remainder, Partitions: 1, HashRate: 1,
		}
		unique, list := o.ProvenSecurity(1<<c.log, 100, 2)
		if c.unique != unchecked && unique != c.unique {
			t.Errorf("%+v, 2^%d steps: unique decoding %d bits, want %d", o, c.log, unique, c.unique)
		}
		if c.list != unchecked && list != c.list {
			t.Errorf("%+v, 2^%d steps: list decoding %d bits, want %d", o, c.log, list, c.list)
		}
	}
}

// The binary search must find what a search of every proximity parameter finds.
func TestBestProximityParameter(t *testing.T) {
	for _, o := range []Options{
		{Queries: 42, Blowup: 8, Grinding: 16, Extension: 2, Folding: 8, RemainderDegree: 31},
		{Queries: 255, Blowup: 128, Grinding: 32, Extension: 3, Folding: 16, RemainderDegree: 255, ConstraintBatching: Horner, DEEPBatching: Algebraic},
		{Queries: 28, Blowup: 2, Extension: 1, Folding: 2},
	} {
		for _, log := range []int{3, 6, 12, 24} {
			t.Run(fmt.Sprint(o.Queries, log), func(t *testing.T) {
				n := uint64(1) << log
				s := soundness{o, n, batched(o.ConstraintBatching, 20), batched(o.DEEPBatching, 30)}
				want := 0
				for m := 3; uint64(m) < min(1000, n/2); m++ {
					want = max(want, min(s.queriesAt(m), s.commitAt(m), 128))
				}
				if _, got := o.ProvenSecurity(n, 20, 30); got != want {
					t.Errorf("list decoding %d bits, want %d", got, want)
				}
			})
		}
	}
}
