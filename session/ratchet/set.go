package ratchet

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// MaxConversations is how many conversations of one pair of devices are kept.
const MaxConversations = 4

// MaxSet bounds the encoding of a set, in bytes.
const MaxSet = MaxConversations*(MaxState+64) + 64

// Set is what one device keeps about another: their conversations, of which one
// is used for sending. It is never changed once made; the zero value is empty.
type Set struct {
	states []*State // by Supersedes
	// stale are transcripts of states for which a new set-up was made.
	stale [][32]byte
}

// Active returns the conversation for sending: the newest of which it is known
// that the other side has it too, else the newest; nil if there is none.
func (s Set) Active() *State {
	for _, state := range s.states {
		if state.initiator || state.Heard() {
			return state
		}
	}
	if len(s.states) == 0 {
		return nil
	}
	return s.states[0]
}

// Len returns how many conversations there are.
func (s Set) Len() int { return len(s.states) }

// Add returns the set with one more conversation; the oldest above the limit
// goes. A conversation that is there already is replaced.
func (s Set) Add(state *State) Set {
	states := slices.Clone(s.states)
	states = slices.DeleteFunc(states, func(o *State) bool { return o.transcript == state.transcript })
	at := slices.IndexFunc(states, func(o *State) bool { return state.Supersedes(o) })
	if at < 0 {
		at = len(states)
	}
	states = slices.Insert(states, at, state)
	return s.with(states[:min(len(states), MaxConversations)])
}

// with returns the set with other states and the stale marks that still matter.
func (s Set) with(states []*State) Set {
	stale := slices.DeleteFunc(slices.Clone(s.stale), func(t [32]byte) bool {
		return !slices.ContainsFunc(states, func(o *State) bool { return o.transcript == t })
	})
	return Set{states: states, stale: stale}
}

// Encrypt makes an envelope in the conversation for sending; see
// [State.Encrypt]. An empty set is an error of the caller.
func (s Set) Encrypt(rand io.Reader, now time.Time, mailbox identity.MailboxID, ttl time.Duration, payload []byte) ([]byte, Set, error) {
	active := s.Active()
	if active == nil {
		return nil, Set{}, errors.New("ratchet: no conversation to write in; set up first")
	}
	raw, next, err := active.Encrypt(rand, now, mailbox, ttl, payload)
	if err != nil {
		return nil, Set{}, err
	}
	return raw, s.Add(next), nil
}

// Opened is what an envelope of the other device has led to.
type Opened struct {
	// Payload is nil after [ErrOutOfStep].
	Payload []byte
	// Set is what follows, to be stored with what the payload causes.
	Set Set
	// SetUp asks for a new set-up, because one side has gone back to an older state.
	SetUp bool
}

// Decrypt opens an envelope with whichever conversation it is of; see
// [State.Decrypt]. With [ErrOutOfStep] the result is to be stored too; with
// [ErrRefused] there is none.
func (s Set) Decrypt(now time.Time, raw []byte) (Opened, error) {
	for _, state := range s.states {
		payload, next, err := state.Decrypt(now, raw)
		active := s.Active().transcript == state.transcript
		switch {
		case err == nil:
			// A new message in an older conversation, though the other side has used
			// the newer one: it may have forgotten that.
			got := Opened{Payload: payload, Set: s.Add(next)}
			if !active && s.Active().Heard() && s.Active().Supersedes(state) && next.progress() != state.progress() {
				got.Set, got.SetUp = got.Set.markStale(s.Active().transcript)
			}
			return got, nil
		case errors.Is(err, ErrOutOfStep):
			got := Opened{Set: s}
			if active {
				got.Set, got.SetUp = s.markStale(state.transcript)
			}
			return got, err
		}
	}
	return Opened{}, ErrRefused
}

// Holds reports whether an envelope's header opens in one of the conversations;
// see [State.Holds].
func (s Set) Holds(raw []byte) bool {
	return slices.ContainsFunc(s.states, func(o *State) bool { return o.Holds(raw) })
}

// markStale remembers that a new set-up is made because of a conversation;
// first is false if it was remembered before.
func (s Set) markStale(transcript [32]byte) (next Set, first bool) {
	if slices.Contains(s.stale, transcript) {
		return s, false
	}
	return Set{states: s.states, stale: append(slices.Clone(s.stale), transcript)}, true
}

// NextBegan returns the time that a new set-up of ours says it was made at: now,
// or just after the last set-up that is known with the device.
func (s Set) NextBegan(now time.Time) time.Time {
	began := time.UnixMilli(max(0, now.UnixMilli()))
	if len(s.states) > 0 && !began.After(s.states[0].Began()) {
		began = s.states[0].Began().Add(time.Millisecond)
	}
	return began.UTC()
}

// CheckBegan refuses the time of a peer's set-up that is more than a day ahead
// of ours. Errors match [ErrRefused].
func CheckBegan(began, now time.Time) error {
	if began.After(now.Add(identity.MaxSkew)) {
		return fmt.Errorf("%w: set up %v in the future", ErrRefused, began.Sub(now).Round(time.Minute))
	}
	return nil
}

// Expire applies [State.Expire] to every conversation.
func (s Set) Expire(now time.Time) (next Set, changed bool) {
	states := slices.Clone(s.states)
	for i, state := range states {
		n, c := state.Expire(now)
		states[i], changed = n, changed || c
	}
	return s.with(states), changed
}

type setWire struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	States  []wire.RawMessage
	Stale   [][32]byte
}

// Bytes returns the set for an encrypted store that can erase.
func (s Set) Bytes() ([]byte, error) {
	w := setWire{Version: stateVersion, Stale: s.stale}
	for _, state := range s.states {
		raw, err := state.Bytes()
		if err != nil {
			return nil, err
		}
		w.States = append(w.States, raw)
	}
	out, err := wire.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("ratchet: encoding a set: %w", err)
	}
	return out, nil
}

// ParseSet reads what [Set.Bytes] gave. Errors match [ErrState].
func ParseSet(data []byte) (Set, error) {
	var w setWire
	if err := wire.Unmarshal(data, MaxSet, &w); err != nil || w.Version != stateVersion ||
		len(w.States) > MaxConversations || len(w.Stale) > len(w.States) {
		return Set{}, fmt.Errorf("%w: %d bytes", ErrState, len(data))
	}
	var s Set
	for i, raw := range w.States {
		state, err := Parse(raw)
		if err != nil {
			return Set{}, err
		}
		if i > 0 && !s.states[i-1].Supersedes(state) {
			return Set{}, fmt.Errorf("%w: conversations out of order", ErrState)
		}
		s.states = append(s.states, state)
	}
	s.stale = w.Stale
	return s, nil
}

// String hides the conversations from logs and error messages.
func (Set) String() string { return "ratchet.Set(hidden)" }

// GoString hides the conversations from %#v.
func (s Set) GoString() string { return s.String() }

// Format hides the conversations from every verb of package fmt.
func (s Set) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }
