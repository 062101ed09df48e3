// Package chaintest makes a Pars chain in memory for tests: real headers, seals and
// execution by evm/engine and libevm, one proposer, and a clock that moves only
// when a block is made.
package chaintest

import (
	"crypto/ecdsa"
	"math/big"
	"slices"
	"testing"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/crypto/bls/signer/localsigner"
	"github.com/ava-labs/avalanchego/vms/platformvm/warp"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/txpool/legacypool"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/ethdb"
	ethparams "github.com/ava-labs/libevm/params"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/extras"
	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/precompile"
)

// GenesisTime is the time of block 0, in seconds since 1970.
const GenesisTime = 1_800_000_000

// Accounts is how many keys hold a balance at genesis: those of
// [genesis.DevMnemonic].
const Accounts = genesis.DevAccountCount

// Store is a contract in genesis. Called without data it returns its slot 0;
// called with 32 bytes it writes them to slot 0 and logs them, as the data and
// as the only topic. StoreCode is its runtime code and StoreInit deploys it.
var (
	Store     = common.HexToAddress("0x5707e00000000000000000000000000000000000")
	StoreCode = common.FromHex("36600c575f545f5260205ff35b5f35805f55805f5260205fa100")
	StoreInit = append(append([]byte{0x79}, StoreCode...), common.FromHex("5f52601a6006f3")...)
)

// Chain is a chain in memory. Its methods are for one goroutine; what the fields
// point to is as safe as libevm makes it.
type Chain struct {
	BlockChain *core.BlockChain
	DB         ethdb.Database
	Pool       *txpool.TxPool
	Engine     *engine.Engine
	Proposer   ids.NodeID
	Keys       [Accounts]*ecdsa.PrivateKey

	tb      testing.TB
	chainID ids.ID
	signer  warp.Signer
	ms      uint64
}

// New starts a chain with pruning of old states, as an ordinary node has it, and
// stops it when the test ends.
func New(tb testing.TB) *Chain {
	tb.Helper()
	extras.Register()
	c := &Chain{
		tb:       tb,
		DB:       rawdb.NewMemoryDatabase(),
		Engine:   engine.New(engine.Config{}),
		Proposer: ids.NodeID{1},
		chainID:  ids.ID{2},
		ms:       GenesisTime * 1000,
	}
	alloc := precompile.Alloc()
	alloc[Store] = types.Account{Code: StoreCode, Balance: new(big.Int)}
	dev, err := genesis.DevAccounts()
	must(tb, err)
	for i := range c.Keys {
		c.Keys[i], err = crypto.ToECDSA(dev[i].PrivateKey[:])
		must(tb, err)
		alloc[Address(c.Keys[i])] = types.Account{Balance: new(big.Int).Mul(big.NewInt(1_000_000), big.NewInt(ethparams.Ether))}
	}
	secret := make([]byte, 32)
	secret[31] = 7
	key, err := localsigner.FromBytes(secret)
	must(tb, err)
	c.signer = warp.NewSigner(key, params.Dev.ID, c.chainID)
	config := *ethparams.MergedTestChainConfig
	config.ChainID = new(big.Int).SetUint64(params.Dev.ChainID())
	spec := &core.Genesis{
		Config:     &config,
		Timestamp:  GenesisTime,
		GasLimit:   params.GenesisGasLimit,
		BaseFee:    big.NewInt(params.MinBaseFee),
		Difficulty: new(big.Int),
		Alloc:      alloc,
	}
	cache := core.DefaultCacheConfigWithScheme(rawdb.HashScheme)
	cache.SnapshotLimit = 0
	c.BlockChain, err = core.NewBlockChain(c.DB, cache, spec, nil, c.Engine, vm.Config{}, nil, new(uint64))
	must(tb, err)
	pool := legacypool.DefaultConfig
	pool.Journal = ""
	c.Pool, err = txpool.New(1, c.BlockChain, []txpool.SubPool{legacypool.New(pool, c.BlockChain)})
	must(tb, err)
	tb.Cleanup(func() {
		must(tb, c.Pool.Close())
		c.BlockChain.Stop()
	})
	return c
}

// Address returns the address of a key.
func Address(k *ecdsa.PrivateKey) common.Address { return crypto.PubkeyToAddress(k.PublicKey) }

// Tx returns a signed transaction of account i with the next nonce that the pool
// knows. To is nil for a deployment.
func (c *Chain) Tx(i int, to *common.Address, value int64, data []byte) *types.Transaction {
	c.tb.Helper()
	from := Address(c.Keys[i])
	return c.TxAt(i, max(c.Pool.Nonce(from), c.nonce(from)), to, value, data)
}

// TxAt is [Chain.Tx] with a nonce of the caller's.
func (c *Chain) TxAt(i int, nonce uint64, to *common.Address, value int64, data []byte) *types.Transaction {
	c.tb.Helper()
	tx, err := types.SignNewTx(c.Keys[i], types.LatestSigner(c.BlockChain.Config()), &types.DynamicFeeTx{
		ChainID:   c.BlockChain.Config().ChainID,
		Nonce:     nonce,
		GasTipCap: big.NewInt(params.MinBaseFee),
		GasFeeCap: big.NewInt(100 * params.MinBaseFee),
		Gas:       200_000,
		To:        to,
		Value:     big.NewInt(value),
		Data:      data,
	})
	must(c.tb, err)
	return tx
}

// nonce returns the account's next nonce by the head's state.
func (c *Chain) nonce(of common.Address) uint64 {
	c.tb.Helper()
	st, err := c.BlockChain.State()
	must(c.tb, err)
	return st.GetNonce(of)
}

// Word returns n as the 32 bytes that [Store] takes.
func Word(n uint64) []byte { return common.BigToHash(new(big.Int).SetUint64(n)).Bytes() }

// Mine accepts a block with txs, 400 ms after its parent; without any, an empty
// one, 10 s after its parent. The pool learns of it a moment later.
func (c *Chain) Mine(txs ...*types.Transaction) *types.Block {
	c.tb.Helper()
	b := c.Build(c.BlockChain.CurrentBlock(), txs...)
	c.Accept(b)
	return b
}

// MinePool accepts a block with what the pool holds ready.
func (c *Chain) MinePool() *types.Block {
	c.tb.Helper()
	var txs []*types.Transaction
	for from, lazies := range c.Pool.Pending(txpool.PendingFilter{}) {
		for _, lazy := range lazies {
			// The pool may not have seen the last block yet.
			if tx := lazy.Resolve(); tx != nil && tx.Nonce() >= c.nonce(from) {
				txs = append(txs, tx)
			}
		}
	}
	slices.SortStableFunc(txs, func(a, b *types.Transaction) int { return int(a.Nonce()) - int(b.Nonce()) })
	return c.Mine(txs...)
}

// Build makes a block on parent, verifies it as a node does and stores it, but
// does not accept it.
func (c *Chain) Build(parent *types.Header, txs ...*types.Transaction) *types.Block {
	c.tb.Helper()
	up := engine.TimeMs(parent)
	ms := max(c.ms, up+params.BlockSpacingMs)
	if len(txs) == 0 {
		ms = max(ms, up+params.HeartbeatMs)
	}
	c.ms = ms
	h, err := c.Engine.Draft(parent, engine.Draft{
		NetworkID: params.Dev.ID,
		ChainID:   c.chainID,
		TimeMs:    ms,
		Proposer:  c.Proposer,
		Coinbase:  common.Address{0xc0},
	}, c.signer)
	must(c.tb, err)
	st, err := c.BlockChain.StateAt(parent.Root)
	must(c.tb, err)
	receipts := c.execute(h, st, txs)
	b, err := c.Engine.FinalizeAndAssemble(c.BlockChain, h, st, txs, nil, receipts, nil)
	must(c.tb, err)
	b, err = engine.SealBlock(params.Dev.ID, c.chainID, b, c.signer)
	must(c.tb, err)
	must(c.tb, c.BlockChain.InsertBlockWithoutSetHead(b))
	return b
}

func (c *Chain) execute(h *types.Header, st *state.StateDB, txs []*types.Transaction) []*types.Receipt {
	c.tb.Helper()
	var (
		pool     = new(core.GasPool).AddGas(h.GasLimit)
		config   = c.BlockChain.Config()
		receipts []*types.Receipt
	)
	for i, tx := range txs {
		st.SetTxContext(tx.Hash(), i)
		r, err := core.ApplyTransaction(config, c.BlockChain, &h.Coinbase, pool, st, h, tx, &h.GasUsed, vm.Config{})
		must(c.tb, err)
		receipts = append(receipts, r)
	}
	return receipts
}

// Accept makes a stored block the chain's head.
func (c *Chain) Accept(b *types.Block) {
	c.tb.Helper()
	_, err := c.BlockChain.SetCanonical(b)
	must(c.tb, err)
	c.BlockChain.SetFinalized(b.Header())
	c.BlockChain.SetSafe(b.Header())
}

// NowMs is the time of the newest block that was built, in milliseconds.
func (c *Chain) NowMs() uint64 { return c.ms }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
