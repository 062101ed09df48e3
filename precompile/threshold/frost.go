// Package threshold holds the native contracts that check what a quorum signed:
// FROST (RFC 9591) at 0x0800, CGGMP21 at 0x0801, threshold ECDSA at 0x0802. The
// secrets and the signing stay off chain.
package threshold

import (
	_ "embed"
	"errors"

	"github.com/pars-network/pars/crypto/frost"
	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IFROST.json
var frostABI []byte

// FROST is the contract at 0x0800. contracts/src/interfaces/IFROST.sol describes
// it.
var FROST = contract.MustNew(contract.Config{
	Name: "FROST",
	ABI:  frostABI,
	Functions: map[string]contract.Function{
		"verify(uint8,bytes,bytes,bytes)":                                          frostVerify,
		"verifyShare(uint8,bytes,bytes,(uint16,bytes,bytes)[],uint16,bytes,bytes)": frostVerifyShare,
		"aggregate(uint8,bytes,bytes,(uint16,bytes,bytes)[],bytes[])":              frostAggregate,
	},
})

// maxSigners bounds one signature's signers on chain.
const maxSigners = 64

// frostGas are the prices of one suite; docs/precompiles/gas.md derives them.
// verify is a whole verification, quorum what a share's check or an aggregation
// costs apart from its signers, signer what each of them adds: two elements read
// and one multiplication.
type frostGas struct{ verify, quorum, signer uint64 }

var frostPrices = map[frost.SuiteID]frostGas{
	frost.Ed25519:      {verify: 19_000, quorum: 23_000, signer: 15_000},
	frost.Ristretto255: {verify: 11_000, quorum: 17_000, signer: 8_000},
	frost.Ed448:        {verify: 72_000, quorum: 90_000, signer: 66_000},
	frost.P256:         {verify: 18_000, quorum: 28_000, signer: 16_000},
	frost.Secp256k1:    {verify: 19_000, quorum: 28_000, signer: 16_000},
}

// messageWordGas is the price of hashing 32 bytes of message; a signing session
// hashes it twice.
const messageWordGas = 24

// begin finds the suite and charges for a verification.
func begin(c *contract.Call) (*frost.Suite, error) {
	suite, price, err := prices(c)
	if err != nil {
		return nil, err
	}
	return suite, c.Charge(price.verify + messageGas(c))
}

// beginQuorum finds the suite and charges for the work of signers.
func beginQuorum(c *contract.Call, signers int) (*frost.Suite, error) {
	suite, price, err := prices(c)
	if err != nil {
		return nil, err
	}
	if signers > maxSigners {
		return nil, contract.Revert("SignerSet")
	}
	return suite, c.Charge(price.quorum + uint64(signers)*price.signer + messageGas(c))
}

func messageGas(c *contract.Call) uint64 {
	return messageWordGas * contract.Words(len(c.Args.Bytes(2)))
}

func prices(c *contract.Call) (*frost.Suite, frostGas, error) {
	id := frost.SuiteID(c.Args.Uint64(0))
	suite, err := frost.SuiteByID(id)
	if err != nil {
		return nil, frostGas{}, contract.Revert("UnknownSuite", uint8(id))
	}
	return suite, frostPrices[id], nil
}

// refuse turns an error of package frost into a revert, and a wrong share into
// the named one.
func refuse(err error) error {
	switch {
	case errors.Is(err, frost.ErrEncoding):
		return contract.Revert("Encoding")
	case errors.Is(err, frost.ErrSigners):
		return contract.Revert("SignerSet")
	case errors.Is(err, frost.ErrShare):
		return contract.Revert("WrongShare")
	}
	return err
}

func frostVerify(c *contract.Call) ([]any, error) {
	suite, err := begin(c)
	if err != nil {
		return nil, err
	}
	valid, err := frost.Verify(suite, c.Args.Bytes(1), c.Args.Bytes(2), c.Args.Bytes(3))
	if err != nil {
		return nil, refuse(err)
	}
	return []any{valid}, nil
}

// commitments reads argument 3.
func commitments(c *contract.Call) []frost.Commitment {
	list := c.Args.List(3)
	out := make([]frost.Commitment, len(list))
	for i := range list {
		t := list.List(i)
		out[i] = frost.Commitment{ID: uint16(t.Uint64(0)), Hiding: t.Bytes(1), Binding: t.Bytes(2)}
	}
	return out
}

func frostVerifyShare(c *contract.Call) ([]any, error) {
	suite, err := beginQuorum(c, len(c.Args.List(3)))
	if err != nil {
		return nil, err
	}
	err = frost.VerifyShare(suite, c.Args.Bytes(1), c.Args.Bytes(2), commitments(c), uint16(c.Args.Uint64(4)), c.Args.Bytes(5), c.Args.Bytes(6))
	if err != nil && !errors.Is(err, frost.ErrShare) {
		return nil, refuse(err)
	}
	return []any{err == nil}, nil
}

func frostAggregate(c *contract.Call) ([]any, error) {
	list, parts := c.Args.List(3), c.Args.List(4)
	suite, err := beginQuorum(c, len(list))
	if err != nil {
		return nil, err
	}
	if len(parts) != len(list) {
		return nil, contract.Revert("SignerSet")
	}
	all := commitments(c)
	shares := make(map[uint16][]byte, len(parts))
	for i := range parts {
		shares[all[i].ID] = parts.Bytes(i)
	}
	sig, err := frost.Aggregate(suite, c.Args.Bytes(1), c.Args.Bytes(2), all, shares)
	if err != nil {
		return nil, refuse(err)
	}
	return []any{sig}, nil
}
