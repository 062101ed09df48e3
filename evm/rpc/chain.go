package rpc

import (
	"context"
	"fmt"

	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/ethdb"
)

// Chain is what the API reads and where it hands in transactions. BlockChain,
// DB and TxPool are required and must outlive the [Server].
type Chain struct {
	// BlockChain holds the accepted chain. Blocks that it stores but that are
	// not canonical are not shown to anyone.
	BlockChain *core.BlockChain
	// DB is the database under BlockChain; the log index is written to it.
	DB ethdb.Database
	// TxPool holds transactions that wait for a block.
	TxPool *txpool.TxPool
	// Submit takes a transaction of a client into the pool and spreads it. It
	// returns once the pool knows the transaction, so that the sender's pending
	// nonce counts it. Nil: the transaction goes to TxPool only.
	Submit func(context.Context, *types.Transaction) error
	// Node tells about this node and its network. Nil: what params knows.
	Node Node
	// Consensus tells about validators. Nil: pars_ methods that need it fail
	// with a clear error.
	Consensus Consensus
}

// Node is what the API asks about the node it runs in.
type Node interface {
	// NodeInfo describes the node and its network now.
	NodeInfo() NodeInfo
	// Syncing reports whether the node is still behind the network; highest is
	// the best known block number, 0 if unknown.
	Syncing() (highest uint64, syncing bool)
}

// NodeInfo describes a node, as pars_nodeInfo answers it.
type NodeInfo struct {
	// Version and Commit name the build. The server fills them in when empty.
	Version string `json:"version"`
	Commit  string `json:"commit"`
	// NodeID is the node's identity among validators, "NodeID-...".
	NodeID string `json:"nodeId"`
	// Network is its name: pars, pars-testnet or pars-dev. The server fills it
	// in from the id when empty.
	Network string `json:"network"`
	// NetworkID is the id of the peer protocol.
	NetworkID uint32 `json:"networkId"`
	// ChainID is the EIP-155 chain id. The server fills it in when 0.
	ChainID uint64 `json:"chainId"`
	// BlockchainID is the chain's id at the engine, in its base-58 form.
	BlockchainID string `json:"blockchainId,omitempty"`
	// Peers is how many validators and nodes it is connected to.
	Peers int `json:"peers"`
	// SessionAddress is the multiaddr of the session node that runs beside it.
	SessionAddress string `json:"sessionAddress,omitempty"`
}

// Consensus is what the API asks about proposers.
type Consensus interface {
	// Validators returns the set that may propose children of parent.
	Validators(ctx context.Context, parent *types.Header) ([]Validator, error)
	// Schedule returns who may propose the child of parent, first rank first.
	Schedule(ctx context.Context, parent *types.Header) ([]Slot, error)
	// Equivocations returns the evidence that this node has kept, oldest first.
	Equivocations(ctx context.Context) ([]Equivocation, error)
}

// Validator is a member of the validator set.
type Validator struct {
	NodeID string `json:"nodeId"`
	// PublicKey is the compressed BLS key as 0x-prefixed hex.
	PublicKey string `json:"publicKey"`
	// Weight is its stake, in the unit of the P-Chain.
	Weight uint64 `json:"weight"`
}

// Slot is a proposer's place in the schedule of one block.
type Slot struct {
	// Rank counts from 0.
	Rank   int    `json:"rank"`
	NodeID string `json:"nodeId"`
	// FromMs is the earliest time that the proposer may stamp, in milliseconds
	// since 1970.
	FromMs uint64 `json:"fromMs"`
}

// Equivocation is the proof that one proposer sealed two different headers over
// the same parent: both headers in RLP, as they were sealed.
type Equivocation struct {
	NodeID     string `json:"nodeId"`
	ParentHash string `json:"parentHash"`
	Number     uint64 `json:"number"`
	// First and Second are the headers' RLP as 0x-prefixed hex.
	First  string `json:"first"`
	Second string `json:"second"`
}

func (c Chain) check() error {
	switch {
	case c.BlockChain == nil:
		return fmt.Errorf("rpc: Chain.BlockChain is nil, want the chain to serve")
	case c.DB == nil:
		return fmt.Errorf("rpc: Chain.DB is nil, want the chain's database")
	case c.TxPool == nil:
		return fmt.Errorf("rpc: Chain.TxPool is nil, want the chain's pool")
	}
	return nil
}
