package chain

import (
	"context"
	"errors"
	"math/big"
	"testing"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow"
	"github.com/ava-labs/avalanchego/snow/consensus/snowman"
	"github.com/ava-labs/avalanchego/vms/platformvm/warp"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/rlp"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

// forge is a block of the leader's that a test bends before it is sealed again.
type forge struct {
	t      *testing.T
	net    *testNet
	by     *testNode
	parent *types.Header
	block  *types.Block
}

func (f *forge) signer(i int) warp.Signer {
	return warp.NewSigner(f.net.keys[i], params.Dev.ID, testBlockchain)
}

// bend changes the header and its Extra, and seals it with the leader's key.
func (f *forge) bend(change func(h *types.Header, x *engine.Extra)) *types.Block {
	h := f.block.Header()
	x := must(engine.ParseExtra(h.Extra))(f.t)
	change(h, &x)
	h.Extra = x.Bytes()
	return must(engine.SealBlock(params.Dev.ID, testBlockchain, f.block.WithSeal(h), f.signer(f.by.index)))(f.t)
}

// atTime bends only the time, and everything that follows from it.
func (f *forge) atTime(ms uint64) *types.Block {
	return f.bend(func(h *types.Header, x *engine.Extra) {
		x.TimeMs, h.Time, h.BaseFee = ms, ms/1000, engine.BaseFee(f.parent, ms)
	})
}

// unsealed bends a header without sealing it again.
func (f *forge) unsealed(change func(h *types.Header, x *engine.Extra)) *types.Block {
	h := f.block.Header()
	x := must(engine.ParseExtra(h.Extra))(f.t)
	change(h, &x)
	h.Extra = x.Bytes()
	return f.block.WithSeal(h)
}

// reveal returns a signature over the reveal of another height or by another key.
func (f *forge) reveal(height uint64, by int) [96]byte {
	m := must(engine.RevealMessage(params.Dev.ID, testBlockchain, f.parent.MixDigest, height))(f.t)
	return [96]byte(must(f.signer(by).Sign(m))(f.t))
}

// Every header that is wrong in one way is refused by the VM itself, after it
// parsed, and leaves nothing behind.
func TestInvalidHeadersAreRefused(t *testing.T) {
	other := func(f *forge) int { return (f.by.index + 1) % 2 }
	for _, c := range []struct {
		name string
		make func(f *forge) *types.Block
		want error
	}{
		{"wrong seal: another validator's key", func(f *forge) *types.Block {
			b := f.bend(func(*types.Header, *engine.Extra) {})
			return must(engine.SealBlock(params.Dev.ID, testBlockchain, b, f.signer(other(f))))(f.t)
		}, engine.ErrSignature},
		{"wrong seal: the header changed after sealing", func(f *forge) *types.Block {
			return f.unsealed(func(h *types.Header, _ *engine.Extra) { h.Coinbase = common.Address{0xee} })
		}, engine.ErrSignature},
		{"wrong seal: no signature at all", func(f *forge) *types.Block {
			return f.unsealed(func(_ *types.Header, x *engine.Extra) { x.Seal = [96]byte{0xc0} })
		}, engine.ErrSignature},
		{"wrong seal: zeros", func(f *forge) *types.Block {
			return f.unsealed(func(_ *types.Header, x *engine.Extra) { x.Seal = [96]byte{} })
		}, engine.ErrExtra},
		{"wrong seal: made for another chain", func(f *forge) *types.Block {
			s := warp.NewSigner(f.net.keys[f.by.index], params.Dev.ID, ids.ID{9})
			return must(engine.SealBlock(params.Dev.ID, ids.ID{9}, f.block, s))(f.t)
		}, engine.ErrSignature},
		{"false reveal: of another height", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, x *engine.Extra) {
				x.Reveal = f.reveal(7, f.by.index)
				h.MixDigest = engine.NextMix(f.parent.MixDigest, x.Reveal)
			})
		}, engine.ErrSignature},
		{"false reveal: another validator's", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, x *engine.Extra) {
				x.Reveal = f.reveal(f.block.NumberU64(), other(f))
				h.MixDigest = engine.NextMix(f.parent.MixDigest, x.Reveal)
			})
		}, engine.ErrSignature},
		{"mix digest does not follow from the reveal", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.MixDigest[0] ^= 1 })
		}, engine.ErrMix},
		{"time from the future", func(f *forge) *types.Block { return f.atTime(f.net.clock.ms() + 3_600_000) }, engine.ErrTooEarly},
		{"time 101 ms ahead of the clock", func(f *forge) *types.Block { return f.atTime(f.net.clock.ms() + 101) }, engine.ErrTooEarly},
		{"too early after its parent", func(f *forge) *types.Block { return f.atTime(engine.TimeMs(f.parent) + 399) }, engine.ErrTime},
		{"seconds that are not the milliseconds'", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.Time-- })
		}, engine.ErrTime},
		{"before its proposer's window", func(f *forge) *types.Block {
			return must(engine.SealBlock(params.Dev.ID, testBlockchain, f.unsealed(func(h *types.Header, x *engine.Extra) {
				x.Proposer, x.Reveal = f.net.ids[other(f)], f.reveal(f.block.NumberU64(), other(f))
				h.MixDigest = engine.NextMix(f.parent.MixDigest, x.Reveal)
			}), f.signer(other(f))))(f.t)
		}, engine.ErrOutOfTurn},
		{"proposer that is no validator", func(f *forge) *types.Block {
			return f.bend(func(_ *types.Header, x *engine.Extra) { x.Proposer = ids.NodeID{99} })
		}, engine.ErrProposer},
		{"wrong base fee", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.BaseFee = new(big.Int).Add(h.BaseFee, common.Big1) })
		}, engine.ErrBaseFee},
		{"wrong gas limit", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.GasLimit++ })
		}, engine.ErrGasLimit},
		{"gas used above the limit", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.GasUsed = h.GasLimit + 1 })
		}, engine.ErrGasLimit},
		{"wrong height", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.Number = new(big.Int).Add(h.Number, common.Big1) })
		}, engine.ErrNumber},
		{"parent P-Chain height lower than the parent's", func(f *forge) *types.Block {
			return f.bend(func(_ *types.Header, x *engine.Extra) { x.PChainHeight-- })
		}, engine.ErrPChainHeight},
		{"P-Chain height above the node's own", func(f *forge) *types.Block {
			return f.bend(func(_ *types.Header, x *engine.Extra) { x.PChainHeight++ })
		}, engine.ErrPChainAhead},
		{"unknown parent", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.ParentHash[0] ^= 1 })
		}, ErrOrphan},
		{"an empty block before its time", func(f *forge) *types.Block {
			h := f.bend(func(h *types.Header, _ *engine.Extra) {
				h.TxHash, h.ReceiptHash, h.Bloom = types.EmptyTxsHash, types.EmptyReceiptsHash, types.Bloom{}
				h.GasUsed, h.Root = 0, f.parent.Root
			}).Header()
			return types.NewBlockWithHeader(h).WithWithdrawals([]*types.Withdrawal{})
		}, engine.ErrEmptyBlock},
		{"wrong state root", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.Root[0] ^= 1 })
		}, nil},
		{"wrong receipts", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.ReceiptHash[0] ^= 1 })
		}, nil},
		{"wrong bloom", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.Bloom[0] ^= 1 })
		}, nil},
		{"wrong gas used", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.GasUsed++ })
		}, nil},
		{"difficulty", func(f *forge) *types.Block {
			return f.bend(func(h *types.Header, _ *engine.Extra) { h.Difficulty = common.Big1 })
		}, engine.ErrUnused},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := newTestNet(t, 2, genesis.Options{})
			nodes := net.started(2)
			net.pHeight.Store(5)
			give(t, net.transfer(0), nodes...)
			round(nodes)
			give(t, net.transfer(0), nodes...)
			by := leader(nodes)
			parent := by.Preferred()
			good := by.build()
			f := &forge{t, net, by, parent, good.EthBlock()}
			judge := nodes[(by.index+1)%2]
			refused(t, judge, c.make(f), c.want)
			// The node goes on.
			judge.adopt(good)
			if judge.height() != 2 {
				t.Errorf("height = %d after the good block, want 2", judge.height())
			}
		})
	}
}

// refused parses and verifies the block and wants an error, and no trace.
func refused(t *testing.T, n *testNode, eth *types.Block, want error) {
	t.Helper()
	raw := must(rlp.EncodeToBytes(eth))(t)
	b, err := n.ParseBlock(context.Background(), raw)
	if err != nil {
		t.Fatalf("ParseBlock must be syntactic, got %v", err)
	}
	if err = b.Verify(context.Background()); err == nil || (want != nil && !errors.Is(err, want)) {
		t.Fatalf("Verify = %v, want %v", err, want)
	}
	if err := n.SetPreference(context.Background(), b.ID()); !errors.Is(err, ErrNotVerified) {
		t.Errorf("SetPreference of a refused block = %v, want %v", err, ErrNotVerified)
	}
	if err := b.Accept(context.Background()); !errors.Is(err, ErrNotVerified) {
		t.Errorf("Accept of a refused block = %v, want %v", err, ErrNotVerified)
	}
	got, err := n.GetBlock(context.Background(), b.ID())
	if early := engine.IsTransient(want); early != (err == nil) {
		t.Errorf("GetBlock of a refused block = %v, %v, want it %v", got, err, early)
	}
}

func TestAnEarlyBlockPassesLater(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	give(t, net.transfer(0), n)
	b := n.build()
	ms := net.clock.ms()
	net.clock.set(ms - params.ClockToleranceMs - 1)
	if err := n.parse(b).Verify(context.Background()); !errors.Is(err, engine.ErrTooEarly) {
		t.Fatalf("Verify = %v, want too early", err)
	}
	served := must(n.GetBlock(context.Background(), b.ID()))(t)
	net.clock.set(ms - params.ClockToleranceMs)
	if err := served.Verify(context.Background()); err != nil {
		t.Fatalf("Verify when it is time = %v", err)
	}
	if n.early.get(b.ID()) != nil {
		t.Error("a verified block is still in the early cache")
	}
	accept(t, n, served)
}

func TestABlockAheadOfThePChainPassesLater(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	net.pHeight.Store(3)
	give(t, net.transfer(0), n)
	b := n.build()
	net.pHeight.Store(2)
	if err := n.parse(b).Verify(context.Background()); !errors.Is(err, engine.ErrPChainAhead) {
		t.Fatalf("Verify = %v, want P-Chain ahead", err)
	}
	net.pHeight.Store(3)
	served := must(n.GetBlock(context.Background(), b.ID()))(t)
	if err := served.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
	accept(t, n, served)
}

// While bootstrapping any Verify error stops the chain, so what depends on this
// node's clock and P-Chain is not asked.
func TestBootstrappingAsksNeitherClockNorPChain(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n, late := net.node(0).start(), net.node(0)
	net.pHeight.Store(3)
	give(t, net.transfer(0), n)
	b := n.build()
	n.adopt(b)
	late.start()
	late.setState(snow.Bootstrapping)
	net.pHeight.Store(0)
	net.clock.set(testGenesisTime * 1000)
	late.adopt(b)
	if late.height() != 1 {
		t.Errorf("height = %d, want 1", late.height())
	}
}

func accept(t *testing.T, n *testNode, b snowman.Block) {
	t.Helper()
	if err := n.SetPreference(context.Background(), b.ID()); err != nil {
		t.Fatal(err)
	}
	if err := b.Accept(context.Background()); err != nil {
		t.Fatal(err)
	}
}
