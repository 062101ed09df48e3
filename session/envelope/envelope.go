// Package envelope is what a private message looks like from outside, and
// what is inside once it is decrypted.
//
// Outside are a version, a mailbox, an hour after which nobody needs to keep it,
// and ciphertext that fills the envelope to one of four sizes. Nothing else
// tells a set-up, an answer, a message of a conversation or of a group apart.
// Inside is a [Message]. How the ciphertext is made is for the packages that
// make it, such as session/setup. The normative text is spec/setup.md.
package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

const (
	// Version is the first field of every envelope.
	Version = 1
	// HeaderSize is what precedes the ciphertext, in bytes. It is the same for
	// all, and authenticated together with the ciphertext.
	HeaderSize = 44
	// MaxSize is the length of the greatest envelope in bytes.
	MaxSize = 64 << 10
	// MaxPayload is the longest private payload in bytes; what is larger
	// travels as a file.
	MaxPayload = 48 << 10
	// DefaultTTL is how long an envelope waits for its recipient unless its
	// sender says otherwise.
	DefaultTTL = 14 * 24 * time.Hour
	// MaxTTL is the longest that an envelope may wait.
	MaxTTL = identity.MaxTTL

	minHour = 1 << 16 // below, the hour would have a shorter encoding
)

// Buckets are the only lengths of envelopes, in bytes.
var Buckets = [...]int{8 << 10, 16 << 10, 32 << 10, 64 << 10}

var (
	// ErrEnvelope reports bytes that are no envelope.
	ErrEnvelope = errors.New("not an envelope")
	// ErrTooLarge reports content that no envelope can carry: send it as a file.
	ErrTooLarge = errors.New("too large for one message")
	// ErrExpired reports an envelope that nobody needs to keep any more.
	ErrExpired = errors.New("the envelope has expired")
	// ErrLifetime reports an expiry farther away than [MaxTTL].
	ErrLifetime = errors.New("the envelope would live too long")
)

// Envelope is a parsed envelope.
type Envelope struct {
	// Mailbox is where it goes.
	Mailbox identity.MailboxID
	// ExpiryHour is the hour since 1970 from whose start on it may be dropped.
	ExpiryHour uint32
	// Sealed is the ciphertext: a bucket's length less [HeaderSize].
	Sealed []byte
}

type envelopeWire struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Mailbox [32]byte
	Hour    uint64
	Sealed  []byte
}

// Parse reads an envelope. Errors match [ErrEnvelope].
func Parse(raw []byte) (Envelope, error) {
	if !isBucket(len(raw)) {
		return Envelope{}, fmt.Errorf("%w: %d bytes, want 8, 16, 32 or 64 KiB", ErrEnvelope, len(raw))
	}
	var w envelopeWire
	if err := wire.Unmarshal(raw, MaxSize, &w); err != nil {
		return Envelope{}, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	if w.Version != Version {
		return Envelope{}, fmt.Errorf("%w: version %d, want %d; update this program", ErrEnvelope, w.Version, Version)
	}
	if w.Hour < minHour || w.Hour > math.MaxUint32 {
		return Envelope{}, fmt.Errorf("%w: expiry hour %d", ErrEnvelope, w.Hour)
	}
	return Envelope{Mailbox: w.Mailbox, ExpiryHour: uint32(w.Hour), Sealed: w.Sealed}, nil
}

// Bytes returns the encoding that [Parse] reads.
func (e Envelope) Bytes() ([]byte, error) {
	if !isBucket(HeaderSize+len(e.Sealed)) || e.ExpiryHour < minHour {
		return nil, fmt.Errorf("%w: %d bytes of ciphertext until hour %d", ErrEnvelope, len(e.Sealed), e.ExpiryHour)
	}
	raw, err := wire.Marshal(envelopeWire{Version: Version, Mailbox: e.Mailbox, Hour: uint64(e.ExpiryHour), Sealed: e.Sealed})
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	return raw, nil
}

// Header returns the first [HeaderSize] bytes of the encoding: everything but
// the ciphertext, whose length it includes. Whoever seals binds it.
func (e Envelope) Header() []byte {
	h := make([]byte, 0, HeaderSize)
	h = append(h, 0x84, Version, 0x58, 32)
	h = append(h, e.Mailbox[:]...)
	h = append(h, 0x1a, byte(e.ExpiryHour>>24), byte(e.ExpiryHour>>16), byte(e.ExpiryHour>>8), byte(e.ExpiryHour))
	return append(h, 0x59, byte(len(e.Sealed)>>8), byte(len(e.Sealed)))
}

// Expires returns from when on the envelope may be dropped.
func (e Envelope) Expires() time.Time { return time.Unix(int64(e.ExpiryHour)*3600, 0).UTC() }

// CheckTime reports whether the envelope is alive at now and not for longer than
// [MaxTTL], with an hour for the rounding and a day for wrong clocks. Errors
// match [ErrExpired] and [ErrLifetime]. A recipient that finds an old envelope may
// read it all the same; who stores for others goes by this.
func (e Envelope) CheckTime(now time.Time) error {
	if !now.Before(e.Expires()) {
		return fmt.Errorf("%w: at %s", ErrExpired, e.Expires().Format(time.RFC3339))
	}
	if e.Expires().After(now.Add(MaxTTL + time.Hour + identity.MaxSkew)) {
		return fmt.Errorf("%w: until %s, want at most %v", ErrLifetime, e.Expires().Format(time.RFC3339), MaxTTL)
	}
	return nil
}

// New returns an envelope without ciphertext yet, which expires ttl after now,
// rounded up to an hour, and has room for need bytes of ciphertext. A ttl of
// zero is [DefaultTTL]. The caller fills Sealed, which is all zero. Errors match
// [ErrTooLarge] and [ErrLifetime].
func New(mailbox identity.MailboxID, now time.Time, ttl time.Duration, need int) (Envelope, error) {
	if ttl == 0 {
		ttl = DefaultTTL
	}
	if ttl < 0 || ttl > MaxTTL {
		return Envelope{}, fmt.Errorf("%w: %v, want at most %v", ErrLifetime, ttl, MaxTTL)
	}
	hour := (now.Add(ttl).Unix() + 3599) / 3600
	if hour < minHour || hour > math.MaxUint32 {
		return Envelope{}, fmt.Errorf("envelope: this clock says %s; set it", now.UTC().Format(time.RFC3339))
	}
	for _, b := range Buckets {
		if HeaderSize+need <= b {
			return Envelope{Mailbox: mailbox, ExpiryHour: uint32(hour), Sealed: make([]byte, b-HeaderSize)}, nil
		}
	}
	return Envelope{}, fmt.Errorf("%w: %d bytes above the limit; send it as a file", ErrTooLarge, HeaderSize+need-MaxSize)
}

func isBucket(n int) bool {
	for _, b := range Buckets {
		if n == b {
			return true
		}
	}
	return false
}

// PadOverhead is what [Pad] adds at least.
const PadOverhead = 4

// Pad returns data followed by zeros, size bytes with the length of data in
// front (4 bytes, big-endian). size must be at least len(data) + [PadOverhead].
func Pad(data []byte, size int) []byte {
	out := make([]byte, size)
	n := len(data)
	out[0], out[1], out[2], out[3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	copy(out[PadOverhead:size:size], data)
	return out
}

// Unpad returns what [Pad] was given, and false if padded is not its result.
func Unpad(padded []byte) ([]byte, bool) {
	if len(padded) < PadOverhead {
		return nil, false
	}
	n := uint64(padded[0])<<24 | uint64(padded[1])<<16 | uint64(padded[2])<<8 | uint64(padded[3])
	rest := padded[PadOverhead:]
	if n > uint64(len(rest)) || len(bytes.TrimLeft(rest[n:], "\x00")) > 0 {
		return nil, false
	}
	return rest[:n:n], true
}
