package engine

import (
	"fmt"
	"math/big"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	"github.com/ava-labs/avalanchego/vms/platformvm/warp"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
)

// Draft is what a proposer decides about a block before it fills it.
type Draft struct {
	NetworkID uint32
	ChainID   ids.ID
	// TimeMs is the block's time. The builder must not stamp ahead of its clock.
	TimeMs uint64
	// PChainHeight is the larger of the parent's and the node's minimum height.
	PChainHeight uint64
	Proposer     ids.NodeID
	// Coinbase receives the tips.
	Coinbase common.Address
}

// Draft returns the header of a child of parent to execute transactions under,
// complete but for roots, bloom, gas used and seal: the reveal is signed, since
// PREVRANDAO depends on it. The signer must hold the proposer's BLS key.
func (e *Engine) Draft(parent *types.Header, d Draft, signer warp.Signer) (*types.Header, error) {
	up, err := ExtraOf(parent)
	if err != nil {
		return nil, fmt.Errorf("reading the parent: %w", err)
	}
	switch {
	case d.Proposer == ids.EmptyNodeID:
		return nil, fmt.Errorf("%w: a draft needs a proposer", ErrExtra)
	case up.TimeMs > MaxTimeMs || d.TimeMs > MaxTimeMs || d.TimeMs < EarliestMs(up.TimeMs, 0):
		return nil, fmt.Errorf("%w: got %d ms on a parent of %d ms, want at least %d ms more", ErrTime, d.TimeMs, up.TimeMs, EarliestMs(0, 0))
	case d.PChainHeight < up.PChainHeight:
		return nil, fmt.Errorf("%w: got %d, want at least the parent's %d", ErrPChainHeight, d.PChainHeight, up.PChainHeight)
	}
	height := parent.Number.Uint64() + 1
	reveal, err := RevealMessage(d.NetworkID, d.ChainID, parent.MixDigest, height)
	if err != nil {
		return nil, err
	}
	x := Extra{TimeMs: d.TimeMs, PChainHeight: d.PChainHeight, Proposer: d.Proposer}
	if x.Reveal, err = sign(signer, reveal); err != nil {
		return nil, fmt.Errorf("signing the reveal of block %d: %w", height, err)
	}
	h := &types.Header{
		ParentHash: parent.Hash(),
		Number:     new(big.Int).SetUint64(height),
		Coinbase:   d.Coinbase,
		Extra:      x.Bytes(),
	}
	e.fill(parent, h, x)
	return h, nil
}

// fill sets every field of h that follows from its parent and its Extra.
func (e *Engine) fill(parent, h *types.Header, x Extra) {
	h.UncleHash = types.EmptyUncleHash
	h.Difficulty = new(big.Int)
	h.GasLimit = e.gasLimit
	h.Time = x.TimeMs / 1000
	h.MixDigest = NextMix(parent.MixDigest, x.Reveal)
	h.Nonce = types.BlockNonce{}
	h.BaseFee = BaseFee(parent, x.TimeMs)
	withdrawals := types.EmptyWithdrawalsHash
	h.WithdrawalsHash = &withdrawals
	h.BlobGasUsed, h.ExcessBlobGas = new(uint64), new(uint64)
	h.ParentBeaconRoot = new(common.Hash)
}

// SealBlock signs the seal over the assembled block and returns the block with
// it. Two seals by one proposer on the same parent are an [Equivocation]: the
// caller makes the result durable before any byte of it leaves the node.
func SealBlock(networkID uint32, chainID ids.ID, block *types.Block, signer warp.Signer) (*types.Block, error) {
	h := block.Header()
	x, err := ParseExtra(h.Extra)
	if err != nil {
		return nil, err
	}
	m, err := SealMessage(networkID, chainID, h)
	if err != nil {
		return nil, err
	}
	if x.Seal, err = sign(signer, m); err != nil {
		return nil, fmt.Errorf("sealing block %d: %w", h.Number, err)
	}
	h.Extra = x.Bytes()
	return block.WithSeal(h), nil
}

func sign(signer warp.Signer, m *warp.UnsignedMessage) ([bls.SignatureLen]byte, error) {
	b, err := signer.Sign(m)
	if err != nil {
		return [bls.SignatureLen]byte{}, err
	}
	if len(b) != bls.SignatureLen {
		return [bls.SignatureLen]byte{}, fmt.Errorf("signer returned %d bytes, want %d", len(b), bls.SignatureLen)
	}
	return [bls.SignatureLen]byte(b), nil
}
