package contract

import (
	"crypto/sha3"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"

	"github.com/ava-labs/libevm/core/vm"
)

// Call is one call of one function.
type Call struct {
	// Args are the decoded arguments.
	Args Args
	// Env is the EVM around the call.
	Env vm.PrecompileEnvironment
	// Input is the whole calldata.
	Input []byte
}

// Charge takes gas before the work that it pays for. It returns
// [vm.ErrOutOfGas], which the function has to return in turn.
func (c *Call) Charge(gas uint64) error {
	if !c.Env.UseGas(gas) {
		return vm.ErrOutOfGas
	}
	return nil
}

// Words is how many 32-byte words n bytes take.
func Words(n int) uint64 { return (uint64(n) + wordSize - 1) / wordSize }

// RandomnessGas is what [Call.Randomness] costs apart from the calldata, and
// RandomnessWordGas what it costs for each word of calldata.
const (
	RandomnessGas     = 250
	RandomnessWordGas = 12
)

// Randomness charges for and returns an endless stream of bytes that every node
// computes alike and anybody can recompute: SHAKE256 (FIPS 202) over domain,
// chain id, block number, parent hash, caller and calldata, the domain and the
// calldata with their length in front (8 bytes, big-endian), numbers as 32
// bytes, big-endian. The caller is the account whose code makes the call, by
// whichever call type. Two equal calls by one caller in one block see one stream.
//
// It keeps no secret: never draw a key from it that has to stay one.
func (c *Call) Randomness(domain string) (io.Reader, error) {
	if err := c.Charge(RandomnessGas + RandomnessWordGas*Words(len(c.Input))); err != nil {
		return nil, err
	}
	header, err := c.Env.BlockHeader()
	if err != nil {
		return nil, fmt.Errorf("contract: no block around the call: %w", err)
	}
	var number [32]byte
	h := sha3.NewSHAKE256()
	part := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		_, _ = h.Write(n[:]) // a SHAKE never fails
		_, _ = h.Write(b)
	}
	part([]byte(domain))
	_, _ = h.Write(c.Env.ChainConfig().ChainID.FillBytes(number[:]))
	_, _ = h.Write(c.Env.BlockNumber().FillBytes(number[:]))
	_, _ = h.Write(header.ParentHash[:])
	_, _ = h.Write(c.Env.Addresses().Raw.Caller[:])
	part(c.Input)
	return h, nil
}

func bigFrom(n uint64) *big.Int { return new(big.Int).SetUint64(n) }
