package staking

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ava-labs/avalanchego/api/info"
	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/constants"
	"github.com/ava-labs/avalanchego/vms/platformvm"
	platform "github.com/ava-labs/avalanchego/vms/platformvm/api"

	"github.com/pars-network/pars/params"
)

// ErrNode reports that the node doesn't answer, or not as one of Pars does.
var ErrNode = errors.New("can't ask the node")

// Network is a running network, seen through one of its nodes.
type Network struct {
	// Params is which network it is.
	Params params.Network

	url  string
	p    *platformvm.Client
	info *info.Client
}

// Dial asks the node whose engine has its API at address, such as
// http://127.0.0.1:9650, which network it is on.
func Dial(ctx context.Context, address string) (*Network, error) {
	at, err := url.Parse(address)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return nil, fmt.Errorf("%w: its API is at %q, want a URL such as http://127.0.0.1:%d", ErrNode, address, params.NodeAPIPort)
	}
	address = strings.TrimSuffix(address, "/")
	n := &Network{url: address, p: platformvm.NewClient(address), info: info.NewClient(address)}
	id, err := n.info.GetNetworkID(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w; is parsd running, and is this its API port?", ErrNode, address, err)
	}
	if n.Params, err = params.NetworkByID(id); err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrNode, address, err)
	}
	return n, nil
}

// Validator is a member of the validator set.
type Validator struct {
	NodeID ids.NodeID `json:"nodeId"`
	// Stake is its own and delegated stake, in units of 10^-9 STAKE.
	Stake uint64 `json:"stake,string"`
	// StartTime and EndTime are its term, in Unix seconds.
	StartTime uint64 `json:"startTime"`
	EndTime   uint64 `json:"endTime"`
	// Connected says whether the node that was asked is connected to it, or is it.
	Connected bool `json:"connected"`
	// PublicKey is its compressed BLS key: 0x and 48 bytes in hex.
	PublicKey string `json:"publicKey,omitempty"`
}

// Set is the validator set at one moment.
type Set struct {
	// PChainHeight is the P-Chain's height, in blocks, just before the set was
	// read, and Time its time in Unix seconds.
	PChainHeight uint64 `json:"pChainHeight"`
	Time         uint64 `json:"time"`
	// Validators are ordered by the end of their term.
	Validators []Validator `json:"validators"`
}

// Validators lists who validates now, as the P-Chain has it. Proposer windows
// follow half a minute later, when the P-Chain considers its height settled.
func (n *Network) Validators(ctx context.Context) (Set, error) {
	fail := func(err error) (Set, error) { return Set{}, fmt.Errorf("%w at %s: %w", ErrNode, n.url, err) }
	height, err := n.p.GetHeight(ctx)
	if err != nil {
		return fail(err)
	}
	at, err := n.p.GetTimestamp(ctx)
	if err != nil {
		return fail(err)
	}
	current, err := n.p.GetCurrentValidators(ctx, constants.PrimaryNetworkID, nil)
	if err != nil {
		return fail(err)
	}
	own, _, err := n.info.GetNodeID(ctx)
	if err != nil {
		return fail(err)
	}
	s := Set{PChainHeight: height, Time: uint64(at.Unix())}
	for _, c := range current {
		v := Validator{
			NodeID: c.NodeID, Stake: c.Weight, StartTime: c.StartTime, EndTime: c.EndTime,
			Connected: c.NodeID == own || c.Connected != nil && *c.Connected,
		}
		if c.DelegatorWeight != nil {
			v.Stake += *c.DelegatorWeight
		}
		if c.Signer != nil {
			v.PublicKey = fmt.Sprintf("0x%x", c.Signer.PublicKey)
		}
		s.Validators = append(s.Validators, v)
	}
	slices.SortFunc(s.Validators, func(a, b Validator) int {
		if a.EndTime != b.EndTime {
			return time.Unix(int64(a.EndTime), 0).Compare(time.Unix(int64(b.EndTime), 0))
		}
		return a.NodeID.Compare(b.NodeID)
	})
	return s, nil
}

// founders returns how many validators the network's genesis names.
func (n *Network) founders(ctx context.Context) (int, error) {
	set, err := n.p.GetValidatorsAt(ctx, constants.PrimaryNetworkID, platform.Height(0))
	if err != nil {
		return 0, fmt.Errorf("%w at %s: reading the validators of genesis: %w", ErrNode, n.url, err)
	}
	return len(set), nil
}

// connected reports whether the node that is asked is id or is connected to it.
func (n *Network) connected(ctx context.Context, id ids.NodeID) (bool, error) {
	own, _, err := n.info.GetNodeID(ctx)
	if err != nil {
		return false, fmt.Errorf("%w at %s: %w", ErrNode, n.url, err)
	}
	if own == id {
		return true, nil
	}
	peers, err := n.info.Peers(ctx, []ids.NodeID{id})
	if err != nil {
		return false, fmt.Errorf("%w at %s: %w", ErrNode, n.url, err)
	}
	return len(peers) > 0, nil
}
