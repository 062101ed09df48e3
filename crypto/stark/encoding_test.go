package stark

import (
	"bytes"
	"testing"
)

func TestAIRRoundTrip(t *testing.T) {
	for _, name := range names(t) {
		c, _ := loadClaim(t, name)
		b, err := c.air.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		a, err := ParseAIR(b)
		if err != nil {
			t.Fatalf("%s: ParseAIR: %v", name, err)
		}
		again, err := a.MarshalBinary()
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("%s: %x parses to something that encodes as %x (%v)", name, b, again, err)
		}
		c.air = *a
		if err := c.verify(); err != nil {
			t.Errorf("%s: Verify with the parsed AIR = %v, want nil", name, err)
		}
		for n := range b {
			if _, err := ParseAIR(b[:n]); err == nil {
				t.Errorf("%s: ParseAIR of the first %d of %d bytes succeeded", name, n, len(b))
			}
		}
		if _, err := ParseAIR(append(b, 0)); err == nil {
			t.Errorf("%s: ParseAIR with a byte after the end succeeded", name)
		}
	}
}

// An AIR whose assertions take their values from the public inputs proves the
// same statements as one that has the numbers built in.
func TestAssertionsFromPublicInputs(t *testing.T) {
	c, _ := loadClaim(t, "vdf3_n1024_blake3_256_q42f8")
	c.air.Assertions = []Assertion{
		{Column: 0, Step: 0, Values: []Value{{Public: true, N: 0}}},
		{Column: 0, Step: 0, FromEnd: true, Values: []Value{{Public: true, N: 1}}},
	}
	if err := c.verify(); err != nil {
		t.Fatalf("Verify = %v, want nil", err)
	}
	c.public[1]++
	if err := c.verify(); err == nil {
		t.Error("Verify with another last value succeeded")
	}
}

func FuzzParseAIR(f *testing.F) {
	for _, name := range []string{"fib_small_n64_blake3_256_q42f8", "periodic_mix_n256_sha3_256_q42f4"} {
		c, _ := loadClaim(f, name)
		b, err := c.air.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAIR(b)
		if err != nil {
			return
		}
		again, err := a.MarshalBinary()
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("ParseAIR(%x) encodes as %x, %v", b, again, err)
		}
	})
}

func FuzzCompile(f *testing.F) {
	f.Add("next[0] - (periodic[0] * (current[0]^3 + 42) + (1 - public[1]) * -current[1])")
	f.Fuzz(func(t *testing.T, text string) {
		a := AIR{Width: 255, Exemptions: 1, PublicInputs: MaxPublicInputs}
		_, _ = a.Compile(text)
		if len(a.Nodes) > MaxNodes || len(a.Constants) > MaxConstants {
			t.Errorf("%d nodes and %d constants, beyond the limits", len(a.Nodes), len(a.Constants))
		}
	})
}
