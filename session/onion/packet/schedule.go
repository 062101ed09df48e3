package packet

import (
	"crypto/cipher"
	"crypto/ecdh"
	"fmt"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/digest"
	"golang.org/x/crypto/chacha20poly1305"
)

// The labels of spec/onion.md, "Keys of a hop".
const (
	labelKeyID = "pars onion v1 key"
	labelHop   = "pars onion v1 hop"
	labelSalt  = "pars onion v1"
	labelKeys  = "pars onion v1 keys"
)

const (
	keySize   = chacha20poly1305.KeySize
	nonceSize = chacha20poly1305.NonceSizeX
	tagSize   = chacha20poly1305.Overhead
)

// KeyID names an onion key of a node, so that a node that has just changed its
// key needs to try none.
type KeyID [8]byte

// PublicKey is a node's onion key with what is derived from it once.
type PublicKey struct {
	key   *kem.PublicKey
	print [digest.Size]byte
}

// NewPublicKey wraps a key.
func NewPublicKey(k *kem.PublicKey) *PublicKey {
	return &PublicKey{key: k, print: digest.Sum(labelKeyID, k.Bytes())}
}

// ID returns the name of the key.
func (k *PublicKey) ID() KeyID { return KeyID(k.print[:len(KeyID{})]) }

// PrivateKey is the private half. It prints as nothing.
type PrivateKey struct {
	key    *kem.PrivateKey
	public *PublicKey
}

// NewPrivateKey wraps a key.
func NewPrivateKey(k *kem.PrivateKey) *PrivateKey {
	return &PrivateKey{key: k, public: NewPublicKey(k.Public())}
}

// Public returns the public half.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// String hides the key from logs and error messages.
func (*PrivateKey) String() string { return "packet.PrivateKey(hidden)" }

// GoString hides the key from %#v.
func (k *PrivateKey) GoString() string { return k.String() }

// Format hides the key from every verb of package fmt.
func (k *PrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// Tag is what a node remembers of a packet to refuse it a second time.
type Tag [16]byte

// box is an AEAD with its nonce.
type box struct {
	aead  cipher.AEAD
	nonce [nonceSize]byte
}

// at returns the nonce of the i-th use: the last byte counts.
func (b *box) at(i int) []byte {
	n := b.nonce
	n[nonceSize-1] = byte(i)
	return n[:]
}

// xor encrypts or decrypts data in place without authentication: the key stream
// of the AEAD, whose tag is dropped.
func (b *box) xor(i int, data []byte) {
	copy(data, b.aead.Seal(make([]byte, 0, len(data)+tagSize), b.at(i), data, nil))
}

// HopKeys are the keys that one packet gives to one hop. They print as nothing.
type HopKeys struct {
	tag Tag
	// forward opens the packet, pad makes the bytes that take the place of what
	// was taken off.
	forward, pad box
	// origin seals cells that this hop makes, layer encrypts those that it
	// passes on.
	origin, layer box
}

// Tag returns what the node remembers of the packet.
func (k *HopKeys) Tag() Tag { return k.tag }

// String hides the keys from logs and error messages.
func (*HopKeys) String() string { return "packet.HopKeys(hidden)" }

// GoString hides the keys from %#v.
func (k *HopKeys) GoString() string { return k.String() }

// Format hides the keys from every verb of package fmt.
func (k *HopKeys) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// deriveKeys is the key schedule of a hop: both secrets, over everything that
// is public about them. It wipes the secrets.
func deriveKeys(hop [digest.Size]byte, share *ecdh.PublicKey, ciphertext, dh, shared []byte) *HopKeys {
	hash := digest.Sum(labelHop, hop[:], share.Bytes(), ciphertext)
	secret := append(append(make([]byte, 0, 2*kem.SharedSize), dh...), shared...)
	out := digest.Derive(secret, []byte(labelSalt), labelKeys+string(hash[:]), 4*(keySize+nonceSize))
	clear(secret)
	clear(dh)
	clear(shared)
	k := new(HopKeys)
	copy(k.tag[:], hash[:])
	for i, b := range []*box{&k.forward, &k.pad, &k.origin, &k.layer} {
		part := out[i*(keySize+nonceSize):]
		aead, err := chacha20poly1305.NewX(part[:keySize])
		if err != nil {
			panic("packet: XChaCha20-Poly1305: " + err.Error()) // only a wrong key length can fail
		}
		b.aead = aead
		copy(b.nonce[:], part[keySize:])
	}
	clear(out)
	return k
}
