package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"strings"
	"time"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/node/keys"
	"github.com/pars-network/pars/params"
)

// devTerm is how long a validator of a development network serves:
// longer than any development folder lives.
const devTerm = 50 * 365 * 24 * time.Hour

// devHolding is what each development account has of the staking asset, to make
// validators of, in units of 10^-9.
const devHolding = 1_000_000 * params.StakeUnit

// DevGenesis makes the genesis of a new development network at the given time,
// in which every one of validators has the same stake and every development
// account has some to add others with. gasLimit is that of a block.
func DevGenesis(validators []*keys.Keys, gasLimit uint64, now time.Time) (*genesis.Genesis, error) {
	accounts, err := genesis.DevAccounts()
	if err != nil {
		return nil, err
	}
	alloc, err := genesis.DevAlloc()
	if err != nil {
		return nil, err
	}
	list := make([]genesis.Validator, len(validators))
	for i, k := range validators {
		proof, err := k.Proof()
		if err != nil {
			return nil, err
		}
		list[i] = genesis.Validator{
			NodeID: k.Node, PublicKey: proof.PublicKey, ProofOfPossession: proof.ProofOfPossession,
			Weight: params.MinStake, EndTime: uint64(now.Add(devTerm).Unix()), Owner: accounts[0].Owner,
		}
	}
	var holdings []genesis.Holding
	for _, a := range accounts {
		holdings = append(holdings, genesis.Holding{Owner: a.Owner, Amount: devHolding})
	}
	g, err := genesis.Build(params.Dev, list, alloc, uint64(now.Unix()), genesis.Options{GasLimit: gasLimit, Holdings: holdings})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGenesis, err)
	}
	return g, nil
}

// DevAccounts lists the accounts that g funds and whose keys are known.
func DevAccounts(g *genesis.Genesis) ([]Account, error) {
	known, err := genesis.DevAccounts()
	if err != nil {
		return nil, err
	}
	var out []Account
	for _, k := range known {
		a, ok := g.Alloc[k.Address]
		if !ok || a.Balance == nil || a.Balance.Sign() == 0 {
			continue
		}
		out = append(out, Account{
			Address: k.Address.Hex(), PrivateKey: fmt.Sprintf("0x%x", k.PrivateKey),
			Balance: a.Balance.String(), Tokens: tokens(a.Balance),
		})
	}
	return out, nil
}

// tokens renders wei as whole tokens, with what is left of one behind the point.
func tokens(wei *big.Int) string {
	whole, rest := new(big.Int).QuoRem(wei, big.NewInt(1_000_000_000_000_000_000), new(big.Int))
	if rest.Sign() == 0 {
		return whole.String()
	}
	return strings.TrimRight(fmt.Sprintf("%s.%018d", whole, rest), "0")
}

// ReadGenesis reads and checks a genesis.json.
func ReadGenesis(path string) (*genesis.Genesis, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Usage(fmt.Errorf("there is no file %s; name a genesis.json, or make one with `parsd genesis build`", path))
	}
	if err != nil {
		return nil, Usage(fmt.Errorf("reading the genesis: %w", err))
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, genesis.MaxFileLen+1))
	if err != nil {
		return nil, Usage(fmt.Errorf("reading the genesis: %w", err))
	}
	g, err := genesis.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrGenesis, path, err)
	}
	return g, nil
}

// networkGenesis finds the genesis that --network means.
func networkGenesis(network string) (*genesis.Genesis, error) {
	switch network {
	case "":
		return nil, Usage(errors.New("--network is needed: a genesis.json file, pars or pars-testnet; for a network of your own on this machine use `parsd --dev`"))
	case params.Mainnet.Name, params.Testnet.Name:
		return nil, Usage(fmt.Errorf("%s has no published genesis yet; get the genesis.json from whoever runs the network and give its path: --network genesis.json", network))
	}
	return ReadGenesis(network)
}
