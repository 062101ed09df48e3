package dag

import (
	"bytes"
	"errors"
	"testing"
)

// Stores that share a memory of checked signatures take nothing from it but what
// one of them has verified, over exactly these bytes.
func TestCheckedRemembersRightSignaturesOnly(t *testing.T) {
	shared := NewChecked(100)
	a := make1(t, signed, writer(t, 1), Data, "a")
	bad := a
	bad.data = bytes.Clone(a.data)
	bad.data[len(bad.data)-1] ^= 1
	stores := []*Store{open(t, Config{Checked: shared}, signed), open(t, Config{Checked: shared}, signed)}
	for round, s := range []*Store{stores[0], stores[0], stores[1]} {
		if out := add(t, s, "p", bad); out[0].Status != Refused || !errors.Is(out[0].Err, ErrAuth) {
			t.Fatalf("round %d: a wrong signature = %+v", round, out[0])
		}
	}
	if len(shared.seen) != 0 {
		t.Fatalf("%d wrong signatures are remembered", len(shared.seen))
	}
	for i, s := range stores {
		if out := add(t, s, "p", a); out[0].Status != Accepted {
			t.Fatalf("store %d: the right signature = %+v", i, out[0])
		}
	}
	if len(shared.seen) != 1 {
		t.Fatalf("%d signatures are remembered, want 1", len(shared.seen))
	}
	// Now that the right one is known, the same id with other bytes still is not.
	third := open(t, Config{Checked: shared}, signed)
	if out := add(t, third, "p", bad); out[0].Status != Refused {
		t.Fatalf("a wrong signature of a vertex known to be right = %+v", out[0])
	}
}

// A store that shares a memory does not verify again what is in it.
func TestCheckedSparesTheSecondVerification(t *testing.T) {
	shared := NewChecked(100)
	a := make1(t, signed, writer(t, 1), Data, "a")
	bad := a
	bad.data = bytes.Clone(a.data)
	bad.data[len(bad.data)-1] ^= 1
	v, err := Decode(bad.data)
	if err != nil {
		t.Fatal(err)
	}
	shared.put(shared.key(v.Author, v.ID(), v.Auth))
	if out := add(t, open(t, Config{Checked: shared}, signed), "p", bad); out[0].Status != Accepted {
		t.Fatalf("what the memory holds was verified again: %+v", out[0])
	}
}

func TestCheckedIsBounded(t *testing.T) {
	c := NewChecked(3)
	for i := range byte(20) {
		k := [32]byte{i}
		c.put(k)
		if !c.has(k) {
			t.Fatalf("entry %d was forgotten at once", i)
		}
		if len(c.seen) > 3 {
			t.Fatalf("%d entries, want at most 3", len(c.seen))
		}
	}
	if c.has([32]byte{0}) {
		t.Error("the first entry is still there")
	}
}
