package engine

import (
	"fmt"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/params"
)

// CheckHeader checks h against its parent by every rule that needs nothing else
// (spec/chain.md, section 3). It looks at no clock and no validator set; roots,
// bloom and receipts are checked by executing the block. A nil result does not
// make the header authentic: see [VerifyAuthorship].
func (e *Engine) CheckHeader(parent, h *types.Header) error {
	if err := checkPlace(parent, h); err != nil {
		return err
	}
	x, err := ParseExtra(h.Extra)
	if err != nil {
		return err
	}
	if err := checkReserved(x); err != nil {
		return err
	}
	up, err := ExtraOf(parent)
	if err != nil {
		return fmt.Errorf("reading the parent: %w", err)
	}
	if err := checkTime(up.TimeMs, x.TimeMs, h); err != nil {
		return err
	}
	if x.PChainHeight < up.PChainHeight {
		return fmt.Errorf("%w: got %d, want at least the parent's %d", ErrPChainHeight, x.PChainHeight, up.PChainHeight)
	}
	if h.GasLimit != e.gasLimit {
		return fmt.Errorf("%w: got limit %d, want %d", ErrGasLimit, h.GasLimit, e.gasLimit)
	}
	if h.GasUsed > h.GasLimit {
		return fmt.Errorf("%w: got %d gas used, want at most %d", ErrGasLimit, h.GasUsed, h.GasLimit)
	}
	if want := BaseFee(parent, x.TimeMs); h.BaseFee == nil || h.BaseFee.Cmp(want) != 0 {
		return fmt.Errorf("%w: got %v, want %v", ErrBaseFee, h.BaseFee, want)
	}
	if want := NextMix(parent.MixDigest, x.Reveal); h.MixDigest != want {
		return fmt.Errorf("%w: got %s, want %s", ErrMix, h.MixDigest, want)
	}
	return checkUnused(h)
}

func checkPlace(parent, h *types.Header) error {
	if parent.Number == nil || h.Number == nil || !h.Number.IsUint64() || !parent.Number.IsUint64() {
		return fmt.Errorf("%w: got %v after %v, want numbers below 2^64", ErrNumber, h.Number, parent.Number)
	}
	if up := parent.Number.Uint64(); h.Number.Uint64() != up+1 || up+1 == 0 {
		return fmt.Errorf("%w: got %d, want one more than the parent's %d", ErrNumber, h.Number, up)
	}
	if want := parent.Hash(); h.ParentHash != want {
		return fmt.Errorf("%w: got parent hash %s, want %s", ErrParent, h.ParentHash, want)
	}
	return nil
}

// checkReserved refuses the forms of Extra that no finished header has: they
// are how an unset field looks.
func checkReserved(x Extra) error {
	switch {
	case x.Proposer == ids.EmptyNodeID:
		return fmt.Errorf("%w: got a proposer of zeros", ErrExtra)
	case x.Reveal == [len(x.Reveal)]byte{}:
		return fmt.Errorf("%w: got a reveal of zeros", ErrExtra)
	case x.Seal == [len(x.Seal)]byte{}:
		return fmt.Errorf("%w: got a seal of zeros", ErrExtra)
	}
	return nil
}

func checkTime(parentMs, ms uint64, h *types.Header) error {
	if h.Time != ms/1000 {
		return fmt.Errorf("%w: got time %d s beside %d ms, want %d s", ErrTime, h.Time, ms, ms/1000)
	}
	if parentMs > MaxTimeMs || ms < parentMs+params.BlockSpacingMs {
		return fmt.Errorf("%w: got %d ms, want at least %d ms after the parent's %d ms", ErrTime, ms, params.BlockSpacingMs, parentMs)
	}
	if h.TxHash == types.EmptyTxsHash && ms < HeartbeatAt(parentMs) {
		return fmt.Errorf("%w: got %d ms, want at least %d ms", ErrEmptyBlock, ms, HeartbeatAt(parentMs))
	}
	return nil
}

// checkUnused pins the fields that other chains use, so that they can't carry
// data and no two headers mean the same block.
func checkUnused(h *types.Header) error {
	switch {
	case h.Difficulty == nil || h.Difficulty.Sign() != 0:
		return fmt.Errorf("%w: got difficulty %v, want 0", ErrUnused, h.Difficulty)
	case h.Nonce != types.BlockNonce{}:
		return fmt.Errorf("%w: got nonce %x, want 0", ErrUnused, h.Nonce)
	case h.UncleHash != types.EmptyUncleHash:
		return fmt.Errorf("%w: got uncles %s, want the empty list's hash", ErrUnused, h.UncleHash)
	case h.WithdrawalsHash == nil || *h.WithdrawalsHash != types.EmptyWithdrawalsHash:
		return fmt.Errorf("%w: got withdrawals %v, want the empty list's root", ErrUnused, h.WithdrawalsHash)
	case h.BlobGasUsed == nil || *h.BlobGasUsed != 0:
		return fmt.Errorf("%w: blob gas used is missing or not 0; blobs are off", ErrUnused)
	case h.ExcessBlobGas == nil || *h.ExcessBlobGas != 0:
		return fmt.Errorf("%w: excess blob gas is missing or not 0; blobs are off", ErrUnused)
	case h.ParentBeaconRoot == nil || *h.ParentBeaconRoot != (common.Hash{}):
		return fmt.Errorf("%w: got beacon root %v, want 32 bytes of zero", ErrUnused, h.ParentBeaconRoot)
	}
	return nil
}
