package pq

import "github.com/pars-network/pars/precompile/contract"

// numbered is a parameter set that calldata names by a number.
type numbered interface{ setNumber() uint64 }

// keyed is a parameter set that the length of a key tells apart from the others
// of its standard.
type keyed interface {
	publicKeySize() int
	secretKeySize() int
}

// byNumber finds a set by its number; otherwise the call reverts with the custom
// error unknown.
func byNumber[S numbered](sets []S, number uint64, unknown string) (set S, err error) {
	for _, s := range sets {
		if s.setNumber() == number {
			return s, nil
		}
	}
	return set, contract.Revert(unknown, uint8(number))
}

// byPublicKey finds the set of a public key, or reverts with PublicKeyLength.
func byPublicKey[S keyed](sets []S, pk []byte) (set S, err error) {
	for _, s := range sets {
		if s.publicKeySize() == len(pk) {
			return s, nil
		}
	}
	return set, contract.Revert("PublicKeyLength", len(pk))
}

// bySecretKey finds the set of a secret key, or reverts with SecretKeyLength.
func bySecretKey[S keyed](sets []S, sk []byte) (set S, err error) {
	for _, s := range sets {
		if s.secretKeySize() == len(sk) {
			return s, nil
		}
	}
	return set, contract.Revert("SecretKeyLength", len(sk))
}
