package engine

import (
	"encoding/binary"
	"fmt"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	"github.com/ava-labs/avalanchego/vms/platformvm/warp"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
)

// The tags open the payloads of the two warp messages that a proposer signs, so
// that neither passes for the other or for any other warp message of this chain.
const (
	revealTag = "pars/reveal/v1"
	sealTag   = "pars/seal/v1"
)

// NextMix returns the MixDigest of a block: keccak(parent's MixDigest || reveal).
// A BLS signature over a given message is unique, so a proposer has one choice,
// to publish or to withhold.
func NextMix(parentMix common.Hash, reveal [bls.SignatureLen]byte) common.Hash {
	return crypto.Keccak256Hash(parentMix[:], reveal[:])
}

// RevealMessage returns what the proposer of the block at height signs to extend
// the randomness: tag, parent's MixDigest, height in 8 bytes.
func RevealMessage(networkID uint32, chainID ids.ID, parentMix common.Hash, height uint64) (*warp.UnsignedMessage, error) {
	payload := make([]byte, 0, len(revealTag)+common.HashLength+8)
	payload = append(payload, revealTag...)
	payload = append(payload, parentMix[:]...)
	payload = binary.BigEndian.AppendUint64(payload, height)
	return newMessage(networkID, chainID, payload)
}

// SealMessage returns what the proposer signs to seal h: tag and [SealHash].
func SealMessage(networkID uint32, chainID ids.ID, h *types.Header) (*warp.UnsignedMessage, error) {
	hash, err := SealHash(h)
	if err != nil {
		return nil, err
	}
	payload := make([]byte, 0, len(sealTag)+common.HashLength)
	payload = append(payload, sealTag...)
	payload = append(payload, hash[:]...)
	return newMessage(networkID, chainID, payload)
}

// SealHash returns keccak of the header's RLP with a seal of zeros.
func SealHash(h *types.Header) (common.Hash, error) {
	x, err := ParseExtra(h.Extra)
	if err != nil {
		return common.Hash{}, err
	}
	x.Seal = [bls.SignatureLen]byte{}
	bare := types.CopyHeader(h)
	bare.Extra = x.Bytes()
	return bare.Hash(), nil
}

// VerifyAuthorship checks that h, a child of parent that passed
// [Engine.CheckHeader], was made by a proposer whose window was open: the
// proposer is in set, h's time is not before [EarliestMs] of its rank, and
// reveal and seal verify with its BLS key. set must be the validator set at the
// P-Chain height of parent (see [PChainHeight]), chainID the blockchain's id.
func VerifyAuthorship(networkID uint32, chainID ids.ID, parent, h *types.Header, set *ValidatorSet) error {
	x, err := ParseExtra(h.Extra)
	if err != nil {
		return err
	}
	proposer, ok := set.Get(x.Proposer)
	if !ok {
		return fmt.Errorf("%w: got %s, which is not among the %d proposers at the parent's P-Chain height", ErrProposer, x.Proposer, set.Len())
	}
	height := h.Number.Uint64()
	rank, ok := Rank(Order(Seed(chainID, height, parent.MixDigest), set), x.Proposer)
	if !ok {
		return fmt.Errorf("%w: %s has no rank at height %d", ErrProposer, x.Proposer, height)
	}
	if from := EarliestMs(TimeMs(parent), rank); x.TimeMs < from {
		return fmt.Errorf("%w: got %d ms from %s, which has rank %d, want at least %d ms", ErrOutOfTurn, x.TimeMs, x.Proposer, rank, from)
	}
	reveal, err := RevealMessage(networkID, chainID, parent.MixDigest, height)
	if err != nil {
		return err
	}
	seal, err := SealMessage(networkID, chainID, h)
	if err != nil {
		return err
	}
	if !verify(proposer.PublicKey, x.Reveal, reveal) || !verify(proposer.PublicKey, x.Seal, seal) {
		return fmt.Errorf("%w: header %d by %s", ErrSignature, height, x.Proposer)
	}
	return nil
}

// VerifySeal returns nil if the seal of h verifies under key: its owner sealed
// exactly this header, valid or not. Else it returns [ErrSignature] or, for extra
// data of another form, [ErrExtra].
func VerifySeal(networkID uint32, chainID ids.ID, h *types.Header, key *bls.PublicKey) error {
	x, err := ParseExtra(h.Extra)
	if err != nil {
		return err
	}
	m, err := SealMessage(networkID, chainID, h)
	if err != nil {
		return err
	}
	if !verify(key, x.Seal, m) {
		return fmt.Errorf("%w: the seal of header %v", ErrSignature, h.Number)
	}
	return nil
}

// verify reports whether sig is the key's signature over m, in the one encoding
// that BLS12-381 permits.
//
// Rationale: reveal and seal are verified one by one, though one pairing less
// would do for their sum. Adding a point to one and taking it off the other keeps
// the sum, and the reveal would no longer be unique.
func verify(key *bls.PublicKey, sig [bls.SignatureLen]byte, m *warp.UnsignedMessage) bool {
	s, err := bls.SignatureFromBytes(sig[:])
	return err == nil && bls.Verify(key, s, m.Bytes())
}

func newMessage(networkID uint32, chainID ids.ID, payload []byte) (*warp.UnsignedMessage, error) {
	m, err := warp.NewUnsignedMessage(networkID, chainID, payload)
	if err != nil {
		return nil, fmt.Errorf("encoding a warp message: %w", err)
	}
	return m, nil
}
