package identity

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/wire"
)

// Limits of a bundle.
const (
	// MaxBundle is the longest bundle in bytes: it and 256 bytes of sealing fit
	// into 64 KiB.
	MaxBundle = 64<<10 - 256
	// MaxDevices is how many devices an account may list.
	MaxDevices = 8
	// MaxOneTime is how many one-time prekeys all devices may list together.
	MaxOneTime = 16
	// Lifetime is how long a bundle is valid after its issue: this week and
	// the next three.
	Lifetime = 4 * Week
	// MaxLifetime is the longest that a reader accepts between issue and expiry.
	MaxLifetime = 5 * Week
	// MaxTTL is the longest that anything waits for its recipient.
	MaxTTL = 30 * 24 * time.Hour
	// MaxSkew is how far in the future of the reader's clock a bundle may have
	// been issued: people's clocks are wrong by hours, and time zones.
	MaxSkew = 24 * time.Hour
	// Week is how often signed prekeys change and slots move.
	Week = 7 * 24 * time.Hour
)

const (
	bundleVersion = 1
	bundleContext = "pars bundle v1"
	maxUnix       = 1 << 40 // seconds; keeps arithmetic on foreign times from overflowing
)

var (
	// ErrBundle reports bytes that are no bundle, or one beyond the limits.
	ErrBundle = errors.New("not a bundle")
	// ErrSignature reports a bundle that its account did not sign.
	ErrSignature = errors.New("the bundle's signature is wrong: it was altered")
	// ErrExpired reports a bundle past its time: ask for a new card.
	ErrExpired = errors.New("the bundle has expired")
	// ErrNotYet reports a bundle from the future: one of two clocks is wrong.
	ErrNotYet = errors.New("the bundle is from the future")
)

// MailboxID is where messages for an account are left: a hash of a signing key
// made for it alone, so it leads to no account.
type MailboxID [32]byte

// DeviceID names a device: the first 16 bytes of a hash of its key.
type DeviceID [16]byte

// PrekeyID names a signed or one-time prekey in the same way.
type PrekeyID [16]byte

// String returns the ID as hex.
func (m MailboxID) String() string { return fmt.Sprintf("%x", m[:]) }

// String returns the ID as hex.
func (d DeviceID) String() string { return fmt.Sprintf("%x", d[:]) }

// String returns the ID as hex.
func (p PrekeyID) String() string { return fmt.Sprintf("%x", p[:]) }

// MailboxIDOf returns the ID of the mailbox that key controls.
func MailboxIDOf(key *sign.PublicKey) MailboxID {
	return digest.Sum("pars mailbox v1", uint64(Suite), key.Bytes())
}

// DeviceIDOf returns the ID of the device with this key.
func DeviceIDOf(key *kem.PublicKey) DeviceID {
	h := digest.Sum("pars device v1", uint64(Suite), key.Bytes())
	return DeviceID(h[:16])
}

// PrekeyIDOf returns the ID of a prekey.
func PrekeyIDOf(key *kem.PublicKey) PrekeyID {
	h := digest.Sum("pars prekey v1", uint64(Suite), key.Bytes())
	return PrekeyID(h[:16])
}

// Device is what a bundle says of one device.
type Device struct {
	// Key is the device's own key-agreement key, IK in spec/setup.md.
	Key *kem.PublicKey
	// Signed is the signed prekey that a set-up uses, SPK.
	Signed *kem.PublicKey
	// OneTime are one-time prekeys, OPK, of which a set-up may use one.
	OneTime []*kem.PublicKey
}

// ID returns the device's ID.
func (d Device) ID() DeviceID { return DeviceIDOf(d.Key) }

// Bundle is an account's signed public keys. The only way to get one is to make
// it with [KeyRing.Issue] or to parse bytes whose signature verified, so every
// Bundle is authentic; whether it is still valid depends on the clock, see
// [Bundle.Check]. It is immutable.
type Bundle struct {
	signing   *sign.PublicKey
	agreement *kem.PublicKey
	issued    time.Time
	expires   time.Time
	devices   []Device
	mailbox   MailboxID
	id        ID
	raw       []byte
}

// The wire format. The signature covers the exact bytes of the body.
type bundleWire struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Body      []byte
	Signature []byte
}

type bundleBody struct {
	_         struct{} `cbor:",toarray"`
	Suite     uint64
	Signing   []byte
	Agreement []byte
	Issued    uint64
	Expires   uint64
	Devices   []deviceWire
	Mailbox   [32]byte
}

type deviceWire struct {
	_       struct{} `cbor:",toarray"`
	Key     []byte
	Signed  []byte
	OneTime [][]byte
}

// ParseBundle reads a bundle and verifies its account's signature. Errors match
// [ErrBundle] and [ErrSignature]. The clock is not asked.
func ParseBundle(raw []byte) (*Bundle, error) {
	var outer bundleWire
	if err := wire.Unmarshal(raw, MaxBundle, &outer); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	if outer.Version != bundleVersion {
		return nil, fmt.Errorf("%w: version %d, want %d; update this program", ErrBundle, outer.Version, bundleVersion)
	}
	var body bundleBody
	if err := wire.Unmarshal(outer.Body, MaxBundle, &body); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	if body.Suite != Suite {
		return nil, fmt.Errorf("%w: suite %d, want %d", ErrBundle, body.Suite, Suite)
	}
	b := &Bundle{mailbox: body.Mailbox, raw: bytes.Clone(raw)}
	var err error
	if b.signing, err = sign.ParsePublicKey(body.Signing); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	// Nothing else is worth time before the signature is known to be right.
	if !b.signing.Verify(bundleContext, outer.Body, outer.Signature) {
		return nil, ErrSignature
	}
	if b.agreement, err = kem.ParsePublicKey(body.Agreement); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	if body.Issued > maxUnix || body.Expires > maxUnix || body.Expires <= body.Issued ||
		body.Expires-body.Issued > uint64(MaxLifetime/time.Second) {
		return nil, fmt.Errorf("%w: valid from %d to %d, want at most %v", ErrBundle, body.Issued, body.Expires, MaxLifetime)
	}
	b.issued, b.expires = time.Unix(int64(body.Issued), 0).UTC(), time.Unix(int64(body.Expires), 0).UTC()
	if b.devices, err = parseDevices(body.Devices); err != nil {
		return nil, err
	}
	b.id = IDOf(b.signing, b.agreement)
	return b, nil
}

func parseDevices(in []deviceWire) ([]Device, error) {
	if len(in) == 0 || len(in) > MaxDevices {
		return nil, fmt.Errorf("%w: %d devices, want 1 to %d", ErrBundle, len(in), MaxDevices)
	}
	seen := map[string]bool{}
	parse := func(raw []byte) (*kem.PublicKey, error) {
		key, err := kem.ParsePublicKey(raw)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBundle, err)
		}
		if seen[string(raw)] {
			return nil, fmt.Errorf("%w: a key is listed twice", ErrBundle)
		}
		seen[string(raw)] = true
		return key, nil
	}
	var devices []Device
	oneTime := 0
	for _, d := range in {
		if oneTime += len(d.OneTime); oneTime > MaxOneTime {
			return nil, fmt.Errorf("%w: more than %d one-time prekeys", ErrBundle, MaxOneTime)
		}
		key, err := parse(d.Key)
		if err != nil {
			return nil, err
		}
		signed, err := parse(d.Signed)
		if err != nil {
			return nil, err
		}
		dev := Device{Key: key, Signed: signed}
		for _, raw := range d.OneTime {
			k, err := parse(raw)
			if err != nil {
				return nil, err
			}
			dev.OneTime = append(dev.OneTime, k)
		}
		devices = append(devices, dev)
	}
	return devices, nil
}

// OpenBundle is [ParseBundle] and [Bundle.Check] in one.
func OpenBundle(raw []byte, now time.Time) (*Bundle, error) {
	b, err := ParseBundle(raw)
	if err != nil {
		return nil, err
	}
	if err := b.Check(now); err != nil {
		return nil, err
	}
	return b, nil
}

// issueBundle signs a bundle for account.
func issueBundle(account *Account, issued, expires time.Time, devices []Device, mailbox MailboxID) (*Bundle, error) {
	body := bundleBody{
		Suite:     Suite,
		Signing:   account.Signing().Bytes(),
		Agreement: account.Agreement().Bytes(),
		Issued:    uint64(issued.Unix()),
		Expires:   uint64(expires.Unix()),
		Mailbox:   mailbox,
	}
	for _, d := range devices {
		w := deviceWire{Key: d.Key.Bytes(), Signed: d.Signed.Bytes(), OneTime: [][]byte{}}
		for _, k := range d.OneTime {
			w.OneTime = append(w.OneTime, k.Bytes())
		}
		body.Devices = append(body.Devices, w)
	}
	data, err := wire.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("identity: encoding a bundle: %w", err)
	}
	sig, err := account.Sign(bundleContext, data)
	if err != nil {
		return nil, fmt.Errorf("identity: signing a bundle: %w", err)
	}
	raw, err := wire.Marshal(bundleWire{Version: bundleVersion, Body: data, Signature: sig})
	if err != nil {
		return nil, fmt.Errorf("identity: encoding a bundle: %w", err)
	}
	return ParseBundle(raw) // a mistake of ours shows here, not at the reader
}

// Check reports whether the bundle may be used at now to start something new.
// Errors match [ErrExpired] and [ErrNotYet].
func (b *Bundle) Check(now time.Time) error { return b.check(now, 0) }

// CheckCarried is [Bundle.Check] for a bundle that came inside a message: the
// message may have waited up to [MaxTTL] since it was sent.
func (b *Bundle) CheckCarried(now time.Time) error { return b.check(now, MaxTTL) }

func (b *Bundle) check(now time.Time, grace time.Duration) error {
	if b.issued.After(now.Add(MaxSkew)) {
		return fmt.Errorf("%w: issued %s, this clock says %s; correct the clock that is wrong", ErrNotYet, b.issued.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if !now.Before(b.expires.Add(grace)) {
		return fmt.Errorf("%w on %s; ask for a new contact card", ErrExpired, b.expires.Format(time.RFC3339))
	}
	return nil
}

// ID returns the Session ID, computed from the bundle's keys.
func (b *Bundle) ID() ID { return b.id }

// Signing returns the account's public signing key.
func (b *Bundle) Signing() *sign.PublicKey { return b.signing }

// Agreement returns the account's public key-agreement key.
func (b *Bundle) Agreement() *kem.PublicKey { return b.agreement }

// Issued returns when the account signed the bundle.
func (b *Bundle) Issued() time.Time { return b.issued }

// Expires returns from when on nobody may start anything with the bundle.
func (b *Bundle) Expires() time.Time { return b.expires }

// Devices returns the account's devices, at least one.
func (b *Bundle) Devices() []Device { return append([]Device(nil), b.devices...) }

// Device returns the device called id.
func (b *Bundle) Device(id DeviceID) (Device, bool) {
	for _, d := range b.devices {
		if d.ID() == id {
			return d, true
		}
	}
	return Device{}, false
}

// Mailbox returns where to leave messages.
func (b *Bundle) Mailbox() MailboxID { return b.mailbox }

// Bytes returns a copy of the encoding that [ParseBundle] reads.
func (b *Bundle) Bytes() []byte { return bytes.Clone(b.raw) }

// NewerThan reports whether b replaces o, a bundle of the same account or nil:
// the later issue wins, of two issued in one second the greater bytes.
func (b *Bundle) NewerThan(o *Bundle) bool {
	if o == nil {
		return true
	}
	if c := b.issued.Compare(o.issued); c != 0 {
		return c > 0
	}
	return bytes.Compare(b.raw, o.raw) > 0
}
