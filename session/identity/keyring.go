package identity

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/crypto/sign"
)

const (
	// MailboxPeriod is how often a device makes a new mailbox.
	MailboxPeriod = 30 * 24 * time.Hour
	// MaxOneTimeHalves is how many private one-time halves a ring keeps; beyond
	// it the oldest is erased, and who used it is told to set up again.
	MaxOneTimeHalves = 512
	maxSignedHalves  = 32
	maxMailboxes     = 16
)

// ErrTooMany reports a bundle that would list more than the format allows.
var ErrTooMany = errors.New("identity: more than a bundle can list")

// KeyRing is the private side of one device: its own pair, the private halves
// of its prekeys, and the keys of its mailboxes. The daemon keeps it in its
// store as [KeyRing.Bytes], which is secret; it prints as nothing.
//
// A ring is not safe for concurrent use. What changes it ([KeyRing.Rotate],
// [KeyRing.Issue], [KeyRing.EraseOneTime]) must be stored before its effect is
// shown to anybody.
type KeyRing struct {
	device    *kem.PrivateKey
	signed    []prekey // oldest first, never empty
	oneTime   []prekey // oldest first
	mailboxes []MailboxKey
}

// prekey is a private half, kept as its seed.
type prekey struct {
	id      PrekeyID
	seed    [kem.SeedSize]byte
	made    time.Time
	eraseAt time.Time
}

// MailboxKey is the key of a mailbox: its owner signs requests with it.
type MailboxKey struct {
	// Key signs (node, nonce, request).
	Key *sign.PrivateKey
	// Made is when it was made; the newest is the one in bundles.
	Made time.Time
	// EraseAt is until when the mailbox must be emptied: after that nobody
	// holds a bundle or a message that names it.
	EraseAt time.Time
}

// ID returns the mailbox's ID.
func (m MailboxKey) ID() MailboxID { return MailboxIDOf(m.Key.Public()) }

// NewKeyRing makes the keys of a new device.
func NewKeyRing(rand io.Reader, now time.Time) (*KeyRing, error) {
	device, err := kem.Generate(rand)
	if err != nil {
		return nil, err
	}
	r := &KeyRing{device: device}
	if _, err := r.Rotate(rand, now); err != nil {
		return nil, err
	}
	return r, nil
}

// Device returns the device's own pair, IK in spec/setup.md.
func (r *KeyRing) Device() *kem.PrivateKey { return r.device }

// DeviceID returns the ID of the device.
func (r *KeyRing) DeviceID() DeviceID { return DeviceIDOf(r.device.Public()) }

// Rotate makes a new signed prekey when the newest is a week old and a new
// mailbox when the newest is [MailboxPeriod] old, and erases every private half
// whose time is over. It reports whether anything changed, so that the caller
// stores the ring and issues a new bundle. A clock that went back changes
// nothing; a clock that is far ahead erases what is still needed, so call it
// only with a clock that is believed.
func (r *KeyRing) Rotate(rand io.Reader, now time.Time) (changed bool, err error) {
	now = now.UTC().Truncate(time.Second)
	if n := len(r.signed); n == 0 || !now.Before(r.signed[n-1].made.Add(Week)) {
		p, err := newPrekey(rand, now, now.Add(Week)) // a bundle with it will put this off
		if err != nil {
			return false, err
		}
		r.signed, changed = append(r.signed, p), true
	}
	if n := len(r.mailboxes); n == 0 || !now.Before(r.mailboxes[n-1].Made.Add(MailboxPeriod)) {
		m, err := newMailbox(rand, now)
		if err != nil {
			return false, err
		}
		r.mailboxes, changed = append(r.mailboxes, m), true
	}
	over := func(p prekey) bool { return !now.Before(p.eraseAt) }
	n := len(r.signed) + len(r.oneTime) + len(r.mailboxes)
	r.signed = dropPrekeys(r.signed, over)
	r.oneTime = dropPrekeys(r.oneTime, over)
	r.mailboxes = slices.DeleteFunc(r.mailboxes, func(m MailboxKey) bool { return !now.Before(m.EraseAt) })
	return changed || n != len(r.signed)+len(r.oneTime)+len(r.mailboxes), nil
}

// IssueOptions are what [KeyRing.Issue] may vary. The zero value issues a
// bundle of this device alone, without one-time prekeys, valid for [Lifetime].
type IssueOptions struct {
	// OneTime is how many fresh one-time prekeys to list, at most [MaxOneTime].
	// Put them where different people find different bundles, such as cards made
	// for one person each: a prekey that two people use makes the second set up again.
	OneTime int
	// Others are the account's other devices, as their own rings describe them
	// with [KeyRing.Describe].
	Others []Device
	// Lifetime is how long the bundle is valid, at most [MaxLifetime].
	Lifetime time.Duration
}

// Issue makes and signs a bundle. One-time private halves are made here, and
// every private half that the bundle depends on is kept until the bundle's
// expiry plus [MaxTTL]; store the ring before giving the bundle to anyone. Call
// [KeyRing.Rotate] before.
func (r *KeyRing) Issue(rand io.Reader, account *Account, now time.Time, opt IssueOptions) (*Bundle, error) {
	if opt.Lifetime == 0 {
		opt.Lifetime = Lifetime
	}
	if opt.Lifetime < time.Second || opt.Lifetime > MaxLifetime {
		return nil, fmt.Errorf("identity: a bundle valid for %v, want 1s to %v", opt.Lifetime, MaxLifetime)
	}
	now = now.UTC().Truncate(time.Second)
	expires := now.Add(opt.Lifetime).Truncate(time.Second)
	own, err := r.Describe(rand, now, expires, opt.OneTime)
	if err != nil {
		return nil, err
	}
	total := len(own.OneTime)
	for _, d := range opt.Others {
		total += len(d.OneTime)
	}
	if total > MaxOneTime || 1+len(opt.Others) > MaxDevices {
		return nil, fmt.Errorf("%w: %d devices with %d one-time prekeys, want at most %d and %d", ErrTooMany, 1+len(opt.Others), total, MaxDevices, MaxOneTime)
	}
	mailbox := &r.mailboxes[len(r.mailboxes)-1]
	mailbox.EraseAt = later(mailbox.EraseAt, expires.Add(MaxTTL))
	return issueBundle(account, now, expires, append([]Device{own}, opt.Others...), mailbox.ID())
}

// Describe returns what a bundle that expires at the given time says of this
// device, with oneTime fresh one-time prekeys. [KeyRing.Issue] calls it for its
// own device; a linked device sends the result to the one that issues.
func (r *KeyRing) Describe(rand io.Reader, now, expires time.Time, oneTime int) (Device, error) {
	if oneTime < 0 || oneTime > MaxOneTime {
		return Device{}, fmt.Errorf("%w: %d one-time prekeys, want 0 to %d", ErrTooMany, oneTime, MaxOneTime)
	}
	now = now.UTC().Truncate(time.Second)
	eraseAt := expires.UTC().Truncate(time.Second).Add(MaxTTL)
	newest := &r.signed[len(r.signed)-1]
	signed, err := newest.key()
	if err != nil {
		return Device{}, err
	}
	dev := Device{Key: r.device.Public(), Signed: signed.Public()}
	var fresh []prekey
	for range oneTime {
		p, err := newPrekey(rand, now, eraseAt)
		if err != nil {
			return Device{}, err
		}
		k, err := p.key()
		if err != nil {
			return Device{}, err
		}
		fresh = append(fresh, p)
		dev.OneTime = append(dev.OneTime, k.Public())
	}
	newest.eraseAt = later(newest.eraseAt, eraseAt)
	r.oneTime = append(r.oneTime, fresh...)
	if over := len(r.oneTime) - MaxOneTimeHalves; over > 0 {
		i := 0
		r.oneTime = dropPrekeys(r.oneTime, func(prekey) bool { i++; return i <= over })
	}
	return dev, nil
}

// Signed returns the private half of a signed prekey and when it will be
// erased, or false if the ring does not have it.
func (r *KeyRing) Signed(id PrekeyID) (key *kem.PrivateKey, eraseAt time.Time, ok bool) {
	return find(r.signed, id)
}

// HasSigned reports whether the ring has the private half of a signed prekey.
// It costs next to nothing, while [KeyRing.Signed] derives the key.
func (r *KeyRing) HasSigned(id PrekeyID) bool {
	return slices.ContainsFunc(r.signed, func(p prekey) bool { return p.id == id })
}

// Clone returns a copy, which changes independently: change it, store it, and
// only then put it in the place of r. What is erased in the copy is still in r
// until r is dropped.
func (r *KeyRing) Clone() *KeyRing {
	return &KeyRing{device: r.device, signed: slices.Clone(r.signed), oneTime: slices.Clone(r.oneTime), mailboxes: slices.Clone(r.mailboxes)}
}

// OneTime returns the private half of a one-time prekey, or false if it was
// used, erased or never made.
func (r *KeyRing) OneTime(id PrekeyID) (*kem.PrivateKey, bool) {
	key, _, ok := find(r.oneTime, id)
	return key, ok
}

// EraseOneTime erases a one-time private half after its first use, and reports
// whether it was there.
func (r *KeyRing) EraseOneTime(id PrekeyID) bool {
	n := len(r.oneTime)
	r.oneTime = dropPrekeys(r.oneTime, func(p prekey) bool { return p.id == id })
	return len(r.oneTime) != n
}

// OneTimeLeft returns how many one-time private halves the ring holds.
func (r *KeyRing) OneTimeLeft() int { return len(r.oneTime) }

// Mailboxes returns the mailboxes to empty, newest first.
func (r *KeyRing) Mailboxes() []MailboxKey {
	out := slices.Clone(r.mailboxes)
	slices.Reverse(out)
	return out
}

// NextRotation returns when [KeyRing.Rotate] has something to make.
func (r *KeyRing) NextRotation() time.Time {
	prekeys := r.signed[len(r.signed)-1].made.Add(Week)
	mailbox := r.mailboxes[len(r.mailboxes)-1].Made.Add(MailboxPeriod)
	if mailbox.Before(prekeys) {
		return mailbox
	}
	return prekeys
}

// String hides the keys from logs and error messages.
func (KeyRing) String() string { return "identity.KeyRing(hidden)" }

// GoString hides the keys from %#v.
func (r KeyRing) GoString() string { return r.String() }

// Format hides the keys from every verb of package fmt.
func (r KeyRing) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }

func newPrekey(rand io.Reader, made, eraseAt time.Time) (prekey, error) {
	p := prekey{made: made, eraseAt: eraseAt}
	if _, err := io.ReadFull(rand, p.seed[:]); err != nil {
		return prekey{}, fmt.Errorf("identity: reading randomness: %w", err)
	}
	k, err := p.key()
	if err != nil {
		return prekey{}, err
	}
	p.id = PrekeyIDOf(k.Public())
	return p, nil
}

func newMailbox(rand io.Reader, now time.Time) (MailboxKey, error) {
	seed := make([]byte, sign.SeedSize)
	defer clear(seed)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return MailboxKey{}, fmt.Errorf("identity: reading randomness: %w", err)
	}
	key, err := sign.NewPrivateKey(seed)
	if err != nil {
		return MailboxKey{}, err
	}
	return MailboxKey{Key: key, Made: now, EraseAt: now.Add(MailboxPeriod)}, nil
}

func (p *prekey) key() (*kem.PrivateKey, error) { return kem.NewPrivateKey(p.seed[:]) }

func find(keys []prekey, id PrekeyID) (*kem.PrivateKey, time.Time, bool) {
	for i := range keys {
		if keys[i].id == id {
			k, err := keys[i].key()
			return k, keys[i].eraseAt, err == nil
		}
	}
	return nil, time.Time{}, false
}

// dropPrekeys removes the prekeys for which drop is true and wipes their seeds.
func dropPrekeys(keys []prekey, drop func(prekey) bool) []prekey {
	kept := keys[:0]
	for _, p := range keys {
		if !drop(p) {
			kept = append(kept, p)
		}
	}
	clear(keys[len(kept):])
	return kept
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
