package params

import (
	"fmt"
	"strings"
	"time"
)

// Network is one Pars network. The EVM chain id and the id under which nodes
// find each other are the same number, so a node can't join one network while
// it signs transactions for another.
type Network struct {
	// Name is what people type: "pars", "pars-testnet", "pars-dev".
	Name string
	// ID is the network id of the peer protocol and the EIP-155 chain id.
	ID uint32
	// Symbol is the gas token's ticker.
	Symbol string
	// MinValidators is how many validators a genesis must name at least.
	MinValidators int
	// MinTerm is the shortest time for which a validator who joins after genesis
	// may be staked. It is consensus of the P-Chain. Stake that can leave within
	// minutes has nothing to lose, so only development networks allow that.
	MinTerm time.Duration
}

// MaxTerm is the longest such time, on every network.
const MaxTerm = 365 * 24 * time.Hour

// The three networks.
var (
	Mainnet = Network{Name: "pars", ID: 6133, Symbol: "PARS", MinValidators: 21, MinTerm: 14 * 24 * time.Hour}
	Testnet = Network{Name: "pars-testnet", ID: 6134, Symbol: "tPARS", MinValidators: 4, MinTerm: 24 * time.Hour}
	Dev     = Network{Name: "pars-dev", ID: 1337, Symbol: "PARS", MinValidators: 1, MinTerm: 10 * time.Second}
)

// Networks returns the three networks, main network first.
func Networks() []Network { return []Network{Mainnet, Testnet, Dev} }

// NetworkByName returns the network that people call name.
func NetworkByName(name string) (Network, error) {
	var known []string
	for _, n := range Networks() {
		if n.Name == name {
			return n, nil
		}
		known = append(known, n.Name)
	}
	return Network{}, fmt.Errorf("unknown network %q; known are %s", name, strings.Join(known, ", "))
}

// NetworkByID returns the network with the given id.
func NetworkByID(id uint32) (Network, error) {
	for _, n := range Networks() {
		if n.ID == id {
			return n, nil
		}
	}
	return Network{}, fmt.Errorf("unknown network id %d; known are 6133, 6134 and 1337", id)
}

// ChainID is the network's EIP-155 chain id.
func (n Network) ChainID() uint64 { return uint64(n.ID) }
