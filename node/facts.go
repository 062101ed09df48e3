package node

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/rlp"

	"github.com/pars-network/pars/evm/chain"
	"github.com/pars-network/pars/evm/rpc"
	"github.com/pars-network/pars/params"
)

// nodeFacts answers what JSON-RPC asks about the node around the chain.
type nodeFacts struct {
	vm      *chain.VM
	network params.Network
	peers   func() int
	session func() []string
}

// NodeInfo implements [rpc.Node].
func (f nodeFacts) NodeInfo() rpc.NodeInfo {
	info := rpc.NodeInfo{
		Version: params.Version, Commit: params.Commit,
		NodeID: f.vm.NodeID().String(), Network: f.network.Name,
		NetworkID: f.vm.NetworkID(), ChainID: f.network.ChainID(),
		BlockchainID: f.vm.BlockchainID().String(), Peers: f.peers(),
	}
	if addrs := f.session(); len(addrs) > 0 {
		info.SessionAddress = addrs[0]
	}
	return info
}

// Syncing implements [rpc.Node]. The best block of the network isn't known
// while catching up, so it is 0.
func (f nodeFacts) Syncing() (uint64, bool) { return 0, !f.vm.Bootstrapped() }

// consensusFacts answers what JSON-RPC asks about proposers.
type consensusFacts struct{ vm *chain.VM }

// Validators implements [rpc.Consensus].
func (f consensusFacts) Validators(ctx context.Context, parent *types.Header) ([]rpc.Validator, error) {
	set, err := f.vm.ValidatorsOn(ctx, parent)
	if err != nil {
		return nil, err
	}
	var out []rpc.Validator
	for _, v := range set.All() {
		out = append(out, rpc.Validator{
			NodeID: v.NodeID.String(), Weight: v.Weight,
			PublicKey: "0x" + hex.EncodeToString(bls.PublicKeyToCompressedBytes(v.PublicKey)),
		})
	}
	return out, nil
}

// Schedule implements [rpc.Consensus].
func (f consensusFacts) Schedule(ctx context.Context, parent *types.Header) ([]rpc.Slot, error) {
	slots, err := f.vm.Schedule(ctx, parent)
	if err != nil {
		return nil, err
	}
	out := make([]rpc.Slot, len(slots))
	for i, s := range slots {
		out[i] = rpc.Slot{Rank: s.Rank, NodeID: s.NodeID.String(), FromMs: s.FromMs}
	}
	return out, nil
}

// Equivocations implements [rpc.Consensus].
func (f consensusFacts) Equivocations(context.Context) ([]rpc.Equivocation, error) {
	var out []rpc.Equivocation
	for _, e := range f.vm.Equivocations() {
		first, err := rlp.EncodeToBytes(e.First)
		if err != nil {
			return nil, fmt.Errorf("encoding evidence: %w", err)
		}
		second, err := rlp.EncodeToBytes(e.Second)
		if err != nil {
			return nil, fmt.Errorf("encoding evidence: %w", err)
		}
		out = append(out, rpc.Equivocation{
			NodeID: e.Proposer().String(), ParentHash: e.First.ParentHash.Hex(), Number: e.First.Number.Uint64(),
			First: "0x" + hex.EncodeToString(first), Second: "0x" + hex.EncodeToString(second),
		})
	}
	return out, nil
}
