package engine

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"math/big"
	"testing"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/crypto/bls/signer/localsigner"
	"github.com/ava-labs/avalanchego/vms/platformvm/warp"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/params"
)

// rewrite makes the vector tests write spec/vectors anew before they read them.
var rewrite = flag.Bool("rewrite", false, "write spec/vectors from the code; review the difference")

const (
	worldNetwork = 1337
	worldGenesis = 1_790_000_000 // Unix seconds
	vectorDir    = "../../spec/vectors/"
)

var worldChain = ids.ID{0xc4, 0xa1, 0x17}

// world is a validator set with its keys and an engine.
type world struct {
	tb      testing.TB
	engine  *Engine
	set     *ValidatorSet
	keys    map[ids.NodeID]*localsigner.LocalSigner
	secrets map[ids.NodeID][32]byte
}

// newWorld makes n validators; number i has weight i+1 and a key that follows
// from its number.
func newWorld(tb testing.TB, n int) *world {
	tb.Helper()
	w := &world{tb: tb, engine: New(Config{}), keys: make(map[ids.NodeID]*localsigner.LocalSigner), secrets: make(map[ids.NodeID][32]byte)}
	vs := make([]Validator, n)
	for i := range vs {
		secret := sha256.Sum256(fmt.Appendf(nil, "engine test validator %d", i))
		secret[0] &= 0x3f // below the group's order
		key, err := localsigner.FromBytes(secret[:])
		if err != nil {
			tb.Fatal(err)
		}
		name := sha256.Sum256(secret[:])
		id := ids.NodeID(name[:ids.NodeIDLen])
		vs[i] = Validator{NodeID: id, PublicKey: key.PublicKey(), Weight: uint64(i + 1)}
		w.keys[id], w.secrets[id] = key, secret
	}
	var err error
	if w.set, err = NewValidatorSet(vs); err != nil {
		tb.Fatal(err)
	}
	return w
}

func (w *world) signer(id ids.NodeID) warp.Signer {
	w.tb.Helper()
	key, ok := w.keys[id]
	if !ok {
		w.tb.Fatalf("no key of %s", id)
	}
	return warp.NewSigner(key, worldNetwork, worldChain)
}

func (w *world) genesis() *types.Header {
	withdrawals := types.EmptyWithdrawalsHash
	return &types.Header{
		Number: new(big.Int), Time: worldGenesis, GasLimit: params.GenesisGasLimit, BaseFee: big.NewInt(10 * params.MinBaseFee),
		Difficulty: new(big.Int), UncleHash: types.EmptyUncleHash, TxHash: types.EmptyTxsHash, ReceiptHash: types.EmptyReceiptsHash,
		Root: common.Hash{0x11}, MixDigest: common.Hash{0x22}, WithdrawalsHash: &withdrawals,
		BlobGasUsed: new(uint64), ExcessBlobGas: new(uint64), ParentBeaconRoot: new(common.Hash),
	}
}

// proposer returns the node of the given rank for a child of parent.
func (w *world) proposer(parent *types.Header, rank int) ids.NodeID {
	return Order(Seed(worldChain, parent.Number.Uint64()+1, parent.MixDigest), w.set)[rank]
}

// draft returns an unsealed child that claims to hold a transaction.
func (w *world) draft(parent *types.Header, ms, pChainHeight uint64, proposer ids.NodeID) *types.Header {
	w.tb.Helper()
	h, err := w.engine.Draft(parent, Draft{
		NetworkID: worldNetwork, ChainID: worldChain, TimeMs: ms, PChainHeight: pChainHeight,
		Proposer: proposer, Coinbase: common.Address{0xc0},
	}, w.signer(proposer))
	if err != nil {
		w.tb.Fatal(err)
	}
	h.Root, h.TxHash, h.ReceiptHash, h.GasUsed = common.Hash{0x33}, common.Hash{0x44}, common.Hash{0x55}, 12_000_000
	return h
}

// seal signs h with the key of the given node.
func (w *world) seal(h *types.Header, id ids.NodeID) *types.Header {
	w.tb.Helper()
	block, err := SealBlock(worldNetwork, worldChain, types.NewBlockWithHeader(h), w.signer(id))
	if err != nil {
		w.tb.Fatal(err)
	}
	return block.Header()
}

// child returns a sealed, valid child by the given rank, as early as it may be.
func (w *world) child(parent *types.Header, rank int) *types.Header {
	w.tb.Helper()
	id := w.proposer(parent, rank)
	height, err := PChainHeight(parent)
	if err != nil {
		w.tb.Fatal(err)
	}
	return w.seal(w.draft(parent, EarliestMs(TimeMs(parent), rank), height, id), id)
}

// verify runs every check that does not depend on this node's state.
func (w *world) verify(parent, h *types.Header) error {
	if err := w.engine.CheckHeader(parent, h); err != nil {
		return err
	}
	return VerifyAuthorship(worldNetwork, worldChain, parent, h, w.set)
}

// edit changes the Extra of a header.
func edit(tb testing.TB, h *types.Header, change func(*Extra)) {
	tb.Helper()
	x, err := ParseExtra(h.Extra)
	if err != nil {
		tb.Fatal(err)
	}
	change(&x)
	h.Extra = x.Bytes()
}
