package hpke

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/sha3"
	"fmt"

	"github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"
)

// lattice is ML-KEM alone; private keys are 64-byte seeds (FIPS 203, d || z).
type lattice struct{ id KEM }

func (l lattice) scheme() kem.Scheme {
	if l.id == MLKEM1024 {
		return mlkem1024.Scheme()
	}
	return mlkem768.Scheme()
}

func (l lattice) derive(ikm []byte) ([]byte, error) {
	return l.id.labels(SHAKE256).derive(ikm, "DeriveKeyPair", nil, mlkem.SeedSize), nil
}

func (l lattice) public(sk []byte) ([]byte, error) {
	if l.id == MLKEM1024 {
		if key, err := mlkem.NewDecapsulationKey1024(sk); err == nil {
			return key.EncapsulationKey().Bytes(), nil
		}
	} else if key, err := mlkem.NewDecapsulationKey768(sk); err == nil {
		return key.EncapsulationKey().Bytes(), nil
	}
	return nil, fmt.Errorf("%w: private key of %d bytes, want %d", ErrKey, len(sk), mlkem.SeedSize)
}

// encap checks the key with the standard library, which refuses coefficients
// that are not reduced, and encapsulates with circl, which takes the randomness.
func (l lattice) encap(pk, seed []byte) (shared, enc []byte, err error) {
	if l.id == MLKEM1024 {
		_, err = mlkem.NewEncapsulationKey1024(pk)
	} else {
		_, err = mlkem.NewEncapsulationKey768(pk)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: public key of %d bytes", ErrKey, len(pk))
	}
	key, err := l.scheme().UnmarshalBinaryPublicKey(pk)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: public key of %d bytes", ErrKey, len(pk))
	}
	enc, shared, err = l.scheme().EncapsulateDeterministically(key, seed)
	return shared, enc, err
}

func (l lattice) decap(sk, enc []byte) ([]byte, error) {
	var shared []byte
	if l.id == MLKEM1024 {
		key, err := mlkem.NewDecapsulationKey1024(sk)
		if err != nil {
			return nil, fmt.Errorf("%w: private key of %d bytes, want %d", ErrKey, len(sk), mlkem.SeedSize)
		}
		if shared, err = key.Decapsulate(enc); err == nil {
			return shared, nil
		}
	} else {
		key, err := mlkem.NewDecapsulationKey768(sk)
		if err != nil {
			return nil, fmt.Errorf("%w: private key of %d bytes, want %d", ErrKey, len(sk), mlkem.SeedSize)
		}
		if shared, err = key.Decapsulate(enc); err == nil {
			return shared, nil
		}
	}
	return nil, fmt.Errorf("%w: encapsulated key of %d bytes, want %d", ErrKey, len(enc), l.scheme().CiphertextSize())
}

// hybrid is ML-KEM with a curve, combined by SHA3-256; private keys are 32-byte
// seeds. Lengths are in bytes.
type hybrid struct {
	id            KEM
	lattice       lattice
	curve         ecdh.Curve
	scalar, point int
	label         string
}

func (h hybrid) derive(ikm []byte) ([]byte, error) {
	return h.id.labels(SHAKE256).derive(ikm, "DeriveKeyPair", nil, 32), nil
}

// split expands a private key into ML-KEM's seed and the curve's scalar.
func (h hybrid) split(sk []byte) (seed, scalar []byte, err error) {
	if len(sk) != 32 {
		return nil, nil, fmt.Errorf("%w: private key of %d bytes, want 32", ErrKey, len(sk))
	}
	stream := sha3.NewSHAKE256()
	_, _ = stream.Write(sk)
	seed, scalar = make([]byte, mlkem.SeedSize), make([]byte, h.scalar)
	_, _ = stream.Read(seed)
	// The next draw that is below the order; the first one but once in 2^32 keys.
	for range 256 {
		_, _ = stream.Read(scalar)
		if valid(h.curve, scalar) {
			return seed, scalar, nil
		}
	}
	return nil, nil, ErrKey
}

func (h hybrid) public(sk []byte) ([]byte, error) {
	seed, scalar, err := h.split(sk)
	if err != nil {
		return nil, err
	}
	pk, err := h.lattice.public(seed)
	if err != nil {
		return nil, err
	}
	point, err := dh{curve: h.curve}.public(scalar)
	return append(pk, point...), err
}

func (h hybrid) combine(lattice, curve, ephemeral, point []byte) []byte {
	sum := sha3.Sum256(join(lattice, curve, ephemeral, point, []byte(h.label)))
	return sum[:]
}

func (h hybrid) encap(pk, seed []byte) (shared, enc []byte, err error) {
	cut := h.lattice.scheme().PublicKeySize()
	if len(pk) != cut+h.point {
		return nil, nil, fmt.Errorf("%w: public key of %d bytes, want %d", ErrKey, len(pk), cut+h.point)
	}
	first, enc, err := h.lattice.encap(pk[:cut], seed[:32])
	if err != nil {
		return nil, nil, err
	}
	ephemeral, err := dh{curve: h.curve}.public(seed[32:])
	if err != nil {
		return nil, nil, err
	}
	second, err := agree(h.curve, seed[32:], pk[cut:])
	if err != nil {
		return nil, nil, err
	}
	return h.combine(first, second, ephemeral, pk[cut:]), append(enc, ephemeral...), nil
}

func (h hybrid) decap(sk, enc []byte) ([]byte, error) {
	cut := h.lattice.scheme().CiphertextSize()
	if len(enc) != cut+h.point {
		return nil, fmt.Errorf("%w: encapsulated key of %d bytes, want %d", ErrKey, len(enc), cut+h.point)
	}
	seed, scalar, err := h.split(sk)
	if err != nil {
		return nil, err
	}
	first, err := h.lattice.decap(seed, enc[:cut])
	if err != nil {
		return nil, err
	}
	second, err := agree(h.curve, scalar, enc[cut:])
	if err != nil {
		return nil, err
	}
	point, err := dh{curve: h.curve}.public(scalar)
	if err != nil {
		return nil, err
	}
	return h.combine(first, second, enc[cut:], point), nil
}
