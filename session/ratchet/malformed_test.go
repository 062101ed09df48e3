package ratchet

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/pars-network/pars/session/envelope"
)

// Envelopes that nobody of the conversation made, random ones and genuine ones
// with a byte changed, are refused and change nothing. make test-full tries a million.
func TestMalformedEnvelopesChangeNothing(t *testing.T) {
	n := 5_000
	if os.Getenv("PARS_TEST_FULL") != "" {
		n = 1_000_000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	a, b := pair(t, "malformed")
	var set Set
	late := a.say(start, "late")
	b.hear(start, a.say(start, "one"), "one")
	a.hear(start, b.say(start, "two"), "two")
	genuine := [][]byte{late, a.say(start, "three"), a.say(start, "four")}
	set = set.Add(b.state)
	before, err := set.Bytes()
	must(t, err)
	junk := make([]byte, envelope.MaxSize)
	for i := range n {
		var raw []byte
		switch random.IntN(4) {
		case 0: // any length, mostly no envelope's
			raw = junk[:random.IntN(len(junk))]
			raw = raw[:min(len(raw), 1<<random.IntN(17))]
		case 1:
			raw = junk[:envelope.Buckets[random.IntN(2)]]
			for j := range 200 {
				raw[random.IntN(len(raw))] = byte(random.Uint32() + uint32(j))
			}
		default:
			raw = bytes.Clone(genuine[random.IntN(len(genuine))])
			at := random.IntN(len(raw))
			if random.IntN(2) == 0 {
				at = random.IntN(200) // where the small boxes are
			}
			raw[at] ^= byte(1 + random.IntN(255))
		}
		if got, err := set.Decrypt(start, raw); !errors.Is(err, ErrRefused) || got.Set.Len() != 0 || got.SetUp {
			t.Fatalf("envelope %d: %v, set-up %v", i, err, got.SetUp)
		}
	}
	after, err := set.Bytes()
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Fatal("the conversations changed")
	}
	for i, want := range []string{"late", "three", "four"} {
		b.hear(start, genuine[i], want)
	}
}
