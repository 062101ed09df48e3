package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	"github.com/ava-labs/avalanchego/utils/crypto/bls/signer/localsigner"
	"github.com/ava-labs/avalanchego/vms/platformvm/warp"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/rlp"
	"github.com/ava-labs/libevm/trie"

	"github.com/pars-network/pars/evm/chain"
	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/params"
)

// when says at which moment a forgery is wrong in one way only and still reaches
// nodes that have not decided the height.
type when string

const (
	first  when = "first"  // in this node's own first window
	second when = "second" // in another proposer's first window
	atOnce when = "atOnce" // as soon as the parent is there
	almost when = "almost" // just before this node's window, a later one; on an idle chain, since else the height is decided
	idle   when = "idle"   // after almost ten seconds without transactions
)

// forgery is a block that breaks one rule. Names are those of
// spec/vectors/header.json where the rule is one of headers.
type forgery struct {
	name string
	when when
	// refused is the label under which nodes count it; empty if their consensus
	// engine drops it before the chain sees it.
	refused string
	// may is a label under which some nodes count it and others don't, because
	// their engine drops it once the parent is accepted.
	may string
	// header changes the block's header, and is sealed afterwards; sealed
	// changes what is sealed already; body changes block and header together,
	// and is sealed afterwards; raw changes the bytes.
	header func(f *forge, h *types.Header, x *engine.Extra)
	sealed func(f *forge, h *types.Header, x *engine.Extra)
	body   func(f *forge, b *types.Block) *types.Block
	raw    func(b []byte) []byte
	empty  bool
}

// forge is what forgeries are made from.
type forge struct {
	*saboteur
	moment
	err error
}

// signed returns the key's signature, and keeps errors.
func (f *forge) signed(by bls.Signer, m *warp.UnsignedMessage, err error) (sig [96]byte) {
	if f.err = errors.Join(f.err, err); f.err != nil {
		return sig
	}
	made, err := by.Sign(m.Bytes())
	if f.err = errors.Join(f.err, err); f.err != nil {
		return sig
	}
	return [96]byte(bls.SignatureToBytes(made))
}

// reveals sets a reveal and the mix digest that follows from it.
func (f *forge) reveals(h *types.Header, x *engine.Extra, by bls.Signer, m *warp.UnsignedMessage, err error) {
	x.Reveal = f.signed(by, m, err)
	h.MixDigest = engine.NextMix(f.parent.MixDigest, x.Reveal)
}

// seals seals a header for some network and chain.
func (f *forge) seals(h *types.Header, x *engine.Extra, by bls.Signer, network uint32, chainID ids.ID) {
	m, err := engine.SealMessage(network, chainID, h)
	x.Seal = f.signed(by, m, err)
}

// stray returns a key that is nobody's.
func (f *forge) stray() bls.Signer {
	key, err := localsigner.New()
	f.err = errors.Join(f.err, err)
	return key
}

// stranger is a validator that never was.
var stranger = ids.NodeID{0x5a}

// forgeries lists every rule of spec/chain.md that a header can break, and what
// can be wrong with the block below it.
//
//nolint:funlen // a table
func forgeries() []forgery {
	one := uint64(1)
	type H = types.Header
	type X = engine.Extra
	return []forgery{
		{name: "a number that skips one", when: first, refused: "number", header: func(_ *forge, h *H, _ *X) { h.Number = new(big.Int).Add(h.Number, common.Big1) }},
		{name: "the parent's number", when: atOnce, may: "number", header: func(_ *forge, h *H, _ *X) { h.Number = new(big.Int).Sub(h.Number, common.Big1) }},
		{name: "a number above 64 bits", when: first, refused: "malformed", header: func(_ *forge, h *H, _ *X) { h.Number = new(big.Int).Lsh(common.Big1, 64) }},
		{name: "another parent", when: first, header: func(_ *forge, h *H, _ *X) { h.ParentHash[0] ^= 1 }},

		{name: "no extra data", when: first, refused: "malformed", sealed: func(_ *forge, h *H, _ *X) { h.Extra = nil }},
		{name: "extra data one byte short", when: first, refused: "malformed", sealed: func(_ *forge, h *H, _ *X) { h.Extra = h.Extra[:engine.ExtraLen-1] }},
		{name: "extra data one byte long", when: first, refused: "malformed", sealed: func(_ *forge, h *H, _ *X) { h.Extra = append(h.Extra, 0) }},
		{name: "version 2", when: first, refused: "malformed", sealed: func(_ *forge, h *H, _ *X) { h.Extra[0] = 2 }},
		{name: "a proposer of zeros", when: first, refused: "extra", header: func(_ *forge, _ *H, x *X) { x.Proposer = ids.EmptyNodeID }},
		{name: "a reveal of zeros", when: first, refused: "extra", header: func(_ *forge, _ *H, x *X) { x.Reveal = [96]byte{} }},
		{name: "a seal of zeros", when: first, refused: "extra", sealed: func(_ *forge, _ *H, x *X) { x.Seal = [96]byte{} }},

		{name: "seconds that are not the milliseconds'", when: first, refused: "time", header: func(_ *forge, h *H, _ *X) { h.Time++ }},
		{name: "399 ms after the parent", when: first, refused: "time", header: func(_ *forge, h *H, x *X) { x.TimeMs--; h.Time = x.TimeMs / 1000 }},
		{name: "before the parent", when: first, refused: "time", header: func(_ *forge, h *H, x *X) { x.TimeMs -= 5000; h.Time = x.TimeMs / 1000 }},
		{name: "an empty block a millisecond before the heartbeat", when: idle, refused: "empty", empty: true},
		{name: "an empty block at once", when: first, refused: "empty", empty: true},

		{name: "a gas limit above genesis", when: first, refused: "gas", header: func(_ *forge, h *H, _ *X) { h.GasLimit++ }},
		{name: "a gas limit below genesis", when: first, refused: "gas", header: func(_ *forge, h *H, _ *X) { h.GasLimit-- }},
		{name: "more gas used than the limit", when: first, refused: "gas", header: func(_ *forge, h *H, _ *X) { h.GasUsed = h.GasLimit + 1 }},
		{name: "a base fee one wei high", when: first, refused: "base_fee", header: func(_ *forge, h *H, _ *X) { h.BaseFee = new(big.Int).Add(h.BaseFee, common.Big1) }},
		{name: "a base fee one wei low", when: first, refused: "base_fee", header: func(_ *forge, h *H, _ *X) { h.BaseFee = new(big.Int).Sub(h.BaseFee, common.Big1) }},
		{name: "a mix digest of its own", when: first, refused: "mix", header: func(_ *forge, h *H, _ *X) { h.MixDigest[31] ^= 1 }},
		{name: "the parent's mix digest", when: first, refused: "mix", header: func(f *forge, h *H, _ *X) { h.MixDigest = f.parent.MixDigest }},

		{name: "a difficulty", when: first, refused: "unused", header: func(_ *forge, h *H, _ *X) { h.Difficulty = common.Big1 }},
		{name: "a nonce", when: first, refused: "unused", header: func(_ *forge, h *H, _ *X) { h.Nonce[7] = 1 }},
		{name: "uncles", when: first, refused: "malformed", header: func(_ *forge, h *H, _ *X) { h.UncleHash[0] ^= 1 }},
		{name: "withdrawals", when: first, refused: "malformed", header: func(_ *forge, h *H, _ *X) { h.WithdrawalsHash = &common.Hash{1} }},
		{name: "blob gas used", when: first, refused: "unused", header: func(_ *forge, h *H, _ *X) { h.BlobGasUsed = &one }},
		{name: "excess blob gas", when: first, refused: "unused", header: func(_ *forge, h *H, _ *X) { h.ExcessBlobGas = &one }},
		{name: "a beacon root", when: first, refused: "unused", header: func(_ *forge, h *H, _ *X) { h.ParentBeaconRoot = &common.Hash{1} }},
		{name: "no beacon root", when: first, refused: "unused", header: func(_ *forge, h *H, _ *X) { h.ParentBeaconRoot = nil }},

		{name: "a proposer that is no validator", when: first, refused: "proposer", header: func(_ *forge, _ *H, x *X) { x.Proposer = stranger }},
		{name: "rank 1 a millisecond before its window", when: almost, refused: "out_of_turn"},
		{name: "the last rank in the first window", when: second, refused: "out_of_turn"},
		{name: "another proposer's name on the block", when: second, refused: "signature", header: func(f *forge, _ *H, x *X) { x.Proposer = f.slots[0].NodeID }},
		{name: "a seal with another validator's key", when: first, refused: "signature", sealed: func(f *forge, h *H, x *X) { f.seals(h, x, f.stray(), f.sctx.NetworkID, f.sctx.ChainID) }},
		{name: "a seal for another chain", when: first, refused: "signature", sealed: func(f *forge, h *H, x *X) { f.seals(h, x, f.key, f.sctx.NetworkID, ids.ID{0xbb}) }},
		{name: "a seal for another network", when: first, refused: "signature", sealed: func(f *forge, h *H, x *X) { f.seals(h, x, f.key, f.sctx.NetworkID+1, f.sctx.ChainID) }},
		{name: "a seal over another header", when: first, refused: "signature", sealed: func(_ *forge, h *H, _ *X) { h.Root[0] ^= 1 }},
		{name: "a seal with one bit changed", when: first, refused: "signature", sealed: func(_ *forge, _ *H, x *X) { x.Seal[95] ^= 1 }},
		{name: "a seal that is no point", when: first, refused: "signature", sealed: func(_ *forge, _ *H, x *X) { x.Seal = [96]byte{0x80, 1} }},
		{name: "the point at infinity as seal", when: first, refused: "signature", sealed: func(_ *forge, _ *H, x *X) { x.Seal = [96]byte{0xc0} }},
		{name: "the reveal as seal", when: first, refused: "signature", sealed: func(_ *forge, _ *H, x *X) { x.Seal = x.Reveal }},
		{name: "a reveal for another height", when: first, refused: "signature", header: func(f *forge, h *H, x *X) {
			m, err := engine.RevealMessage(f.sctx.NetworkID, f.sctx.ChainID, f.parent.MixDigest, h.Number.Uint64()+1)
			f.reveals(h, x, f.key, m, err)
		}},
		{name: "a reveal of another mix digest", when: first, refused: "signature", header: func(f *forge, h *H, x *X) {
			m, err := engine.RevealMessage(f.sctx.NetworkID, f.sctx.ChainID, common.Hash{1}, h.Number.Uint64())
			f.reveals(h, x, f.key, m, err)
		}},
		{name: "a seal of some header as reveal", when: first, refused: "signature", header: func(f *forge, h *H, x *X) {
			m, err := engine.SealMessage(f.sctx.NetworkID, f.sctx.ChainID, h)
			f.reveals(h, x, f.key, m, err)
		}},
		{name: "a reveal by another validator", when: first, refused: "signature", header: func(f *forge, h *H, x *X) {
			m, err := engine.RevealMessage(f.sctx.NetworkID, f.sctx.ChainID, f.parent.MixDigest, h.Number.Uint64())
			f.reveals(h, x, f.stray(), m, err)
		}},

		// What execution and form say, and what depends on the judge's clock.
		{name: "another state root", when: first, refused: "execution", header: func(_ *forge, h *H, _ *X) { h.Root[0] ^= 1 }},
		{name: "another receipts root", when: first, refused: "execution", header: func(_ *forge, h *H, _ *X) { h.ReceiptHash[0] ^= 1 }},
		{name: "another bloom", when: first, refused: "execution", header: func(_ *forge, h *H, _ *X) { h.Bloom[0] ^= 1 }},
		{name: "another gas used", when: first, refused: "execution", header: func(_ *forge, h *H, _ *X) { h.GasUsed++ }},
		{name: "a transaction that can't pay", when: first, refused: "execution", body: func(f *forge, b *types.Block) *types.Block {
			key, err := crypto.GenerateKey()
			f.err = errors.Join(f.err, err)
			id := new(big.Int).SetUint64(uint64(f.sctx.NetworkID))
			tx, err := types.SignNewTx(key, types.LatestSignerForChainID(id), &types.LegacyTx{Gas: 21_000, GasPrice: big.NewInt(1e12), To: &common.Address{1}})
			f.err = errors.Join(f.err, err)
			return withTransactions(b, tx)
		}},
		{name: "the same transaction twice", when: first, refused: "execution", body: func(_ *forge, b *types.Block) *types.Block {
			return withTransactions(b, b.Transactions()[0], b.Transactions()[0])
		}},
		{name: "a transaction root of other transactions", when: first, refused: "malformed", header: func(_ *forge, h *H, _ *X) { h.TxHash[0] ^= 1 }},
		{name: "a blob transaction", when: first, refused: "malformed", body: func(_ *forge, b *types.Block) *types.Block {
			return withTransactions(b, types.NewTx(&types.BlobTx{BlobHashes: []common.Hash{{1}}}))
		}},
		{name: "an uncle", when: first, refused: "malformed", body: func(f *forge, b *types.Block) *types.Block {
			return types.NewBlock(b.Header(), b.Transactions(), []*types.Header{f.parent}, nil, trie.NewStackTrie(nil)).WithWithdrawals([]*types.Withdrawal{})
		}},
		{name: "bytes after the block", when: first, refused: "malformed", raw: func(b []byte) []byte { return append(b, 0) }},
		{name: "a block cut short", when: first, refused: "malformed", raw: func(b []byte) []byte { return b[:len(b)-1] }},
		{name: "a block above the size limit", when: first, refused: "malformed", raw: func(b []byte) []byte {
			return append(b, bytes.Repeat([]byte{0xee}, chain.MaxBlockBytes)...)
		}},
		{name: "five seconds ahead of the clock", when: first, refused: "too_early", header: func(f *forge, h *H, x *X) { atMs(f, h, x, uint64(time.Now().UnixMilli())+5000) }},
		{name: "ahead of the P-Chain", when: first, refused: "pchain_ahead", header: func(_ *forge, _ *H, x *X) { x.PChainHeight += 1 << 20 }},
	}
}

// atMs gives the header another time, and what follows from it.
func atMs(f *forge, h *types.Header, x *engine.Extra, ms uint64) {
	x.TimeMs, h.Time, h.BaseFee = ms, ms/1000, engine.BaseFee(f.parent, ms)
}

// withTransactions replaces the transactions, with the root that they have.
func withTransactions(b *types.Block, txs ...*types.Transaction) *types.Block {
	h := b.Header()
	h.TxHash = types.DeriveSha(types.Transactions(txs), trie.NewStackTrie(nil))
	return types.NewBlockWithHeader(h).WithBody(types.Body{Transactions: txs}).WithWithdrawals([]*types.Withdrawal{})
}

// Forged is a block that went out.
type Forged struct {
	Name    string      `json:"name"`
	Hash    common.Hash `json:"hash"`
	Height  uint64      `json:"height"`
	Refused string      `json:"refused"`
	May     string      `json:"may"`
}

// forgeAll makes the forgeries of the given names and sends each to all others,
// as many at one moment as go together.
func (s *saboteur) forgeAll(ctx context.Context, names []string) ([]Forged, error) {
	var out []Forged
	for _, at := range []when{first, second, atOnce, almost, idle} {
		var list []forgery
		for _, c := range forgeries() {
			if c.when == at && (len(names) == 0 && at != idle && at != almost || slices.Contains(names, c.name)) {
				list = append(list, c)
			}
		}
		if len(list) == 0 {
			continue
		}
		sent, err := s.forgeAt(ctx, at, list)
		if err != nil {
			return out, err
		}
		out = append(out, sent...)
	}
	return out, nil
}

// forgeAt waits for the moment and sends the forgeries that belong there.
func (s *saboteur) forgeAt(ctx context.Context, at when, list []forgery) ([]Forged, error) {
	for {
		m, err := s.await(ctx, at != idle && at != almost, func(m moment) bool {
			switch at {
			case first:
				return m.rank == 0
			case second, almost:
				return m.rank > 0
			default:
				return true
			}
		})
		if err != nil {
			return nil, err
		}
		ms := engine.EarliestMs(m.parentMs(), 0)
		switch at {
		case almost:
			ms = m.slots[m.rank].FromMs - 1
		case idle:
			ms = engine.HeartbeatAt(m.parentMs()) - 1
		case atOnce:
			// Its number is looked at before its time.
			ms = m.parentMs() + params.BlockSpacingMs
		}
		f := &forge{saboteur: s, moment: m}
		blocks, raws, err := f.forge(ms, list)
		if err != nil {
			return nil, err
		}
		if at != atOnce {
			err = s.until(ctx, m, ms-headStart)
		}
		if errors.Is(err, errWrongMoment) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var out []Forged
		for i, c := range list {
			if err := s.wire.push(raws[i], blocks[i].NumberU64(), m.others()...); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			out = append(out, Forged{c.name, blocks[i].Hash(), m.parent.Number.Uint64() + 1, c.refused, c.may})
		}
		return out, nil
	}
}

// forge makes one block of each kind.
func (f *forge) forge(ms uint64, list []forgery) (blocks []*types.Block, raws [][]byte, err error) {
	for i, c := range list {
		// With tips for different accounts, no two forgeries are one block.
		b, err := f.make(f.moment, ms, common.Address{byte(i + 1)}, c.empty)
		if err != nil {
			return nil, nil, err
		}
		if b, err = f.apply(c, b); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", c.name, errors.Join(err, f.err))
		}
		raw, err := rlp.EncodeToBytes(b)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if c.raw != nil {
			raw = c.raw(raw)
		}
		blocks, raws = append(blocks, b), append(raws, raw)
	}
	return blocks, raws, f.err
}

func (f *forge) apply(c forgery, b *types.Block) (*types.Block, error) {
	var err error
	if c.body != nil {
		b = c.body(f, b)
	}
	if c.header != nil {
		if b, err = f.bend(b, c.header); err != nil {
			return nil, err
		}
	}
	if b, err = f.seal(b); err != nil {
		return nil, err
	}
	if c.sealed != nil {
		if b, err = f.bend(b, c.sealed); err != nil {
			return nil, err
		}
	}
	return b, f.err
}

// bend changes header and Extra. A change that sets h.Extra itself has the last
// word.
func (f *forge) bend(b *types.Block, change func(*forge, *types.Header, *engine.Extra)) (*types.Block, error) {
	h := b.Header()
	x, err := engine.ParseExtra(h.Extra)
	if err != nil {
		return nil, err
	}
	before, extra := bytes.Clone(h.Extra), x
	change(f, h, &x)
	if x != extra && bytes.Equal(before, h.Extra) {
		h.Extra = x.Bytes()
	}
	return b.WithSeal(h), nil
}
