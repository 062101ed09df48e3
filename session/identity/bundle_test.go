package identity

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/wire"
	"pgregory.net/rapid"
)

func TestBundleSaysWhatTheRingHas(t *testing.T) {
	a, r := newAccount(t, "a"), newRing(t, "a")
	other := newRing(t, "other device")
	described, err := other.Describe(stream("describe"), start, start.Add(Lifetime), 2)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Issue(stream("issue"), a, start, IssueOptions{OneTime: 3, Others: []Device{described}})
	if err != nil {
		t.Fatal(err)
	}
	if b.ID() != a.ID() || !b.Signing().Equal(a.Signing()) || !b.Agreement().Equal(a.Agreement()) || b.Mailbox() != r.Mailboxes()[0].ID() {
		t.Error("the bundle names another account or mailbox")
	}
	if d := b.Expires().Sub(b.Issued()); d != Lifetime || b.Issued() != start.Truncate(time.Second) {
		t.Errorf("issued %v for %v, want %v for %v", b.Issued(), d, start, Lifetime)
	}
	if n := len(b.Devices()); n != 2 {
		t.Fatalf("%d devices, want 2", n)
	}
	for _, ring := range []*KeyRing{r, other} {
		d, ok := b.Device(ring.DeviceID())
		if !ok || !d.Key.Equal(ring.Device().Public()) {
			t.Fatalf("device %s is missing", ring.DeviceID())
		}
		if k, _, ok := ring.Signed(PrekeyIDOf(d.Signed)); !ok || !k.Public().Equal(d.Signed) {
			t.Error("the ring does not have the private half of the signed prekey")
		}
		for _, o := range d.OneTime {
			if k, ok := ring.OneTime(PrekeyIDOf(o)); !ok || !k.Public().Equal(o) {
				t.Error("the ring does not have the private half of a one-time prekey")
			}
		}
	}
	if _, ok := b.Device(DeviceID{}); ok {
		t.Error("Device of an unknown ID succeeded")
	}
	again, err := ParseBundle(b.Bytes())
	if err != nil || again.ID() != b.ID() || !bytes.Equal(again.Bytes(), b.Bytes()) {
		t.Errorf("ParseBundle(Bytes()) = %v, %v", again, err)
	}
}

func TestBundleTimes(t *testing.T) {
	b := newBundle(t, "a", 0)
	for _, c := range []struct {
		name           string
		now            time.Time
		fresh, carried error
	}{
		{"when it is issued", start, nil, nil},
		{"a day before", start.Add(-MaxSkew), nil, nil},
		{"more than a day before", start.Add(-MaxSkew - time.Second), ErrNotYet, ErrNotYet},
		{"in its last second", b.Expires().Add(-time.Second), nil, nil},
		{"when it expires", b.Expires(), ErrExpired, nil},
		{"while a message may wait", b.Expires().Add(MaxTTL - time.Second), ErrExpired, nil},
		{"after that", b.Expires().Add(MaxTTL), ErrExpired, ErrExpired},
	} {
		if err := b.Check(c.now); !errors.Is(err, c.fresh) {
			t.Errorf("Check %s = %v, want %v", c.name, err, c.fresh)
		}
		if err := b.CheckCarried(c.now); !errors.Is(err, c.carried) {
			t.Errorf("CheckCarried %s = %v, want %v", c.name, err, c.carried)
		}
		if _, err := OpenBundle(b.Bytes(), c.now); !errors.Is(err, c.fresh) {
			t.Errorf("OpenBundle %s = %v, want %v", c.name, err, c.fresh)
		}
	}
}

func TestAnyChangeOfABundleIsRefused(t *testing.T) {
	raw := newBundle(t, "a", 1).Bytes()
	rapid.Check(t, func(t *rapid.T) {
		c := bytes.Clone(raw)
		c[rapid.IntRange(0, len(c)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := ParseBundle(c); !errors.Is(err, ErrBundle) && !errors.Is(err, ErrSignature) {
			t.Fatalf("ParseBundle of an altered bundle = %v", err)
		}
	})
	for _, n := range []int{0, 1, 100, len(raw) - 1} {
		if _, err := ParseBundle(raw[:n]); !errors.Is(err, ErrBundle) {
			t.Errorf("ParseBundle of %d bytes = %v, want ErrBundle", n, err)
		}
	}
	if _, err := ParseBundle(append(bytes.Clone(raw), 0)); !errors.Is(err, ErrBundle) {
		t.Errorf("ParseBundle with a byte more = %v, want ErrBundle", err)
	}
	if _, err := ParseBundle(make([]byte, MaxBundle+1)); !errors.Is(err, ErrBundle) {
		t.Errorf("ParseBundle of too many bytes = %v, want ErrBundle", err)
	}
}

// Contents that their account really signed, but that break a rule.
func TestSignedNonsenseIsRefused(t *testing.T) {
	a, good := newAccount(t, "a"), newBundle(t, "a", 2)
	var outer bundleWire
	if err := wire.Unmarshal(good.Bytes(), MaxBundle, &outer); err != nil {
		t.Fatal(err)
	}
	resign := func(change func(*bundleBody)) error {
		var body bundleBody
		if err := wire.Unmarshal(outer.Body, MaxBundle, &body); err != nil {
			t.Fatal(err)
		}
		change(&body)
		data, err := wire.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := a.Sign(bundleContext, data)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := wire.Marshal(bundleWire{Version: 1, Body: data, Signature: sig})
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseBundle(raw)
		return err
	}
	if err := resign(func(*bundleBody) {}); err != nil {
		t.Fatalf("the unchanged bundle: %v", err)
	}
	for name, change := range map[string]func(*bundleBody){
		"another suite":                   func(b *bundleBody) { b.Suite = 2 },
		"no device":                       func(b *bundleBody) { b.Devices = nil },
		"nine devices":                    func(b *bundleBody) { b.Devices = make([]deviceWire, 9) },
		"expiry before issue":             func(b *bundleBody) { b.Expires = b.Issued - 1 },
		"expiry at issue":                 func(b *bundleBody) { b.Expires = b.Issued },
		"five weeks and a second":         func(b *bundleBody) { b.Expires = b.Issued + 5*7*86400 + 1 },
		"a time that overflows":           func(b *bundleBody) { b.Issued, b.Expires = 1<<63, 1<<63+1 },
		"an agreement key of no size":     func(b *bundleBody) { b.Agreement = nil },
		"an agreement key out of range":   func(b *bundleBody) { b.Agreement = bytes.Repeat([]byte{0xff}, len(b.Agreement)) },
		"a device key of no size":         func(b *bundleBody) { b.Devices[0].Key = b.Devices[0].Key[1:] },
		"a device key that is its prekey": func(b *bundleBody) { b.Devices[0].Signed = b.Devices[0].Key },
		"a one-time prekey twice":         func(b *bundleBody) { b.Devices[0].OneTime[1] = b.Devices[0].OneTime[0] },
		"17 one-time prekeys":             func(b *bundleBody) { b.Devices[0].OneTime = make([][]byte, 17) },
		"the same device twice":           func(b *bundleBody) { b.Devices = append(b.Devices, b.Devices[0]) },
	} {
		if err := resign(change); !errors.Is(err, ErrBundle) {
			t.Errorf("%s: %v, want ErrBundle", name, err)
		}
	}
	if err := resign(func(b *bundleBody) { b.Signing = newAccount(t, "b").Signing().Bytes() }); !errors.Is(err, ErrSignature) {
		t.Errorf("another account's key: %v, want ErrSignature", err)
	}
}

// The greatest bundle that the limits allow must fit its own limit, the slot
// and a card.
func TestTheGreatestBundleFits(t *testing.T) {
	a, r := newAccount(t, "a"), newRing(t, "a")
	var others []Device
	for i := range MaxDevices - 1 {
		d, err := newRing(t, strings.Repeat("x", i+1)).Describe(stream("d"), start, start.Add(Lifetime), 0)
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, d)
	}
	b, err := r.Issue(stream("issue"), a, start, IssueOptions{OneTime: MaxOneTime, Others: others})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, limit %d", len(b.Bytes()), MaxBundle)
	sealed, err := SealBundle(stream("seal"), b, 5)
	if err != nil || len(sealed) != 64<<10 {
		t.Fatalf("sealed into %d bytes, %v, want 64 KiB", len(sealed), err)
	}
	if got, err := OpenSealed(a.ID(), 5, sealed); err != nil || !bytes.Equal(got.Bytes(), b.Bytes()) {
		t.Errorf("OpenSealed = %v", err)
	}
	if got, err := ParseCard([]byte(b.Card())); err != nil || !bytes.Equal(got.Bytes(), b.Bytes()) {
		t.Errorf("ParseCard = %v", err)
	}
	if _, err := r.Issue(stream("issue"), a, start, IssueOptions{Others: append(others, others[0])}); !errors.Is(err, ErrTooMany) {
		t.Errorf("nine devices: %v, want ErrTooMany", err)
	}
	if _, err := r.Issue(stream("issue"), a, start, IssueOptions{OneTime: MaxOneTime + 1}); !errors.Is(err, ErrTooMany) {
		t.Errorf("17 one-time prekeys: %v, want ErrTooMany", err)
	}
}

func TestNewerThan(t *testing.T) {
	a, r := newAccount(t, "a"), newRing(t, "a")
	issue := func(name string, at time.Time) *Bundle {
		b, err := r.Issue(stream(name), a, at, IssueOptions{OneTime: 1})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first, twin, second := issue("1", start), issue("2", start), issue("3", start.Add(time.Second))
	if !first.NewerThan(nil) || first.NewerThan(first) || !second.NewerThan(first) || first.NewerThan(second) {
		t.Error("NewerThan does not go by the time of issue")
	}
	if first.NewerThan(twin) == twin.NewerThan(first) {
		t.Error("of two bundles of one second none, or both, are newer")
	}
}

func TestSlots(t *testing.T) {
	b := newBundle(t, "a", 0)
	week := WeekOf(start)
	sealed, err := SealBundle(stream("seal"), b, week)
	if err != nil || len(sealed) != 16<<10 {
		t.Fatalf("SealBundle = %d bytes, %v, want 16 KiB", len(sealed), err)
	}
	if got, err := OpenSealed(b.ID(), week, sealed); err != nil || !bytes.Equal(got.Bytes(), b.Bytes()) {
		t.Errorf("OpenSealed = %v", err)
	}
	id, stranger := b.ID(), newAccount(t, "b").ID()
	for name, err := range map[string]error{
		"another week":    second(OpenSealed(id, week+1, sealed)),
		"another account": second(OpenSealed(stranger, week, sealed)),
		"cut":             second(OpenSealed(id, week, sealed[:len(sealed)-1])),
		"nothing":         second(OpenSealed(id, week, nil)),
		"zeros":           second(OpenSealed(id, week, make([]byte, 32<<10))),
	} {
		if !errors.Is(err, ErrSlot) {
			t.Errorf("%s: %v, want ErrSlot", name, err)
		}
	}
	// Somebody who knows the Session ID can seal what they like; only the
	// account's own bundle is taken.
	forged := &Bundle{id: id, raw: newBundle(t, "b", 0).Bytes()}
	if sealed, err = SealBundle(stream("seal"), forged, week); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSealed(id, week, sealed); !errors.Is(err, ErrSlot) {
		t.Errorf("another account's bundle in the slot: %v, want ErrSlot", err)
	}
	if SlotOf(id, week) == SlotOf(id, week+1) || SlotOf(id, week) == SlotOf(stranger, week) {
		t.Error("two slots are the same")
	}
	if bytes.Contains(sealed, id[:8]) {
		t.Error("the sealed bundle shows the Session ID")
	}
	// Whatever the two clocks say within a week, a reader looks where the
	// bundle lies.
	rapid.Check(t, func(t *rapid.T) {
		now := start.Add(time.Duration(rapid.Int64Range(-int64(Week), int64(Week)).Draw(t, "skew")))
		stored := map[uint64]bool{}
		for _, w := range PublishWeeks(start) {
			stored[w] = true
		}
		found := false
		for _, w := range ReadWeeks(now) {
			found = found || stored[w]
		}
		if !found {
			t.Fatalf("a reader at %v finds nothing that was stored at %v", now, start)
		}
	})
	if w := ReadWeeks(time.Unix(0, 0)); len(w) != 2 {
		t.Errorf("ReadWeeks(1970) = %v", w)
	}
}

func second[T any](_ T, err error) error { return err }

func FuzzParseBundle(f *testing.F) {
	f.Add(newBundle(f, "a", 0).Bytes())
	f.Add([]byte{0x83, 1, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBundle(data)
		if err != nil {
			if !errors.Is(err, ErrBundle) && !errors.Is(err, ErrSignature) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if !bytes.Equal(b.Bytes(), data) {
			t.Fatal("a bundle has two encodings")
		}
	})
}

func FuzzOpenSealed(f *testing.F) {
	b := newBundle(f, "a", 0)
	sealed, err := SealBundle(stream("seal"), b, 7)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed[:64], uint64(7))
	f.Fuzz(func(t *testing.T, head []byte, week uint64) {
		data := bytes.Clone(sealed)
		copy(data, head)
		if got, err := OpenSealed(b.ID(), week, data); err == nil && !bytes.Equal(got.Bytes(), b.Bytes()) {
			t.Fatal("another bundle came out")
		} else if err != nil && !errors.Is(err, ErrSlot) {
			t.Fatalf("untyped error %v", err)
		}
	})
}

func BenchmarkParseBundle(b *testing.B) {
	raw := newBundle(b, "a", 0).Bytes()
	for b.Loop() {
		if _, err := ParseBundle(raw); err != nil {
			b.Fatal(err)
		}
	}
}
