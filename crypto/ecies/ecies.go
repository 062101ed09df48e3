// Package ecies is the Elliptic Curve Integrated Encryption Scheme of SEC 1,
// version 2.0, section 5.1, in one profile that spec/ecies.md writes down:
// secp256k1, ANSI-X9.63-KDF with SHA-256, AES-256 in counter mode, and
// HMAC-SHA-256-256.
package ecies

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Sizes in bytes: of a private key, of a public key in compressed form, of the
// tag, and of what [Seal] adds to a plaintext.
const (
	PrivateKeySize = 32
	PublicKeySize  = 33
	TagSize        = 32
	Overhead       = PublicKeySize + TagSize
)

var (
	// ErrKey reports a private key that is not 1 to the group's order less 1, or
	// a public key that is not the compressed encoding of a point of secp256k1.
	ErrKey = errors.New("ecies: malformed key")
	// ErrShort reports a message below [Overhead] bytes: cut off, not forged.
	ErrShort = errors.New("ecies: message too short")
	// ErrOpen reports a wrong key or altered bytes, never which of the two.
	ErrOpen = errors.New("ecies: cannot open message")
)

// uncompressedSize is the length of a point in SEC 1's other form.
const uncompressedSize = 65

// point reads either form of SEC 1, section 2.3.4, and no hybrid one. The curve
// has prime order, so that every point on it is usable.
func point(b []byte) (*secp256k1.PublicKey, error) {
	compressed := len(b) == PublicKeySize && (b[0] == 2 || b[0] == 3)
	uncompressed := len(b) == uncompressedSize && b[0] == 4
	if compressed || uncompressed {
		if p, err := secp256k1.ParsePubKey(b); err == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w: a public key of %d bytes", ErrKey, len(b))
}

func scalar(b []byte) (*secp256k1.ModNScalar, error) {
	var s secp256k1.ModNScalar
	if len(b) != PrivateKeySize || s.SetByteSlice(b) || s.IsZero() {
		return nil, fmt.Errorf("%w: a private key of %d bytes", ErrKey, len(b))
	}
	return &s, nil
}

// PublicKey returns the compressed public key of a private one.
func PublicKey(private []byte) ([]byte, error) {
	s, err := scalar(private)
	if err != nil {
		return nil, err
	}
	return secp256k1.NewPrivateKey(s).PubKey().SerializeCompressed(), nil
}

// Agree is the elliptic curve Diffie-Hellman primitive (SEC 1, section 3.3.1):
// the x-coordinate of private times public, 32 bytes. public is in either form
// of SEC 1.
func Agree(private, public []byte) ([]byte, error) {
	s, err := scalar(private)
	if err != nil {
		return nil, err
	}
	p, err := point(public)
	if err != nil {
		return nil, err
	}
	var in, out secp256k1.JacobianPoint
	p.AsJacobian(&in)
	secp256k1.ScalarMultNonConst(s, &in, &out)
	out.ToAffine()
	x := out.X.Bytes()
	return x[:], nil
}

// KDF is ANSI-X9.63-KDF with SHA-256 (SEC 1, section 3.6.1). length is in bytes.
func KDF(secret, info []byte, length int) []byte {
	var out []byte
	for counter := uint32(1); len(out) < length; counter++ {
		h := sha256.New()
		_, _ = h.Write(secret) // a hash never fails
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, counter))
		_, _ = h.Write(info)
		out = h.Sum(out)
	}
	return out[:length]
}

// keys derives the cipher and the tag's key from a shared secret and the
// ephemeral key's encoding.
func keys(shared, ephemeral []byte) (stream cipher.Stream, mac []byte, err error) {
	k := KDF(shared, ephemeral, 64)
	block, err := aes.NewCipher(k[:32])
	if err != nil {
		return nil, nil, err
	}
	// Every key serves once, so the counter starts at zero.
	return cipher.NewCTR(block, make([]byte, aes.BlockSize)), k[32:], nil
}

func tag(key, ciphertext, info []byte) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(ciphertext)
	_, _ = h.Write(info)
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(info))))
	return h.Sum(nil)
}

// Seal encrypts plaintext to a compressed public key and binds it to info.
// ephemeral is a private key that serves for this message and never again.
func Seal(public, ephemeral, info, plaintext []byte) ([]byte, error) {
	if len(public) != PublicKeySize {
		return nil, fmt.Errorf("%w: a public key of %d bytes, want %d", ErrKey, len(public), PublicKeySize)
	}
	shared, err := Agree(ephemeral, public)
	if err != nil {
		return nil, err
	}
	out, err := PublicKey(ephemeral)
	if err != nil {
		return nil, err
	}
	stream, mac, err := keys(shared, out)
	if err != nil {
		return nil, err
	}
	ciphertext := make([]byte, len(plaintext))
	stream.XORKeyStream(ciphertext, plaintext)
	out = append(out, ciphertext...)
	return append(out, tag(mac, ciphertext, info)...), nil
}

// Open decrypts what [Seal] made for the owner of private under the same info.
func Open(private, info, sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, fmt.Errorf("%w: %d bytes, want at least %d", ErrShort, len(sealed), Overhead)
	}
	ephemeral, ciphertext, want := sealed[:PublicKeySize], sealed[PublicKeySize:len(sealed)-TagSize], sealed[len(sealed)-TagSize:]
	shared, err := Agree(private, ephemeral)
	if err != nil {
		return nil, err
	}
	stream, mac, err := keys(shared, bytes.Clone(ephemeral))
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(tag(mac, ciphertext, info), want) {
		return nil, ErrOpen
	}
	plaintext := make([]byte, len(ciphertext))
	stream.XORKeyStream(plaintext, ciphertext)
	return plaintext, nil
}
