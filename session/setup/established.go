package setup

import (
	"fmt"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// Established is what a finished set-up leaves: with whom, how sure, and the
// secrets with which the ratchet begins.
type Established struct {
	// Peer and PeerDevice are the other side.
	Peer       identity.ID
	PeerDevice identity.DeviceID
	// Confirmed is whether the other side has proved, against a quantum attacker
	// too, that it holds its device key. The side that answered sets it when the
	// first message comes that only the Root could have made.
	Confirmed bool
	// Root is the ratchet's beginning.
	Root *Root
}

// Root holds the secrets with which the ratchet begins. Both sides have the
// same but for their own ratchet pairs. It prints as nothing.
type Root struct {
	// Initiator is true on the side that set up.
	Initiator bool
	// Transcript identifies the set-up: a hash over all of it, the same on both sides.
	Transcript [32]byte

	key          [32]byte
	fromA, fromB [32]byte
	own          *kem.PrivateKey
	peer         *kem.PublicKey
}

func newEstablished(s *schedule, peer identity.ID, device identity.DeviceID, own *kem.PrivateKey, theirs *kem.PublicKey, initiator bool) *Established {
	r := &Root{
		Initiator: initiator, Transcript: s.hash, key: s.export(labelRoot),
		fromA: s.export(labelFromA), fromB: s.export(labelFromB), own: own, peer: theirs,
	}
	clear(s.chain)
	return &Established{Peer: peer, PeerDevice: device, Confirmed: initiator, Root: r}
}

// Key returns the root key.
func (r *Root) Key() [32]byte { return r.key }

// HeaderKeys returns the keys with which the first headers are encrypted: those
// that this side sends, and those that it receives.
func (r *Root) HeaderKeys() (send, receive [32]byte) {
	if r.Initiator {
		return r.fromA, r.fromB
	}
	return r.fromB, r.fromA
}

// Own returns this side's first ratchet pair.
func (r *Root) Own() *kem.PrivateKey { return r.own }

// Peer returns the other side's first ratchet key.
func (r *Root) Peer() *kem.PublicKey { return r.peer }

type establishedWire struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	Peer       [32]byte
	PeerDevice [16]byte
	Confirmed  bool
	Initiator  bool
	Transcript [32]byte
	Key        [32]byte
	FromA      [32]byte
	FromB      [32]byte
	Own        []byte
	PeerKey    []byte
}

// Bytes returns the state for an encrypted store.
func (e *Established) Bytes() ([]byte, error) {
	r := e.Root
	out, err := wire.Marshal(establishedWire{
		Version: stateVersion, Peer: e.Peer, PeerDevice: e.PeerDevice, Confirmed: e.Confirmed, Initiator: r.Initiator,
		Transcript: r.Transcript, Key: r.key, FromA: r.fromA, FromB: r.fromB, Own: r.own.Seed(), PeerKey: r.peer.Bytes(),
	})
	if err != nil {
		return nil, fmt.Errorf("setup: encoding a state: %w", err)
	}
	return out, nil
}

// ParseEstablished reads what [Established.Bytes] gave. Errors match [ErrState].
func ParseEstablished(data []byte) (*Established, error) {
	var w establishedWire
	if err := wire.Unmarshal(data, maxState, &w); err != nil || w.Version != stateVersion {
		return nil, fmt.Errorf("%w: %d bytes", ErrState, len(data))
	}
	own, err := kem.NewPrivateKey(w.Own)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	peer, err := kem.ParsePublicKey(w.PeerKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return &Established{Peer: w.Peer, PeerDevice: w.PeerDevice, Confirmed: w.Confirmed, Root: &Root{
		Initiator: w.Initiator, Transcript: w.Transcript, key: w.Key, fromA: w.FromA, fromB: w.FromB, own: own, peer: peer,
	}}, nil
}

// String hides the secrets from logs and error messages.
func (Root) String() string { return "setup.Root(hidden)" }

// GoString hides the secrets from %#v.
func (r Root) GoString() string { return r.String() }

// Format hides the secrets from every verb of package fmt.
func (r Root) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }
