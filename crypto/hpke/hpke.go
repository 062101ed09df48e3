// Package hpke is hybrid public-key encryption (RFC 9180) in all four modes over
// DHKEM(X25519) and DHKEM(P-256), and in the modes without sender key over the
// post-quantum mechanisms of draft-ietf-hpke-pq. Encapsulation takes its
// randomness as an argument, so that every machine computes the same bytes.
package hpke

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

var (
	// ErrSuite reports an identifier of a KEM, KDF, AEAD or mode that is not
	// known, or a mode that the KEM doesn't have.
	ErrSuite = errors.New("hpke: unknown suite or mode")
	// ErrInputs reports a pre-shared key, its name or a sender's key where the
	// mode has none, or none where it has one.
	ErrInputs = errors.New("hpke: the inputs don't fit the mode")
	// ErrKey reports bytes that are no key, encapsulated key or seed of the KEM.
	ErrKey = errors.New("hpke: malformed key")
	// ErrOpen reports a wrong key or altered bytes, never which of the two.
	ErrOpen = errors.New("hpke: cannot open message")
)

// Mode says what besides the recipient's key a message is bound to (RFC 9180,
// table 1).
type Mode uint8

// The modes.
const (
	Base    Mode = 0 // nothing
	PSK     Mode = 1 // a pre-shared key
	Auth    Mode = 2 // the sender's key
	AuthPSK Mode = 3 // both
)

func (m Mode) psk() bool { return m == PSK || m == AuthPSK }

// HasSender reports whether the mode has a key of the sender.
func (m Mode) HasSender() bool { return m == Auth || m == AuthPSK }

// AEAD identifies a cipher (RFC 9180, section 7.3). Export-only is not offered.
type AEAD uint16

// The ciphers.
const (
	AES128GCM        AEAD = 1
	AES256GCM        AEAD = 2
	ChaCha20Poly1305 AEAD = 3
)

// nonceSize is the length of every cipher's nonce in bytes.
const nonceSize = 12

// Overhead is how many bytes a ciphertext is longer than its plaintext.
const Overhead = 16

func (a AEAD) keySize() int {
	if a == AES128GCM {
		return 16
	}
	return 32
}

func (a AEAD) open(key []byte) (cipher.AEAD, error) {
	if a == ChaCha20Poly1305 {
		return chacha20poly1305.New(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// MinPSK is the least length of a pre-shared key in bytes (RFC 9180, section
// 9.5).
const MinPSK = 32

// Setup is what both sides agree on before the first message.
type Setup struct {
	KEM  KEM
	KDF  KDF
	AEAD AEAD
	Mode Mode
	Info []byte
	// PSK and PSKID are empty unless the mode has a pre-shared key.
	PSK, PSKID []byte
}

// Check reports whether the suite and the mode exist and the pre-shared key
// fits, which [Seal] and [Open] do too.
func (s Setup) Check() error {
	k, err := s.KEM.mechanism()
	if err != nil {
		return err
	}
	if _, ok := k.(dh); s.Mode > AuthPSK || (s.Mode.HasSender() && !ok) {
		return fmt.Errorf("%w: KEM %#04x has no mode %d", ErrSuite, uint16(s.KEM), s.Mode)
	}
	if !s.KDF.known() || s.AEAD < AES128GCM || s.AEAD > ChaCha20Poly1305 {
		return fmt.Errorf("%w: KDF %#04x, AEAD %#04x", ErrSuite, uint16(s.KDF), uint16(s.AEAD))
	}
	if s.Mode.psk() {
		if len(s.PSK) < MinPSK || len(s.PSKID) == 0 {
			return fmt.Errorf("%w: a pre-shared key of %d bytes named by %d, want at least %d and 1", ErrInputs, len(s.PSK), len(s.PSKID), MinPSK)
		}
	} else if len(s.PSK)+len(s.PSKID) > 0 {
		return fmt.Errorf("%w: a pre-shared key in mode %d", ErrInputs, s.Mode)
	}
	if s.KDF.oneStage() && max(len(s.Info), len(s.PSK), len(s.PSKID)) > 0xffff {
		return fmt.Errorf("%w: more than 65535 bytes for a one-stage KDF", ErrInputs)
	}
	return nil
}

func (s Setup) id() []byte {
	b := binary.BigEndian.AppendUint16([]byte("HPKE"), uint16(s.KEM))
	b = binary.BigEndian.AppendUint16(b, uint16(s.KDF))
	return binary.BigEndian.AppendUint16(b, uint16(s.AEAD))
}

// Context seals or opens messages in order and derives secrets.
type Context struct {
	aead   cipher.AEAD
	nonce  []byte
	next   uint64
	export func(context []byte, length int) []byte
}

func lengthPrefixed(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
	}
	return b
}

// schedule is KeySchedule (RFC 9180, section 5.1; one-stage functions as in
// draft-ietf-hpke-pq).
func (s Setup) schedule(shared []byte) (*Context, error) {
	l := labels{kdf: s.KDF, suite: s.id()}
	mode := []byte{byte(s.Mode)}
	nk := s.AEAD.keySize()
	var key, nonce, exporter []byte
	c := new(Context)
	if s.KDF.oneStage() {
		context := append(mode, lengthPrefixed(s.PSKID, s.Info)...)
		secret := l.derive(lengthPrefixed(s.PSK, shared), "secret", context, nk+nonceSize+s.KDF.size())
		key, nonce, exporter = secret[:nk], secret[nk:nk+nonceSize], secret[nk+nonceSize:]
		c.export = func(context []byte, length int) []byte { return l.derive(exporter, "sec", context, length) }
	} else {
		context := append(mode, l.extract(nil, "psk_id_hash", s.PSKID)...)
		context = append(context, l.extract(nil, "info_hash", s.Info)...)
		secret := l.extract(shared, "secret", s.PSK)
		key = l.expand(secret, "key", context, nk)
		nonce = l.expand(secret, "base_nonce", context, nonceSize)
		exporter = l.expand(secret, "exp", context, s.KDF.size())
		c.export = func(context []byte, length int) []byte { return l.expand(exporter, "sec", context, length) }
	}
	var err error
	c.nonce = nonce
	c.aead, err = s.AEAD.open(key)
	return c, err
}

// step returns the nonce of the next message.
func (c *Context) step() []byte {
	n := append([]byte(nil), c.nonce...)
	var seq [8]byte
	binary.BigEndian.PutUint64(seq[:], c.next)
	for i, b := range seq {
		n[nonceSize-8+i] ^= b
	}
	return n
}

// Seal encrypts the next message.
func (c *Context) Seal(aad, plaintext []byte) []byte {
	out := c.aead.Seal(nil, c.step(), plaintext, aad)
	c.next++
	return out
}

// Open decrypts the next message; a message that doesn't open leaves the order
// as it was.
func (c *Context) Open(aad, ciphertext []byte) ([]byte, error) {
	out, err := c.aead.Open(nil, c.step(), ciphertext, aad)
	if err != nil {
		return nil, ErrOpen
	}
	c.next++
	return out, nil
}

// MaxExport bounds the length of an exported secret in bytes for every KDF.
const MaxExport = 255 * 32

// Export derives a secret of length bytes, at most [MaxExport].
func (c *Context) Export(context []byte, length int) ([]byte, error) {
	if length < 0 || length > MaxExport {
		return nil, fmt.Errorf("%w: exporting %d bytes, want at most %d", ErrInputs, length, MaxExport)
	}
	return c.export(context, length), nil
}

// Sender sets up the sender's side. senderKey is its private key, nil unless the
// mode has one; seed is what encapsulation draws from, [KEM.SeedSize] bytes.
func (s Setup) Sender(recipient, senderKey, seed []byte) (enc []byte, c *Context, err error) {
	if err := s.check(senderKey); err != nil {
		return nil, nil, err
	}
	k, err := s.KEM.mechanism()
	if err != nil {
		return nil, nil, err
	}
	if len(seed) != s.KEM.SeedSize() {
		return nil, nil, fmt.Errorf("%w: a seed of %d bytes, want %d", ErrKey, len(seed), s.KEM.SeedSize())
	}
	var shared []byte
	if s.Mode.HasSender() {
		shared, enc, err = k.(dh).authEncap(recipient, senderKey, seed)
	} else {
		shared, enc, err = k.encap(recipient, seed)
	}
	if err != nil {
		return nil, nil, err
	}
	c, err = s.schedule(shared)
	return enc, c, err
}

// Recipient sets up the recipient's side. senderKey is the sender's public key,
// nil unless the mode has one.
func (s Setup) Recipient(key, enc, senderKey []byte) (*Context, error) {
	if err := s.check(senderKey); err != nil {
		return nil, err
	}
	k, err := s.KEM.mechanism()
	if err != nil {
		return nil, err
	}
	var shared []byte
	if s.Mode.HasSender() {
		shared, err = k.(dh).authDecap(key, enc, senderKey)
	} else {
		shared, err = k.decap(key, enc)
	}
	if err != nil {
		return nil, err
	}
	return s.schedule(shared)
}

func (s Setup) check(senderKey []byte) error {
	if err := s.Check(); err != nil {
		return err
	}
	if s.Mode.HasSender() != (len(senderKey) > 0) {
		return fmt.Errorf("%w: a sender's key of %d bytes in mode %d", ErrInputs, len(senderKey), s.Mode)
	}
	return nil
}
