package hpke

import (
	"crypto/ecdh"
	"encoding/binary"
	"fmt"
)

// KEM identifies a key encapsulation mechanism (RFC 9180, section 7.1, and
// draft-ietf-hpke-pq).
type KEM uint16

// The mechanisms.
const (
	P256           KEM = 0x0010 // DHKEM(P-256, HKDF-SHA256)
	X25519         KEM = 0x0020 // DHKEM(X25519, HKDF-SHA256)
	MLKEM768       KEM = 0x0041
	MLKEM1024      KEM = 0x0042
	MLKEM768P256   KEM = 0x0050
	MLKEM1024P384  KEM = 0x0051
	MLKEM768X25519 KEM = 0x647a // X-Wing
)

// mechanism is a KEM; its errors are ErrKey.
type mechanism interface {
	derive(ikm []byte) (sk []byte, err error)
	public(sk []byte) (pk []byte, err error)
	encap(pk, seed []byte) (shared, enc []byte, err error)
	decap(sk, enc []byte) (shared []byte, err error)
}

func (k KEM) mechanism() (mechanism, error) {
	switch k {
	case P256:
		return dh{id: k, curve: ecdh.P256()}, nil
	case X25519:
		return dh{id: k, curve: ecdh.X25519()}, nil
	case MLKEM768, MLKEM1024:
		return lattice{id: k}, nil
	case MLKEM768P256:
		return hybrid{id: k, lattice: lattice{MLKEM768}, curve: ecdh.P256(), scalar: 32, point: 65, label: "MLKEM768-P256"}, nil
	case MLKEM1024P384:
		return hybrid{id: k, lattice: lattice{MLKEM1024}, curve: ecdh.P384(), scalar: 48, point: 97, label: "MLKEM1024-P384"}, nil
	case MLKEM768X25519:
		return hybrid{id: k, lattice: lattice{MLKEM768}, curve: ecdh.X25519(), scalar: 32, point: 32, label: `\.//^\`}, nil
	}
	return nil, fmt.Errorf("%w: KEM %#04x", ErrSuite, uint16(k))
}

// SeedSize is how many bytes encapsulation draws from: what RFC 9180 derives the
// ephemeral key of a DHKEM from, the message of ML-KEM, or that message and the
// ephemeral private key of a hybrid's curve.
func (k KEM) SeedSize() int {
	switch k {
	case MLKEM768P256, MLKEM768X25519:
		return 32 + 32
	case MLKEM1024P384:
		return 32 + 48
	}
	return 32
}

// MinKeyMaterial and MaxKeyMaterial bound what [DeriveKeyPair] takes, in bytes.
const (
	MinKeyMaterial = 32
	MaxKeyMaterial = 256
)

// DeriveKeyPair makes the key pair of some key material (RFC 9180, section
// 7.1.3, and draft-ietf-hpke-pq).
func DeriveKeyPair(k KEM, ikm []byte) (pk, sk []byte, err error) {
	m, err := k.mechanism()
	if err != nil {
		return nil, nil, err
	}
	if len(ikm) < MinKeyMaterial || len(ikm) > MaxKeyMaterial {
		return nil, nil, fmt.Errorf("%w: %d bytes of key material, want %d to %d", ErrKey, len(ikm), MinKeyMaterial, MaxKeyMaterial)
	}
	if sk, err = m.derive(ikm); err != nil {
		return nil, nil, err
	}
	pk, err = m.public(sk)
	return pk, sk, err
}

func (k KEM) labels(kdf KDF) labels {
	return labels{kdf: kdf, suite: binary.BigEndian.AppendUint16([]byte("KEM"), uint16(k))}
}

// dh is DHKEM (RFC 9180, section 4.1).
type dh struct {
	id    KEM
	curve ecdh.Curve
}

func (d dh) derive(ikm []byte) ([]byte, error) {
	l := d.id.labels(HKDFSHA256)
	prk := l.extract(nil, "dkp_prk", ikm)
	if d.id == X25519 {
		return l.expand(prk, "sk", nil, 32), nil
	}
	for counter := range 256 {
		if sk := l.expand(prk, "candidate", []byte{byte(counter)}, 32); valid(d.curve, sk) {
			return sk, nil
		}
	}
	return nil, ErrKey
}

func valid(curve ecdh.Curve, sk []byte) bool {
	_, err := curve.NewPrivateKey(sk)
	return err == nil
}

func (d dh) public(sk []byte) ([]byte, error) {
	key, err := d.curve.NewPrivateKey(sk)
	if err != nil {
		return nil, fmt.Errorf("%w: private key of %d bytes", ErrKey, len(sk))
	}
	return key.PublicKey().Bytes(), nil
}

// agree is the Diffie-Hellman function. It refuses points off the curve and of
// small order.
func agree(curve ecdh.Curve, sk, pk []byte) ([]byte, error) {
	private, err := curve.NewPrivateKey(sk)
	if err != nil {
		return nil, fmt.Errorf("%w: private key of %d bytes", ErrKey, len(sk))
	}
	public, err := curve.NewPublicKey(pk)
	if err != nil {
		return nil, fmt.Errorf("%w: public key of %d bytes", ErrKey, len(pk))
	}
	shared, err := private.ECDH(public)
	if err != nil {
		return nil, fmt.Errorf("%w: a point of small order", ErrKey)
	}
	return shared, nil
}

// expand is ExtractAndExpand.
func (d dh) expand(secret []byte, context ...[]byte) []byte {
	l := d.id.labels(HKDFSHA256)
	return l.expand(l.extract(nil, "eae_prk", secret), "shared_secret", join(context...), 32)
}

func (d dh) encap(pk, seed []byte) (shared, enc []byte, err error) {
	return d.seal(pk, nil, seed)
}

func (d dh) authEncap(pk, senderKey, seed []byte) (shared, enc []byte, err error) {
	return d.seal(pk, senderKey, seed)
}

func (d dh) seal(pk, senderKey, seed []byte) (shared, enc []byte, err error) {
	ephemeral, err := d.derive(seed)
	if err != nil {
		return nil, nil, err
	}
	if enc, err = d.public(ephemeral); err != nil {
		return nil, nil, err
	}
	secret, err := agree(d.curve, ephemeral, pk)
	if err != nil {
		return nil, nil, err
	}
	if senderKey == nil {
		return d.expand(secret, enc, pk), enc, nil
	}
	sender, err := d.public(senderKey)
	if err != nil {
		return nil, nil, err
	}
	second, err := agree(d.curve, senderKey, pk)
	if err != nil {
		return nil, nil, err
	}
	return d.expand(append(secret, second...), enc, pk, sender), enc, nil
}

func (d dh) decap(sk, enc []byte) ([]byte, error) { return d.open(sk, enc, nil) }

func (d dh) authDecap(sk, enc, sender []byte) ([]byte, error) { return d.open(sk, enc, sender) }

func (d dh) open(sk, enc, sender []byte) ([]byte, error) {
	secret, err := agree(d.curve, sk, enc)
	if err != nil {
		return nil, err
	}
	pk, err := d.public(sk)
	if err != nil {
		return nil, err
	}
	if sender == nil {
		return d.expand(secret, enc, pk), nil
	}
	second, err := agree(d.curve, sk, sender)
	if err != nil {
		return nil, err
	}
	return d.expand(append(secret, second...), enc, pk, sender), nil
}
