package engine

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/rlp"
)

// rivals returns two sealed children of one parent by its first proposer.
func rivals(w *world) (a, b *types.Header) {
	parent := w.parent()
	id := w.proposer(parent, 0)
	draft := w.draft(parent, EarliestMs(TimeMs(parent), 0), 5, id)
	a = w.seal(draft, id)
	draft.Coinbase[0] ^= 1
	return a, w.seal(draft, id)
}

func TestEquivocationConvicts(t *testing.T) {
	w := newWorld(t, 4)
	a, b := rivals(w)
	e, same := NewEquivocation(a, b), NewEquivocation(b, a)
	key := w.keys[e.Proposer()].PublicKey()
	if err := e.Verify(worldNetwork, worldChain, key); err != nil {
		t.Fatalf("Verify = %v, want nil", err)
	}
	if e.ID() != same.ID() || e.First != same.First {
		t.Errorf("ID depends on who was seen first: %s and %s", e.ID(), same.ID())
	}
	raw, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseEquivocation(raw)
	if err != nil || back.ID() != e.ID() || back.Verify(worldNetwork, worldChain, key) != nil {
		t.Errorf("ParseEquivocation(Bytes()) = %v, %v, want the same evidence", back, err)
	}
}

func TestEquivocationAcquits(t *testing.T) {
	w := newWorld(t, 4)
	a, b := rivals(w)
	id := NewEquivocation(a, b).Proposer()
	key := w.keys[id].PublicKey()
	other := w.keys[w.proposer(w.parent(), 1)].PublicKey()
	elsewhere := types.CopyHeader(b)
	elsewhere.ParentHash[0] ^= 1
	elsewhere = w.seal(elsewhere, id)
	byOther := w.child(w.parent(), 1)
	unsigned := types.CopyHeader(b)
	edit(t, unsigned, func(x *Extra) { x.Seal[95] ^= 1 })
	torn := types.CopyHeader(b)
	torn.Extra = torn.Extra[:10]

	for name, e := range map[string]Equivocation{
		"one header twice":          {a, a},
		"the same with a torn seal": {a, resealed(t, a)},
		"another parent":            {a, elsewhere},
		"another proposer":          {a, byOther},
		"a seal that is not one":    {a, unsigned},
		"a header without extra":    {a, torn},
		"the other without extra":   {torn, a},
		"half the evidence":         {a, nil},
	} {
		if err := e.Verify(worldNetwork, worldChain, key); !errors.Is(err, ErrEvidence) {
			t.Errorf("Verify(%s) = %v, want ErrEvidence", name, err)
		}
	}
	e := NewEquivocation(a, b)
	if err := e.Verify(worldNetwork, worldChain, other); !errors.Is(err, ErrEvidence) {
		t.Errorf("Verify with another key = %v, want ErrEvidence", err)
	}
	if err := e.Verify(worldNetwork, worldChain, nil); !errors.Is(err, ErrEvidence) {
		t.Errorf("Verify without a key = %v, want ErrEvidence", err)
	}
	if err := e.Verify(worldNetwork, ids.ID{1}, key); !errors.Is(err, ErrEvidence) {
		t.Errorf("Verify on another chain = %v, want ErrEvidence", err)
	}
	if got := (Equivocation{torn, a}).Proposer(); got != ids.EmptyNodeID {
		t.Errorf("Proposer of torn evidence = %s, want the zero id", got)
	}
}

// resealed is the same header with other bytes for a seal.
func resealed(t *testing.T, h *types.Header) *types.Header {
	c := types.CopyHeader(h)
	edit(t, c, func(x *Extra) { x.Seal = x.Reveal })
	return c
}

func TestParseEquivocationRefuses(t *testing.T) {
	w := newWorld(t, 4)
	a, b := rivals(w)
	e := NewEquivocation(a, b)
	raw, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := func(hs ...*types.Header) []byte {
		b, err := rlp.EncodeToBytes(hs)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	fat := types.CopyHeader(a)
	fat.Extra = make([]byte, MaxEquivocationLen)
	for name, b := range map[string][]byte{
		"nothing":          nil,
		"the wrong order":  encode(e.Second, e.First),
		"one header":       encode(e.First),
		"three headers":    encode(e.First, e.Second, e.Second),
		"trailing bytes":   append(bytes.Clone(raw), 0),
		"cut off":          raw[:len(raw)-1],
		"too long":         encode(fat, e.Second),
		"an empty list":    {0xc0},
		"two empty lists":  {0xc2, 0xc0, 0xc0},
		"a string instead": append([]byte{0xb9}, raw[1:]...),
	} {
		if _, err := ParseEquivocation(b); !errors.Is(err, ErrEvidence) {
			t.Errorf("ParseEquivocation(%s) = %v, want ErrEvidence", name, err)
		}
	}
}

func FuzzParseEquivocation(f *testing.F) {
	w := newWorld(f, 4)
	a, b := rivals(w)
	raw, err := NewEquivocation(a, b).Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{0xc2, 0xc0, 0xc0})
	key := w.keys[w.proposer(w.parent(), 0)].PublicKey()
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEquivocation(b)
		if err != nil {
			return
		}
		again, err := e.Bytes()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("Bytes() of parsed evidence = %x, %v, want %x", again, err, b)
		}
		if e.Verify(worldNetwork, worldChain, key) == nil && !bytes.Equal(b, raw) {
			t.Errorf("forged evidence convicts: %x", b)
		}
	})
}
