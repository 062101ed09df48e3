package setup

import (
	"encoding/binary"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/identity"
)

// The first flight, inside an envelope's ciphertext:
//
//	ephemeral X25519 key      32
//	ciphertext to IK_B        1568
//	address box               36    which signed prekey, how long the identity box is
//	ciphertext to SPK_B       1568
//	identity box              as the address box says
//	message box               the rest
const (
	addressPlain = 16 + 4
	addressSize  = addressPlain + tagSize
	offCipherIK  = kem.XSize
	offAddress   = offCipherIK + kem.CiphertextSize
	offCipherSPK = offAddress + addressSize
	offIdentity  = offCipherSPK + kem.CiphertextSize
)

// address tells the recipient what it needs to go on. Its plaintext is the
// prekey's ID and the length of the identity box (4 bytes, big-endian).
type address struct {
	prekey      identity.PrekeyID
	identityBox uint32
}

func (a address) bytes() []byte {
	return binary.BigEndian.AppendUint32(append([]byte(nil), a.prekey[:]...), a.identityBox)
}

func parseAddress(plain []byte) (a address) {
	copy(a.prekey[:], plain)
	a.identityBox = binary.BigEndian.Uint32(plain[len(a.prekey):])
	return a
}

// identityWire is what the identity box seals: who writes, and the one-time
// prekey it chose. OneTime and Cipher are empty together when it chose none.
type identityWire struct {
	_       struct{} `cbor:",toarray"`
	Bundle  []byte
	Device  [16]byte
	OneTime []byte
	Cipher  []byte
}

// firstWire is what the message box seals, padded: the key with which the
// ratchet begins, and the first message.
type firstWire struct {
	_       struct{} `cbor:",toarray"`
	Ratchet []byte
	Message []byte
}

// maxIdentity bounds the plaintext of the identity box in bytes.
const maxIdentity = identity.MaxBundle + kem.CiphertextSize + 64

// Tag stands for a set-up in replay protection: a hash of its ephemeral key.
type Tag [32]byte

func tagOf(ephemeral []byte) Tag { return digest.Sum(labelReplay, ephemeral) }

// The absorptions that both sides do alike.

func (s *schedule) absorbAddress(header []byte, to identity.ID, device *kem.PublicKey, ephemeral, cipher []byte) {
	s.absorb(labelAddress, uint64(identity.Suite), header, to[:], device.Bytes(), ephemeral, cipher)
}

func (s *schedule) absorbIdentity(addressBox []byte, signed *kem.PublicKey, cipher []byte) {
	s.absorb(labelIdentity, addressBox, signed.Bytes(), cipher)
}

func (s *schedule) absorbMessage(identityBox []byte, from identity.ID, device, oneTime *kem.PublicKey, cipher []byte) {
	var key []byte
	if oneTime != nil {
		key = oneTime.Bytes()
	}
	s.absorb(labelMessage, identityBox, from[:], device.Bytes(), key, cipher)
}
