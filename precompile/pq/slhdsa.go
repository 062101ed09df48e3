package pq

import (
	"bytes"
	_ "embed"
	"io"

	"github.com/cloudflare/circl/sign/slhdsa"

	"github.com/pars-network/pars/precompile/contract"
)

//go:embed ISLHDSA.json
var slhdsaABI []byte

// SLHDSA is the contract at 0x0603: key generation, signing and verification of
// all twelve parameter sets of SLH-DSA.
// contracts/src/interfaces/ISLHDSA.sol describes it.
var SLHDSA = contract.MustNew(contract.Config{
	Name: "SLH-DSA",
	ABI:  slhdsaABI,
	Functions: map[string]contract.Function{
		"keyGen(uint8)":                                    slhdsaKeyGen,
		"keyGen(uint8,bytes)":                              slhdsaKeyGenSeeded,
		"sign(uint8,bytes,bytes)":                          slhdsaSign,
		"signWithContext(uint8,bytes,bytes,bytes)":         slhdsaSign,
		"verify(uint8,bytes,bytes,bytes)":                  slhdsaVerify,
		"verifyWithContext(uint8,bytes,bytes,bytes,bytes)": slhdsaVerify,
	},
})

// slhdsaKeyGenDomain separates the seeds of keyGen(uint8) from all other draws.
const slhdsaKeyGenDomain = "pars/precompile/slh-dsa/keyGen/v1"

// The price of 32 bytes of message: verifying hashes them once, signing twice.
const (
	slhdsaVerifyWordGas = 12
	slhdsaSignWordGas   = 24
)

// slhdsaSet is one parameter set of FIPS 205, table 2.
type slhdsaSet struct {
	// number is the set's place in the table, from 1.
	number uint8
	id     slhdsa.ID
	// n is the security parameter in bytes: public keys have 2n, secret keys 4n,
	// seeds 3n.
	n int
	// sig is the length of a signature in bytes.
	sig int
	gas slhdsaGas
}

// slhdsaGas are the prices of one set; docs/precompiles/gas.md derives them.
// verify pays for twice the usual work: how long the hash chains are follows
// from bytes that the signature's maker chooses.
type slhdsaGas struct{ keyGen, sign, verify uint64 }

// slhdsaSets has the sets in the order of the table.
var slhdsaSets = []*slhdsaSet{
	{number: 1, id: slhdsa.SHA2_128s, n: 16, sig: 7856, gas: slhdsaGas{keyGen: 19_000_000, sign: 150_000_000, verify: 130_000}},
	{number: 2, id: slhdsa.SHAKE_128s, n: 16, sig: 7856, gas: slhdsaGas{keyGen: 19_000_000, sign: 150_000_000, verify: 130_000}},
	{number: 3, id: slhdsa.SHA2_128f, n: 16, sig: 17088, gas: slhdsaGas{keyGen: 330_000, sign: 7_500_000, verify: 420_000}},
	{number: 4, id: slhdsa.SHAKE_128f, n: 16, sig: 17088, gas: slhdsaGas{keyGen: 330_000, sign: 7_500_000, verify: 420_000}},
	{number: 5, id: slhdsa.SHA2_192s, n: 24, sig: 16224, gas: slhdsaGas{keyGen: 28_000_000, sign: 270_000_000, verify: 190_000}},
	{number: 6, id: slhdsa.SHAKE_192s, n: 24, sig: 16224, gas: slhdsaGas{keyGen: 28_000_000, sign: 270_000_000, verify: 190_000}},
	{number: 7, id: slhdsa.SHA2_192f, n: 24, sig: 35664, gas: slhdsaGas{keyGen: 500_000, sign: 11_500_000, verify: 580_000}},
	{number: 8, id: slhdsa.SHAKE_192f, n: 24, sig: 35664, gas: slhdsaGas{keyGen: 500_000, sign: 11_500_000, verify: 580_000}},
	{number: 9, id: slhdsa.SHA2_256s, n: 32, sig: 29792, gas: slhdsaGas{keyGen: 19_000_000, sign: 220_000_000, verify: 310_000}},
	{number: 10, id: slhdsa.SHAKE_256s, n: 32, sig: 29792, gas: slhdsaGas{keyGen: 19_000_000, sign: 220_000_000, verify: 310_000}},
	{number: 11, id: slhdsa.SHA2_256f, n: 32, sig: 49856, gas: slhdsaGas{keyGen: 1_300_000, sign: 22_000_000, verify: 550_000}},
	{number: 12, id: slhdsa.SHAKE_256f, n: 32, sig: 49856, gas: slhdsaGas{keyGen: 1_300_000, sign: 22_000_000, verify: 550_000}},
}

func (s *slhdsaSet) setNumber() uint64 { return uint64(s.number) }

// slhdsaOf is the set that the first argument names.
func slhdsaOf(c *contract.Call) (*slhdsaSet, error) {
	return byNumber(slhdsaSets, c.Args.Uint64(0), "UnknownParameterSet")
}

func slhdsaKeyGen(c *contract.Call) ([]any, error) {
	set, err := slhdsaOf(c)
	if err != nil {
		return nil, err
	}
	r, err := c.Randomness(slhdsaKeyGenDomain)
	if err != nil {
		return nil, err
	}
	return set.keyGen(c, r)
}

func slhdsaKeyGenSeeded(c *contract.Call) ([]any, error) {
	set, err := slhdsaOf(c)
	if err != nil {
		return nil, err
	}
	seed := c.Args.Bytes(1)
	if len(seed) != 3*set.n {
		return nil, contract.Revert("SeedLength", len(seed), 3*set.n)
	}
	return set.keyGen(c, bytes.NewReader(seed))
}

// keyGen is slh_keygen_internal (FIPS 205, algorithm 18) with SK.seed, SK.prf
// and PK.seed from seed, n bytes each.
func (s *slhdsaSet) keyGen(c *contract.Call, seed io.Reader) ([]any, error) {
	if err := c.Charge(s.gas.keyGen); err != nil {
		return nil, err
	}
	pk, sk, err := slhdsa.GenerateKey(seed, s.id)
	if err != nil {
		return nil, err
	}
	pkBytes, err := pk.MarshalBinary()
	if err != nil {
		return nil, err
	}
	skBytes, err := sk.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return []any{pkBytes, skBytes}, nil
}

// slhdsaSign is slh_sign (FIPS 205, algorithm 22), the deterministic variant;
// the fourth argument, where there is one, is the context.
func slhdsaSign(c *contract.Call) ([]any, error) {
	set, err := slhdsaOf(c)
	if err != nil {
		return nil, err
	}
	sk, message := c.Args.Bytes(1), c.Args.Bytes(2)
	if len(sk) != 4*set.n {
		return nil, contract.Revert("SecretKeyLength", len(sk), 4*set.n)
	}
	context, err := optionalContext(c.Args, 3)
	if err != nil {
		return nil, err
	}
	if err := c.Charge(set.gas.sign + slhdsaSignWordGas*contract.Words(len(message))); err != nil {
		return nil, err
	}
	key := slhdsa.PrivateKey{ID: set.id}
	if err := key.UnmarshalBinary(sk); err != nil {
		return nil, err
	}
	sig, err := slhdsa.SignDeterministic(&key, slhdsa.NewMessage(message), context)
	return []any{sig}, err
}

// slhdsaVerify is slh_verify (FIPS 205, algorithm 24); the fifth argument, where
// there is one, is the context.
func slhdsaVerify(c *contract.Call) ([]any, error) {
	set, err := slhdsaOf(c)
	if err != nil {
		return nil, err
	}
	pk, message, sig := c.Args.Bytes(1), c.Args.Bytes(2), c.Args.Bytes(3)
	if len(pk) != 2*set.n {
		return nil, contract.Revert("PublicKeyLength", len(pk), 2*set.n)
	}
	if len(sig) != set.sig {
		return nil, contract.Revert("SignatureLength", len(sig), set.sig)
	}
	context, err := optionalContext(c.Args, 4)
	if err != nil {
		return nil, err
	}
	if err := c.Charge(set.gas.verify + slhdsaVerifyWordGas*contract.Words(len(message))); err != nil {
		return nil, err
	}
	key := slhdsa.PublicKey{ID: set.id}
	if err := key.UnmarshalBinary(pk); err != nil {
		return nil, err
	}
	return []any{slhdsa.Verify(&key, slhdsa.NewMessage(message), sig, context)}, nil
}
