package onion

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/pars-network/pars/session/onion/packet"
	"pgregory.net/rapid"
)

func TestKeysChangeAndExpire(t *testing.T) {
	now := noon
	k, err := NewKeyring(KeyringConfig{Rand: rand.Reader, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	first, _ := k.Onion()
	name := k.keys[0].private.Public().ID()
	now = now.Add(KeyLifetime / 2)
	if again, _ := k.Onion(); !again.Key.Equal(first.Key) {
		t.Error("the key changed before half its time")
	}
	now = now.Add(time.Second)
	second, _ := k.Onion()
	if second.Key.Equal(first.Key) || !second.Expires.Equal(now.Add(KeyLifetime)) {
		t.Errorf("after half its time the key is the same, or expires at %v", second.Expires)
	}
	now = first.Expires.Add(keyGrace - time.Second)
	if _, err := k.get(name); err != nil {
		t.Errorf("the old key is gone before its time: %v", err)
	}
	now = now.Add(time.Second)
	if _, err := k.get(name); !errors.Is(err, packet.ErrKey) {
		t.Errorf("the old key after its time: %v, want ErrKey", err)
	}
	now = now.Add(10 * KeyLifetime)
	if late, err := k.Onion(); err != nil || !late.Expires.After(now) {
		t.Errorf("after a long sleep: %v, %v", late.Expires, err)
	}
}

// A key opens a bounded number of packets; the ring asks for another in time.
func TestWornKeys(t *testing.T) {
	const tags = 4096
	k, err := NewKeyring(KeyringConfig{Rand: rand.Reader, Tags: tags, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	key, changed := k.keys[0], k.Changed()
	for i := range tags {
		select {
		case <-changed:
			if i < tags*3/4 {
				t.Fatalf("worn after %d of %d packets", i, tags)
			}
		default:
		}
		if err := k.remember(key, tagOf(uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.remember(key, tagOf(tags)); !errors.Is(err, errWorn) {
		t.Errorf("packet %d: %v, want errWorn", tags+1, err)
	}
	if err := k.remember(key, tagOf(7)); !errors.Is(err, errReplayed) {
		t.Errorf("an old packet at a worn key: %v, want errReplayed", err)
	}
	<-changed
	for range 10 { // early changes are bounded
		if _, err := k.Onion(); err != nil {
			t.Fatal(err)
		}
		for i := range tags {
			_ = k.remember(k.keys[0], tagOf(uint64(i)))
		}
	}
	if len(k.keys) != maxKeys {
		t.Errorf("%d keys, want %d", len(k.keys), maxKeys)
	}
	if n := len(key.seen.slots) * 8; n != tags*16 {
		t.Errorf("a worn key takes %d bytes, want %d", n, tags*16)
	}
}

func tagOf(v uint64) (t packet.Tag) {
	binary.BigEndian.PutUint64(t[:], v*0x9e3779b97f4a7c15)
	return t
}

func TestReplaysAreASet(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s, model := newReplays(1<<14), map[packet.Tag]bool{}
		for _, v := range rapid.SliceOfN(rapid.Uint64Range(0, 500), 0, 3000).Draw(r, "tags") {
			tag := tagOf(v)
			if err := s.add(tag); (err != nil) != model[tag] {
				r.Fatalf("add(%x) = %v, in the set: %v", tag, err, model[tag])
			}
			model[tag] = true
		}
	})
}

func BenchmarkRemember(b *testing.B) {
	s, i := newReplays(1<<30), uint64(0)
	for b.Loop() {
		i++
		_ = s.add(tagOf(i))
	}
}
