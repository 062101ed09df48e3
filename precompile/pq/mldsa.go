// Package pq holds the post-quantum contracts of Pars: ML-KEM (FIPS 203) at
// 0x0601, ML-DSA (FIPS 204) at 0x0602 and SLH-DSA (FIPS 205) at 0x0603.
//
// Whatever a contract is given becomes public for ever, secret keys included.
// These functions check signatures, and let tests and teaching run the rest on
// chain; they never serve to make or use a key that has to stay secret.
package pq

import (
	_ "embed"
	"io"
	"runtime"

	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"

	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IMLDSA.json
var mldsaABI []byte

// MLDSA is the contract at 0x0602: key generation, signing and verification of
// ML-DSA-44, 65 and 87. contracts/src/interfaces/IMLDSA.sol describes it.
var MLDSA = contract.MustNew(contract.Config{
	Name: "ML-DSA",
	ABI:  mldsaABI,
	Functions: map[string]contract.Function{
		"keyGen(uint8)":                              mldsaKeyGen,
		"keyGen(uint8,bytes32)":                      mldsaKeyGenSeeded,
		"sign(bytes,bytes)":                          mldsaSign,
		"signWithContext(bytes,bytes,bytes)":         mldsaSign,
		"verify(bytes,bytes,bytes)":                  mldsaVerify,
		"verifyWithContext(bytes,bytes,bytes,bytes)": mldsaVerify,
		"verifyBatch(bytes[],bytes[],bytes[])":       mldsaVerifyBatch,
	},
})

// mldsaKeyGenDomain separates the seeds of keyGen(uint8) from all other draws.
const mldsaKeyGenDomain = "pars/precompile/ml-dsa/keyGen/v1"

// maxContext is the longest context string in bytes (FIPS 204, algorithm 2).
const maxContext = 255

// mldsaSet is one parameter set of FIPS 204, table 1.
type mldsaSet struct {
	mode   uint8
	scheme sign.Scheme
	// polys is how many polynomials s1 and s2 have together, k + l.
	polys int
	// eta bounds their coefficients: 2 or 4.
	eta int
	gas mldsaGas
}

// mldsaGas are the prices of one set; docs/precompiles/gas.md derives them. sign
// is the price of all the tries that circl makes before it gives up: anybody can
// craft a key that needs them.
type mldsaGas struct{ keyGen, sign, verify uint64 }

// hashWordGas is the price of absorbing 32 bytes of message with SHAKE256.
const hashWordGas = 8

var mldsaSets = []*mldsaSet{
	{mode: 44, scheme: mldsa44.Scheme(), polys: 8, eta: 2, gas: mldsaGas{keyGen: 12_000, sign: 3_000_000, verify: 10_000}},
	{mode: 65, scheme: mldsa65.Scheme(), polys: 11, eta: 4, gas: mldsaGas{keyGen: 20_000, sign: 4_200_000, verify: 18_000}},
	{mode: 87, scheme: mldsa87.Scheme(), polys: 15, eta: 2, gas: mldsaGas{keyGen: 30_000, sign: 6_200_000, verify: 32_000}},
}

func (s *mldsaSet) setNumber() uint64  { return uint64(s.mode) }
func (s *mldsaSet) publicKeySize() int { return s.scheme.PublicKeySize() }
func (s *mldsaSet) secretKeySize() int { return s.scheme.PrivateKeySize() }

func mldsaKeyGen(c *contract.Call) ([]any, error) {
	set, err := byNumber(mldsaSets, c.Args.Uint64(0), "UnknownMode")
	if err != nil {
		return nil, err
	}
	r, err := c.Randomness(mldsaKeyGenDomain)
	if err != nil {
		return nil, err
	}
	var seed [32]byte
	if _, err := io.ReadFull(r, seed[:]); err != nil {
		return nil, err
	}
	return set.keyGen(c, seed)
}

func mldsaKeyGenSeeded(c *contract.Call) ([]any, error) {
	set, err := byNumber(mldsaSets, c.Args.Uint64(0), "UnknownMode")
	if err != nil {
		return nil, err
	}
	return set.keyGen(c, c.Args.Bytes32(1))
}

// keyGen is ML-DSA.KeyGen_internal (FIPS 204, algorithm 6).
func (s *mldsaSet) keyGen(c *contract.Call, seed [32]byte) ([]any, error) {
	if err := c.Charge(s.gas.keyGen); err != nil {
		return nil, err
	}
	pk, sk := s.scheme.DeriveKey(seed[:])
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

// mldsaSign is ML-DSA.Sign (FIPS 204, algorithm 2) with rnd = 0^32, the
// deterministic variant; the third argument, where there is one, is the context.
func mldsaSign(c *contract.Call) ([]any, error) {
	sk, message := c.Args.Bytes(0), c.Args.Bytes(1)
	set, err := bySecretKey(mldsaSets, sk)
	if err != nil {
		return nil, err
	}
	context, err := optionalContext(c.Args, 2)
	if err != nil {
		return nil, err
	}
	if err := c.Charge(set.gas.sign + hashWordGas*contract.Words(len(message))); err != nil {
		return nil, err
	}
	if !set.canonicalSecretKey(sk) {
		return nil, contract.Revert("SecretKeyEncoding")
	}
	key, err := set.scheme.UnmarshalBinaryPrivateKey(sk)
	if err != nil {
		return nil, err
	}
	sig, ok := set.sign(key, message, context)
	if !ok {
		return nil, contract.Revert("CannotSign")
	}
	return []any{sig}, nil
}

// sign reports false for a key under which no try succeeds. Such keys are easy
// to craft (a t0 at its extremes makes too many hints), and circl panics after
// 576 tries; the price of signing pays for all of them.
func (s *mldsaSet) sign(key sign.PrivateKey, message, context []byte) (sig []byte, ok bool) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case runtime.Error:
			panic(r)
		default:
			sig, ok = nil, false
		}
	}()
	return s.scheme.Sign(key, message, &sign.SignatureOpts{Context: string(context)}), true
}

// canonicalSecretKey reports whether every coefficient of s1 and s2 is one that
// skEncode writes (FIPS 204, algorithm 24): skDecode takes any bit string and
// leaves this check to its caller (algorithm 25).
func (s *mldsaSet) canonicalSecretKey(sk []byte) bool {
	const header = 32 + 32 + 64 // rho, K, tr
	bits := 3                   // bitlen(2·eta)
	if s.eta == 4 {
		bits = 4
	}
	coefficients := sk[header : header+s.polys*32*bits]
	var window, have uint
	for _, b := range coefficients {
		window |= uint(b) << have
		for have += 8; have >= uint(bits); have -= uint(bits) {
			if int(window&(1<<bits-1)) > 2*s.eta {
				return false
			}
			window >>= bits
		}
	}
	return true
}

// mldsaVerify is ML-DSA.Verify (FIPS 204, algorithm 3); the fourth argument,
// where there is one, is the context.
func mldsaVerify(c *contract.Call) ([]any, error) {
	context, err := optionalContext(c.Args, 3)
	if err != nil {
		return nil, err
	}
	valid, err := mldsaVerifyOne(c, c.Args.Bytes(0), c.Args.Bytes(1), c.Args.Bytes(2), context)
	return []any{valid}, err
}

// mldsaVerifyBatch reports whether all signatures are valid. It checks every
// one, so that a batch costs the same whatever it holds.
func mldsaVerifyBatch(c *contract.Call) ([]any, error) {
	pks, messages, sigs := c.Args.List(0), c.Args.List(1), c.Args.List(2)
	if len(pks) == 0 || len(pks) != len(messages) || len(pks) != len(sigs) {
		return nil, contract.Revert("BatchLength", len(pks), len(messages), len(sigs))
	}
	valid := true
	for i := range pks {
		ok, err := mldsaVerifyOne(c, pks.Bytes(i), messages.Bytes(i), sigs.Bytes(i), nil)
		if err != nil {
			return nil, err
		}
		valid = valid && ok
	}
	return []any{valid}, nil
}

func mldsaVerifyOne(c *contract.Call, pk, message, sig, context []byte) (bool, error) {
	set, err := byPublicKey(mldsaSets, pk)
	if err != nil {
		return false, err
	}
	if want := set.scheme.SignatureSize(); len(sig) != want {
		return false, contract.Revert("SignatureLength", len(sig), want)
	}
	if err := c.Charge(set.gas.verify + hashWordGas*contract.Words(len(message))); err != nil {
		return false, err
	}
	key, err := set.scheme.UnmarshalBinaryPublicKey(pk)
	if err != nil {
		return false, err
	}
	return set.scheme.Verify(key, message, sig, &sign.SignatureOpts{Context: string(context)}), nil
}

// optionalContext is argument i as a context string, or none.
func optionalContext(args contract.Args, i int) ([]byte, error) {
	if i >= len(args) {
		return nil, nil
	}
	context := args.Bytes(i)
	if len(context) > maxContext {
		return nil, contract.Revert("ContextLength", len(context))
	}
	return context, nil
}
