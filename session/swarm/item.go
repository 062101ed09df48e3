package swarm

import (
	"errors"
	"fmt"
	"time"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// ErrItem reports bytes that are no item.
var ErrItem = errors.New("swarm: not an item")

// Kind says what an item is.
type Kind uint64

// The kinds.
const (
	Envelope Kind = iota // content is an envelope, key its mailbox
	Bundle               // content is a sealed bundle, key its slot
)

// ID names an item: a hash over all of it but its stamp.
type ID [32]byte

// Item is what is stored.
type Item struct {
	Kind Kind
	Key  Key
	// Hour since 1970 from whose start on the item may be dropped.
	Hour    uint32
	Content []byte
	Stamp   Stamp
}

type itemWire struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Kind    Kind
	Key     Key
	Hour    uint64
	Content []byte
	Stamp   uint64
}

const (
	itemVersion = 1
	// maxItem is the longest encoding of an item.
	maxItem = MaxContent + 64
)

// bundleSizes are the lengths of sealed bundles (package identity).
var bundleSizes = [...]int{16 << 10, 32 << 10, 64 << 10}

// NewEnvelope returns the item of an envelope, without a stamp.
func NewEnvelope(raw []byte) (Item, error) {
	e, err := envelope.Parse(raw)
	if err != nil {
		return Item{}, fmt.Errorf("%w: %w", ErrItem, err)
	}
	return Item{Kind: Envelope, Key: Key(e.Mailbox), Hour: e.ExpiryHour, Content: raw}, nil
}

// NewBundle returns the item of a sealed bundle for the slot of a week, without
// a stamp. It is kept until the end of the week after.
func NewBundle(slot identity.Slot, week uint64, sealed []byte) (Item, error) {
	if week > 1<<20 {
		return Item{}, fmt.Errorf("%w: a bundle of week %d", ErrItem, week)
	}
	it := Item{Kind: Bundle, Key: Key(slot), Hour: uint32((week + 2) * uint64(identity.Week/time.Hour)), Content: sealed}
	return it, it.check()
}

// ID returns the item's ID.
func (it *Item) ID() ID {
	return digest.Sum("pars swarm item v1", uint64(it.Kind), it.Key[:], uint64(it.Hour), it.Content)
}

// Expires returns from when on the item may be dropped.
func (it *Item) Expires() time.Time { return expires(it.Hour) }

func expires(hour uint32) time.Time { return time.Unix(int64(hour)*3600, 0).UTC() }

// check reports what no item may be.
func (it *Item) check() error {
	switch it.Kind {
	case Envelope:
		e, err := envelope.Parse(it.Content)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrItem, err)
		}
		if Key(e.Mailbox) != it.Key || e.ExpiryHour != it.Hour {
			return fmt.Errorf("%w: the envelope is for another mailbox or hour than the item", ErrItem)
		}
	case Bundle:
		ok := false
		for _, n := range bundleSizes {
			ok = ok || len(it.Content) == n
		}
		if !ok {
			return fmt.Errorf("%w: a sealed bundle of %d bytes, want 16, 32 or 64 KiB", ErrItem, len(it.Content))
		}
	default:
		return fmt.Errorf("%w: kind %d", ErrItem, it.Kind)
	}
	return nil
}

// checkTime reports whether the item may be kept at now.
func (it *Item) checkTime(now time.Time) error {
	if !now.Before(it.Expires()) {
		return fmt.Errorf("%w at %s", envelope.ErrExpired, it.Expires().Format(time.RFC3339))
	}
	limit := MaxItemTTL
	if it.Kind == Envelope {
		limit = envelope.MaxTTL + time.Hour
	}
	if it.Expires().After(now.Add(limit + identity.MaxSkew)) {
		return fmt.Errorf("%w: until %s", envelope.ErrLifetime, it.Expires().Format(time.RFC3339))
	}
	return nil
}

// Bytes returns the encoding that [ParseItem] reads.
func (it *Item) Bytes() ([]byte, error) {
	if err := it.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(itemWire{Version: itemVersion, Kind: it.Kind, Key: it.Key, Hour: uint64(it.Hour), Content: it.Content, Stamp: uint64(it.Stamp)})
}

// ParseItem reads an item. Errors match [ErrItem]. Neither stamp nor time are
// looked at.
func ParseItem(raw []byte) (Item, error) {
	var w itemWire
	if err := wire.Unmarshal(raw, maxItem, &w); err != nil {
		return Item{}, fmt.Errorf("%w: %w", ErrItem, err)
	}
	if w.Version != itemVersion || w.Hour > 1<<32-1 {
		return Item{}, fmt.Errorf("%w: version %d until hour %d, want version %d", ErrItem, w.Version, w.Hour, itemVersion)
	}
	it := Item{Kind: w.Kind, Key: w.Key, Hour: uint32(w.Hour), Content: w.Content, Stamp: Stamp(w.Stamp)}
	return it, it.check()
}
