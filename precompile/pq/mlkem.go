package pq

import (
	_ "embed"
	"io"

	"github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"

	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IMLKEM.json
var mlkemABI []byte

// MLKEM is the contract at 0x0601: key generation, encapsulation and
// decapsulation of ML-KEM-512, 768 and 1024.
// contracts/src/interfaces/IMLKEM.sol describes it.
var MLKEM = contract.MustNew(contract.Config{
	Name: "ML-KEM",
	ABI:  mlkemABI,
	Functions: map[string]contract.Function{
		"keyGen(uint8)":                 mlkemKeyGen,
		"keyGen(uint8,bytes32,bytes32)": mlkemKeyGenSeeded,
		"encapsulate(bytes)":            mlkemEncapsulate,
		"encapsulate(bytes,bytes32)":    mlkemEncapsulateSeeded,
		"decapsulate(bytes,bytes)":      mlkemDecapsulate,
	},
})

// The domains of the draws; see [contract.Call.Randomness].
const (
	mlkemKeyGenDomain      = "pars/precompile/ml-kem/keyGen/v1"
	mlkemEncapsulateDomain = "pars/precompile/ml-kem/encapsulate/v1"
)

// mlkemSet is one parameter set of FIPS 203, table 2.
type mlkemSet struct {
	// id is the security category of the set, 1, 3 or 5: its name in Solidity,
	// where 512, 768 and 1024 don't fit a uint8.
	id     uint8
	scheme kem.Scheme
	// rank is k, the polynomials of a key.
	rank int
	gas  mlkemGas
}

// mlkemGas are the prices of one set; docs/precompiles/gas.md derives them.
type mlkemGas struct{ keyGen, encapsulate, decapsulate uint64 }

var mlkemSets = []*mlkemSet{
	{id: 1, scheme: mlkem512.Scheme(), rank: 2, gas: mlkemGas{keyGen: 4_000, encapsulate: 5_000, decapsulate: 6_000}},
	{id: 3, scheme: mlkem768.Scheme(), rank: 3, gas: mlkemGas{keyGen: 7_000, encapsulate: 8_000, decapsulate: 9_000}},
	{id: 5, scheme: mlkem1024.Scheme(), rank: 4, gas: mlkemGas{keyGen: 10_000, encapsulate: 11_000, decapsulate: 12_000}},
}

func (s *mlkemSet) setNumber() uint64  { return uint64(s.id) }
func (s *mlkemSet) publicKeySize() int { return s.scheme.PublicKeySize() }
func (s *mlkemSet) secretKeySize() int { return s.scheme.PrivateKeySize() }

func mlkemKeyGen(c *contract.Call) ([]any, error) {
	set, err := byNumber(mlkemSets, c.Args.Uint64(0), "UnknownParameterSet")
	if err != nil {
		return nil, err
	}
	r, err := c.Randomness(mlkemKeyGenDomain)
	if err != nil {
		return nil, err
	}
	var seed [64]byte // d, z
	if _, err := io.ReadFull(r, seed[:]); err != nil {
		return nil, err
	}
	return set.keyGen(c, seed)
}

func mlkemKeyGenSeeded(c *contract.Call) ([]any, error) {
	set, err := byNumber(mlkemSets, c.Args.Uint64(0), "UnknownParameterSet")
	if err != nil {
		return nil, err
	}
	return set.keyGen(c, [64]byte(append(append(make([]byte, 0, 64), c.Args.Bytes(1)...), c.Args.Bytes(2)...)))
}

// keyGen is ML-KEM.KeyGen_internal (FIPS 203, algorithm 16) of d, then z.
func (s *mlkemSet) keyGen(c *contract.Call, seed [64]byte) ([]any, error) {
	if err := c.Charge(s.gas.keyGen); err != nil {
		return nil, err
	}
	pk, sk := s.scheme.DeriveKeyPair(seed[:])
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

func mlkemEncapsulate(c *contract.Call) ([]any, error) {
	set, err := byPublicKey(mlkemSets, c.Args.Bytes(0))
	if err != nil {
		return nil, err
	}
	r, err := c.Randomness(mlkemEncapsulateDomain)
	if err != nil {
		return nil, err
	}
	var m [32]byte
	if _, err := io.ReadFull(r, m[:]); err != nil {
		return nil, err
	}
	return set.encapsulate(c, c.Args.Bytes(0), m[:])
}

func mlkemEncapsulateSeeded(c *contract.Call) ([]any, error) {
	set, err := byPublicKey(mlkemSets, c.Args.Bytes(0))
	if err != nil {
		return nil, err
	}
	return set.encapsulate(c, c.Args.Bytes(0), c.Args.Bytes(1))
}

// encapsulate is ML-KEM.Encaps_internal (FIPS 203, algorithm 17) after the
// modulus check of section 7.2.
func (s *mlkemSet) encapsulate(c *contract.Call, pk, m []byte) ([]any, error) {
	if err := c.Charge(s.gas.encapsulate); err != nil {
		return nil, err
	}
	if !canonicalMLKEM(pk[:384*s.rank]) {
		return nil, contract.Revert("PublicKeyEncoding")
	}
	key, err := s.scheme.UnmarshalBinaryPublicKey(pk)
	if err != nil {
		return nil, contract.Revert("PublicKeyEncoding")
	}
	ct, ss, err := s.scheme.EncapsulateDeterministically(key, m)
	if err != nil {
		return nil, err
	}
	return []any{ct, ss}, nil
}

// mlkemDecapsulate is ML-KEM.Decaps (FIPS 203, algorithm 21) after the checks of
// section 7.3, and one more: that the numbers of the secret key and of the
// public key inside it are below q, as key generation writes them.
func mlkemDecapsulate(c *contract.Call) ([]any, error) {
	sk, ct := c.Args.Bytes(0), c.Args.Bytes(1)
	set, err := bySecretKey(mlkemSets, sk)
	if err != nil {
		return nil, err
	}
	if want := set.scheme.CiphertextSize(); len(ct) != want {
		return nil, contract.Revert("CiphertextLength", len(ct), want)
	}
	if err := c.Charge(set.gas.decapsulate); err != nil {
		return nil, err
	}
	if !canonicalMLKEM(sk[:2*384*set.rank]) {
		return nil, contract.Revert("SecretKeyEncoding")
	}
	key, err := set.scheme.UnmarshalBinaryPrivateKey(sk)
	if err != nil {
		return nil, contract.Revert("SecretKeyEncoding")
	}
	ss, err := set.scheme.Decapsulate(key, ct)
	if err != nil {
		return nil, err
	}
	return []any{ss}, nil
}

// canonicalMLKEM reports whether every 12-bit number of packed is below q = 3329.
func canonicalMLKEM(packed []byte) bool {
	const q = 3329
	for i := 0; i+3 <= len(packed); i += 3 {
		a := uint(packed[i]) | uint(packed[i+1]&0x0f)<<8
		b := uint(packed[i+1]>>4) | uint(packed[i+2])<<4
		if a >= q || b >= q {
			return false
		}
	}
	return true
}
