package content

import (
	"bytes"
	"cmp"
	"time"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
)

// Event is a body with who said it and when.
type Event struct {
	// Author and Device are authenticated by what carried the event.
	Author identity.ID
	Device identity.DeviceID
	ID     envelope.MessageID
	// Sent is the author's word, in milliseconds.
	Sent time.Time
	// Order places the event after all that its author knew of: see
	// [Conversation.Next].
	Order uint64
	// Body is one of this package's, or [Delivered] or [Gone].
	Body any
}

// Delivered is the receipt of a device, which [envelope.Message.Delivered] reads:
// it has stored these messages of somebody else. Its order does not matter.
type Delivered struct{ Messages []Ref }

// Gone is never sent: this device has destroyed a message, because it expired or
// the person removed it here. A copy that comes again is not shown.
type Gone struct{ Target Ref }

// ReadEvent makes the event of a message that came from a device of an author. peer
// is whom receipts of kind [envelope.Delivered] speak of: they name ids alone.
// Errors match [ErrKind] and [ErrBody].
func ReadEvent(author identity.ID, device identity.DeviceID, peer identity.ID, m envelope.Message) (Event, error) {
	e := Event{Author: author, Device: device, ID: m.ID, Sent: m.Sent}
	if m.Kind == envelope.Delivered {
		ids, err := m.Delivered()
		if err != nil {
			return Event{}, err
		}
		d := Delivered{Messages: make([]Ref, len(ids))}
		for i, id := range ids {
			d.Messages[i] = Ref{Author: peer, ID: id}
		}
		e.Body = d
		return e, nil
	}
	body, order, err := Parse(m)
	e.Body, e.Order = body, order
	return e, err
}

// Ref is the name of the message that the event is.
func (e Event) Ref() Ref { return Ref{Author: e.Author, ID: e.ID} }

// Targets returns the messages whose part of the view the event may change.
func (e Event) Targets() []Ref {
	switch b := e.Body.(type) {
	case Post:
		return []Ref{e.Ref()}
	case Reaction:
		return []Ref{b.Target}
	case Edit:
		return []Ref{{e.Author, b.Target}}
	case Delete:
		return []Ref{{e.Author, b.Target}}
	case Read:
		return b.Messages
	case Delivered:
		return b.Messages
	case Gone:
		return []Ref{b.Target}
	default:
		return nil
	}
}

// Stripped returns a post without what it says: all that need be kept of a
// message that was deleted for everyone. The view stays the same.
func (e Event) Stripped() Event {
	if _, ok := e.Body.(Post); ok {
		e.Body = Post{}
	}
	return e
}

// stamp orders the events that compete for one place.
type stamp struct {
	order  uint64
	sent   uint64
	id     envelope.MessageID
	digest [digest.Size]byte
}

func (s stamp) compare(o stamp) int {
	return cmp.Or(cmp.Compare(s.order, o.order), cmp.Compare(s.sent, o.sent), bytes.Compare(s.id[:], o.id[:]), bytes.Compare(s.digest[:], o.digest[:]))
}

// stamp covers the whole body, so that two events with one id still compare the
// same everywhere.
func (e Event) stamp(b Body) stamp {
	sent := sentMs(e.Sent)
	return stamp{order: e.Order, sent: sent, id: e.ID, digest: digest.Sum("pars content event v1", e.Author, e.Device, e.ID, sent, uint64(b.Kind()), b.pack(e.Order))}
}

// sentMs is a time as events compare it.
func sentMs(t time.Time) uint64 { return uint64(max(0, t.UnixMilli())) }

func fromMs(ms uint64) time.Time { return time.UnixMilli(int64(min(ms, MaxOrder))).UTC() }
