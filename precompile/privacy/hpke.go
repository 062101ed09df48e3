package privacy

import (
	_ "embed"
	"errors"

	"github.com/pars-network/pars/crypto/hpke"
	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IHPKE.json
var hpkeABI []byte

// HPKE is the contract at 0x0702. contracts/src/interfaces/IHPKE.sol describes
// it.
var HPKE = contract.MustNew(contract.Config{
	Name: "HPKE",
	ABI:  hpkeABI,
	Functions: map[string]contract.Function{
		"deriveKeyPair(uint16,bytes)": hpkeDeriveKeyPair,
		"seal((uint8,uint16,uint16,uint16,bytes,bytes,bytes,bytes),bytes,bytes,bytes,bytes)": hpkeSeal,
		"open((uint8,uint16,uint16,uint16,bytes,bytes,bytes,bytes),bytes,bytes,bytes,bytes)": hpkeOpen,
	},
})

// hpkeGas are the prices of one mechanism; docs/precompiles/gas.md derives them.
// auth is what a sender's key adds.
type hpkeGas struct{ derive, seal, open, auth uint64 }

var hpkePrices = map[hpke.KEM]hpkeGas{
	hpke.P256:           {derive: 7_000, seal: 25_000, open: 21_500, auth: 19_000},
	hpke.X25519:         {derive: 6_000, seal: 17_500, open: 15_500, auth: 14_000},
	hpke.MLKEM768:       {derive: 7_000, seal: 9_500, open: 16_000},
	hpke.MLKEM1024:      {derive: 10_500, seal: 13_500, open: 21_000},
	hpke.MLKEM768P256:   {derive: 13_000, seal: 30_000, open: 37_000},
	hpke.MLKEM1024P384:  {derive: 37_000, seal: 86_000, open: 106_000},
	hpke.MLKEM768X25519: {derive: 17_500, seal: 23_000, open: 38_000},
}

// hpkeWordGas is the price of encrypting, authenticating or deriving from 32
// bytes.
const hpkeWordGas = 12

// refuseHPKE turns an error of package hpke into a revert.
func refuseHPKE(err error) error {
	switch {
	case errors.Is(err, hpke.ErrSuite):
		return contract.Revert("UnknownSuite")
	case errors.Is(err, hpke.ErrInputs):
		return contract.Revert("SetupInputs")
	case errors.Is(err, hpke.ErrKey):
		return contract.Revert("InvalidKey")
	case errors.Is(err, hpke.ErrOpen):
		return contract.Revert("OpenFailed")
	}
	return err
}

// setup reads argument 0 and finds the prices of its mechanism.
func setup(c *contract.Call) (s hpke.Setup, senderKey []byte, price hpkeGas, err error) {
	t := c.Args.List(0)
	s = hpke.Setup{
		Mode: hpke.Mode(t.Uint64(0)), KEM: hpke.KEM(t.Uint64(1)), KDF: hpke.KDF(t.Uint64(2)), AEAD: hpke.AEAD(t.Uint64(3)),
		Info: t.Bytes(4), PSK: t.Bytes(5), PSKID: t.Bytes(6),
	}
	price = hpkePrices[s.KEM]
	if !s.Mode.HasSender() {
		price.auth = 0
	}
	return s, t.Bytes(7), price, refuseHPKE(s.Check())
}

// words charges for all the bytes of the call, whatever part they belong to.
func words(c *contract.Call) uint64 { return hpkeWordGas * contract.Words(len(c.Input)) }

func hpkeDeriveKeyPair(c *contract.Call) ([]any, error) {
	kem, ikm := hpke.KEM(c.Args.Uint64(0)), c.Args.Bytes(1)
	price, ok := hpkePrices[kem]
	if !ok {
		return nil, contract.Revert("UnknownSuite")
	}
	if err := c.Charge(price.derive); err != nil {
		return nil, err
	}
	pk, sk, err := hpke.DeriveKeyPair(kem, ikm)
	if err != nil {
		return nil, refuseHPKE(err)
	}
	return []any{pk, sk}, nil
}

func hpkeSeal(c *contract.Call) ([]any, error) {
	s, senderKey, price, err := setup(c)
	if err != nil {
		return nil, err
	}
	if err := c.Charge(price.seal + price.auth + words(c)); err != nil {
		return nil, err
	}
	enc, sender, err := s.Sender(c.Args.Bytes(1), senderKey, c.Args.Bytes(2))
	if err != nil {
		return nil, refuseHPKE(err)
	}
	return []any{enc, sender.Seal(c.Args.Bytes(3), c.Args.Bytes(4))}, nil
}

func hpkeOpen(c *contract.Call) ([]any, error) {
	s, senderKey, price, err := setup(c)
	if err != nil {
		return nil, err
	}
	if err := c.Charge(price.open + price.auth + words(c)); err != nil {
		return nil, err
	}
	recipient, err := s.Recipient(c.Args.Bytes(1), c.Args.Bytes(2), senderKey)
	if err != nil {
		return nil, refuseHPKE(err)
	}
	plaintext, err := recipient.Open(c.Args.Bytes(3), c.Args.Bytes(4))
	if err != nil {
		return nil, refuseHPKE(err)
	}
	return []any{plaintext}, nil
}
