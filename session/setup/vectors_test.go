package setup

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors anew")

// hexText is bytes that are hex in JSON.
type hexText []byte

func (h hexText) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexText) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// recorder keeps what was read through it.
type recorder struct {
	from io.Reader
	read []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.read = append(r.read, p[:n]...)
	return n, err
}

type partyVector struct {
	ID      identity.ID `json:"session_id"`
	Bundle  hexText     `json:"bundle"`
	Device  hexText     `json:"device_seed"`
	Signed  hexText     `json:"signed_prekey_seed"`
	OneTime hexText     `json:"one_time_prekey_seed,omitempty"`
}

type messageVector struct {
	Kind         uint64  `json:"kind"`
	ID           hexText `json:"id"`
	Conversation hexText `json:"conversation"`
	SentMs       int64   `json:"sent_ms"`
	Body         hexText `json:"body"`
}

type setupVector struct {
	Name          string        `json:"name"`
	Now           int64         `json:"unix"`
	Alice         partyVector   `json:"alice"`
	Bob           partyVector   `json:"bob"`
	Random        hexText       `json:"initiate_random"`
	TTLSeconds    int64         `json:"ttl_seconds"`
	Message       messageVector `json:"message"`
	Envelope      hexText       `json:"envelope"`
	ReplayTag     hexText       `json:"replay_tag"`
	PendingChain  hexText       `json:"pending_chain"`
	PendingHash   hexText       `json:"pending_hash"`
	AnswerRandom  hexText       `json:"answer_random"`
	AnswerMessage messageVector `json:"answer_message"`
	Answer        hexText       `json:"answer"`
	RootKey       hexText       `json:"root_key"`
	FromInitiator hexText       `json:"header_key_initiator"`
	FromResponder hexText       `json:"header_key_responder"`
	Transcript    hexText       `json:"transcript"`
	AgainRandom   hexText       `json:"again_random,omitempty"`
	AgainMessage  messageVector `json:"again_message"`
	Again         hexText       `json:"again,omitempty"`
}

func messageOf(m envelope.Message) messageVector {
	return messageVector{Kind: uint64(m.Kind), ID: m.ID[:], Conversation: m.Conversation[:], SentMs: m.Sent.UnixMilli(), Body: m.Body}
}

func partyOf(p *person, signed, oneTime identity.PrekeyID) partyVector {
	v := partyVector{ID: p.account.ID(), Bundle: p.bundle.Bytes(), Device: p.ring.Device().Seed()}
	if k, _, ok := p.ring.Signed(signed); ok {
		v.Signed = k.Seed()
	}
	if k, ok := p.ring.OneTime(oneTime); ok {
		v.OneTime = k.Seed()
	}
	return v
}

func TestSetupVectors(t *testing.T) {
	var v struct {
		Setups []setupVector `json:"setups"`
	}
	for i, name := range []string{"no one-time prekey", "a one-time prekey"} {
		alice, bob := newPerson(t, "vector alice "+name, 0), newPerson(t, "vector bob "+name, 2)
		to := bob.to(i - 1)
		var oneTime identity.PrekeyID
		if to.OneTime != nil {
			oneTime = identity.PrekeyIDOf(to.OneTime)
		}
		signed := func(p *person) identity.PrekeyID { return identity.PrekeyIDOf(p.bundle.Devices()[0].Signed) }
		const ttl = 3 * time.Hour
		random := &recorder{from: stream("vector initiate " + name)}
		msg := text(t, alice, bob, "سلام "+name)
		env, pending, err := Initiate(random, start, alice.from(), to, msg, ttl)
		if err != nil {
			t.Fatal(err)
		}
		out := setupVector{
			Name: name, Now: start.Unix(), Alice: partyOf(alice, signed(alice), identity.PrekeyID{}), Bob: partyOf(bob, signed(bob), oneTime),
			Random: random.read, TTLSeconds: int64(ttl / time.Second), Message: messageOf(msg), Envelope: env, ReplayTag: pending.tag[:],
			PendingChain: bytes.Clone(pending.schedule.chain), PendingHash: bytes.Clone(pending.schedule.hash[:]),
		}
		got, err := bob.accept(start, env)
		if err != nil {
			t.Fatal(err)
		}
		random = &recorder{from: stream("vector answer " + name)}
		answer := receipt(t, alice, bob, msg.ID)
		back, atBob, err := got.Answer(random, start, answer, ttl)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pending.Open(back, alice.ring.Device()); err != nil {
			t.Fatal(err)
		}
		root := atBob.Root
		fromResponder, fromInitiator := root.HeaderKeys()
		key := root.Key()
		out.AnswerRandom, out.AnswerMessage, out.Answer = random.read, messageOf(answer), back
		out.RootKey, out.FromInitiator, out.FromResponder, out.Transcript = key[:], fromInitiator[:], fromResponder[:], root.Transcript[:]
		if to.OneTime != nil {
			var gone *OneTimeGoneError
			if _, err := Accept(start, env, bob.account.ID(), bob.ring, memory{}); !errors.As(err, &gone) {
				t.Fatalf("Accept after the prekey was erased = %v", err)
			}
			random = &recorder{from: stream("vector again " + name)}
			ask := envelope.NewSetUpAgain(envelope.MessageID{7}, msg.Conversation, start, nil)
			if out.Again, err = gone.SetUpAgain(random, start, ask, ttl); err != nil {
				t.Fatal(err)
			}
			out.AgainRandom, out.AgainMessage = random.read, messageOf(ask)
		}
		v.Setups = append(v.Setups, out)
	}
	got, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("..", "..", "spec", "vectors", "setup.json")
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what this package makes; a change of format changes spec/ and, with -rewrite, this file", path)
	}
}
