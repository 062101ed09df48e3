package ratchet

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzDecrypt changes an envelope where nothing but the keys protects it.
func FuzzDecrypt(f *testing.F) {
	a, b := pair(f, "fuzz")
	raw := a.say(start, "salaam")
	f.Add(uint16(5), []byte{1})
	f.Add(uint16(70), []byte{1})
	f.Add(uint16(130), []byte{0xff, 0xff})
	f.Add(uint16(200), []byte{0})
	f.Fuzz(func(t *testing.T, at uint16, patch []byte) {
		changed := bytes.Clone(raw)
		copy(changed[int(at)%len(changed):], patch)
		_, next, err := b.state.Decrypt(start, changed)
		same := bytes.Equal(changed, raw)
		if same != (err == nil) || err != nil && (next != nil || !errors.Is(err, ErrRefused)) {
			t.Fatalf("Decrypt = %v, envelope unchanged = %v", err, same)
		}
	})
}

// FuzzHostilePeer seals what a peer with the real keys may put into its boxes.
func FuzzHostilePeer(f *testing.F) {
	a, b := pair(f, "hostile")
	_, next, err := a.state.Encrypt(stream("hostile"), start, a.to, 0, nil)
	must(f, err)
	f.Add(next.send.dh[:], uint32(0), uint32(0), byte(1), next.send.kem, []byte{0, 0, 0, 2, 'h', 'i'})
	f.Add(make([]byte, 32), uint32(1), uint32(9999), byte(0), []byte{}, []byte{0xff})
	f.Add(bytes.Repeat([]byte{0xff}, 32), uint32(1<<31), uint32(1<<31), byte(2), []byte{1}, []byte{})
	f.Fuzz(func(t *testing.T, dh []byte, previous, number uint32, flag byte, kemPart, body []byte) {
		s := next.clone()
		copy(s.send.dh[:], dh)
		s.send.previous, s.send.number = previous, number%(2*MaxJump)
		s.send.kem = nil
		if flag&1 == 1 {
			s.send.kem = make([]byte, kemPlain)
			copy(s.send.kem, kemPart)
		}
		raw, _, err := s.Encrypt(stream("nonce"), start, a.to, 0, nil)
		if err != nil {
			return
		}
		// The message key may seal a body that is not padded as it should be.
		rest := offRest
		if len(s.send.kem) > 0 {
			rest += kemSize
		}
		_, message := advance(s.send.chain)
		aead, err := newAEAD(&message)
		must(t, err)
		plain := make([]byte, len(raw)-rest-tagSize)
		copy(plain, body)
		raw = aead.Seal(raw[:rest], raw[offNonce:offHeader], plain, raw[:rest])
		payload, got, err := b.state.Decrypt(start, raw)
		switch {
		case err == nil:
			if enc, err := got.Bytes(); err != nil || len(enc) > MaxState || len(payload) > MaxPayload {
				t.Fatalf("a peer makes a state of %d bytes and a payload of %d, %v", len(enc), len(payload), err)
			}
		case !errors.Is(err, ErrRefused) && !errors.Is(err, ErrOutOfStep):
			t.Fatalf("Decrypt = %v", err)
		}
	})
}

func FuzzStates(f *testing.F) {
	a, b := pair(f, "states")
	lost := a.say(start, "lost")
	_ = lost
	b.hear(start, a.say(start, "x"), "x")
	a.hear(start, b.say(start, "y"), "y")
	for _, s := range []*State{a.state, b.state} {
		raw, err := s.Bytes()
		must(f, err)
		f.Add(raw)
		if raw, err = (Set{}).Add(s).Bytes(); err == nil {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := Parse(data); err == nil {
			if again, err := s.Bytes(); err != nil || !bytes.Equal(again, data) {
				t.Fatalf("a state has two encodings, %v", err)
			}
			// Whatever it holds, using it does not panic.
			_, _, _ = s.Encrypt(stream("fuzz"), start, a.to, 0, nil)
			_, _, _ = s.Decrypt(start, lost)
			_, _ = s.Expire(start)
		} else if !errors.Is(err, ErrState) {
			t.Fatalf("Parse = %v", err)
		}
		if s, err := ParseSet(data); err == nil {
			if again, err := s.Bytes(); err != nil || !bytes.Equal(again, data) {
				t.Fatalf("a set has two encodings, %v", err)
			}
		} else if !errors.Is(err, ErrState) {
			t.Fatalf("ParseSet = %v", err)
		}
	})
}
