package main

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ava-labs/avalanchego/database"
	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow"
	"github.com/ava-labs/avalanchego/snow/consensus/snowman"
	"github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/avalanchego/snow/engine/snowman/block"
	"github.com/ava-labs/avalanchego/snow/networking/sender"
	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	"github.com/ava-labs/avalanchego/utils/crypto/bls/signer/localsigner"
	"github.com/ava-labs/avalanchego/utils/logging"
	"github.com/ava-labs/avalanchego/vms"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/evm/chain"
	"github.com/pars-network/pars/evm/engine"
)

// The ways in which the node itself takes part in consensus, besides what it is
// told to send.
const (
	honest  = "honest"  // as parsd does
	mute    = "mute"    // never proposes
	dawdle  = "dawdle"  // with rank 0, proposes only when rank 1 may
	abstain = "abstain" // answers nobody: the consensus engine hangs
)

var errMute = errors.New("this node withholds its blocks")

// view is what a chain shows.
type view interface {
	Preferred() *types.Header
	Schedule(ctx context.Context, parent *types.Header) ([]chain.Slot, error)
	BlockChain() *core.BlockChain
	Engine() *engine.Engine
}

// saboteur is the node's bad side.
type saboteur struct {
	mode atomic.Value // string
	turn chan struct{}

	purse *ecdsa.PrivateKey
	key   bls.Signer // the validator's own

	vm   view
	sctx *snow.Context
	wire *wire

	mu    sync.Mutex
	fakes map[ids.ID][]byte // served to whoever asks for these blocks
}

func newSaboteur() (*saboteur, error) {
	money, err := openPurse()
	if err != nil {
		return nil, err
	}
	s := &saboteur{turn: make(chan struct{}, 1), purse: money, fakes: map[ids.ID][]byte{}}
	s.mode.Store(honest)
	return s, nil
}

func (s *saboteur) is(mode string) bool { return s.mode.Load() == mode }

func (s *saboteur) become(mode string) error {
	switch mode {
	case honest, mute, dawdle, abstain:
	default:
		return fmt.Errorf("got mode %q, want honest, mute, dawdle or abstain", mode)
	}
	s.mode.Store(mode)
	select {
	case s.turn <- struct{}{}:
	default:
	}
	return nil
}

// wrap puts the saboteur between the engine and the chain.
func (s *saboteur) wrap(inner vms.Factory) vms.Factory { return factory{inner, s} }

// arm gives the saboteur its way past the engine, and the validator's key from
// the folder keys: the engine's signer signs for this chain only.
func (s *saboteur) arm(keys string, to sender.ExternalSender) (err error) {
	if s.key, err = localsigner.FromFile(filepath.Join(keys, "signer.key")); err != nil {
		return err
	}
	s.wire, err = newWire(to, s.sctx)
	return err
}

type factory struct {
	vms.Factory
	s *saboteur
}

// New returns a VM that the saboteur watches.
func (f factory) New(log logging.Logger) (any, error) {
	made, err := f.Factory.New(log)
	if err != nil {
		return nil, err
	}
	vm, ok := made.(block.ChainVM)
	if !ok {
		return nil, fmt.Errorf("the node made a %T, want a chain", made)
	}
	return &puppet{ChainVM: vm, s: f.s}, nil
}

// puppet is the chain on the saboteur's strings.
type puppet struct {
	block.ChainVM
	s *saboteur
}

// Initialize takes note of what the engine gives a chain.
func (p *puppet) Initialize(ctx context.Context, sctx *snow.Context, db database.Database, genesis, upgrade, config []byte, fxs []*common.Fx, to common.AppSender) error {
	vm, ok := p.ChainVM.(view)
	if !ok {
		return fmt.Errorf("the node made a %T, want a Pars chain", p.ChainVM)
	}
	p.s.vm, p.s.sctx = vm, sctx
	return p.ChainVM.Initialize(ctx, sctx, db, genesis, upgrade, config, fxs, to)
}

// BuildBlock builds unless the node is to be silent.
func (p *puppet) BuildBlock(ctx context.Context) (snowman.Block, error) {
	if p.s.is(mute) {
		return nil, errMute
	}
	return p.ChainVM.BuildBlock(ctx)
}

// ParseBlock is where the engine hangs if it is to: every vote and every block
// passes here or waits behind what does.
func (p *puppet) ParseBlock(ctx context.Context, raw []byte) (snowman.Block, error) {
	for p.s.is(abstain) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
	return p.ChainVM.ParseBlock(ctx, raw)
}

// WaitForEvent says when to build: never, or later than an honest node would.
func (p *puppet) WaitForEvent(ctx context.Context) (common.Message, error) {
	for {
		if p.s.is(mute) {
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-p.s.turn:
				continue
			}
		}
		m, err := p.ChainVM.WaitForEvent(ctx)
		if err != nil || !p.s.is(dawdle) {
			return m, err
		}
		wait, err := p.s.dawdling(ctx)
		if err != nil || wait <= 0 {
			return m, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(min(wait, lookEvery)): // the preference may change
		}
	}
}

// GetBlock serves the chain's blocks and the fakes.
func (p *puppet) GetBlock(ctx context.Context, id ids.ID) (snowman.Block, error) {
	p.s.mu.Lock()
	raw, ok := p.s.fakes[id]
	p.s.mu.Unlock()
	if ok {
		return fake{id: id, raw: raw}, nil
	}
	return p.ChainVM.GetBlock(ctx, id)
}

// fake is a block that only exists to be sent.
type fake struct {
	snowman.Block
	id  ids.ID
	raw []byte
}

// ID returns what it was asked for by.
func (f fake) ID() ids.ID { return f.id }

// Bytes returns what is sent.
func (f fake) Bytes() []byte { return f.raw }

// dawdling returns how long rank 0 still waits for rank 1's window.
func (s *saboteur) dawdling(ctx context.Context) (time.Duration, error) {
	parent := s.vm.Preferred()
	slots, err := s.vm.Schedule(ctx, parent)
	if err != nil || len(slots) < 2 || slots[0].NodeID != s.sctx.NodeID {
		return 0, err
	}
	return time.Until(time.UnixMilli(int64(slots[1].FromMs))), nil
}
