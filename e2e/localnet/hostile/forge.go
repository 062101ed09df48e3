package main

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/evm/chain"
	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/genesis"
)

const (
	// lookEvery is how often the node looks whether its moment has come.
	lookEvery = 2 * time.Millisecond
	// purse is the development account that pays for what is in forged blocks.
	// Tests must not use it otherwise.
	purse = genesis.DevAccountCount - 1
	// headStart is how long before its time a block is sent: within the 100 ms
	// that clocks may differ, and before an honest node makes one.
	headStart = 90
)

var errWrongMoment = errors.New("the chain went on meanwhile")

// moment is a place in the chain on which blocks are forged.
type moment struct {
	parent *types.Header
	slots  []chain.Slot
	rank   int // this node's
}

func (s *saboteur) moment(ctx context.Context) (moment, error) {
	m := moment{parent: s.vm.Preferred()}
	var err error
	if m.slots, err = s.vm.Schedule(ctx, m.parent); err != nil {
		return m, err
	}
	for _, slot := range m.slots {
		if slot.NodeID == s.sctx.NodeID {
			m.rank = slot.Rank
			return m, nil
		}
	}
	return m, errors.New("this node is no validator")
}

// others returns the other validators.
func (m moment) others() []ids.NodeID {
	var out []ids.NodeID
	for i, slot := range m.slots {
		if i != m.rank {
			out = append(out, slot.NodeID)
		}
	}
	return out
}

func (m moment) parentMs() uint64 { return engine.TimeMs(m.parent) }

// await returns the first place for which fits says yes; with fresh, not one that
// is there already.
func (s *saboteur) await(ctx context.Context, fresh bool, fits func(moment) bool) (moment, error) {
	var last common.Hash
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if hash := s.vm.Preferred().Hash(); hash != last {
			old := fresh && last == (common.Hash{})
			last = hash
			m, err := s.moment(ctx)
			if err != nil {
				return m, err
			}
			if !old && m.parent.Hash() == hash && fits(m) {
				return m, nil
			}
		}
		select {
		case <-ctx.Done():
			return moment{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// until waits for a time, as long as the place is the preferred one.
func (s *saboteur) until(ctx context.Context, m moment, ms uint64) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for uint64(time.Now().UnixMilli()) < ms {
		if s.vm.Preferred().Hash() != m.parent.Hash() {
			return errWrongMoment
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// make returns a block that is valid from the time ms on, if this node may
// propose then. to receives the tips; with empty, there are no transactions.
func (s *saboteur) make(m moment, ms uint64, to common.Address, empty bool) (*types.Block, error) {
	height, err := engine.PChainHeight(m.parent)
	if err != nil {
		return nil, err
	}
	h, err := s.vm.Engine().Draft(m.parent, engine.Draft{
		NetworkID: s.sctx.NetworkID, ChainID: s.sctx.ChainID,
		TimeMs: max(ms, engine.EarliestMs(m.parentMs(), 0)), PChainHeight: height, Proposer: s.sctx.NodeID, Coinbase: to,
	}, s.sctx.WarpSigner)
	if err != nil {
		return nil, err
	}
	bc := s.vm.BlockChain()
	st, err := bc.StateAt(m.parent.Root)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errWrongMoment, err)
	}
	beacon := vm.NewEVM(core.NewEVMBlockContext(h, bc, &h.Coinbase), vm.TxContext{}, st, bc.Config(), *bc.GetVMConfig())
	core.ProcessBeaconBlockRoot(*h.ParentBeaconRoot, beacon, st)
	var txs []*types.Transaction
	var receipts []*types.Receipt
	if !empty {
		tx, err := s.pay(st.GetNonce(s.purseAddress()))
		if err != nil {
			return nil, err
		}
		st.SetTxContext(tx.Hash(), 0)
		gas := new(core.GasPool).AddGas(h.GasLimit)
		receipt, err := core.ApplyTransaction(bc.Config(), bc, &h.Coinbase, gas, st, h, tx, &h.GasUsed, *bc.GetVMConfig())
		if err != nil {
			return nil, err
		}
		txs, receipts = append(txs, tx), append(receipts, receipt)
	}
	b, err := s.vm.Engine().FinalizeAndAssemble(bc, h, st, txs, nil, receipts, nil)
	if err != nil {
		return nil, err
	}
	return s.seal(b)
}

// seal signs the block as this node, past its guard.
func (s *saboteur) seal(b *types.Block) (*types.Block, error) {
	return engine.SealBlock(s.sctx.NetworkID, s.sctx.ChainID, b, s.sctx.WarpSigner)
}

// pay signs a transfer of the purse's to itself.
func (s *saboteur) pay(nonce uint64) (*types.Transaction, error) {
	id := new(big.Int).SetUint64(uint64(s.sctx.NetworkID))
	to := s.purseAddress()
	return types.SignNewTx(s.purse, types.LatestSignerForChainID(id), &types.DynamicFeeTx{
		ChainID: id, Nonce: nonce, Gas: 21_000, To: &to, GasTipCap: big.NewInt(1_000_000_000), GasFeeCap: big.NewInt(1_000_000_000_000),
	})
}

func (s *saboteur) purseAddress() common.Address { return crypto.PubkeyToAddress(s.purse.PublicKey) }

// openPurse returns the key of the purse.
func openPurse() (*ecdsa.PrivateKey, error) {
	accounts, err := genesis.DevAccounts()
	if err != nil {
		return nil, err
	}
	return crypto.ToECDSA(accounts[purse].PrivateKey[:])
}
