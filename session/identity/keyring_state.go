package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/wire"
)

// MaxKeyRing is the longest state of a ring in bytes.
const MaxKeyRing = 128 << 10

const keyRingVersion = 1

// ErrKeyRing reports stored bytes that are no ring: corrupt, or of another version.
var ErrKeyRing = errors.New("not a key ring")

type keyRingWire struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Device    []byte
	Signed    []secretWire
	OneTime   []secretWire
	Mailboxes []secretWire
}

type secretWire struct {
	_       struct{} `cbor:",toarray"`
	Seed    []byte
	Made    uint64
	EraseAt uint64
}

// Bytes returns the ring's state as deterministic CBOR. It is as secret as the
// keys and belongs into an encrypted store only.
func (r *KeyRing) Bytes() ([]byte, error) {
	w := keyRingWire{Version: keyRingVersion, Device: r.device.Seed(), Signed: secrets(r.signed), OneTime: secrets(r.oneTime)}
	for _, m := range r.mailboxes {
		w.Mailboxes = append(w.Mailboxes, secretWire{Seed: m.Key.Seed(), Made: uint64(m.Made.Unix()), EraseAt: uint64(m.EraseAt.Unix())})
	}
	data, err := wire.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("identity: encoding a key ring: %w", err)
	}
	return data, nil
}

// ParseKeyRing reads what [KeyRing.Bytes] gave. Errors match [ErrKeyRing].
func ParseKeyRing(data []byte) (*KeyRing, error) {
	var w keyRingWire
	if err := wire.Unmarshal(data, MaxKeyRing, &w); err != nil {
		// The cause may quote secret bytes, so only its kind is told.
		return nil, fmt.Errorf("%w: %d bytes that are no state of a ring", ErrKeyRing, len(data))
	}
	if w.Version != keyRingVersion {
		return nil, fmt.Errorf("%w: version %d, want %d", ErrKeyRing, w.Version, keyRingVersion)
	}
	if len(w.Signed) == 0 || len(w.Signed) > maxSignedHalves || len(w.OneTime) > MaxOneTimeHalves || len(w.Mailboxes) == 0 || len(w.Mailboxes) > maxMailboxes {
		return nil, fmt.Errorf("%w: %d signed, %d one-time prekeys and %d mailboxes", ErrKeyRing, len(w.Signed), len(w.OneTime), len(w.Mailboxes))
	}
	device, err := kem.NewPrivateKey(w.Device)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyRing, err)
	}
	r := &KeyRing{device: device}
	if r.signed, err = prekeys(w.Signed); err != nil {
		return nil, err
	}
	if r.oneTime, err = prekeys(w.OneTime); err != nil {
		return nil, err
	}
	for _, m := range w.Mailboxes {
		key, err := sign.NewPrivateKey(m.Seed)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKeyRing, err)
		}
		if m.Made > maxUnix || m.EraseAt > maxUnix {
			return nil, fmt.Errorf("%w: a time beyond the year 36000", ErrKeyRing)
		}
		r.mailboxes = append(r.mailboxes, MailboxKey{Key: key, Made: unix(m.Made), EraseAt: unix(m.EraseAt)})
	}
	return r, nil
}

func secrets(keys []prekey) []secretWire {
	out := make([]secretWire, len(keys))
	for i, p := range keys {
		out[i] = secretWire{Seed: p.seed[:], Made: uint64(p.made.Unix()), EraseAt: uint64(p.eraseAt.Unix())}
	}
	return out
}

func prekeys(in []secretWire) ([]prekey, error) {
	var out []prekey
	for _, s := range in {
		key, err := kem.NewPrivateKey(s.Seed)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKeyRing, err)
		}
		if s.Made > maxUnix || s.EraseAt > maxUnix {
			return nil, fmt.Errorf("%w: a time beyond the year 36000", ErrKeyRing)
		}
		p := prekey{id: PrekeyIDOf(key.Public()), made: unix(s.Made), eraseAt: unix(s.EraseAt)}
		copy(p.seed[:], s.Seed)
		out = append(out, p)
	}
	return out, nil
}

func unix(s uint64) time.Time { return time.Unix(int64(s), 0).UTC() }
