package zk

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"math/big"
	"math/bits"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/params"

	"github.com/pars-network/pars/crypto/stark"
	"github.com/pars-network/pars/precompile/contract"
)

//go:embed ISTARK.json
var starkABI []byte

// STARK is the contract at 0x0902. contracts/src/interfaces/ISTARK.sol describes
// it.
var STARK = contract.MustNew(contract.Config{
	Name: "STARK verifier",
	ABI:  starkABI,
	Functions: map[string]contract.Function{
		"registerAIR(bytes)":                        registerAIR,
		"airOf(bytes32)":                            airOf,
		"verify(bytes32,uint256,bytes,bytes,bytes)": starkVerify,
		"security(bytes,uint256)":                   starkSecurity,
	},
	Stateful: true,
})

// Prices and limits; docs/precompiles/gas.md derives the prices.
const (
	// blockGas and multiplicationGas price [stark.Work].
	blake3BlockGas    = 12
	sha3BlockGas      = 40
	multiplicationGas = 1
	// verifyBaseGas covers what does not grow with the statement.
	verifyBaseGas = 10_000
	// airByteGas is the price of reading and checking one byte of an AIR.
	airByteGas = 1
	// securityGas is the price of the big-number logarithms.
	securityGas = 12_000
	// minConjectured is the policy of verify, in bits.
	minConjectured = 100
	// maxAIR is one byte less than the code of a contract may have (EIP-170): an
	// AIR is stored as the code of an account, behind a STOP.
	maxAIR = params.MaxCodeSize - 1
)

// airRegistered is the first topic of the event.
var airRegistered = crypto.Keccak256Hash([]byte("AIRRegistered(bytes32,address,uint256)"))

// chunk is the account that holds an AIR. Nobody has a key or code for it.
func chunk(id [32]byte) common.Address {
	return common.BytesToAddress(crypto.Keccak256([]byte("pars stark air v1"), id[:]))
}

// load charges for reading an AIR's account and returns its description, nil
// when there is none.
func load(c *contract.Call, id [32]byte) ([]byte, error) {
	if err := c.Charge(params.ColdAccountAccessCostEIP2929); err != nil {
		return nil, err
	}
	state := c.Env.ReadOnlyState()
	at := chunk(id)
	size := state.GetCodeSize(at)
	if size == 0 {
		return nil, nil
	}
	if err := c.Charge(airByteGas * uint64(size)); err != nil {
		return nil, err
	}
	return state.GetCode(at)[1:], nil
}

func registerAIR(c *contract.Call) ([]any, error) {
	air := c.Args.Bytes(0)
	size := uint64(len(air))
	if size > maxAIR {
		return nil, contract.Revert("InvalidAIR")
	}
	if err := c.Charge(params.ColdAccountAccessCostEIP2929 + (airByteGas+1)*size + params.Keccak256Gas + params.Keccak256WordGas*contract.Words(len(air))); err != nil {
		return nil, err
	}
	if _, err := stark.ParseAIR(air); err != nil {
		return nil, contract.Revert("InvalidAIR")
	}
	id := crypto.Keccak256Hash(air)
	at := chunk(id)
	state := c.Env.StateDB()
	if state.GetCodeSize(at) > 0 {
		return []any{[32]byte(id)}, nil
	}
	// What CREATE charges for an account and its code, and a log of three topics
	// and a word.
	if err := c.Charge(params.CreateGas + params.CreateDataGas*(size+1) + params.LogGas + 3*params.LogTopicGas + 32*params.LogDataGas); err != nil {
		return nil, err
	}
	state.SetNonce(at, 1)
	state.SetCode(at, append([]byte{0x00}, air...))
	self, caller := c.Env.Addresses().Raw.Self, c.Env.Addresses().Raw.Caller
	state.AddLog(&types.Log{
		Address:     self,
		Topics:      []common.Hash{airRegistered, id, common.BytesToHash(caller[:])},
		Data:        binary.BigEndian.AppendUint64(make([]byte, 24), size),
		BlockNumber: c.Env.BlockNumber().Uint64(),
	})
	return []any{[32]byte(id)}, nil
}

func airOf(c *contract.Call) ([]any, error) {
	air, err := load(c, c.Args.Bytes32(0))
	if err != nil {
		return nil, err
	}
	return []any{append([]byte{}, air...)}, nil
}

// elements reads 8-byte little-endian field elements.
func elements(b []byte) ([]uint64, bool) {
	if len(b)%8 != 0 || len(b)/8 > stark.MaxPublicInputs {
		return nil, false
	}
	out := make([]uint64, len(b)/8)
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return out, true
}

func starkVerify(c *contract.Call) ([]any, error) {
	if err := c.Charge(verifyBaseGas); err != nil {
		return nil, err
	}
	id, length, proof := c.Args.Bytes32(0), c.Args.Uint256(1), c.Args.Bytes(4)
	options, err := stark.ParseOptions(c.Args.Bytes(2))
	if err != nil {
		return nil, contract.Revert("InvalidStatement")
	}
	if b := options.ConjecturedSecurity(); b < minConjectured {
		return nil, contract.Revert("WeakOptions", max(b, 0))
	}
	public, ok := elements(c.Args.Bytes(3))
	if !ok || !length.IsUint64() {
		return nil, contract.Revert("InvalidStatement")
	}
	if len(proof) > stark.MaxProofSize {
		return nil, contract.Revert("MalformedProof")
	}
	code, err := load(c, id)
	if err != nil {
		return nil, err
	}
	if code == nil {
		return nil, contract.Revert("UnknownAIR", id)
	}
	air, err := stark.ParseAIR(code)
	if err != nil {
		return nil, err // only a registered AIR is stored
	}
	work, err := stark.WorkOf(air, length.Uint64(), options, len(proof))
	if err != nil {
		return nil, contract.Revert("InvalidStatement")
	}
	blockGas := uint64(blake3BlockGas)
	if air.Hash == stark.SHA3 {
		blockGas = sha3BlockGas
	}
	if err := c.Charge(blockGas*work.HashBlocks + multiplicationGas*work.Multiplications); err != nil {
		return nil, err
	}
	err = stark.Verify(air, length.Uint64(), options, public, proof)
	switch {
	case errors.Is(err, stark.ErrStatement):
		return nil, contract.Revert("InvalidStatement")
	case errors.Is(err, stark.ErrMalformed):
		return nil, contract.Revert("MalformedProof")
	}
	return []any{err == nil}, nil
}

func starkSecurity(c *contract.Call) ([]any, error) {
	if err := c.Charge(securityGas); err != nil {
		return nil, err
	}
	options, err := stark.ParseOptions(c.Args.Bytes(0))
	length := c.Args.Uint256(1)
	if err != nil || !length.IsUint64() || length.Uint64() < 8 || length.Uint64() > 1<<31 || bits.OnesCount64(length.Uint64()) != 1 {
		return nil, contract.Revert("InvalidStatement")
	}
	unique, list := options.ProvenSecurity(length.Uint64(), stark.MaxConstraints+stark.MaxAssertions, 2*stark.MaxWidth)
	return []any{number(options.ConjecturedSecurity()), number(unique), number(list)}, nil
}

func number(n int) *big.Int { return big.NewInt(int64(max(n, 0))) }
