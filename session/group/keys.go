package group

import (
	"crypto/cipher"
	"crypto/sha3"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/identity"
)

// Limits of an epoch.
const (
	// MaxEpochAge is how long an epoch is written in.
	MaxEpochAge = 7 * 24 * time.Hour
	// MaxEpochMessages is how many messages are written in one, by all.
	MaxEpochMessages = 1000
	// MaxIndex bounds the number of a message in its chain: several devices
	// may write at once before they know of each other's messages.
	MaxIndex = 2048
	// SecretSize is the length of an epoch's secret in bytes.
	SecretSize = 32

	// nonceSize is that of XChaCha20-Poly1305, overhead what it adds.
	nonceSize = chacha20poly1305.NonceSizeX
	overhead  = chacha20poly1305.Overhead
)

var (
	// ErrNoEpoch reports a message of an epoch whose secret has not come (yet).
	ErrNoEpoch = errors.New("group: no keys of this epoch")
	// ErrUsed reports a message whose key was used or dropped before.
	ErrUsed = errors.New("group: the key of this message is gone")
	// ErrOpen reports a wrong key or altered bytes, never which.
	ErrOpen = errors.New("group: cannot open")
)

// EpochOf is the epoch with a secret. It commits to the secret, so nobody can hand
// different ones to different members.
func EpochOf(space [32]byte, secret []byte) EpochID {
	return digest.Sum("pars group epoch v1", space, secret)
}

// tag names a device's chain in an epoch: only who had the secret can tell whose.
type tag [16]byte

// chain is where the messages of one device in one epoch get their keys from.
type chain struct {
	device Device
	next   uint64
	key    [32]byte
	// skipped are keys of messages that have not come.
	skipped map[uint64][32]byte
}

// keys are what a device keeps of an epoch. The secret itself is gone.
type keys struct {
	epoch EpochID
	// opened is by this device's clock.
	opened time.Time
	// wrap is what envelopes of the epoch's mailbox are sealed with, mailbox the
	// seed of the key that the mailbox is named after. Both hide who writes from
	// who stores; they don't protect what is written.
	wrap    [32]byte
	mailbox [sign.SeedSize]byte
	chains  map[tag]*chain
}

func deriveKeys(space [32]byte, secret []byte, devices []Device, opened time.Time) *keys {
	k := &keys{epoch: EpochOf(space, secret), opened: opened, chains: make(map[tag]*chain, len(devices))}
	copy(k.wrap[:], digest.Derive(secret, space[:], "pars group wrap v1", 32))
	copy(k.mailbox[:], digest.Derive(secret, space[:], "pars group mailbox v1", sign.SeedSize))
	for _, d := range devices {
		start := digest.Derive(secret, space[:], "pars group chain v1"+string(d.Account[:])+string(d.Device[:]), 48)
		k.chains[tag(start[:16])] = &chain{device: d, key: [32]byte(start[16:])}
		clear(start)
	}
	return k
}

// tagOf is the tag of a device's chain, false if the device is no recipient.
func (k *keys) tagOf(d Device) (tag, bool) {
	for t, c := range k.chains {
		if c.device == d {
			return t, true
		}
	}
	return tag{}, false
}

// step returns the key of the chain's next message and moves on.
func (c *chain) step() [32]byte {
	out := digest.Derive(c.key[:], nil, "pars group message v1", 64)
	copy(c.key[:], out[32:])
	c.next++
	key := [32]byte(out[:32])
	clear(out)
	return key
}

// peek returns the key of a message without moving, so that a forged one changes nothing.
func (c *chain) peek(index uint64) ([32]byte, error) {
	if index > MaxIndex {
		return [32]byte{}, fmt.Errorf("%w: message %d of a chain, want at most %d", ErrOpen, index, MaxIndex)
	}
	if index < c.next {
		key, ok := c.skipped[index]
		if !ok {
			return key, ErrUsed
		}
		return key, nil
	}
	scratch := chain{next: c.next, key: c.key}
	for scratch.next < index {
		scratch.step()
	}
	return scratch.step(), nil
}

// use erases the key of a message, and keeps those of the ones before that have not come.
func (c *chain) use(index uint64) {
	if index < c.next {
		delete(c.skipped, index)
		return
	}
	for c.next < index {
		if c.skipped == nil {
			c.skipped = map[uint64][32]byte{}
		}
		n := c.next
		c.skipped[n] = c.step()
	}
	c.step()
}

// sealed is a payload's encrypted part.
type sealed struct {
	_     struct{} `cbor:",toarray"`
	Epoch [32]byte
	Tag   [16]byte
	Index uint64
	Nonce [nonceSize]byte
	Box   []byte
}

// bind is what a payload's encryption authenticates besides the content.
func (s sealed) bind(space, author [32]byte) []byte {
	h := digest.Sum("pars group payload v1", space, author, s.Epoch, s.Tag, s.Index)
	return h[:]
}

func aead(key []byte) cipher.AEAD {
	a, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic("group: " + err.Error()) // the key is 32 bytes
	}
	return a
}

// seal encrypts under the next key of a device's chain, which moves on: the caller makes
// that durable before anybody sees the result.
func (k *keys) seal(rand io.Reader, space, author [32]byte, d Device, plain []byte) (sealed, error) {
	t, ok := k.tagOf(d)
	if !ok {
		return sealed{}, fmt.Errorf("%w: this device is no recipient", ErrNoEpoch)
	}
	c := k.chains[t]
	if c.next > MaxIndex {
		return sealed{}, fmt.Errorf("group: chain of %d messages is used up", c.next)
	}
	s := sealed{Epoch: k.epoch, Tag: t, Index: c.next}
	// The nonce is random though the key is used once: if a backup is restored, the key
	// is used again.
	if _, err := io.ReadFull(rand, s.Nonce[:]); err != nil {
		return sealed{}, fmt.Errorf("group: reading randomness: %w", err)
	}
	key := c.step()
	s.Box = aead(key[:]).Seal(nil, s.Nonce[:], plain, s.bind(space, author))
	clear(key[:])
	return s, nil
}

// owner is the device whose chain a payload names.
func (k *keys) owner(s sealed) (Device, error) {
	c := k.chains[s.Tag]
	if c == nil {
		return Device{}, fmt.Errorf("%w: a chain of nobody", ErrOpen)
	}
	return c.device, nil
}

// open decrypts a payload; only then the chain moves.
func (k *keys) open(space, author [32]byte, s sealed) ([]byte, error) {
	c := k.chains[s.Tag]
	if c == nil {
		return nil, fmt.Errorf("%w: a chain of nobody", ErrOpen)
	}
	key, err := c.peek(s.Index)
	if err != nil {
		return nil, err
	}
	plain, err := aead(key[:]).Open(nil, s.Nonce[:], s.Box, s.bind(space, author))
	clear(key[:])
	if err != nil {
		return nil, ErrOpen
	}
	c.use(s.Index)
	return plain, nil
}

// Mailbox is the key of an epoch's mailbox, which every member can make.
func (k *keys) mailboxKey() (*sign.PrivateKey, error) { return sign.NewPrivateKey(k.mailbox[:]) }

func (k *keys) mailboxID() (identity.MailboxID, error) {
	key, err := k.mailboxKey()
	if err != nil {
		return identity.MailboxID{}, err
	}
	return identity.MailboxIDOf(key.Public()), nil
}

// wrapKey makes a key and a nonce for one envelope, whose header they depend on.
func (k *keys) wrapKey(salt, header []byte) (key, nonce []byte) {
	h := sha3.Sum256(header)
	out := digest.Derive(k.wrap[:], append(append([]byte{}, salt...), h[:]...), "pars group envelope v1", 32+nonceSize)
	return out[:32], out[32:]
}

// String hides the keys from logs.
func (k *keys) String() string { return fmt.Sprintf("group.keys(%x, hidden)", k.epoch[:4]) }

// GoString hides the keys from %#v.
func (k *keys) GoString() string { return k.String() }

// Format hides the keys from every verb of package fmt.
func (k *keys) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }
