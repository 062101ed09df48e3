package content

import (
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
)

// Conversation is what a set of events comes to. The zero value is an empty one.
// It is for one goroutine.
type Conversation struct {
	messages map[Ref]*message
	timer    timerCell
	typing   map[who]typingCell
	top      uint64
}

// who is one device of a person.
type who struct {
	account identity.ID
	device  identity.DeviceID
}

// message is all that is known of one, whether it has come yet or not. Every field
// only ever moves one way.
type message struct {
	post      *postCell // the one with the least stamp
	conflict  bool      // another post with the same name exists
	edit      *editCell // the one with the greatest stamp
	deleted   bool
	gone      bool
	reactions map[identity.ID]reactionCell // the ones with the greatest stamps
	receipts  map[who]receiptCell          // the earliest
}

type postCell struct {
	stamp
	device identity.DeviceID
	body   Post
}

type editCell struct {
	stamp
	text string
}

type reactionCell struct {
	stamp
	sign string
}

// receiptCell holds milliseconds + 1; 0 is none.
type receiptCell struct{ delivered, read uint64 }

type timerCell struct {
	stamp
	by    identity.ID
	value Timer
	set   bool
}

type typingCell struct {
	stamp
	active bool
}

// Add takes an event in. Adding one again changes nothing.
func (c *Conversation) Add(e Event) {
	c.top = max(c.top, min(e.Order, MaxOrder))
	switch b := e.Body.(type) {
	case Post:
		c.message(e.Ref()).addPost(e, b)
	case Edit:
		m := c.message(Ref{e.Author, b.Target})
		if s := e.stamp(b); m.edit == nil || s.compare(m.edit.stamp) > 0 {
			m.edit = &editCell{s, b.Text}
		}
	case Delete:
		c.message(Ref{e.Author, b.Target}).deleted = true
	case Gone:
		c.message(b.Target).gone = true
	case Reaction:
		m := c.message(b.Target)
		old, ok := m.reactions[e.Author]
		if s := e.stamp(b); !ok || s.compare(old.stamp) > 0 {
			if m.reactions == nil {
				m.reactions = map[identity.ID]reactionCell{}
			}
			m.reactions[e.Author] = reactionCell{s, b.Sign}
		}
	case Delivered:
		c.receipt(e, b.Messages, func(r receiptCell, at uint64) receiptCell {
			r.delivered = earliest(r.delivered, at)
			return r
		})
	case Read:
		c.receipt(e, b.Messages, func(r receiptCell, at uint64) receiptCell {
			r.read = earliest(r.read, at)
			return r
		})
	case Timer:
		if s := e.stamp(b); !c.timer.set || s.compare(c.timer.stamp) > 0 {
			c.timer = timerCell{s, e.Author, b, true}
		}
	case Typing:
		w := who{e.Author, e.Device}
		old, ok := c.typing[w]
		if s := e.stamp(b); !ok || s.compare(old.stamp) > 0 {
			if c.typing == nil {
				c.typing = map[who]typingCell{}
			}
			c.typing[w] = typingCell{s, b.Active}
		}
	}
}

func (c *Conversation) message(r Ref) *message {
	m := c.messages[r]
	if m == nil {
		if c.messages == nil {
			c.messages = map[Ref]*message{}
		}
		m = &message{}
		c.messages[r] = m
	}
	return m
}

// addPost keeps, of two posts with one name, the one with the lesser stamp: which
// of them comes first must not matter, and the sender who made both has no claim.
func (m *message) addPost(e Event, p Post) {
	s := e.stamp(p)
	if m.post != nil {
		d := s.compare(m.post.stamp)
		m.conflict = m.conflict || d != 0
		if d >= 0 {
			return
		}
	}
	m.post = &postCell{s, e.Device, p}
}

func (c *Conversation) receipt(e Event, refs []Ref, join func(receiptCell, uint64) receiptCell) {
	w := who{e.Author, e.Device}
	for _, r := range refs {
		m := c.message(r)
		if m.receipts == nil {
			m.receipts = map[who]receiptCell{}
		}
		m.receipts[w] = join(m.receipts[w], sentMs(e.Sent)+1)
	}
}

// earliest joins two moments of which 0 means none.
func earliest(a, b uint64) uint64 {
	if a == 0 || b < a {
		return b
	}
	return a
}

// Next returns the order of a new event: now, or after all that is known, whatever
// the clocks say, so that an answer never stands before its question. now must not
// be before 1970.
func (c *Conversation) Next(now time.Time) uint64 {
	return min(max(c.top+1, sentMs(now), 1), MaxOrder)
}

// Settings is what a person lets others know. The zero value tells nothing.
type Settings struct {
	// ReadReceipts tells when messages were read.
	ReadReceipts bool
	// Typing tells while the person is writing.
	Typing bool
}

// MaySend reports whether a message of that kind may go to other people. To the
// person's own devices all may go: that is how they agree on what was read.
func (s Settings) MaySend(k envelope.Kind) bool {
	switch k {
	case envelope.Read:
		return s.ReadReceipts
	case envelope.Typing:
		return s.Typing
	default:
		return true
	}
}
