package ratchet

import (
	"encoding/binary"
	"fmt"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/wire"
)

const (
	stateVersion = 1
	// MaxState bounds the encoding of a state, in bytes.
	MaxState = 8<<10 + MaxSkippedChains*64 + MaxSkippedTotal*skippedSize

	skippedSize = 4 + 4 + keySize
)

type stateWire struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	Peer       [32]byte
	Device     [16]byte
	BeganMs    uint64
	Transcript [32]byte
	Initiator  bool
	Confirmed  bool
	Index      uint64
	Hash       [32]byte
	Root       [32]byte
	DH         [32]byte
	PeerDH     [32]byte
	KEMSeed    []byte
	PeerKEM    []byte
	KEMAtSec   uint64
	KEMCount   uint64
	Send       sendingWire
	Receive    receivingWire
	NextSend   [32]byte
	NextRecv   [32]byte
	Week       uint64
	MarkerSend [32]byte
	MarkerRecv [32]byte
	Skipped    []skippedWire
}

type sendingWire struct {
	_        struct{} `cbor:",toarray"`
	Open     bool
	Header   [32]byte
	Chain    [32]byte
	Number   uint64
	Previous uint64
	DH       [32]byte
	KEM      []byte
}

type receivingWire struct {
	_      struct{} `cbor:",toarray"`
	Open   bool
	Header [32]byte
	Chain  [32]byte
	Number uint64
}

type skippedWire struct {
	_      struct{} `cbor:",toarray"`
	Index  uint64
	Header [32]byte
	// Keys are number (4 bytes), hour (4) and key (32), by number.
	Keys []byte
}

// Bytes returns the state for an encrypted store that can erase.
func (s *State) Bytes() ([]byte, error) {
	w := stateWire{
		Version: stateVersion, Peer: s.peer, Device: s.device, BeganMs: s.beganMs, Transcript: s.transcript,
		Initiator: s.initiator, Confirmed: s.confirmed, Index: uint64(s.index), Hash: s.hash, Root: s.root,
		DH: s.dh, PeerDH: s.peerDH, KEMSeed: s.kemSeed, PeerKEM: s.peerKEM, KEMAtSec: s.kemAtSec, KEMCount: uint64(s.kemCount),
		Send: sendingWire{
			Open: s.send.open, Header: s.send.header, Chain: s.send.chain, Number: uint64(s.send.number),
			Previous: uint64(s.send.previous), DH: s.send.dh, KEM: s.send.kem,
		},
		Receive:  receivingWire{Open: s.receive.open, Header: s.receive.header, Chain: s.receive.chain, Number: uint64(s.receive.number)},
		NextSend: s.nextSend, NextRecv: s.nextRecv, Week: s.week, MarkerSend: s.markerSend, MarkerRecv: s.markerRecv,
	}
	for _, c := range s.skipped {
		keys := make([]byte, 0, len(c.keys)*skippedSize)
		for _, k := range c.keys {
			keys = binary.BigEndian.AppendUint32(keys, k.number)
			keys = binary.BigEndian.AppendUint32(keys, k.hour)
			keys = append(keys, k.key[:]...)
		}
		w.Skipped = append(w.Skipped, skippedWire{Index: uint64(c.index), Header: c.header, Keys: keys})
	}
	out, err := wire.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("ratchet: encoding a state: %w", err)
	}
	return out, nil
}

// Parse reads what [State.Bytes] gave. Errors match [ErrState].
func Parse(data []byte) (*State, error) {
	var w stateWire
	if err := wire.Unmarshal(data, MaxState, &w); err != nil {
		return nil, fmt.Errorf("%w: %d bytes", ErrState, len(data))
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	s := &State{
		peer: w.Peer, device: w.Device, beganMs: w.BeganMs, transcript: w.Transcript,
		initiator: w.Initiator, confirmed: w.Confirmed, index: uint32(w.Index), hash: w.Hash, root: w.Root,
		dh: w.DH, peerDH: w.PeerDH, kemSeed: w.KEMSeed, peerKEM: w.PeerKEM, kemAtSec: w.KEMAtSec, kemCount: uint32(w.KEMCount),
		send: sending{
			open: w.Send.Open, header: w.Send.Header, chain: w.Send.Chain, number: uint32(w.Send.Number),
			previous: uint32(w.Send.Previous), dh: w.Send.DH, kem: w.Send.KEM,
		},
		receive:  receiving{open: w.Receive.Open, header: w.Receive.Header, chain: w.Receive.Chain, number: uint32(w.Receive.Number)},
		nextSend: w.NextSend, nextRecv: w.NextRecv, week: w.Week, markerSend: w.MarkerSend, markerRecv: w.MarkerRecv,
	}
	total := 0
	for i, c := range w.Skipped {
		if len(c.Keys) == 0 || len(c.Keys)%skippedSize != 0 || len(c.Keys) > MaxSkipped*skippedSize || c.Index > w.Index ||
			i > 0 && c.Index <= w.Skipped[i-1].Index || len(w.Skipped) > MaxSkippedChains {
			return nil, fmt.Errorf("%w: the keys of chain %d", ErrState, c.Index)
		}
		chain := skippedChain{index: uint32(c.Index), header: c.Header}
		for b := c.Keys; len(b) > 0; b = b[skippedSize:] {
			k := skippedKey{number: binary.BigEndian.Uint32(b), hour: binary.BigEndian.Uint32(b[4:])}
			copy(k.key[:], b[8:])
			if n := len(chain.keys); n > 0 && k.number <= chain.keys[n-1].number || k.number >= maxNumber {
				return nil, fmt.Errorf("%w: the keys of chain %d are out of order", ErrState, c.Index)
			}
			chain.keys = append(chain.keys, k)
		}
		total += len(chain.keys)
		s.skipped = append(s.skipped, chain)
	}
	if total > MaxSkippedTotal {
		return nil, fmt.Errorf("%w: %d keys of messages that did not come, want at most %d", ErrState, total, MaxSkippedTotal)
	}
	return s, nil
}

// check refuses values that no state has.
func (w *stateWire) check() error {
	size := func(b []byte, n int) bool { return len(b) == 0 || len(b) == n }
	switch {
	case w.Version != stateVersion:
		return fmt.Errorf("%w: version %d, want %d; update this program", ErrState, w.Version, stateVersion)
	case w.Index >= maxNumber, w.KEMCount > 1<<32-1, w.Send.Number >= maxNumber, w.Send.Previous > maxNumber, w.Receive.Number > maxNumber,
		w.BeganMs > 1<<53, w.KEMAtSec > 1<<53, w.Week > 1<<32:
		return fmt.Errorf("%w: a number is beyond its limit", ErrState)
	case !size(w.KEMSeed, kem.PQSeedSize), !size(w.PeerKEM, kem.PQPublicKeySize), !size(w.Send.KEM, kemPlain):
		return fmt.Errorf("%w: a key has the wrong length", ErrState)
	}
	return nil
}
