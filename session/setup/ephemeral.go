package setup

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"

	"github.com/pars-network/pars/crypto/kem"
)

// newEphemeral makes an X25519 pair from 32 bytes of rand. crypto/ecdh's own
// GenerateKey may read one byte more, so that vectors would not reproduce.
func newEphemeral(rand io.Reader) (*ecdh.PrivateKey, error) {
	seed := make([]byte, kem.XSize)
	defer clear(seed)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("setup: reading randomness: %w", err)
	}
	key, err := ecdh.X25519().NewPrivateKey(seed)
	if err != nil {
		return nil, errors.New("setup: crypto/ecdh refuses 32 bytes as an X25519 key")
	}
	return key, nil
}
