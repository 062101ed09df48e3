package content

import (
	"fmt"
	"testing"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"pgregory.net/rapid"
)

var (
	start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	alice = identity.ID{1}
	bob   = identity.ID{2}
	carol = identity.ID{3}
	phone = identity.DeviceID{1}
	desk  = identity.DeviceID{2}
)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// say makes an event; n is its id, its order and when it was sent.
func say(by identity.ID, n int, body any) Event {
	return Event{Author: by, Device: phone, ID: envelope.MessageID{byte(n)}, Sent: at(n), Order: uint64(at(n).UnixMilli()), Body: body}
}

func ref(by identity.ID, n int) Ref { return Ref{by, envelope.MessageID{byte(n)}} }

func fold(events ...Event) *Conversation {
	c := &Conversation{}
	for _, e := range events {
		c.Add(e)
	}
	return c
}

func seen(t testing.TB, c *Conversation, r Ref, v Viewer) Item {
	t.Helper()
	i, ok := c.Message(r, v)
	if !ok {
		t.Fatalf("message %s of %s is not shown", r.ID, r.Author)
	}
	return i
}

// dump shows everything of a view, what is hidden from fmt too.
func dump(v View) string {
	out := fmt.Sprintln(v.Timer, v.TimerBy, v.Typing)
	for _, i := range v.Items {
		out += fmt.Sprintf("%v %v %v %v %d %q %v %v %v %v %v %v\n", i.Ref.Author, i.Ref.ID, i.Device, i.Sent, i.Order, i.Text, i.EditedAt, i.Deleted, i.Conflict, i.Read, i.Timer, i.Expires)
		for _, f := range i.Files {
			out += fmt.Sprintf("  file %x %x %d %q %q\n", f.Root, f.Key, f.Size, f.Name, f.MediaType)
		}
		if q := i.Reply; q != nil {
			out += fmt.Sprintf("  to %v %v %v %v %q\n", q.Ref.Author, q.Ref.ID, q.Missing, q.Deleted, q.Text)
		}
		for _, s := range i.Signs {
			out += fmt.Sprintf("  sign %v %q\n", s.By, s.Sign)
		}
		for _, r := range i.Receipts {
			out += fmt.Sprintf("  receipt %v %v %v %v\n", r.By, r.Device, r.Delivered, r.Read)
		}
	}
	return out
}

// Everything is drawn from few values, so that events meet.
var (
	people  = rapid.SampledFrom([]identity.ID{alice, bob, carol})
	devices = rapid.SampledFrom([]identity.DeviceID{phone, desk})
	texts   = rapid.SampledFrom([]string{"سلام", "hello", "a\nb", "x"})
	ids     = rapid.Custom(func(t *rapid.T) envelope.MessageID {
		return envelope.MessageID{byte(rapid.IntRange(1, 5).Draw(t, "id"))}
	})
	refs   = rapid.Custom(func(t *rapid.T) Ref { return Ref{people.Draw(t, "of"), ids.Draw(t, "id")} })
	timers = rapid.SampledFrom([]Timer{{}, {FromSent, 3 * time.Second}, {FromRead, 5 * time.Second}})
)

func drawRefs(t *rapid.T) []Ref {
	var out []Ref
	for _, r := range rapid.SliceOfNDistinct(refs, 1, 4, rapid.ID[Ref]).Draw(t, "refs") {
		i := 0
		for i < len(out) && out[i].Compare(r) < 0 {
			i++
		}
		out = append(out[:i], append([]Ref{r}, out[i:]...)...)
	}
	return out
}

func drawBody(t *rapid.T) Body {
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0:
		return Reaction{refs.Draw(t, "target"), rapid.SampledFrom([]string{"", "❤", "👍🏽"}).Draw(t, "sign")}
	case 1:
		return Edit{ids.Draw(t, "target"), texts.Draw(t, "text")}
	case 2:
		return Delete{ids.Draw(t, "target")}
	case 3:
		return Read{drawRefs(t)}
	case 4:
		return Typing{rapid.Bool().Draw(t, "active")}
	case 5:
		return timers.Draw(t, "timer")
	default:
		p := Post{Text: texts.Draw(t, "text"), Timer: timers.Draw(t, "timer")}
		if rapid.Bool().Draw(t, "replies") {
			p.Reply = refs.Draw(t, "reply")
		}
		if rapid.Bool().Draw(t, "has a file") {
			p.Files = []File{{Root: [32]byte{1}, Key: [32]byte{2}, Size: rapid.Uint64Range(0, MaxFileSize).Draw(t, "size"), Name: "عکس.jpg", MediaType: "image/jpeg"}}
		}
		return p
	}
}

func drawEvent(t *rapid.T) Event {
	e := Event{
		Author: people.Draw(t, "author"), Device: devices.Draw(t, "device"), ID: ids.Draw(t, "id"),
		Sent: at(rapid.IntRange(0, 9).Draw(t, "sent")), Order: rapid.Uint64Range(1, 5).Draw(t, "order"),
	}
	switch rapid.IntRange(0, 9).Draw(t, "body") {
	case 0:
		e.Body = Gone{refs.Draw(t, "gone")}
	case 1:
		e.Body, e.Order = Delivered{drawRefs(t)}, 0
	default:
		e.Body = drawBody(t)
	}
	return e
}

func drawViewer(t *rapid.T) Viewer {
	return Viewer{people.Draw(t, "viewer"), at(rapid.IntRange(0, 25).Draw(t, "now"))}
}
