package ratchet

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pars-network/pars/session/setup"
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

// rootVector is one side of a finished set-up.
type rootVector struct {
	Root          hexText `json:"root_key"`
	Transcript    hexText `json:"transcript"`
	FromInitiator hexText `json:"header_key_initiator"`
	FromResponder hexText `json:"header_key_responder"`
	SeedInitiator hexText `json:"ratchet_seed_initiator"`
	SeedResponder hexText `json:"ratchet_seed_responder"`
}

// eventVector is a message that is made, or one that is opened.
type eventVector struct {
	// Send and Open are "initiator" or "responder"; the other one is empty.
	Send string `json:"send,omitempty"`
	Open string `json:"open,omitempty"`
	Unix int64  `json:"unix"`
	// Of a message that is made.
	Mailbox hexText `json:"mailbox,omitempty"`
	Expiry  int64   `json:"expiry_hour,omitempty"`
	Random  hexText `json:"random,omitempty"`
	Payload hexText `json:"payload,omitempty"`
	// Envelope, in the first conversations, and its SHA3-256 are set where it is
	// made; Message is which one is opened, from 0.
	Envelope hexText `json:"envelope,omitempty"`
	Digest   hexText `json:"envelope_sha3,omitempty"`
	Message  int     `json:"message"`
	// Result is "ok", "out of step" or "refused".
	Result string `json:"result"`
	// Root and Hash are of the side that acted, after it.
	Root hexText `json:"root_after"`
	Hash hexText `json:"hash_after"`
}

type conversationVector struct {
	Name   string        `json:"name"`
	Began  int64         `json:"began_ms"`
	Setup  rootVector    `json:"setup"`
	Events []eventVector `json:"events"`
}

// script runs a conversation and writes down everything.
type script struct {
	t     *testing.T
	v     conversationVector
	sides map[string]*side
	raws  [][]byte
	texts []string
	now   time.Time
	short bool
}

func newScript(t *testing.T, name string) *script {
	alice, bob := newDevice(t, "alice"), newDevice(t, "bob")
	atA, atB := establish(t, alice, bob, name, start)
	key := atA.Root.Key()
	a, b := atA.Root.HeaderKeys()
	s := &script{t: t, now: start, v: conversationVector{Name: name, Began: start.UnixMilli(), Setup: rootVector{
		Root: key[:], Transcript: atA.Root.Transcript[:], FromInitiator: a[:], FromResponder: b[:],
		SeedInitiator: atA.Root.Own().Seed(), SeedResponder: atB.Root.Own().Seed(),
	}}, sides: map[string]*side{}}
	for who, e := range map[string]*setup.Established{"initiator": atA, "responder": atB} {
		state, err := Start(e, start, start)
		must(t, err)
		s.sides[who] = &side{t: t, name: who, rand: stream(who + name), state: state}
	}
	s.sides["initiator"].to, s.sides["responder"].to = bob.mailbox(), alice.mailbox()
	return s
}

func (s *script) send(who, payload string) int {
	side := s.sides[who]
	random := &recorder{from: side.rand}
	side.rand = random
	raw := side.say(s.now, payload)
	side.rand = random.from
	expiry := int64(raw[37])<<24 | int64(raw[38])<<16 | int64(raw[39])<<8 | int64(raw[40])
	digest, full := sha3.Sum256(raw), raw
	if s.short {
		full = nil
	}
	s.v.Events = append(s.v.Events, eventVector{
		Send: who, Unix: s.now.Unix(), Mailbox: side.to[:], Expiry: expiry, Random: random.read, Payload: []byte(payload), Envelope: full, Digest: digest[:],
		Message: len(s.raws), Result: "ok", Root: bytes.Clone(side.state.root[:]), Hash: bytes.Clone(side.state.hash[:]),
	})
	s.raws, s.texts = append(s.raws, raw), append(s.texts, payload)
	return len(s.raws) - 1
}

func (s *script) open(who string, message int, result string) {
	side := s.sides[who]
	switch result {
	case "ok":
		side.hear(s.now, s.raws[message], s.texts[message])
	case "out of step":
		side.refuse(s.now, s.raws[message], ErrOutOfStep)
	default:
		side.refuse(s.now, s.raws[message], ErrRefused)
	}
	s.v.Events = append(s.v.Events, eventVector{
		Open: who, Unix: s.now.Unix(), Message: message, Result: result,
		Root: bytes.Clone(side.state.root[:]), Hash: bytes.Clone(side.state.hash[:]),
	})
}

func TestRatchetVectors(t *testing.T) {
	const a, b = "initiator", "responder"
	turns := newScript(t, "turns, with the KEM steps at the start and one after an hour")
	for i := range 3 {
		turns.open(b, turns.send(a, "سلام "+numbered(i)), "ok")
		turns.open(a, turns.send(b, numbered(i)), "ok")
	}
	turns.now = start.Add(time.Hour)
	turns.open(b, turns.send(a, "an hour later"), "ok")
	turns.open(a, turns.send(b, "answer"), "ok")

	late := newScript(t, "late, doubled and lost messages, the answerer first")
	one, two := late.send(b, "one"), late.send(b, "two")
	three := late.send(a, "three")
	late.open(b, three, "ok")
	four, five, six := late.send(b, "four"), late.send(b, "five"), late.send(b, "six")
	late.open(a, six, "ok")
	late.open(a, two, "ok")
	late.open(a, four, "ok")
	late.open(a, four, "out of step")
	late.open(b, late.send(a, "seven"), "ok")
	late.open(a, late.send(b, "eight"), "ok")
	late.open(a, one, "ok")
	late.open(a, five, "ok")
	late.open(a, one, "out of step")
	late.open(b, one, "refused")

	weeks := newScript(t, "a side that went back to an older state, weeks later")
	weeks.short = true
	weeks.open(b, weeks.send(a, "x"), "ok")
	weeks.open(a, weeks.send(b, "y"), "ok")
	backup := weeks.sides[b].state
	weeks.now = start.Add(17 * 24 * time.Hour)
	weeks.open(b, weeks.send(a, "z"), "ok")
	weeks.open(a, weeks.send(b, "z"), "ok")
	weeks.open(b, weeks.send(a, "z"), "ok")
	last := weeks.send(b, "a message of the newer state")
	weeks.open(a, last, "ok")
	ahead := weeks.send(a, "which the older state can't open")
	weeks.sides[b].state = backup
	weeks.v.Events = append(weeks.v.Events, eventVector{Open: b, Result: "back to the state after event 3"})
	weeks.open(b, ahead, "out of step")

	long := newScript(t, "a KEM step after 20 messages, and a larger envelope")
	long.short = true
	for i := range 11 {
		long.open(b, long.send(a, numbered(i)), "ok")
		long.open(a, long.send(b, numbered(i)), "ok")
	}
	long.open(b, long.send(a, string(bytes.Repeat([]byte("large "), 1000))), "ok")

	out := struct {
		Conversations []conversationVector `json:"conversations"`
	}{[]conversationVector{turns.v, late.v, weeks.v, long.v}}
	got, err := json.MarshalIndent(out, "", " ")
	must(t, err)
	got = append(got, '\n')
	path := filepath.Join("..", "..", "spec", "vectors", "ratchet.json")
	if *rewrite {
		must(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what this package makes; a change of format changes spec/ and, with -rewrite, this file", path)
	}
}
