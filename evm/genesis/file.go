package genesis

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"strings"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/constants"
	"github.com/ava-labs/avalanchego/utils/formatting/address"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/common/math"
	"github.com/ava-labs/libevm/core/types"
	ethparams "github.com/ava-labs/libevm/params"

	"github.com/pars-network/pars/params"
)

const (
	// MaxFileLen bounds genesis.json in bytes: it becomes part of the P-Chain's
	// genesis, which every node holds.
	MaxFileLen = 8 << 20
	// maxDepth bounds how deep the file nests; the format needs five.
	maxDepth = 8
	// pAlias prefixes P-Chain addresses, as in "P-custom1...".
	pAlias = "P"
)

// ErrFile reports a file that is not a genesis.json.
var ErrFile = errors.New("invalid genesis.json")

// file is the JSON form. Pointers are fields with one permitted value, which may
// be left out when reading and are always written.
type file struct {
	Config        rules                                   `json:"config"`
	Nonce         *math.HexOrDecimal64                    `json:"nonce"`
	Timestamp     math.HexOrDecimal64                     `json:"timestamp"`
	ExtraData     *hexutil.Bytes                          `json:"extraData"`
	GasLimit      math.HexOrDecimal64                     `json:"gasLimit"`
	Difficulty    *math.HexOrDecimal256                   `json:"difficulty"`
	MixHash       common.Hash                             `json:"mixHash"`
	Coinbase      *common.Address                         `json:"coinbase"`
	Alloc         map[common.UnprefixedAddress]allocation `json:"alloc"`
	Number        *math.HexOrDecimal64                    `json:"number"`
	GasUsed       *math.HexOrDecimal64                    `json:"gasUsed"`
	ParentHash    *common.Hash                            `json:"parentHash"`
	BaseFee       *math.HexOrDecimal256                   `json:"baseFeePerGas"`
	ExcessBlobGas *math.HexOrDecimal64                    `json:"excessBlobGas"`
	BlobGasUsed   *math.HexOrDecimal64                    `json:"blobGasUsed"`
	Pars          section                                 `json:"pars"`
}

// rules is libevm's chain configuration without its methods, so that unknown
// fields in it are noticed.
type rules ethparams.ChainConfig

type allocation struct {
	Balance *math.HexOrDecimal256       `json:"balance"`
	Nonce   math.HexOrDecimal64         `json:"nonce,omitempty"`
	Code    hexutil.Bytes               `json:"code,omitempty"`
	Storage map[common.Hash]common.Hash `json:"storage,omitempty"`
}

// section is what Pars adds to geth's format.
type section struct {
	Network    string      `json:"network"`
	NetworkID  uint32      `json:"networkId"`
	Timing     timing      `json:"timing"`
	Validators []validator `json:"validators"`
	Holdings   []holding   `json:"holdings"`
}

// timing repeats the constants that two builds must share to agree on blocks.
type timing struct {
	BlockSpacingMs  uint64 `json:"blockSpacingMs"`
	WindowMs        uint64 `json:"windowMs"`
	HeartbeatMs     uint64 `json:"heartbeatMs"`
	BaseFeePeriodMs uint64 `json:"baseFeePeriodMs"`
	MinBaseFee      uint64 `json:"minBaseFee"`
}

var ourTiming = timing{
	BlockSpacingMs:  params.BlockSpacingMs,
	WindowMs:        params.WindowMs,
	HeartbeatMs:     params.HeartbeatMs,
	BaseFeePeriodMs: params.BaseFeePeriodMs,
	MinBaseFee:      params.MinBaseFee,
}

type validator struct {
	NodeID            ids.NodeID    `json:"nodeId"`
	PublicKey         hexutil.Bytes `json:"publicKey"`
	ProofOfPossession hexutil.Bytes `json:"proofOfPossession"`
	Weight            uint64        `json:"weight,string"`
	EndTime           uint64        `json:"endTime"`
	Owner             string        `json:"owner"`
}

type holding struct {
	Owner  string `json:"owner"`
	Amount uint64 `json:"amount,string"`
}

// Parse reads a genesis.json strictly and runs [Genesis.Check]. It refuses
// unknown and repeated fields, trailing data, files above [MaxFileLen] bytes and
// values that this build can't follow.
func Parse(b []byte) (*Genesis, error) {
	g, err := read(b)
	if err != nil {
		return nil, err
	}
	if err := g.Check(); err != nil {
		return nil, err
	}
	return g, nil
}

// read is Parse without Check.
func read(b []byte) (*Genesis, error) {
	if len(b) > MaxFileLen {
		return nil, fmt.Errorf("%w: got %d bytes, want at most %d", ErrFile, len(b), MaxFileLen)
	}
	if err := checkKeys(b); err != nil {
		return nil, err
	}
	var f file
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return f.genesis()
}

// Bytes returns the canonical file: fixed order of fields, sorted accounts, two
// spaces of indent, a final newline. It is what is hashed, written and given to
// the EVM as its genesis data.
func (g *Genesis) Bytes() ([]byte, error) {
	f, err := newFile(g)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding genesis.json: %w", err)
	}
	return append(b, '\n'), nil
}

func newFile(g *Genesis) (*file, error) {
	config := chainConfig(g.Network)
	f := &file{
		Config:    rules(config),
		Nonce:     new(math.HexOrDecimal64),
		Timestamp: math.HexOrDecimal64(g.Time),
		ExtraData: new(hexutil.Bytes),
		GasLimit:  math.HexOrDecimal64(g.GasLimit),
		MixHash:   g.MixHash,
		Coinbase:  new(common.Address),
		Alloc:     make(map[common.UnprefixedAddress]allocation, len(g.Alloc)),

		Difficulty: new(math.HexOrDecimal256), Number: new(math.HexOrDecimal64),
		GasUsed: new(math.HexOrDecimal64), ParentHash: new(common.Hash),
		ExcessBlobGas: new(math.HexOrDecimal64), BlobGasUsed: new(math.HexOrDecimal64),

		BaseFee: (*math.HexOrDecimal256)(g.BaseFee),
		Pars: section{
			Network: g.Network.Name, NetworkID: g.Network.ID, Timing: ourTiming,
			Validators: make([]validator, 0, len(g.Validators)), Holdings: make([]holding, 0, len(g.Holdings)),
		},
	}
	for at, a := range g.Alloc {
		balance := a.Balance
		if balance == nil {
			balance = new(big.Int)
		}
		f.Alloc[common.UnprefixedAddress(at)] = allocation{
			Balance: (*math.HexOrDecimal256)(balance), Nonce: math.HexOrDecimal64(a.Nonce), Code: a.Code, Storage: a.Storage,
		}
	}
	for _, v := range g.Validators {
		owner, err := formatOwner(g.Network, v.Owner)
		if err != nil {
			return nil, err
		}
		f.Pars.Validators = append(f.Pars.Validators, validator{
			NodeID: v.NodeID, PublicKey: v.PublicKey[:], ProofOfPossession: v.ProofOfPossession[:],
			Weight: v.Weight, EndTime: v.EndTime, Owner: owner,
		})
	}
	for _, h := range g.Holdings {
		owner, err := formatOwner(g.Network, h.Owner)
		if err != nil {
			return nil, err
		}
		f.Pars.Holdings = append(f.Pars.Holdings, holding{Owner: owner, Amount: h.Amount})
	}
	return f, nil
}

func (f *file) genesis() (*Genesis, error) {
	network, err := params.NetworkByID(f.Pars.NetworkID)
	if err != nil {
		return nil, fmt.Errorf("%w: pars.networkId: %w", ErrFile, err)
	}
	if f.Pars.Network != network.Name {
		return nil, fmt.Errorf("%w: pars.network is %q, want %q for network id %d", ErrFile, f.Pars.Network, network.Name, network.ID)
	}
	if f.Pars.Timing != ourTiming {
		return nil, fmt.Errorf("%w: pars.timing is %+v, this build follows %+v; use the build that the network runs", ErrFile, f.Pars.Timing, ourTiming)
	}
	if err := f.checkFixed(network); err != nil {
		return nil, err
	}
	g := &Genesis{
		Network: network, Time: uint64(f.Timestamp), GasLimit: uint64(f.GasLimit), MixHash: f.MixHash,
		BaseFee: (*big.Int)(f.BaseFee), Alloc: make(types.GenesisAlloc, len(f.Alloc)),
	}
	for at, a := range f.Alloc {
		if a.Balance == nil {
			return nil, fmt.Errorf("%w: alloc %s has no balance, want a number of wei", ErrFile, common.Address(at))
		}
		g.Alloc[common.Address(at)] = types.Account{Balance: (*big.Int)(a.Balance), Nonce: uint64(a.Nonce), Code: a.Code, Storage: a.Storage}
	}
	for i, v := range f.Pars.Validators {
		out := Validator{NodeID: v.NodeID, Weight: v.Weight, EndTime: v.EndTime}
		if len(v.PublicKey) != len(out.PublicKey) || len(v.ProofOfPossession) != len(out.ProofOfPossession) {
			return nil, fmt.Errorf("%w: validator %d: got a BLS key of %d and a proof of %d bytes, want %d and %d",
				ErrFile, i, len(v.PublicKey), len(v.ProofOfPossession), len(out.PublicKey), len(out.ProofOfPossession))
		}
		copy(out.PublicKey[:], v.PublicKey)
		copy(out.ProofOfPossession[:], v.ProofOfPossession)
		if out.Owner, err = ParseOwner(network, v.Owner); err != nil {
			return nil, fmt.Errorf("%w: validator %d: %w", ErrFile, i, err)
		}
		g.Validators = append(g.Validators, out)
	}
	for i, h := range f.Pars.Holdings {
		out := Holding{Amount: h.Amount}
		if out.Owner, err = ParseOwner(network, h.Owner); err != nil {
			return nil, fmt.Errorf("%w: holding %d: %w", ErrFile, i, err)
		}
		g.Holdings = append(g.Holdings, out)
	}
	return g, nil
}

// checkFixed refuses values where the protocol leaves no choice.
func (f *file) checkFixed(network params.Network) error {
	want, err := json.Marshal(rules(chainConfig(network)))
	if err != nil {
		return fmt.Errorf("encoding the chain configuration: %w", err)
	}
	got, err := json.Marshal(f.Config)
	if err != nil {
		return fmt.Errorf("%w: config: %w", ErrFile, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: config is %s, want %s", ErrFile, got, want)
	}
	for _, field := range []struct {
		name  string
		value *math.HexOrDecimal64
	}{
		{"nonce", f.Nonce}, {"number", f.Number}, {"gasUsed", f.GasUsed}, {"excessBlobGas", f.ExcessBlobGas}, {"blobGasUsed", f.BlobGasUsed},
	} {
		if field.value != nil && *field.value != 0 {
			return fmt.Errorf("%w: %s is %d, want 0", ErrFile, field.name, *field.value)
		}
	}
	switch {
	case f.ExtraData != nil && len(*f.ExtraData) > 0:
		return fmt.Errorf("%w: extraData has %d bytes, want none: genesis has no proposer", ErrFile, len(*f.ExtraData))
	case f.Difficulty != nil && (*big.Int)(f.Difficulty).Sign() != 0:
		return fmt.Errorf("%w: difficulty is %s, want 0", ErrFile, (*big.Int)(f.Difficulty))
	case f.Coinbase != nil && *f.Coinbase != (common.Address{}):
		return fmt.Errorf("%w: coinbase is %s, want the zero address", ErrFile, f.Coinbase)
	case f.ParentHash != nil && *f.ParentHash != (common.Hash{}):
		return fmt.Errorf("%w: parentHash is %s, want zeros", ErrFile, f.ParentHash)
	}
	return nil
}

// ParseOwner reads a P-Chain address such as "P-custom1..." of the network.
func ParseOwner(network params.Network, s string) (ids.ShortID, error) {
	alias, hrp, b, err := address.Parse(s)
	if err != nil {
		return ids.ShortID{}, fmt.Errorf("reading P-Chain address %q: %w", s, err)
	}
	if want := constants.GetHRP(network.ID); alias != pAlias || hrp != want {
		return ids.ShortID{}, fmt.Errorf("got address %q, want one that begins with %s-%s1", s, pAlias, want)
	}
	id, err := ids.ToShortID(b)
	if err != nil {
		return ids.ShortID{}, fmt.Errorf("reading P-Chain address %q: %w", s, err)
	}
	return id, nil
}

func formatOwner(network params.Network, owner ids.ShortID) (string, error) {
	s, err := address.Format(pAlias, constants.GetHRP(network.ID), owner[:])
	if err != nil {
		return "", fmt.Errorf("formatting P-Chain address %x: %w", owner[:], err)
	}
	return s, nil
}

// checkKeys walks the JSON tokens and refuses what encoding/json lets pass: a
// key that repeats inside one object (also in other case, or with and without
// 0x: two spellings of one account), field names in another case, and anything
// after the value.
func checkKeys(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := checkValue(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the closing brace", ErrFile)
	}
	return nil
}

func checkValue(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("%w: nested deeper than %d", ErrFile, maxDepth)
	}
	seen := make(map[string]bool)
	for dec.More() {
		if open == '{' {
			t, err := dec.Token()
			if err != nil {
				return fmt.Errorf("%w: %w", ErrFile, err)
			}
			key, _ := t.(string)
			if err := checkKey(key, seen); err != nil {
				return err
			}
		}
		if err := checkValue(dec, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	return nil
}

func checkKey(key string, seen map[string]bool) error {
	folded := strings.ToLower(key)
	if name, ok := fieldNames[folded]; ok && name != key {
		return fmt.Errorf("%w: field %q, want %q", ErrFile, key, name)
	}
	folded = strings.TrimPrefix(folded, "0x")
	if seen[folded] {
		return fmt.Errorf("%w: %q appears twice in one object", ErrFile, key)
	}
	seen[folded] = true
	return nil
}

// fieldNames maps the lower case of every field name in the file to the name.
var fieldNames = func() map[string]string {
	names := make(map[string]string)
	for _, t := range []reflect.Type{
		reflect.TypeFor[file](), reflect.TypeFor[rules](), reflect.TypeFor[allocation](), reflect.TypeFor[section](),
		reflect.TypeFor[timing](), reflect.TypeFor[validator](), reflect.TypeFor[holding](),
	} {
		for i := range t.NumField() {
			if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" {
				names[strings.ToLower(name)] = name
			}
		}
	}
	return names
}()
