package engine

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	"github.com/ava-labs/libevm/core/types"
)

const (
	// ExtraVersion is the first byte of [Extra].
	ExtraVersion = 1
	// ExtraLen is the length of [Extra] in bytes: version, time, P-Chain height,
	// proposer, reveal and seal.
	ExtraLen = 1 + 8 + 8 + ids.NodeIDLen + 2*bls.SignatureLen
	// MaxTimeMs is the largest time a header may carry: 2^53-1 ms, the largest
	// integer that JSON clients hold exactly, some 285,000 years from now. The
	// bound keeps every sum of times inside 64 bits.
	MaxTimeMs = 1<<53 - 1
)

// Extra is what a Pars header carries in its extra-data field (spec/chain.md,
// section 2). Integers are big-endian on the wire. Genesis has no Extra.
type Extra struct {
	// TimeMs is the block's time in milliseconds since 1970-01-01T00:00:00Z.
	TimeMs uint64
	// PChainHeight is the P-Chain height at which the validator set of the
	// child block is read. It never decreases.
	PChainHeight uint64
	// Proposer is the node that made the block.
	Proposer ids.NodeID
	// Reveal is the proposer's BLS signature over [RevealMessage].
	Reveal [bls.SignatureLen]byte
	// Seal is the proposer's BLS signature over [SealMessage]. It is all zero
	// while the block is being built.
	Seal [bls.SignatureLen]byte
}

// Bytes returns the [ExtraLen] bytes of the wire form.
func (x Extra) Bytes() []byte {
	b := make([]byte, 0, ExtraLen)
	b = append(b, ExtraVersion)
	b = binary.BigEndian.AppendUint64(b, x.TimeMs)
	b = binary.BigEndian.AppendUint64(b, x.PChainHeight)
	b = append(b, x.Proposer[:]...)
	b = append(b, x.Reveal[:]...)
	return append(b, x.Seal[:]...)
}

// ParseExtra reads the wire form. Every value it accepts encodes back to the
// same bytes. It refuses other lengths and versions and times above
// [MaxTimeMs] with [ErrExtra]; it accepts a zero reveal or seal, which
// [Engine.CheckHeader] refuses in a finished header.
func ParseExtra(b []byte) (Extra, error) {
	if len(b) != ExtraLen {
		return Extra{}, fmt.Errorf("%w: got %d bytes, want %d", ErrExtra, len(b), ExtraLen)
	}
	if b[0] != ExtraVersion {
		return Extra{}, fmt.Errorf("%w: got version %d, want %d; a newer node may be needed", ErrExtra, b[0], ExtraVersion)
	}
	x := Extra{
		TimeMs:       binary.BigEndian.Uint64(b[1:]),
		PChainHeight: binary.BigEndian.Uint64(b[9:]),
	}
	if x.TimeMs > MaxTimeMs {
		return Extra{}, fmt.Errorf("%w: got time %d ms, want at most %d", ErrExtra, x.TimeMs, uint64(MaxTimeMs))
	}
	b = b[17:]
	b = b[copy(x.Proposer[:], b):]
	b = b[copy(x.Reveal[:], b):]
	copy(x.Seal[:], b)
	return x, nil
}

// ExtraOf returns the header's [Extra]. For a header with number 0 and no extra
// data, which is genesis, it returns the genesis time, P-Chain height 0 and
// nothing else.
func ExtraOf(h *types.Header) (Extra, error) {
	if isGenesis(h) {
		return Extra{TimeMs: TimeMs(h)}, nil
	}
	x, err := ParseExtra(h.Extra)
	if err != nil {
		return Extra{}, fmt.Errorf("header %v: %w", h.Number, err)
	}
	return x, nil
}

// TimeMs returns the header's time in milliseconds: that of its [Extra], or
// Time*1000 for genesis and for headers whose extra data does not parse.
func TimeMs(h *types.Header) uint64 {
	if x, err := ParseExtra(h.Extra); err == nil {
		return x.TimeMs
	}
	if h.Time > math.MaxUint64/1000 {
		return math.MaxUint64
	}
	return h.Time * 1000
}

// PChainHeight returns the P-Chain height in the header, 0 for genesis.
func PChainHeight(h *types.Header) (uint64, error) {
	x, err := ExtraOf(h)
	return x.PChainHeight, err
}

func isGenesis(h *types.Header) bool {
	return len(h.Extra) == 0 && h.Number != nil && h.Number.Sign() == 0
}
