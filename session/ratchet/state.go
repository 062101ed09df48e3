package ratchet

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/setup"
)

// State is one side of a conversation between two devices. It is never changed
// once made, and prints as nothing.
type State struct {
	peer       identity.ID
	device     identity.DeviceID
	beganMs    uint64 // when the initiator set up, by its clock
	transcript [32]byte
	initiator  bool
	confirmed  bool

	// The chains of both sides are one sequence, 0, 1, 2, ...: odd ones are the
	// initiator's. index is that of the latest; hash covers the steps so far.
	index uint32
	hash  [32]byte
	root  key

	// Of the own last step, while it is the latest: the private half.
	dh [kem.XSize]byte
	// Of the peer's last step, while it is the latest: its public half.
	peerDH [kem.XSize]byte
	// kemSeed is the private half of the encapsulation key that the peer has and
	// did not use yet, peerKEM the peer's that is not used yet; each may be empty.
	kemSeed []byte
	peerKEM []byte
	// kemAtSec is when the last KEM step was, kemCount how many messages since.
	kemAtSec uint64
	kemCount uint32

	send     sending
	receive  receiving
	nextSend key // header key of the own next chain
	nextRecv key // header key of the peer's next chain
	skipped  []skippedChain

	// The marker keys of week, from which those of later weeks follow.
	week                   uint64
	markerSend, markerRecv key
}

// sending is the own chain; it has no key before the first step.
type sending struct {
	open     bool
	header   key
	chain    key
	number   uint32 // of the next message
	previous uint32 // messages of the chain before
	dh       [kem.XSize]byte
	kem      []byte // public values of a KEM step, or empty
}

// receiving is the peer's latest chain.
type receiving struct {
	open   bool
	header key
	chain  key
	number uint32 // of the next message
}

// Start begins a conversation from a finished set-up. began is when its
// initiator made the first flight, as that says, the same on both sides.
func Start(e *setup.Established, began, now time.Time) (*State, error) {
	r := e.Root
	k := newRoots(r.Key(), r.Transcript)
	s := &State{
		peer: e.Peer, device: e.PeerDevice, beganMs: uint64(max(0, began.UnixMilli())), transcript: r.Transcript,
		initiator: r.Initiator, confirmed: e.Confirmed, hash: r.Transcript, root: k.root,
		kemAtSec: seconds(now), week: weekOf(began),
	}
	fromOwn, fromPeer := r.HeaderKeys()
	seed, peer := r.Own().Seed(), r.Peer().Bytes()
	defer clear(seed)
	if s.initiator {
		// The answer's chain is the peer's; the first step is ours.
		s.receive = receiving{open: true, header: fromPeer, chain: k.chain0}
		s.nextSend, s.nextRecv = fromOwn, k.header2
		copy(s.peerDH[:], peer[:kem.XSize])
		s.peerKEM = bytes.Clone(peer[kem.XSize:])
		s.markerSend, s.markerRecv = k.markerFromA, k.markerFromB
		return s, nil
	}
	s.send = sending{open: true, header: fromOwn, chain: k.chain0}
	copy(s.send.dh[:], r.Own().Public().Bytes()[:kem.XSize])
	s.nextSend, s.nextRecv = k.header2, fromPeer
	copy(s.dh[:], seed[:kem.XSize])
	s.kemSeed = bytes.Clone(seed[kem.XSize:])
	s.markerSend, s.markerRecv = k.markerFromB, k.markerFromA
	return s, nil
}

// Peer returns the account on the other side.
func (s *State) Peer() identity.ID { return s.peer }

// PeerDevice returns the device on the other side.
func (s *State) PeerDevice() identity.DeviceID { return s.device }

// Confirmed reports whether the other side has proved, against a quantum
// attacker too, that it holds its device key.
func (s *State) Confirmed() bool { return s.confirmed }

// Heard reports whether a message of the other side was opened here. Until then
// it may not have what the set-up led to, or may have lost it.
func (s *State) Heard() bool {
	return s.receive.open && (s.receive.number > 0 || s.receiveIndex() > 0)
}

// Sent reports whether a message was made here.
func (s *State) Sent() bool { return s.send.open && (s.send.number > 0 || s.sendIndex() > 0) }

// progress says how far the peer's messages have come.
func (s *State) progress() [2]uint32 {
	if !s.receive.open {
		return [2]uint32{}
	}
	return [2]uint32{s.receiveIndex(), s.receive.number}
}

// Transcript names the conversation; both sides have the same, nobody else has it.
func (s *State) Transcript() [32]byte { return s.transcript }

// Began returns when the conversation was set up, by its initiator's clock.
func (s *State) Began() time.Time { return time.UnixMilli(int64(s.beganMs)).UTC() }

// Supersedes reports whether s is to be used for sending rather than o, another
// conversation of the same two devices: it was set up later. Both sides come to
// the same result.
func (s *State) Supersedes(o *State) bool {
	if s.beganMs != o.beganMs {
		return s.beganMs > o.beganMs
	}
	return bytes.Compare(s.transcript[:], o.transcript[:]) > 0
}

// ownTurn reports whether the next message begins a chain of ours.
func (s *State) ownTurn() bool { return s.initiator == (s.index%2 == 0) }

// clone copies everything that a next state may change.
func (s *State) clone() *State {
	c := *s
	c.skipped = slices.Clone(s.skipped)
	return &c
}

// Erase overwrites the keys of a state that another has replaced, as far as the
// two share no memory.
func (s *State) Erase() {
	for _, k := range []*key{
		&s.root, &s.dh, &s.send.header, &s.send.chain, &s.receive.header, &s.receive.chain,
		&s.nextSend, &s.nextRecv, &s.markerSend, &s.markerRecv,
	} {
		clear(k[:])
	}
	s.send.open, s.receive.open = false, false
}

// String hides the state from logs and error messages.
func (State) String() string { return "ratchet.State(hidden)" }

// GoString hides the state from %#v.
func (s State) GoString() string { return s.String() }

// Format hides the state from every verb of package fmt.
func (s State) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

func seconds(t time.Time) uint64 { return uint64(max(0, t.Unix())) }
