package threshold

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/digest"
	"golang.org/x/crypto/chacha20poly1305"
)

// boxOverhead is an ephemeral X25519 key, an ML-KEM-1024 ciphertext and a tag.
const boxOverhead = kem.XSize + kem.CiphertextSize + chacha20poly1305.Overhead

// errBox reports a box that its key does not open.
var errBox = errors.New("threshold: the sealed share can't be opened")

// boxKey is used once: the ephemeral key and the encapsulation are fresh.
func boxKey(c Ceremony, from, to uint16, recipient *kem.PublicKey, ephemeral, ciphertext, dh, shared []byte) []byte {
	info := digest.Sum("pars threshold share v1", c[:], uint64(from), uint64(to), recipient.Bytes(), ephemeral, ciphertext)
	return digest.Derive(append(append([]byte{}, dh...), shared...), nil, string(info[:]), chacha20poly1305.KeySize)
}

// sealShare seals a share so that only the holder of the recipient's pair of
// this ceremony reads it, as long as X25519 or ML-KEM-1024 holds.
func sealShare(random io.Reader, c Ceremony, from, to uint16, recipient *kem.PublicKey, share []byte) ([]byte, error) {
	seed := make([]byte, kem.XSize)
	defer clear(seed)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("threshold: reading randomness: %w", err)
	}
	ephemeral, err := ecdh.X25519().NewPrivateKey(seed)
	if err != nil {
		return nil, err
	}
	dh, err := ephemeral.ECDH(recipient.X())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", kem.ErrLowOrder, err)
	}
	ciphertext, shared, err := recipient.Encapsulate(random)
	if err != nil {
		return nil, err
	}
	public := ephemeral.PublicKey().Bytes()
	aead, err := chacha20poly1305.New(boxKey(c, from, to, recipient, public, ciphertext, dh, shared))
	if err != nil {
		return nil, err
	}
	box := append(append(make([]byte, 0, boxOverhead+len(share)), public...), ciphertext...)
	return aead.Seal(box, make([]byte, chacha20poly1305.NonceSize), share, nil), nil
}

// openShare opens what sealShare made. The error is errBox.
func openShare(c Ceremony, from, to uint16, pair *kem.PrivateKey, box []byte) ([]byte, error) {
	if len(box) < boxOverhead {
		return nil, errBox
	}
	public, ciphertext, sealed := box[:kem.XSize], box[kem.XSize:kem.XSize+kem.CiphertextSize], box[kem.XSize+kem.CiphertextSize:]
	ephemeral, err := kem.ParseX(public)
	if err != nil {
		return nil, errBox
	}
	dh, err := pair.DH(ephemeral)
	if err != nil {
		return nil, errBox
	}
	shared, err := pair.Decapsulate(ciphertext)
	if err != nil {
		return nil, errBox
	}
	aead, err := chacha20poly1305.New(boxKey(c, from, to, pair.Public(), public, ciphertext, dh, shared))
	if err != nil {
		return nil, errBox
	}
	share, err := aead.Open(nil, make([]byte, chacha20poly1305.NonceSize), sealed, nil)
	if err != nil {
		return nil, errBox
	}
	return share, nil
}
