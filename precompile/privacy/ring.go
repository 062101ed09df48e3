package privacy

import (
	_ "embed"
	"errors"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/params"

	"github.com/pars-network/pars/crypto/ring"
	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IRing.json
var ringABI []byte

// Ring is the contract at 0x0700. contracts/src/interfaces/IRing.sol describes
// it.
var Ring = contract.MustNew(contract.Config{
	Name: "Ring signatures",
	ABI:  ringABI,
	Functions: map[string]contract.Function{
		"verifyLSAG(bytes32[],bytes32,bytes,bytes)":              verifyLSAG,
		"verifyCLSAG(bytes32[],bytes32[],bytes32,bytes32,bytes)": verifyCLSAG,
		"useLSAG(bytes32[],bytes32,bytes,bytes)":                 useLSAG,
		"useCLSAG(bytes32[],bytes32[],bytes32,bytes32,bytes)":    useCLSAG,
		"isUsed(address,bytes32)":                                isUsed,
	},
	Stateful: true,
})

// Prices; docs/precompiles/gas.md derives them.
const (
	lsagBaseGas    = 8_000
	lsagMemberGas  = 11_500
	clsagBaseGas   = 10_000
	clsagMemberGas = 16_500
	// hashWordGas is the price of hashing 32 bytes of message or ring.
	hashWordGas = 6
)

// imageUsed is the first topic of the event.
var imageUsed = crypto.Keccak256Hash([]byte("KeyImageUsed(address,bytes32)"))

// used is the value of a slot whose image was used.
var used = common.BytesToHash([]byte{1})

// refuse turns an error of package ring into a revert.
func refuse(err error) error {
	switch {
	case errors.Is(err, ring.ErrRing):
		return contract.Revert("RingMembers")
	case errors.Is(err, ring.ErrPoint):
		return contract.Revert("Point")
	case errors.Is(err, ring.ErrSignature):
		return contract.Revert("SignatureEncoding")
	}
	return err
}

func points(list contract.Args) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = list.Bytes(i)
	}
	return out
}

// checkLSAG verifies arguments 0 to 3 and returns the image.
func checkLSAG(c *contract.Call) (valid bool, image [32]byte, err error) {
	members, message := points(c.Args.List(0)), c.Args.Bytes(2)
	if len(members) > ring.MaxMembers {
		return false, image, contract.Revert("RingMembers")
	}
	image = c.Args.Bytes32(1)
	if err := c.Charge(lsagBaseGas + lsagMemberGas*uint64(len(members)) + hashWordGas*contract.Words(len(message))); err != nil {
		return false, image, err
	}
	valid, err = ring.VerifyLSAG(members, image[:], message, c.Args.Bytes(3))
	return valid, image, refuse(err)
}

// checkCLSAG verifies arguments 0 to 4 and returns the image.
func checkCLSAG(c *contract.Call) (valid bool, image [32]byte, err error) {
	members, commitments := points(c.Args.List(0)), points(c.Args.List(1))
	if len(members) > ring.MaxMembers {
		return false, image, contract.Revert("RingMembers")
	}
	if len(commitments) != len(members) {
		return false, image, contract.Revert("CommitmentCount", len(commitments), len(members))
	}
	n := uint64(len(members))
	if err := c.Charge(clsagBaseGas + n*(clsagMemberGas+hashWordGas*(2*n+8))); err != nil {
		return false, image, err
	}
	sig, err := ring.ParseCLSAG(c.Args.Bytes(4), len(members))
	if err != nil {
		// A ring of none or one also lands here, and is the better reason.
		if len(members) < ring.MinMembers {
			err = ring.ErrRing
		}
		return false, image, refuse(err)
	}
	copy(image[:], sig.Image)
	valid, err = ring.VerifyCLSAG(members, commitments, c.Args.Bytes(2), c.Args.Bytes(3), sig)
	return valid, image, refuse(err)
}

func verifyLSAG(c *contract.Call) ([]any, error) {
	valid, _, err := checkLSAG(c)
	return []any{valid}, err
}

func verifyCLSAG(c *contract.Call) ([]any, error) {
	valid, _, err := checkCLSAG(c)
	return []any{valid}, err
}

// slot is where the use of an image by an account is kept.
func slot(account common.Address, image [32]byte) common.Hash {
	return crypto.Keccak256Hash([]byte("pars ring image v1"), account[:], image[:])
}

// use records the image for the caller, at the price of a fresh storage slot
// (EIP-2929) and a log of three topics.
func use(c *contract.Call, valid bool, image [32]byte) error {
	if !valid {
		return contract.Revert("InvalidSignature")
	}
	if err := c.Charge(params.ColdSloadCostEIP2929); err != nil {
		return err
	}
	addresses := c.Env.Addresses().Raw
	at, state := slot(addresses.Caller, image), c.Env.StateDB()
	if state.GetState(addresses.Self, at) == used {
		return contract.Revert("ImageUsed", image)
	}
	if err := c.Charge(params.SstoreSetGasEIP2200 + params.LogGas + 3*params.LogTopicGas); err != nil {
		return err
	}
	state.SetState(addresses.Self, at, used)
	state.AddLog(&types.Log{
		Address:     addresses.Self,
		Topics:      []common.Hash{imageUsed, common.BytesToHash(addresses.Caller[:]), image},
		BlockNumber: c.Env.BlockNumber().Uint64(),
	})
	return nil
}

func useLSAG(c *contract.Call) ([]any, error) {
	valid, image, err := checkLSAG(c)
	if err != nil {
		return nil, err
	}
	return nil, use(c, valid, image)
}

func useCLSAG(c *contract.Call) ([]any, error) {
	valid, image, err := checkCLSAG(c)
	if err != nil {
		return nil, err
	}
	return []any{image}, use(c, valid, image)
}

func isUsed(c *contract.Call) ([]any, error) {
	if err := c.Charge(params.ColdSloadCostEIP2929); err != nil {
		return nil, err
	}
	at := slot(c.Args.Address(0), c.Args.Bytes32(1))
	return []any{c.Env.ReadOnlyState().GetState(c.Env.Addresses().Raw.Self, at) == used}, nil
}
