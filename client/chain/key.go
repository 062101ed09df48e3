package chain

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/scrypt"
	"golang.org/x/crypto/sha3"
)

var (
	// ErrKey reports a file that holds no key.
	ErrKey = errors.New("no private key")
	// ErrPassphrase reports a keystore that the passphrase does not open.
	ErrPassphrase = errors.New("wrong passphrase, or a damaged keystore")
)

// Address is an account.
type Address [20]byte

func (a Address) String() string { return hexText(a[:]) }

// ParseAddress reads 0x and 40 hex digits.
func ParseAddress(text string) (a Address, err error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(raw) != len(a) {
		return a, fmt.Errorf("got the address %.60q, want 0x and 40 hex digits", text)
	}
	return Address(raw), nil
}

// Keccak256 is the hash of Ethereum.
func Keccak256(parts ...[]byte) (out [32]byte) {
	h := sha3.NewLegacyKeccak256()
	for _, p := range parts {
		_, _ = h.Write(p) // a hash never fails
	}
	h.Sum(out[:0])
	return out
}

// Key is a private key of secp256k1. It prints as its address.
type Key struct{ secret *secp256k1.PrivateKey }

func (k *Key) String() string { return "key of " + k.Address().String() }

// GoString keeps the key out of %#v.
func (k *Key) GoString() string { return k.String() }

// LogValue keeps the key out of logs.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Address is the account that the key controls.
func (k *Key) Address() Address {
	hash := Keccak256(k.secret.PubKey().SerializeUncompressed()[1:])
	return Address(hash[12:])
}

// Sign signs a hash: r, s (in the lower half), and 27 or 28.
func (k *Key) Sign(hash [32]byte) [65]byte {
	compact := ecdsa.SignCompact(k.secret, hash[:], false)
	var out [65]byte
	copy(out[:], compact[1:])
	out[64] = compact[0]
	return out
}

// NewKey is the key with a secret of 32 bytes.
func NewKey(secret []byte) (*Key, error) {
	var n secp256k1.ModNScalar
	if len(secret) != 32 || n.SetByteSlice(secret) || n.IsZero() {
		return nil, fmt.Errorf("%w: want 32 bytes below the order of secp256k1", ErrKey)
	}
	return &Key{secp256k1.NewPrivateKey(&n)}, nil
}

// Encrypted reports whether a file is a keystore, which needs a passphrase.
func Encrypted(file []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(file), []byte("{")) }

// ParseKey reads a file: 64 hex digits, or a keystore of version 3 as geth and
// others write it, which passphrase opens.
func ParseKey(file, passphrase []byte) (*Key, error) {
	file = bytes.TrimSpace(file)
	if Encrypted(file) {
		return openKeystore(file, passphrase)
	}
	secret, err := hex.DecodeString(strings.TrimPrefix(string(file), "0x"))
	if err != nil {
		return nil, fmt.Errorf("%w: want 64 hex digits or a keystore", ErrKey)
	}
	return NewKey(secret)
}

// keystore is a Web3 Secret Storage file, version 3.
type keystore struct {
	Version int    `json:"version"`
	Address string `json:"address"`
	Crypto  struct {
		Cipher       string `json:"cipher"`
		CipherText   string `json:"ciphertext"`
		CipherParams struct {
			IV string `json:"iv"`
		} `json:"cipherparams"`
		KDF       string `json:"kdf"`
		KDFParams struct {
			N     int    `json:"n"`
			R     int    `json:"r"`
			P     int    `json:"p"`
			C     int    `json:"c"`
			PRF   string `json:"prf"`
			DKLen int    `json:"dklen"`
			Salt  string `json:"salt"`
		} `json:"kdfparams"`
		MAC string `json:"mac"`
	} `json:"crypto"`
}

// Bounds of a key derivation: 1 GiB of memory, and some seconds.
const (
	maxScryptN   = 1 << 20
	maxScryptRP  = 8
	maxPBKDF2    = 10_000_000
	maxKeystored = 1 << 10 // bytes of a field
)

func openKeystore(file, passphrase []byte) (*Key, error) {
	var s keystore
	if err := json.Unmarshal(file, &s); err != nil {
		return nil, fmt.Errorf("%w: reading the keystore: %w", ErrKey, err)
	}
	if s.Version != 3 || s.Crypto.Cipher != "aes-128-ctr" || s.Crypto.KDFParams.DKLen != 32 {
		return nil, fmt.Errorf("%w: got a keystore of version %d with %q and keys of %d bytes, want version 3, aes-128-ctr and 32", ErrKey, s.Version, s.Crypto.Cipher, s.Crypto.KDFParams.DKLen)
	}
	var fields [4][]byte
	for i, text := range []string{s.Crypto.CipherText, s.Crypto.CipherParams.IV, s.Crypto.KDFParams.Salt, s.Crypto.MAC} {
		raw, err := hex.DecodeString(text)
		if err != nil || len(raw) > maxKeystored {
			return nil, fmt.Errorf("%w: the keystore has a field that is no hex of at most %d bytes", ErrKey, maxKeystored)
		}
		fields[i] = raw
	}
	sealed, iv, salt, mac := fields[0], fields[1], fields[2], fields[3]
	if len(iv) != aes.BlockSize {
		return nil, fmt.Errorf("%w: the keystore's iv has %d bytes, want %d", ErrKey, len(iv), aes.BlockSize)
	}
	derived, err := s.derive(passphrase, salt)
	if err != nil {
		return nil, err
	}
	want := Keccak256(derived[16:32], sealed)
	if subtle.ConstantTimeCompare(want[:], mac) != 1 {
		return nil, ErrPassphrase
	}
	block, err := aes.NewCipher(derived[:16])
	if err != nil {
		return nil, fmt.Errorf("opening the keystore: %w", err)
	}
	secret := make([]byte, len(sealed))
	cipher.NewCTR(block, iv).XORKeyStream(secret, sealed)
	return NewKey(secret)
}

func (s *keystore) derive(passphrase, salt []byte) ([]byte, error) {
	p := s.Crypto.KDFParams
	switch {
	case s.Crypto.KDF == "scrypt" && p.N <= maxScryptN && p.R > 0 && p.R <= maxScryptRP && p.P > 0 && p.P <= maxScryptRP:
		derived, err := scrypt.Key(passphrase, salt, p.N, p.R, p.P, p.DKLen)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		return derived, nil
	case s.Crypto.KDF == "pbkdf2" && p.PRF == "hmac-sha256" && p.C > 0 && p.C <= maxPBKDF2:
		derived, err := pbkdf2.Key(sha256.New, string(passphrase), salt, p.C, p.DKLen)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		return derived, nil
	}
	return nil, fmt.Errorf("%w: the keystore derives its key by %.20q with parameters beyond what is sane", ErrKey, s.Crypto.KDF)
}
