package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/params"
)

// builder has the flags of `parsd genesis build`.
type builder struct {
	network, alloc, list, owner, time, mixHash string
	files, holdings                            []string
	weight, gasLimit                           uint64
	term                                       time.Duration
}

// entry is a validator in a list or file. Weight, EndTime and Owner are
// optional; the rest is what `parsd keys show --json` prints.
type entry struct {
	NodeID            ids.NodeID    `json:"nodeId"`
	PublicKey         hexutil.Bytes `json:"publicKey"`
	ProofOfPossession hexutil.Bytes `json:"proofOfPossession"`
	Weight            uint64        `json:"weight,string"`
	// EndTime is in Unix seconds.
	EndTime uint64 `json:"endTime"`
	Owner   string `json:"owner"`
}

func (b builder) build(now time.Time) (*genesis.Genesis, error) {
	network, err := params.NetworkByName(b.network)
	if err != nil {
		return nil, node.Usage(fmt.Errorf("--network: %w", err))
	}
	at, err := b.at(now)
	if err != nil {
		return nil, node.Usage(fmt.Errorf("--time: %w", err))
	}
	validators, err := b.validators(network, at)
	if err != nil {
		return nil, err
	}
	alloc, err := b.allocation(network)
	if err != nil {
		return nil, err
	}
	o := genesis.Options{GasLimit: b.gasLimit}
	if o.Holdings, err = b.held(network); err != nil {
		return nil, node.Usage(fmt.Errorf("--holding: %w", err))
	}
	if b.mixHash != "" {
		mix, err := hexutil.Decode(b.mixHash)
		if err != nil || len(mix) != len(o.MixHash) {
			return nil, node.Usage(fmt.Errorf("--mixhash is %q, want 0x and %d bytes in hex", b.mixHash, len(o.MixHash)))
		}
		copy(o.MixHash[:], mix)
	}
	g, err := genesis.Build(network, validators, alloc, at, o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", node.ErrGenesis, err)
	}
	return g, nil
}

// at returns the genesis time in Unix seconds.
func (b builder) at(now time.Time) (uint64, error) {
	if b.time == "" {
		return uint64(now.Unix()), nil
	}
	if s, err := strconv.ParseUint(b.time, 10, 63); err == nil {
		return s, nil
	}
	t, err := time.Parse(time.RFC3339, b.time)
	if err != nil || t.Unix() <= 0 {
		return 0, fmt.Errorf("got %q, want a time such as 2027-03-20T12:00:00Z, or Unix seconds", b.time)
	}
	return uint64(t.Unix()), nil
}

func (b builder) validators(network params.Network, at uint64) ([]genesis.Validator, error) {
	var entries []entry
	if b.list != "" {
		if err := readJSON(b.list, &entries); err != nil {
			return nil, fmt.Errorf("--validators: %w", err)
		}
	}
	for _, path := range b.files {
		var e entry
		if err := readJSON(path, &e); err != nil {
			return nil, fmt.Errorf("--validator: %w", err)
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, node.Usage(errors.New("no validators; name them with --validators LIST or --validator FILE, made by `parsd keys show --json`"))
	}
	owner, err := b.defaultOwner(network)
	if err != nil {
		return nil, err
	}
	out := make([]genesis.Validator, 0, len(entries))
	for i, e := range entries {
		v := genesis.Validator{NodeID: e.NodeID, Weight: e.Weight, EndTime: e.EndTime, Owner: owner}
		if len(e.PublicKey) != len(v.PublicKey) || len(e.ProofOfPossession) != len(v.ProofOfPossession) {
			return nil, node.Usage(fmt.Errorf("validator %d (%s): publicKey has %d bytes and proofOfPossession %d, want %d and %d",
				i, e.NodeID, len(e.PublicKey), len(e.ProofOfPossession), len(v.PublicKey), len(v.ProofOfPossession)))
		}
		copy(v.PublicKey[:], e.PublicKey)
		copy(v.ProofOfPossession[:], e.ProofOfPossession)
		if v.Weight == 0 {
			v.Weight = b.weight
		}
		if v.EndTime == 0 {
			v.EndTime = at + uint64(max(0, b.term/time.Second))
		}
		if e.Owner != "" {
			if v.Owner, err = genesis.ParseOwner(network, e.Owner); err != nil {
				return nil, node.Usage(fmt.Errorf("validator %d (%s): %w", i, e.NodeID, err))
			}
		}
		if v.Owner == ids.ShortEmpty {
			return nil, node.Usage(fmt.Errorf("validator %d (%s) names no owner; give one for all with --owner", i, e.NodeID))
		}
		out = append(out, v)
	}
	return out, nil
}

func (b builder) defaultOwner(network params.Network) (ids.ShortID, error) {
	switch {
	case b.owner != "":
		owner, err := genesis.ParseOwner(network, b.owner)
		if err != nil {
			return ids.ShortID{}, node.Usage(fmt.Errorf("--owner: %w", err))
		}
		return owner, nil
	case network == params.Dev:
		accounts, err := genesis.DevAccounts()
		if err != nil {
			return ids.ShortID{}, err
		}
		return accounts[0].Owner, nil
	}
	return ids.ShortEmpty, nil
}

// held reads --holding.
func (b builder) held(network params.Network) ([]genesis.Holding, error) {
	var out []genesis.Holding
	for _, text := range b.holdings {
		owner, amount, found := strings.Cut(text, "=")
		if !found {
			return nil, fmt.Errorf("%q has no =, want ADDRESS=AMOUNT", text)
		}
		h := genesis.Holding{}
		var err error
		if h.Owner, err = genesis.ParseOwner(network, owner); err != nil {
			return nil, err
		}
		if h.Amount, err = strconv.ParseUint(amount, 10, 63); err != nil {
			return nil, fmt.Errorf("amount of %q: %w", text, err)
		}
		out = append(out, h)
	}
	return out, nil
}

func (b builder) allocation(network params.Network) (types.GenesisAlloc, error) {
	if b.alloc == "" {
		if network == params.Dev {
			return genesis.DevAlloc()
		}
		return nil, node.Usage(fmt.Errorf("--alloc is needed: a JSON file whose balances sum to %d PARS", params.SupplyPARS))
	}
	var alloc types.GenesisAlloc
	if err := readJSON(b.alloc, &alloc); err != nil {
		return nil, fmt.Errorf("--alloc: %w", err)
	}
	return alloc, nil
}

// readJSON reads one JSON value from a file, strictly.
func readJSON(path string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return node.Usage(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, genesis.MaxFileLen+1))
	if err != nil {
		return node.Usage(err)
	}
	if len(text) > genesis.MaxFileLen {
		return node.Usage(fmt.Errorf("%s has more than %d bytes", path, genesis.MaxFileLen))
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return node.Usage(fmt.Errorf("%s: %w", path, err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return node.Usage(fmt.Errorf("%s: text after the JSON value", path))
	}
	return nil
}
