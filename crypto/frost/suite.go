package frost

import (
	"crypto"
	_ "crypto/sha256" // the expander's hash
	"crypto/sha3"
	"crypto/sha512"
	"fmt"
	"math/big"

	"github.com/cloudflare/circl/expander"
	circl "github.com/cloudflare/circl/group"
)

// SuiteID numbers the suites where they are sent over a wire or in calldata.
type SuiteID uint8

// The suites of RFC 9591, section 6, in its order.
const (
	Ed25519      SuiteID = 1 // FROST(Ed25519, SHA-512); signatures are Ed25519's
	Ristretto255 SuiteID = 2 // FROST(ristretto255, SHA-512)
	Ed448        SuiteID = 3 // FROST(Ed448, SHAKE256); signatures are Ed448's
	P256         SuiteID = 4 // FROST(P-256, SHA-256)
	Secp256k1    SuiteID = 5 // FROST(secp256k1, SHA-256)
)

// Suite is a group, its encodings and its hashes.
type Suite struct {
	id                       SuiteID
	name                     string
	group                    group
	order                    *big.Int
	elementSize, scalarSize  int
	littleEndian             bool
	rho, challengeOf, nonce  func(m []byte) *big.Int // H1, H2, H3
	messageHash, commitments func(m []byte) []byte   // H4, H5
}

func number(decimal string) *big.Int {
	n, ok := new(big.Int).SetString(decimal, 0)
	if !ok {
		panic("frost: not a number: " + decimal)
	}
	return n
}

var (
	order25519 = number("0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed")
	order448   = number("0x3fffffffffffffffffffffffffffffffffffffffffffffffffffffff7cca23e9c44edb49aed63690216cc2728dc58f552378c292ab5844f3")
	orderP256  = number("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
	orderSecp  = number("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
)

var suites = []*Suite{
	edwardsSuite(Ed25519, "FROST(Ed25519, SHA-512)", "FROST-ED25519-SHA512-v1", edGroup{}, ""),
	edwardsSuite(Ristretto255, "FROST(ristretto255, SHA-512)", "FROST-RISTRETTO255-SHA512-v1", circlGroup{circl.Ristretto255}, "FROST-RISTRETTO255-SHA512-v1chal"),
	ed448Suite(),
	shortSuite(P256, "FROST(P-256, SHA-256)", "FROST-P256-SHA256-v1", circlGroup{circl.P256}, orderP256),
	shortSuite(Secp256k1, "FROST(secp256k1, SHA-256)", "FROST-secp256k1-SHA256-v1", secpGroup{}, orderSecp),
}

// SuiteByID returns a suite, or an error that lists the known ones.
func SuiteByID(id SuiteID) (*Suite, error) {
	if id < Ed25519 || id > Secp256k1 {
		return nil, fmt.Errorf("frost: unknown suite %d, want 1 (Ed25519), 2 (ristretto255), 3 (Ed448), 4 (P-256) or 5 (secp256k1)", id)
	}
	return suites[id-1], nil
}

// ID returns the suite's number.
func (s *Suite) ID() SuiteID { return s.id }

// String returns the RFC's name of the suite.
func (s *Suite) String() string { return s.name }

// PublicKeySize is the length of an encoded element, ScalarSize of a scalar, in
// bytes.
func (s *Suite) PublicKeySize() int { return s.elementSize }

// ScalarSize is the length of an encoded scalar in bytes.
func (s *Suite) ScalarSize() int { return s.scalarSize }

// SignatureSize is the length of a signature: an element and a scalar.
func (s *Suite) SignatureSize() int { return s.elementSize + s.scalarSize }

func (s *Suite) encodeScalar(k *big.Int) []byte { return fixed(k, s.scalarSize, s.littleEndian) }

func (s *Suite) decodeScalar(b []byte) (*big.Int, bool) {
	if len(b) != s.scalarSize {
		return nil, false
	}
	k := new(big.Int)
	if s.littleEndian {
		k = fromLittle(b)
	} else {
		k.SetBytes(b)
	}
	return k, k.Cmp(s.order) < 0
}

// edwardsSuite is one of the two suites on the group of order 2^252 + ... with
// SHA-512. challengePrefix is empty for Ed25519, whose H2 is RFC 8032's hash.
func edwardsSuite(id SuiteID, name, context string, g group, challengePrefix string) *Suite {
	hash := func(prefix string, m []byte) []byte {
		h := sha512.New()
		_, _ = h.Write([]byte(prefix))
		_, _ = h.Write(m)
		return h.Sum(nil)
	}
	scalar := func(prefix string) func([]byte) *big.Int {
		return func(m []byte) *big.Int { n := fromLittle(hash(prefix, m)); return n.Mod(n, order25519) }
	}
	digest := func(prefix string) func([]byte) []byte {
		return func(m []byte) []byte { return hash(prefix, m) }
	}
	return &Suite{
		id: id, name: name, group: g, order: order25519, elementSize: 32, scalarSize: 32, littleEndian: true,
		rho: scalar(context + "rho"), challengeOf: scalar(challengePrefix), nonce: scalar(context + "nonce"),
		messageHash: digest(context + "msg"), commitments: digest(context + "com"),
	}
}

func ed448Suite() *Suite {
	const context = "FROST-ED448-SHAKE256-v1"
	hash := func(prefix string, m []byte) []byte {
		h := sha3.NewSHAKE256()
		_, _ = h.Write([]byte(prefix))
		_, _ = h.Write(m)
		out := make([]byte, 114)
		_, _ = h.Read(out)
		return out
	}
	scalar := func(prefix string) func([]byte) *big.Int {
		return func(m []byte) *big.Int { n := fromLittle(hash(prefix, m)); return n.Mod(n, order448) }
	}
	digest := func(prefix string) func([]byte) []byte {
		return func(m []byte) []byte { return hash(prefix, m) }
	}
	return &Suite{
		id: Ed448, name: "FROST(Ed448, SHAKE256)", group: ed448Group{}, order: order448, elementSize: 57, scalarSize: 57, littleEndian: true,
		rho: scalar(context + "rho"), challengeOf: scalar("SigEd448\x00\x00"), nonce: scalar(context + "nonce"),
		messageHash: digest(context + "msg"), commitments: digest(context + "com"),
	}
}

// shortSuite is one of the two suites with SHA-256 and hash_to_field (RFC 9380,
// section 5.2, L = 48).
func shortSuite(id SuiteID, name, context string, g group, order *big.Int) *Suite {
	scalar := func(tag string) func([]byte) *big.Int {
		dst := []byte(context + tag)
		return func(m []byte) *big.Int {
			n := new(big.Int).SetBytes(expander.NewExpanderMD(crypto.SHA256, dst).Expand(m, 48))
			return n.Mod(n, order)
		}
	}
	digest := func(tag string) func([]byte) []byte {
		return func(m []byte) []byte {
			h := crypto.SHA256.New()
			_, _ = h.Write([]byte(context + tag))
			_, _ = h.Write(m)
			return h.Sum(nil)
		}
	}
	return &Suite{
		id: id, name: name, group: g, order: order, elementSize: 33, scalarSize: 32,
		rho: scalar("rho"), challengeOf: scalar("chal"), nonce: scalar("nonce"),
		messageHash: digest("msg"), commitments: digest("com"),
	}
}
