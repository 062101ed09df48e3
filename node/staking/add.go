package staking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/constants"
	"github.com/ava-labs/avalanchego/vms/platformvm/reward"
	"github.com/ava-labs/avalanchego/vms/platformvm/signer"
	"github.com/ava-labs/avalanchego/vms/platformvm/status"
	"github.com/ava-labs/avalanchego/vms/platformvm/txs"
	"github.com/ava-labs/avalanchego/vms/secp256k1fx"
	"github.com/ava-labs/avalanchego/wallet/chain/p/builder"
	"github.com/ava-labs/avalanchego/wallet/chain/p/wallet"
	"github.com/ava-labs/avalanchego/wallet/subnet/primary"
	"github.com/ava-labs/avalanchego/wallet/subnet/primary/common"

	"github.com/pars-network/pars/params"
)

var (
	// ErrRequest reports a validator that the network wouldn't take.
	ErrRequest = errors.New("this validator can't be added")
	// ErrFunds reports that the key owns too little of the staking asset.
	ErrFunds = errors.New("not enough STAKE")
	// ErrRefused reports a transaction that the P-Chain dropped.
	ErrRefused = errors.New("the P-Chain refused the transaction")
)

const (
	// pollEvery is how often the fate of a transaction is asked for.
	pollEvery = 200 * time.Millisecond
	// spareTerm is how much longer than the shortest term a term must be: the
	// P-Chain counts from the block that has the transaction.
	spareTerm = 5 * time.Second
	// sole is how many validators a network has that decides by one voice.
	sole = 1
)

// Request is a validator to add.
type Request struct {
	// Node and Proof are what `parsd keys show` prints on the validator's
	// machine.
	Node  ids.NodeID
	Proof signer.ProofOfPossession
	// Stake is in units of 10^-9 STAKE.
	Stake uint64
	// Term is how long the stake is bound, and the node a validator, from now.
	Term time.Duration
	// Absent adds the node even though it isn't connected.
	Absent bool
}

// check applies the rules that need nothing but the request.
func (r *Request) check(network params.Network) error {
	switch {
	case r.Node == ids.EmptyNodeID:
		return fmt.Errorf("%w: it has no node id", ErrRequest)
	case r.Stake < params.MinStake || r.Stake > params.MaxStake:
		return fmt.Errorf("%w: its stake is %s STAKE, want %s to %s", ErrRequest, Whole(r.Stake), Whole(params.MinStake), Whole(params.MaxStake))
	case r.Term < network.MinTerm+spareTerm || r.Term > params.MaxTerm:
		return fmt.Errorf("%w: its term is %s, %s wants %s to %s", ErrRequest, r.Term, network.Name, network.MinTerm+spareTerm, params.MaxTerm)
	}
	if err := r.Proof.Verify(); err != nil {
		return fmt.Errorf("%w: its BLS key and proof of possession: %w", ErrRequest, err)
	}
	return nil
}

// Added is a validator that the P-Chain has taken.
type Added struct {
	TxID ids.ID `json:"txId"`
	Validator
	// Owner is the P-Chain address to which the stake returns: that of the key
	// that staked it.
	Owner string `json:"owner"`
}

// Add stakes for a validator with the stake that key owns, and waits until the
// P-Chain has accepted it. The transaction's fee is paid in the same asset and
// destroyed. When ctx ends, the transaction may still be accepted.
func (n *Network) Add(ctx context.Context, key *Key, r Request) (Added, error) {
	if err := r.check(n.Params); err != nil {
		return Added{}, err
	}
	if err := n.takes(ctx, r); err != nil {
		return Added{}, err
	}
	owner, err := key.Address(n.Params)
	if err != nil {
		return Added{}, err
	}
	tx, err := n.issue(ctx, key, r)
	if err != nil {
		return Added{}, err
	}
	if err := n.accepted(ctx, tx.ID()); err != nil {
		return Added{}, err
	}
	v, err := n.find(ctx, r.Node)
	if err != nil {
		return Added{}, err
	}
	return Added{TxID: tx.ID(), Validator: v, Owner: owner}, nil
}

// takes applies the rules that need the network.
func (n *Network) takes(ctx context.Context, r Request) error {
	founders, err := n.founders(ctx)
	if err != nil {
		return err
	}
	if founders == sole {
		return fmt.Errorf("%w: the genesis of this network names one validator, whose voice alone decides; its nodes would not ask another. Begin a network of more, such as `parsd localnet`", ErrRequest)
	}
	set, err := n.Validators(ctx)
	if err != nil {
		return err
	}
	for _, v := range set.Validators {
		if v.NodeID == r.Node {
			return fmt.Errorf("%w: %s is a validator until %s; a new term can begin after that", ErrRequest, r.Node, time.Unix(int64(v.EndTime), 0).UTC().Format(time.RFC3339))
		}
	}
	if r.Absent {
		return nil
	}
	there, err := n.connected(ctx, r.Node)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("%w: %s is not connected to the node at %s, and a validator that isn't there costs the network votes; start it first, or add it all the same with --absent", ErrRequest, r.Node, n.url)
	}
	return nil
}

// wallet knows what key owns now.
func (n *Network) wallet(ctx context.Context, key *Key) (wallet.Wallet, error) {
	w, err := primary.MakePWallet(ctx, n.url, secp256k1fx.NewKeychain(key.secret), primary.WalletConfig{})
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrNode, n.url, err)
	}
	return w, nil
}

// issue signs and sends the transaction.
func (n *Network) issue(ctx context.Context, key *Key, r Request) (*txs.Tx, error) {
	w, err := n.wallet(ctx, key)
	if err != nil {
		return nil, err
	}
	owner := &secp256k1fx.OutputOwners{Threshold: 1, Addrs: []ids.ShortID{key.owner()}}
	tx, err := w.IssueAddPermissionlessValidatorTx(
		&txs.SubnetValidator{
			Validator: txs.Validator{NodeID: r.Node, End: uint64(time.Now().Add(r.Term).Unix()), Wght: r.Stake},
			Subnet:    constants.PrimaryNetworkID,
		},
		&r.Proof, w.Builder().Context().AVAXAssetID, owner, owner,
		// Rewards are zero, so the share of them that delegators leave is of nothing.
		reward.PercentDenominator,
		common.WithContext(ctx), common.WithAssumeDecided(),
	)
	switch {
	case errors.Is(err, builder.ErrInsufficientFunds):
		return nil, fmt.Errorf("%w: %s STAKE and a small fee are needed (%w); see what the key owns with `parsd validator owner`", ErrFunds, Whole(r.Stake), err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return tx, nil
}

// accepted waits until the P-Chain has decided about a transaction.
func (n *Network) accepted(ctx context.Context, tx ids.ID) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		got, err := n.p.GetTxStatus(ctx, tx)
		switch {
		case err != nil:
			return fmt.Errorf("%w at %s about transaction %s, which may be accepted yet: %w", ErrNode, n.url, tx, err)
		case got.Status == status.Committed:
			return nil
		case got.Status == status.Aborted, got.Status == status.Dropped:
			return fmt.Errorf("%w: %s: %s", ErrRefused, tx, got.Reason)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for transaction %s, which may be accepted yet: %w", tx, ctx.Err())
		}
	}
}

// find returns a validator that must be there.
func (n *Network) find(ctx context.Context, id ids.NodeID) (Validator, error) {
	set, err := n.Validators(ctx)
	if err != nil {
		return Validator{}, err
	}
	for _, v := range set.Validators {
		if v.NodeID == id {
			return v, nil
		}
	}
	return Validator{}, fmt.Errorf("%w at %s: the transaction is accepted, but it doesn't list %s as a validator", ErrNode, n.url, id)
}
