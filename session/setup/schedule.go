package setup

import (
	"crypto/cipher"
	"fmt"
	"slices"

	"github.com/pars-network/pars/session/digest"
	"golang.org/x/crypto/chacha20poly1305"
)

// The labels of the key schedule, in the order of spec/setup.md, "Key schedule".
const (
	labelSalt     = "pars setup v1"
	labelAddress  = "pars setup v1 address"
	labelIdentity = "pars setup v1 identity"
	labelMessage  = "pars setup v1 message"
	labelPending  = "pars setup v1 pending"
	labelAgain    = "pars setup v1 again"
	labelHeader   = "pars setup v1 answer header"
	labelAnswer   = "pars setup v1 answer"
	labelDone     = "pars setup v1 done"
	labelRoot     = "pars setup v1 root"
	labelFromA    = "pars setup v1 header key initiator"
	labelFromB    = "pars setup v1 header key responder"
	labelReplay   = "pars setup v1 replay"
)

const (
	chainSize = 64
	keySize   = chacha20poly1305.KeySize
	nonceSize = chacha20poly1305.NonceSizeX
	tagSize   = chacha20poly1305.Overhead
)

// schedule is the state of the key derivation: a chaining key, into which every
// shared secret is mixed, and a transcript hash, which every derivation takes.
type schedule struct {
	chain []byte
	hash  [digest.Size]byte
}

func newSchedule() *schedule { return &schedule{chain: []byte(labelSalt)} }

func (s *schedule) clone() *schedule {
	return &schedule{chain: slices.Clone(s.chain), hash: s.hash}
}

// absorb replaces the transcript hash by one over itself and fields.
func (s *schedule) absorb(label string, fields ...any) {
	s.hash = digest.Sum(label, append([]any{s.hash[:]}, fields...)...)
}

// mix replaces the chaining key by one that depends on it, on secrets and on
// the transcript, and returns a box for one sealing under a key that depends
// on the same. It wipes secrets.
func (s *schedule) mix(label string, secrets ...[]byte) (*box, error) {
	ikm := slices.Concat(secrets...)
	for _, secret := range secrets {
		clear(secret)
	}
	out := digest.Derive(ikm, s.chain, label+string(s.hash[:]), chainSize+keySize+nonceSize)
	clear(ikm)
	s.chain = out[:chainSize:chainSize]
	return newBox(out[chainSize:chainSize+keySize], out[chainSize+keySize:], s.hash[:])
}

// export derives a secret from chaining key and transcript that tells nothing
// about either.
func (s *schedule) export(label string) (out [32]byte) {
	copy(out[:], digest.Derive(s.chain, []byte(labelSalt), label+string(s.hash[:]), len(out)))
	return out
}

// box is XChaCha20-Poly1305 with a key for one message, its nonce and its
// associated data.
type box struct {
	aead  cipher.AEAD
	nonce []byte
	data  []byte
}

func newBox(key, nonce, data []byte) (*box, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("setup: XChaCha20-Poly1305: %w", err)
	}
	return &box{aead: aead, nonce: nonce, data: slices.Clone(data)}, nil
}

func (b *box) seal(plain []byte) []byte { return b.aead.Seal(nil, b.nonce, plain, b.data) }

func (b *box) open(sealed []byte) ([]byte, error) {
	plain, err := b.aead.Open(nil, b.nonce, sealed, b.data)
	if err != nil {
		return nil, ErrRefused
	}
	return plain, nil
}
