package identity

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/pars-network/pars/session/digest"
	"golang.org/x/crypto/chacha20poly1305"
)

// slotCipher returns the AEAD of an account's slot in a week, and the slot,
// which is its associated data.
func slotCipher(id ID, week uint64) (cipher.AEAD, Slot, error) {
	info := binary.BigEndian.AppendUint64([]byte("key"), week)
	key := digest.Derive(id[:], []byte("pars bundle seal v1"), string(info), chacha20poly1305.KeySize)
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, Slot{}, fmt.Errorf("identity: XChaCha20-Poly1305: %w", err)
	}
	return aead, SlotOf(id, week), nil
}
