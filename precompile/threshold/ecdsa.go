package threshold

import (
	"bytes"
	_ "embed"

	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/crypto/cggmp21"
	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IThresholdECDSA.json
var ecdsaABI []byte

// ECDSA is the contract at 0x0802. contracts/src/interfaces/IThresholdECDSA.sol
// describes it.
var ECDSA = contract.MustNew(contract.Config{
	Name: "Threshold ECDSA",
	ABI:  ecdsaABI,
	Functions: map[string]contract.Function{
		"verify(bytes,bytes32,bytes)":                    ecdsaVerifyRaw,
		"verifyPolicy(bytes32,uint16,bytes32,bytes)":     ecdsaVerifyPolicy,
		"verifyQuorum(bytes32[],uint16,bytes32,bytes[])": ecdsaVerifyQuorum,
		"accountOf(bytes)":                               ecdsaAccountOf,
	},
})

// maxKeys bounds the keys of a quorum.
const maxKeys = 16

// ecdsaVerify charges for and makes one verification.
func ecdsaVerify(c *contract.Call, publicKey []byte, digest [32]byte, signature []byte) ([]any, error) {
	if err := c.Charge(ecdsaGas); err != nil {
		return nil, err
	}
	valid, err := cggmp21.Verify(publicKey, digest, signature)
	return []any{valid}, refuseECDSA(err)
}

func ecdsaVerifyRaw(c *contract.Call) ([]any, error) {
	return ecdsaVerify(c, c.Args.Bytes(0), c.Args.Bytes32(1), c.Args.Bytes(2))
}

func ecdsaVerifyPolicy(c *contract.Call) ([]any, error) {
	g, err := load(c, c.Args.Bytes32(0))
	if err != nil {
		return nil, err
	}
	if want := uint16(c.Args.Uint64(1)); g.threshold < want {
		return nil, contract.Revert("ThresholdTooLow", g.threshold, want)
	}
	return ecdsaVerify(c, g.publicKey, c.Args.Bytes32(2), c.Args.Bytes(3))
}

func ecdsaVerifyQuorum(c *contract.Call) ([]any, error) {
	keys, quorum, digest, signatures := c.Args.List(0), c.Args.Uint64(1), c.Args.Bytes32(2), c.Args.List(3)
	if len(keys) == 0 || len(keys) > maxKeys || len(signatures) != len(keys) || quorum == 0 || quorum > uint64(len(keys)) {
		return nil, contract.Revert("Quorum")
	}
	var count uint64
	for i := range keys {
		if i > 0 && bytes.Compare(keys.Bytes(i-1), keys.Bytes(i)) >= 0 {
			return nil, contract.Revert("Quorum")
		}
		g, err := load(c, keys.Bytes32(i))
		if err != nil {
			return nil, err
		}
		if len(signatures.Bytes(i)) == 0 {
			continue
		}
		valid, err := ecdsaVerify(c, g.publicKey, digest, signatures.Bytes(i))
		if err != nil {
			return nil, err
		}
		if valid[0].(bool) {
			count++
		}
	}
	return []any{count >= quorum}, nil
}

func ecdsaAccountOf(c *contract.Call) ([]any, error) {
	if err := c.Charge(pointGas + hashGas); err != nil {
		return nil, err
	}
	key, err := crypto.DecompressPubkey(c.Args.Bytes(0))
	if err != nil {
		return nil, contract.Revert("Encoding")
	}
	return []any{crypto.PubkeyToAddress(*key)}, nil
}
