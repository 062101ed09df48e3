package main

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/rlp"

	"github.com/pars-network/pars/evm/engine"
)

// Equivocation is one height at which this node sealed several blocks.
type Equivocation struct {
	Height uint64        `json:"height"`
	Parent common.Hash   `json:"parent"`
	Blocks []common.Hash `json:"blocks"`
	// SentMs is when the first left.
	SentMs int64 `json:"sentMs"`
}

// equivocate seals variants valid blocks in each of its own first windows, for
// the given number of heights, and sends each to another peer in turn. With
// abstaining, its consensus engine hangs from then on, so that its vote doesn't
// help the others to decide.
func (s *saboteur) equivocate(ctx context.Context, heights, variants int, abstaining bool) ([]Equivocation, error) {
	if err := s.become(mute); err != nil {
		return nil, err
	}
	var out []Equivocation
	for len(out) < heights {
		m, err := s.await(ctx, true, func(m moment) bool { return m.rank == 0 })
		if err != nil {
			return out, err
		}
		e, err := s.equivocateAt(ctx, m, variants)
		if errors.Is(err, errWrongMoment) {
			continue
		}
		if err != nil {
			return out, err
		}
		if abstaining {
			if err := s.become(abstain); err != nil {
				return out, err
			}
		}
		out = append(out, e)
	}
	return out, nil
}

func (s *saboteur) equivocateAt(ctx context.Context, m moment, variants int) (Equivocation, error) {
	ms := engine.EarliestMs(m.parentMs(), 0)
	e := Equivocation{Height: m.parent.Number.Uint64() + 1, Parent: m.parent.Hash()}
	var raws [][]byte
	for i := range variants {
		b, err := s.make(m, ms, variant(i), false)
		if err != nil {
			return e, err
		}
		raw, err := rlp.EncodeToBytes(b)
		if err != nil {
			return e, err
		}
		e.Blocks, raws = append(e.Blocks, b.Hash()), append(raws, raw)
	}
	if err := s.until(ctx, m, ms-headStart); err != nil {
		return e, err
	}
	e.SentMs = time.Now().UnixMilli()
	peers := m.others()
	for i := range max(variants, len(peers)) {
		// All variants go out and all peers get one; with two variants, half of
		// the peers get either.
		peer := peers[i%len(peers)]
		if err := s.wire.push(raws[i*variants/max(variants, len(peers))], e.Height, peer); err != nil {
			return e, err
		}
	}
	return e, nil
}

// variant is the account to which a variant's tips go.
func variant(i int) (a common.Address) {
	binary.BigEndian.PutUint32(a[:], uint32(i+1))
	return a
}

// strand makes a chain of depth blocks that has no beginning, each of about
// size bytes, and sends its head to the peers, who ask for one parent after the
// other. It returns the head.
func (s *saboteur) strand(ctx context.Context, depth, size int) (common.Hash, error) {
	m, err := s.moment(ctx)
	if err != nil {
		return common.Hash{}, err
	}
	pattern, err := s.make(m, engine.EarliestMs(m.parentMs(), 0), common.Address{}, false)
	if err != nil {
		return common.Hash{}, err
	}
	ballast := types.NewTx(&types.LegacyTx{Gas: 1, GasPrice: common.Big1, Data: make([]byte, size), V: common.Big1, R: common.Big1, S: common.Big1})
	parent := common.Hash{0xdd}
	var raw []byte
	var height uint64
	for i := range depth {
		b := withTransactions(pattern, ballast)
		h := b.Header()
		h.ParentHash = parent
		h.Number.SetUint64(m.parent.Number.Uint64() + 1_000_000 + uint64(i))
		if b, err = s.seal(b.WithSeal(h)); err != nil {
			return common.Hash{}, err
		}
		if raw, err = rlp.EncodeToBytes(b); err != nil {
			return common.Hash{}, err
		}
		parent, height = b.Hash(), b.NumberU64()
		s.mu.Lock()
		s.fakes[ids.ID(parent)] = raw
		s.mu.Unlock()
	}
	return parent, s.wire.push(raw, height, m.others()...)
}
