package engine

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/rlp"
)

// MaxEquivocationLen bounds the bytes of an encoded [Equivocation]. Two headers
// of this chain take about 1,700.
const MaxEquivocationLen = 4096

// ErrEvidence reports evidence that proves nothing.
var ErrEvidence = errors.New("invalid equivocation evidence")

// Equivocation is proof that one proposer sealed two different headers on the
// same parent, which an honest node never does. First has the smaller hash.
type Equivocation struct {
	First, Second *types.Header
}

// NewEquivocation orders two headers. It proves nothing until Verify says so.
func NewEquivocation(a, b *types.Header) Equivocation {
	if x, y := a.Hash(), b.Hash(); bytes.Compare(x[:], y[:]) > 0 {
		a, b = b, a
	}
	return Equivocation{First: a, Second: b}
}

// Verify returns nil if the evidence convicts its proposer, whose BLS key at the
// parent's P-Chain height is key. The seals are what convicts: the headers need
// not be valid otherwise.
func (e Equivocation) Verify(networkID uint32, chainID ids.ID, key *bls.PublicKey) error {
	if e.First == nil || e.Second == nil || key == nil {
		return fmt.Errorf("%w: a header or the key is missing", ErrEvidence)
	}
	a, err := ParseExtra(e.First.Extra)
	if err != nil {
		return fmt.Errorf("%w: first header: %w", ErrEvidence, err)
	}
	b, err := ParseExtra(e.Second.Extra)
	if err != nil {
		return fmt.Errorf("%w: second header: %w", ErrEvidence, err)
	}
	switch {
	case e.First.ParentHash != e.Second.ParentHash:
		return fmt.Errorf("%w: the parents differ, %s and %s", ErrEvidence, e.First.ParentHash, e.Second.ParentHash)
	case a.Proposer != b.Proposer:
		return fmt.Errorf("%w: the proposers differ, %s and %s", ErrEvidence, a.Proposer, b.Proposer)
	}
	first, err := SealMessage(networkID, chainID, e.First)
	if err != nil {
		return err
	}
	second, err := SealMessage(networkID, chainID, e.Second)
	if err != nil {
		return err
	}
	if first.ID() == second.ID() {
		return fmt.Errorf("%w: both are the same header", ErrEvidence)
	}
	if !verify(key, a.Seal, first) || !verify(key, b.Seal, second) {
		return fmt.Errorf("%w: %w", ErrEvidence, ErrSignature)
	}
	return nil
}

// Proposer returns who is accused, the zero id if a header does not parse.
func (e Equivocation) Proposer() ids.NodeID {
	x, err := ParseExtra(e.First.Extra)
	if err != nil {
		return ids.EmptyNodeID
	}
	return x.Proposer
}

// ID returns keccak of the two headers' hashes, the same for either order of
// discovery.
func (e Equivocation) ID() common.Hash {
	a, b := e.First.Hash(), e.Second.Hash()
	return crypto.Keccak256Hash(a[:], b[:])
}

// Bytes returns the RLP list of the two headers.
func (e Equivocation) Bytes() ([]byte, error) {
	b, err := rlp.EncodeToBytes([]*types.Header{e.First, e.Second})
	if err != nil {
		return nil, fmt.Errorf("encoding evidence: %w", err)
	}
	return b, nil
}

// ParseEquivocation reads what Bytes wrote and refuses any other order or form.
func ParseEquivocation(b []byte) (Equivocation, error) {
	if len(b) > MaxEquivocationLen {
		return Equivocation{}, fmt.Errorf("%w: got %d bytes, want at most %d", ErrEvidence, len(b), MaxEquivocationLen)
	}
	var pair struct{ First, Second *types.Header }
	if err := rlp.DecodeBytes(b, &pair); err != nil {
		return Equivocation{}, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	e := NewEquivocation(pair.First, pair.Second)
	if e.First != pair.First {
		return Equivocation{}, fmt.Errorf("%w: the headers are not ordered by hash", ErrEvidence)
	}
	return e, nil
}
