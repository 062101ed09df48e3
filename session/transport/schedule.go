package transport

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha512"
	"hash"

	"github.com/libp2p/go-libp2p/core/protocol"
)

// ID names the protocol in multistream. The version covers the whole suite:
// another primitive is another protocol.
const ID protocol.ID = "/pars/pq-sigma/1"

// suite is the first thing that a transcript hashes, after [ID] and a newline.
const suite = "X25519+ML-KEM-1024 Ed25519+ML-DSA-87 HKDF-SHA-512 AES-256-GCM\n"

// Signature contexts, one a role: what one side signs is worthless when it is
// sent back as the other's.
const (
	contextInitiator = "pars pq-sigma v1 initiator"
	contextResponder = "pars pq-sigma v1 responder"
)

// Labels of the key schedule, each after labelPrefix.
const (
	labelPrefix             = "pars pq-sigma v1 "
	labelInitiatorHandshake = "initiator handshake"
	labelResponderHandshake = "responder handshake"
	labelInitiatorFinished  = "initiator finished"
	labelResponderFinished  = "responder finished"
	labelInitiatorTraffic   = "initiator traffic"
	labelResponderTraffic   = "responder traffic"
	labelRecordKey          = "record key"
	labelRecordIV           = "record iv"
	labelNext               = "next"
)

// Sizes in bytes.
const (
	hashSize   = sha512.Size // transcript hashes, MACs and secrets
	keySize    = 32          // AES-256
	nonceSize  = 12
	tagSize    = 16
	sharedSize = 32 // each of the two shared secrets
)

// transcript hashes everything that both sides have seen, in order (SHA-512).
type transcript struct{ h hash.Hash }

func newTranscript() transcript {
	t := transcript{sha512.New()}
	t.add([]byte(string(ID)+"\n"), []byte(suite))
	return t
}

func (t transcript) add(parts ...[]byte) {
	for _, p := range parts {
		_, _ = t.h.Write(p) // a hash never fails
	}
}

func (t transcript) sum() []byte { return t.h.Sum(nil) }

// extract mixes both shared secrets, the post-quantum one first, with the
// transcript of everything that was public in the exchange.
func extract(kem, dh, th []byte) []byte {
	ikm := make([]byte, 0, 2*sharedSize)
	ikm = append(append(ikm, kem...), dh...)
	defer clear(ikm)
	secret, err := hkdf.Extract(sha512.New, ikm, th)
	if err != nil {
		panic("transport: HKDF-Extract: " + err.Error()) // only a FIPS mode with short keys fails
	}
	return secret
}

// expand derives n bytes for one purpose at one point of the transcript. th is
// nil for the keys that follow from a traffic secret alone.
func expand(secret []byte, label string, th []byte, n int) []byte {
	info := labelPrefix + label
	if th != nil {
		info += "\x00" + string(th)
	}
	out, err := hkdf.Expand(sha512.New, secret, info, n)
	if err != nil {
		panic("transport: HKDF-Expand: " + err.Error()) // n is a constant far below 255 hashes
	}
	return out
}

// finished is the MAC by which a side shows that it holds the keys of the very
// exchange that it signed.
func finished(key, th []byte) []byte {
	m := hmac.New(sha512.New, key)
	_, _ = m.Write(th)
	return m.Sum(nil)
}

func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("transport: AES-256: " + err.Error()) // the key has 32 bytes
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("transport: GCM: " + err.Error())
	}
	return gcm
}

// seal and open are for the single message of a handshake key, whose nonce is
// zero. aad is the header of the message.
func seal(key, plain, aad []byte) []byte {
	return newAEAD(key).Seal(nil, make([]byte, nonceSize), plain, aad)
}

func open(key, sealed, aad []byte) ([]byte, error) {
	return newAEAD(key).Open(nil, make([]byte, nonceSize), sealed, aad)
}
