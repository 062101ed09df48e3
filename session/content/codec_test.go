package content

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/wire"
	"pgregory.net/rapid"
)

func TestBodiesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body, order := drawBody(t), rapid.Uint64Range(1, MaxOrder).Draw(t, "order")
		m, err := NewMessage(envelope.MessageID{1}, envelope.ConversationID{2}, start, order, body)
		if err != nil {
			t.Fatal(err)
		}
		got, n, err := Parse(m)
		if err != nil || n != order || !reflect.DeepEqual(got, body) {
			t.Fatalf("Parse = %#v, %d, %v, want %#v, %d", got, n, err, body, order)
		}
		e, err := ReadEvent(alice, phone, bob, m)
		if err != nil || e.Ref() != (Ref{alice, m.ID}) || e.Order != order || !e.Sent.Equal(start) {
			t.Fatalf("ReadEvent = %v, %v", e, err)
		}
	})
}

func TestTextsOfEarlierVersionsArePosts(t *testing.T) {
	m, err := envelope.NewText(envelope.MessageID{1}, envelope.ConversationID{}, start, "سلام")
	if err != nil {
		t.Fatal(err)
	}
	body, order, err := Parse(m)
	if p, ok := body.(Post); err != nil || !ok || p.Text != "سلام" || order != uint64(start.UnixMilli()) {
		t.Errorf("Parse = %v, %d, %v", body, order, err)
	}
	r, err := envelope.NewDelivered(envelope.MessageID{2}, envelope.ConversationID{}, start, []envelope.MessageID{{1}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := ReadEvent(bob, desk, alice, r)
	if d, ok := e.Body.(Delivered); err != nil || !ok || len(d.Messages) != 1 || d.Messages[0] != ref(alice, 1) {
		t.Errorf("ReadEvent of a receipt = %v, %v", e, err)
	}
}

func TestGroupBytesPassThrough(t *testing.T) {
	m, err := NewMessage(envelope.MessageID{}, envelope.ConversationID{}, start, 0, Group{[]byte("opaque")})
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := Parse(m)
	if g, ok := body.(Group); err != nil || !ok || string(g.Data) != "opaque" {
		t.Errorf("Parse = %v, %v", body, err)
	}
}

// badBodies break one rule each.
func badBodies() map[string]Body {
	file := File{Name: "a", Size: 1}
	with := func(change func(*File)) Body {
		f := file
		change(&f)
		return Post{Files: []File{f}}
	}
	return map[string]Body{
		"an empty post":                 Post{},
		"a text that is too long":       Post{Text: strings.Repeat("a", MaxText+1)},
		"a text that is not UTF-8":      Post{Text: "\xff"},
		"too many files":                Post{Files: make([]File, MaxFiles+1)},
		"a file that is too large":      with(func(f *File) { f.Size = MaxFileSize + 1 }),
		"a file without a name":         with(func(f *File) { f.Name = "" }),
		"a file outside its folder":     with(func(f *File) { f.Name = "../a" }),
		"a file in a Windows folder":    with(func(f *File) { f.Name = `..\a` }),
		"a file of the folder":          with(func(f *File) { f.Name = ".." }),
		"a file whose name turns round": with(func(f *File) { f.Name = "a\u202egpj.exe" }),
		"a file's name on two lines":    with(func(f *File) { f.Name = "a\nb" }),
		"a file's name that is long":    with(func(f *File) { f.Name = strings.Repeat("a", MaxFileName+1) }),
		"a media type that is long":     with(func(f *File) { f.MediaType = strings.Repeat("a", MaxMediaType+1) }),
		"a reaction to nothing":         Reaction{Sign: "x"},
		"a long sign":                   Reaction{ref(alice, 1), strings.Repeat("x", MaxSign+1)},
		"a sign of two lines":           Reaction{ref(alice, 1), "a\nb"},
		"an edit to nothing":            Edit{Text: ""},
		"a receipt for nothing":         Read{},
		"a receipt out of order":        Read{[]Ref{ref(bob, 1), ref(alice, 1)}},
		"a receipt with a double":       Read{[]Ref{ref(bob, 1), ref(bob, 1)}},
		"a receipt for too many":        Read{make([]Ref, MaxReadRefs+1)},
		"a timer of another mode":       Timer{Mode: 3, After: time.Second},
		"a timer that is off and not":   Timer{After: time.Second},
		"a timer of nothing":            Timer{Mode: FromSent},
		"a timer for ever":              Timer{Mode: FromSent, After: MaxTimer + time.Second},
		"a timer of half a second":      Timer{Mode: FromSent, After: 1500 * time.Millisecond},
		"nothing for a group":           Group{},
		"too much for a group":          Group{make([]byte, envelope.MaxPayload+1)},
	}
}

func TestBadBodiesAreRefusedOnBothSides(t *testing.T) {
	for name, body := range badBodies() {
		if _, err := NewMessage(envelope.MessageID{}, envelope.ConversationID{}, start, 1, body); !errors.Is(err, ErrBody) {
			t.Errorf("sending %s: %v, want ErrBody", name, err)
		}
		m := envelope.Message{Kind: body.Kind()}
		if g, ok := body.(Group); ok {
			m.Body = g.Data
		} else {
			var err error
			if m.Body, err = wire.Marshal(body.pack(1)); err != nil {
				continue // not even CBOR
			}
		}
		if _, _, err := Parse(m); !errors.Is(err, ErrBody) && name != "a timer of half a second" {
			t.Errorf("reading %s: %v, want ErrBody", name, err)
		}
	}
	for _, order := range []uint64{0, MaxOrder + 1} {
		if _, err := NewMessage(envelope.MessageID{}, envelope.ConversationID{}, start, order, Typing{}); !errors.Is(err, ErrBody) {
			t.Errorf("order %d: %v, want ErrBody", order, err)
		}
	}
	for _, k := range []envelope.Kind{0, envelope.Delivered, envelope.SetUpAgain, 24} {
		if _, _, err := Parse(envelope.Message{Kind: k}); !errors.Is(err, ErrKind) {
			t.Errorf("%s: %v, want ErrKind", k, err)
		}
	}
}

func TestTheGreatestBodiesFit(t *testing.T) {
	p := Post{Text: strings.Repeat("a", MaxText), Reply: ref(alice, 1), Timer: Timer{FromRead, MaxTimer}}
	for range MaxFiles {
		p.Files = append(p.Files, File{Size: MaxFileSize, Name: strings.Repeat("n", MaxFileName), MediaType: strings.Repeat("m", MaxMediaType)})
	}
	r := Read{}
	for i := range MaxReadRefs {
		r.Messages = append(r.Messages, Ref{ID: envelope.MessageID{1, byte(i)}})
	}
	for _, b := range []Body{p, r} {
		m, err := NewMessage(envelope.MessageID{}, envelope.ConversationID{}, start, MaxOrder, b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Bytes(); err != nil {
			t.Errorf("%T of the greatest size: %d bytes: %v", b, len(m.Body), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range []Body{
		Post{Text: "hi", Reply: ref(alice, 1), Files: []File{{Name: "a", Size: 9, MediaType: "b/c"}}, Timer: Timer{FromRead, time.Minute}},
		Reaction{ref(bob, 2), "👍"}, Edit{ref(bob, 2).ID, "x"}, Delete{ref(bob, 2).ID}, Read{[]Ref{ref(alice, 1)}}, Typing{true}, Timer{FromSent, time.Hour},
	} {
		m, err := NewMessage(envelope.MessageID{}, envelope.ConversationID{}, start, 7, b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint64(m.Kind), m.Body)
	}
	f.Fuzz(func(t *testing.T, kind uint64, raw []byte) {
		m := envelope.Message{Kind: envelope.Kind(kind), Sent: start, Body: raw}
		body, order, err := Parse(m)
		if err != nil {
			if !errors.Is(err, ErrBody) && !errors.Is(err, ErrKind) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if m.Kind != envelope.Text {
			again, err := NewMessage(m.ID, m.Conversation, m.Sent, order, body)
			if err != nil || !bytes.Equal(again.Body, raw) {
				t.Fatalf("another encoding: %x, %v, was %x", again.Body, err, raw)
			}
		}
		e, err := ReadEvent(alice, phone, bob, m)
		if err != nil {
			t.Fatal(err)
		}
		fold(e, e).View(Viewer{bob, at(1)})
	})
}
