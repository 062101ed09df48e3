package content

import (
	"cmp"
	"slices"
	"time"

	"github.com/pars-network/pars/session/identity"
)

// TypingFor is how long a sign that somebody is writing holds.
const TypingFor = 15 * time.Second

// Viewer is who looks, and when.
type Viewer struct {
	Me  identity.ID
	Now time.Time
}

// View is what a person sees of a conversation.
type View struct {
	// Items are in order: no message stands before one that its author knew of.
	Items []Item
	// Timer is what new posts are to carry; TimerBy set it last, zero if nobody did.
	Timer   Timer
	TimerBy identity.ID
	// Typing are the others who are writing now, ascending.
	Typing []identity.ID
}

// Item is one message.
type Item struct {
	Ref    Ref
	Device identity.DeviceID
	// Sent is the author's word; Order is the place.
	Sent  time.Time
	Order uint64
	Text  string
	Files []File
	// Reply is the message that is answered, nil if none is.
	Reply *Quote
	// EditedAt is when the text was last replaced, zero if it never was.
	EditedAt time.Time
	// Deleted says that the author took the message back; nothing of it is left.
	Deleted bool
	// Conflict says that the author has sent different messages under this name:
	// others may see another one. It is shown with a warning.
	Conflict bool
	// Signs are the reactions, by person.
	Signs []Sign
	// Receipts are what devices of others have said, by person and device.
	Receipts []Receipt
	// Read says that the viewer has read a message of somebody else.
	Read bool
	// Timer is the post's own. Expires is when it goes from the viewer's devices,
	// zero if that is not known (yet).
	Timer   Timer
	Expires time.Time
}

// Quote is a message that another one answers.
type Quote struct {
	Ref Ref
	// Missing says that the message is not here, Deleted that it was taken back.
	Missing, Deleted bool
	// Text is as it reads now.
	Text string
}

// Sign is somebody's reaction.
type Sign struct {
	By   identity.ID
	Sign string
}

// Receipt is what a device has said of a message. Times are the device's own;
// zero is not yet.
type Receipt struct {
	By              identity.ID
	Device          identity.DeviceID
	Delivered, Read time.Time
}

// View returns what a person sees at a moment.
func (c *Conversation) View(v Viewer) View {
	out := View{Timer: c.timer.value, TimerBy: c.timer.by}
	for ref, m := range c.messages {
		if item, ok := c.item(ref, m, v); ok {
			out.Items = append(out.Items, item)
		}
	}
	slices.SortFunc(out.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), a.Sent.Compare(b.Sent), a.Ref.Compare(b.Ref))
	})
	out.Typing = c.whoTypes(v)
	return out
}

// Message returns one message as the viewer sees it; false if there is none to be seen.
func (c *Conversation) Message(ref Ref, v Viewer) (Item, bool) {
	m := c.messages[ref]
	if m == nil {
		return Item{}, false
	}
	return c.item(ref, m, v)
}

// Expired returns the messages that the viewer's device is to destroy by now and
// that are still here, ascending. The caller keeps a [Gone] for each.
func (c *Conversation) Expired(v Viewer) []Ref {
	var out []Ref
	for ref, m := range c.messages {
		if m.post == nil || m.gone || m.deleted {
			continue
		}
		if at := m.expires(ref, v.Me); !at.IsZero() && !v.Now.Before(at) {
			out = append(out, ref)
		}
	}
	slices.SortFunc(out, Ref.Compare)
	return out
}

func (c *Conversation) item(ref Ref, m *message, v Viewer) (Item, bool) {
	if m.post == nil || m.gone {
		return Item{}, false
	}
	p := m.post
	i := Item{Ref: ref, Device: p.device, Sent: fromMs(p.sent), Order: p.order}
	if m.deleted {
		// The timer, conflicts and receipts go with the content: what was kept of
		// the post need not tell them.
		i.Deleted = true
		i.Device = identity.DeviceID{}
		return i, true
	}
	i.Expires = m.expires(ref, v.Me)
	if !i.Expires.IsZero() && !v.Now.Before(i.Expires) {
		return Item{}, false
	}
	i.Text, i.Files, i.Timer, i.Conflict = p.body.Text, p.body.Files, p.body.Timer, m.conflict
	if m.edit != nil {
		i.Text, i.EditedAt = m.edit.text, fromMs(m.edit.sent)
	}
	if !p.body.Reply.IsZero() {
		q := c.quote(p.body.Reply, v)
		i.Reply = &q
	}
	for by, r := range m.reactions {
		if r.sign != "" {
			i.Signs = append(i.Signs, Sign{by, r.sign})
		}
	}
	slices.SortFunc(i.Signs, func(a, b Sign) int { return a.By.Compare(b.By) })
	for w, r := range m.receipts {
		if w.account == v.Me && ref.Author != v.Me {
			i.Read = i.Read || r.read != 0
		}
		if w.account == ref.Author || w.account == v.Me {
			continue // nobody receives an own message, and one's own devices are no news
		}
		i.Receipts = append(i.Receipts, Receipt{By: w.account, Device: w.device, Delivered: moment(r.delivered), Read: moment(r.read)})
	}
	slices.SortFunc(i.Receipts, func(a, b Receipt) int {
		return cmp.Or(a.By.Compare(b.By), cmp.Compare(a.Device.String(), b.Device.String()))
	})
	return i, true
}

func (c *Conversation) quote(ref Ref, v Viewer) Quote {
	q := Quote{Ref: ref, Missing: true}
	m := c.messages[ref]
	if m == nil || m.post == nil || m.gone {
		return q
	}
	if m.deleted {
		return Quote{Ref: ref, Deleted: true}
	}
	if at := m.expires(ref, v.Me); !at.IsZero() && !v.Now.Before(at) {
		return q
	}
	q.Missing, q.Text = false, m.post.body.Text
	if m.edit != nil {
		q.Text = m.edit.text
	}
	return q
}

// expires returns when a message goes from the devices of me.
func (m *message) expires(ref Ref, me identity.ID) time.Time {
	t := m.post.body.Timer
	start := m.post.sent + 1
	switch {
	case t.Mode == Off:
		return time.Time{}
	case t.Mode == FromRead && ref.Author != me:
		start = 0
		for w, r := range m.receipts {
			if w.account == me && r.read != 0 {
				start = earliest(start, r.read)
			}
		}
	}
	if start == 0 {
		return time.Time{}
	}
	return moment(start).Add(t.After)
}

func (c *Conversation) whoTypes(v Viewer) []identity.ID {
	var out []identity.ID
	for w, t := range c.typing {
		sent := fromMs(t.sent)
		if w.account == v.Me || !t.active || v.Now.Before(sent.Add(-TypingFor)) || !v.Now.Before(sent.Add(TypingFor)) {
			continue
		}
		out = append(out, w.account)
	}
	slices.SortFunc(out, identity.ID.Compare)
	return slices.Compact(out)
}

// moment is the time in a [receiptCell].
func moment(cell uint64) time.Time {
	if cell == 0 {
		return time.Time{}
	}
	return fromMs(cell - 1)
}
