package store

import (
	"bufio"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/pars-network/pars/session/vault"
)

// BackupKey opens a backup: a passphrase of its own, or the 32 bytes of entropy
// behind the 24 words. One of the two is set.
type BackupKey struct {
	Passphrase []byte
	Entropy    []byte
	// Argon2 is the cost of the passphrase; zero means [vault.Cost]. It is written
	// nowhere.
	Argon2 Argon2
}

// ErrBackup reports a file that the key does not open: another passphrase or
// other words, changed or missing bytes, or no backup.
var ErrBackup = errors.New("store: the backup does not open: wrong passphrase or words, a damaged file, or no backup")

const (
	backupSalt = 32
	// chunkSize is how much is encrypted at once, in bytes.
	chunkSize = 64 << 10
)

func (k BackupKey) derive(salt []byte) (cipher.AEAD, error) {
	var key []byte
	var err error
	switch {
	case len(k.Passphrase) > 0 && len(k.Entropy) == 0:
		cost := k.Argon2
		if cost == (Argon2{}) {
			cost = vault.Cost
		}
		master := argon2.IDKey(k.Passphrase, salt, cost.Passes, cost.MemoryKiB, cost.Lanes, keySize)
		key, err = hkdf.Key(sha512.New, master, salt, "pars backup passphrase v1", keySize)
	case len(k.Entropy) == 32 && len(k.Passphrase) == 0:
		key, err = hkdf.Key(sha512.New, k.Entropy, salt, "pars backup words v1", keySize)
	default:
		return nil, errors.New("store: a backup needs a passphrase or 24 words, and not both")
	}
	if err != nil {
		return nil, err
	}
	return chacha20poly1305.NewX(key)
}

// chunkNonce is the number of a chunk in 8 bytes, zeros, and 1 for the last one, so
// that chunks can't be left out, exchanged or cut off. The key is the file's alone.
func chunkNonce(n uint64, last bool) []byte {
	b := make([]byte, chacha20poly1305.NonceSizeX)
	binary.BigEndian.PutUint64(b, n)
	if last {
		b[len(b)-1] = 1
	}
	return b
}

// sealing encrypts what is written to it: the salt, then chunks of chunkSize bytes
// and a tag, the last one shorter and possibly empty.
type sealing struct {
	w    io.Writer
	aead cipher.AEAD
	n    uint64
	buf  []byte
}

func newSealing(w io.Writer, rand io.Reader, key BackupKey) (*sealing, error) {
	salt := make([]byte, backupSalt)
	if _, err := io.ReadFull(rand, salt); err != nil {
		return nil, fmt.Errorf("store: reading randomness: %w", err)
	}
	aead, err := key.derive(salt)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(salt); err != nil {
		return nil, fmt.Errorf("store: writing the backup: %w", err)
	}
	return &sealing{w: w, aead: aead}, nil
}

func (s *sealing) Write(b []byte) (int, error) {
	s.buf = append(s.buf, b...)
	for len(s.buf) >= chunkSize {
		if err := s.chunk(s.buf[:chunkSize], false); err != nil {
			return 0, err
		}
		s.buf = s.buf[:copy(s.buf, s.buf[chunkSize:])]
	}
	return len(b), nil
}

func (s *sealing) chunk(b []byte, last bool) error {
	_, err := s.w.Write(s.aead.Seal(nil, chunkNonce(s.n, last), b, nil))
	s.n++
	if err != nil {
		return fmt.Errorf("store: writing the backup: %w", err)
	}
	return nil
}

// Close writes the last chunk.
func (s *sealing) Close() error { return s.chunk(s.buf, true) }

// opening decrypts what [sealing] wrote.
type opening struct {
	r    *bufio.Reader
	aead cipher.AEAD
	n    uint64
	rest []byte
	end  bool
}

func newOpening(r io.Reader, key BackupKey) (*opening, error) {
	b := bufio.NewReaderSize(r, chunkSize+chacha20poly1305.Overhead)
	salt := make([]byte, backupSalt)
	if _, err := io.ReadFull(b, salt); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrBackup, err)
	}
	aead, err := key.derive(salt)
	return &opening{r: b, aead: aead}, err
}

func (o *opening) Read(b []byte) (int, error) {
	for len(o.rest) == 0 {
		if o.end {
			return 0, io.EOF
		}
		chunk := make([]byte, chunkSize+chacha20poly1305.Overhead)
		n, err := io.ReadFull(o.r, chunk)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, fmt.Errorf("%w (%w)", ErrBackup, err)
		}
		o.end = n < len(chunk)
		if o.rest, err = o.aead.Open(nil, chunkNonce(o.n, o.end), chunk[:n], nil); err != nil {
			return 0, ErrBackup
		}
		o.n++
	}
	n := copy(b, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}
