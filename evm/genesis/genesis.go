package genesis

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow/validators"
	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	"github.com/ava-labs/avalanchego/vms/platformvm/signer"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	ethparams "github.com/ava-labs/libevm/params"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/params"
)

// VMID names the EVM among AvalancheGo's virtual machines: "parsevm" and zeros.
var VMID = ids.ID{'p', 'a', 'r', 's', 'e', 'v', 'm'}

// Genesis is the content of genesis.json that is a choice. Everything else in
// the file is fixed by the network or by the protocol, and [Parse] refuses other
// values.
type Genesis struct {
	Network params.Network
	// Time is the genesis time of both chains in Unix seconds.
	Time uint64
	// GasLimit is that of genesis and of every block.
	GasLimit uint64
	// BaseFee is the base fee of genesis in wei.
	BaseFee *big.Int
	// MixHash is the start of the randomness chain. A network that is launched
	// in public sets it to something nobody could choose.
	MixHash common.Hash
	// Alloc is the EVM's first state, native contracts included.
	Alloc types.GenesisAlloc
	// Validators is the P-Chain's first set, in the order of the file.
	Validators []Validator
	// Holdings is the staking asset that is not staked at genesis.
	Holdings []Holding
}

// Validator is a member of the first validator set. All begin at genesis.
type Validator struct {
	NodeID ids.NodeID
	// PublicKey is the compressed BLS12-381 key that signs reveals and seals.
	PublicKey [bls.PublicKeyLen]byte
	// ProofOfPossession is the key's signature over itself.
	ProofOfPossession [bls.SignatureLen]byte
	// Weight is the stake in units of 10^-9 of the staking asset, which is not
	// PARS: it is membership weight and nothing else.
	Weight uint64
	// EndTime is when the term ends, in Unix seconds.
	EndTime uint64
	// Owner is the P-Chain address to which the stake returns.
	Owner ids.ShortID
}

// Holding is staking asset on the P-Chain that its owner can stake later.
type Holding struct {
	Owner ids.ShortID
	// Amount is in units of 10^-9.
	Amount uint64
}

// Hashes identify a genesis.
type Hashes struct {
	// Block is the hash of the EVM's genesis block.
	Block common.Hash
	// File is keccak of [Genesis.Bytes]: it also covers validators and timing.
	// Two nodes join the same network only if theirs are equal.
	File common.Hash
}

// Hash returns both hashes.
func (g *Genesis) Hash() (Hashes, error) {
	b, err := g.Bytes()
	if err != nil {
		return Hashes{}, err
	}
	evm, err := g.ToEVM()
	if err != nil {
		return Hashes{}, err
	}
	return Hashes{Block: evm.ToBlock().Hash(), File: crypto.Keccak256Hash(b)}, nil
}

// ToEVM returns the genesis as libevm takes it. It goes through libevm's own
// JSON decoder, so that chain configuration extras that are registered by then
// are in place.
func (g *Genesis) ToEVM() (*core.Genesis, error) {
	b, err := g.Bytes()
	if err != nil {
		return nil, err
	}
	var out core.Genesis
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("reading our genesis as geth's: %w", err)
	}
	return &out, nil
}

// EngineConfig returns the settings of the header rules.
func (g *Genesis) EngineConfig() engine.Config { return engine.Config{GasLimit: g.GasLimit} }

// ValidatorSet returns the set at P-Chain height 0. The genesis must have passed
// [Genesis.Check].
func (g *Genesis) ValidatorSet() (*engine.ValidatorSet, error) {
	out := make(map[ids.NodeID]*validators.GetValidatorOutput, len(g.Validators))
	for _, v := range g.Validators {
		key, err := bls.PublicKeyFromCompressedBytes(v.PublicKey[:])
		if err != nil {
			return nil, fmt.Errorf("validator %s: BLS public key: %w", v.NodeID, err)
		}
		out[v.NodeID] = &validators.GetValidatorOutput{NodeID: v.NodeID, PublicKey: key, Weight: v.Weight}
	}
	return engine.ValidatorSetOf(out)
}

// Proof returns key and proof of possession as the P-Chain takes them.
func (v Validator) Proof() *signer.ProofOfPossession {
	return &signer.ProofOfPossession{PublicKey: v.PublicKey, ProofOfPossession: v.ProofOfPossession}
}

// chainConfig returns the EVM rules of a network: Cancun from genesis on.
func chainConfig(n params.Network) ethparams.ChainConfig {
	zero := func() *big.Int { return new(big.Int) }
	return ethparams.ChainConfig{
		ChainID:                       new(big.Int).SetUint64(n.ChainID()),
		HomesteadBlock:                zero(),
		EIP150Block:                   zero(),
		EIP155Block:                   zero(),
		EIP158Block:                   zero(),
		ByzantiumBlock:                zero(),
		ConstantinopleBlock:           zero(),
		PetersburgBlock:               zero(),
		IstanbulBlock:                 zero(),
		BerlinBlock:                   zero(),
		LondonBlock:                   zero(),
		ShanghaiTime:                  new(uint64),
		CancunTime:                    new(uint64),
		TerminalTotalDifficulty:       zero(),
		TerminalTotalDifficultyPassed: true,
	}
}
