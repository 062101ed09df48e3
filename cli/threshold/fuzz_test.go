package threshold

import (
	"bytes"
	"errors"
	"testing"

	"github.com/pars-network/pars/crypto/frost"
	"github.com/pars-network/pars/session/wire"
)

func decode(t *testing.T, payload []byte, v any) {
	t.Helper()
	if err := wire.Unmarshal(payload, MaxMessage, v); err != nil {
		t.Fatal(err)
	}
}

func FuzzParseMember(f *testing.F) {
	all, _ := people(f, "sara")
	card, err := all[0].Card()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(card)
	f.Add(card[:len(card)-1])
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := ParseMember(raw)
		if err != nil {
			if !errors.Is(err, ErrCard) {
				t.Errorf("%v, want ErrCard", err)
			}
			return
		}
		if len(m.Fingerprint()) != 39 {
			t.Errorf("fingerprint %q", m.Fingerprint())
		}
	})
}

// Whatever a member signs as any message, the others end with a verdict or wait;
// they neither panic nor make a key of it.
func FuzzStepOnASignedPayload(f *testing.F) {
	all, members := people(f, "sara", "nima")
	suite, err := frost.SuiteByID(frost.Ed25519)
	if err != nil {
		f.Fatal(err)
	}
	plan := Plan{"key", suite, 2, members}
	clean := map[string][]byte{}
	nima, err := all[1].StartDKG(&post{t: f, files: clean}, plan)
	if err != nil {
		f.Fatal(err)
	}
	msg, err := openMessage(nima.first, nima.ceremony, KindCommit, nima.self, all[1].key.Public())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(1), msg.payload)
	f.Add(uint8(2), []byte{0x82, 0x80, 0x80})
	f.Add(uint8(3), []byte{0x84, 0x58, 0x20})
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		kind = kind%3 + 1
		sara, _ := people(t, "sara")
		carrier := &post{t: t, files: map[string][]byte{}}
		d, err := sara[0].StartDKG(carrier, plan)
		if err != nil {
			t.Fatal(err)
		}
		if Kind(kind) != KindCommit {
			carrier.files[FileName(d.ceremony, KindCommit, nima.self)] = nima.first
		}
		body, err := wire.Marshal(bodyWire{Ceremony: d.ceremony, Kind: uint64(kind), From: uint64(nima.self), Payload: payload})
		if err != nil {
			t.Fatal(err)
		}
		sig, err := all[1].key.Sign(messageContext, body)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := wire.Marshal(messageWire{Version: messageVersion, Body: body, Signature: sig})
		if err != nil {
			t.Fatal(err)
		}
		carrier.files[FileName(d.ceremony, Kind(kind), nima.self)] = raw
		for range 3 {
			st, err := d.Step()
			if f := (*Failure)(nil); err != nil && !errors.As(err, &f) {
				t.Fatalf("%v, want a Failure", err)
			}
			if st.Done {
				t.Fatal("a key came out of it")
			}
		}
	})
}

func FuzzOpenMessage(f *testing.F) {
	all, _ := people(f, "sara")
	key := all[0].key.Public()
	raw, err := all[0].message(Ceremony{1}, KindNonces, 3, noncesWire{Hiding: []byte{1}, Binding: []byte{2}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:50])
	f.Fuzz(func(t *testing.T, b []byte) {
		msg, err := openMessage(b, Ceremony{1}, KindNonces, 3, key)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Errorf("%v, want ErrMessage", err)
			}
			return
		}
		if !bytes.Equal(b, raw) || len(msg.payload) == 0 {
			t.Errorf("another message than ours was accepted")
		}
	})
}
