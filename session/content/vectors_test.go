package content

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/wire"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors anew")

// hexText is bytes that are hex in JSON.
type hexText []byte

func (h hexText) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexText) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

type bodyVector struct {
	What   string  `json:"what"`
	Kind   uint64  `json:"kind"`
	SentMs uint64  `json:"sent_ms"`
	Body   hexText `json:"body"`
	Order  uint64  `json:"order"`
}

type refusedVector struct {
	What string  `json:"what"`
	Kind uint64  `json:"kind"`
	Body hexText `json:"body"`
}

// eventVector is an event; kind 0 is a message that is gone here, kind 2 a receipt.
type eventVector struct {
	Author hexText `json:"author"`
	Device hexText `json:"device"`
	ID     hexText `json:"id"`
	SentMs uint64  `json:"sent_ms"`
	Kind   uint64  `json:"kind"`
	Body   hexText `json:"body"`
}

type quoteVector struct {
	Author  hexText `json:"author"`
	ID      hexText `json:"id"`
	Missing bool    `json:"missing"`
	Deleted bool    `json:"deleted"`
	Text    string  `json:"text"`
}

type itemVector struct {
	Author    hexText      `json:"author"`
	ID        hexText      `json:"id"`
	SentMs    uint64       `json:"sent_ms"`
	Order     uint64       `json:"order"`
	Text      string       `json:"text"`
	Files     []string     `json:"files"` // names
	Reply     *quoteVector `json:"reply"`
	EditedMs  uint64       `json:"edited_ms"` // 0: never
	Deleted   bool         `json:"deleted"`
	Conflict  bool         `json:"conflict"`
	Signs     [][2]string  `json:"signs"`    // person, sign
	Receipts  [][4]string  `json:"receipts"` // person, device, delivered, read; empty or decimal ms
	Read      bool         `json:"read"`
	ExpiresMs uint64       `json:"expires_ms"` // 0: never
}

type viewVector struct {
	Me      hexText      `json:"me"`
	NowMs   uint64       `json:"now_ms"`
	Items   []itemVector `json:"items"`
	Timer   [2]uint64    `json:"timer"` // mode, seconds
	TimerBy hexText      `json:"timer_by"`
	Typing  []hexText    `json:"typing"`
	Expired [][2]hexText `json:"expired"`
}

type conversationVector struct {
	Name string `json:"name"`
	// Peer is whom receipts of kind 2 speak of.
	Peer   hexText       `json:"peer"`
	Events []eventVector `json:"events"`
	Views  []viewVector  `json:"views"`
}

type vectorFile struct {
	Bodies        []bodyVector         `json:"bodies"`
	Refused       []refusedVector      `json:"refused"`
	Conversations []conversationVector `json:"conversations"`
}

func msOf(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMilli())
}

func viewVectorOf(c *Conversation, v Viewer) viewVector {
	view := c.View(v)
	out := viewVector{Me: v.Me[:], NowMs: msOf(v.Now), Items: []itemVector{}, Timer: [2]uint64{uint64(view.Timer.Mode), uint64(view.Timer.After / time.Second)}, TimerBy: view.TimerBy[:], Typing: []hexText{}, Expired: [][2]hexText{}}
	for _, i := range view.Items {
		x := itemVector{
			Author: hexText(i.Ref.Author[:]), ID: hexText(i.Ref.ID[:]), SentMs: msOf(i.Sent), Order: i.Order, Text: i.Text, Files: []string{},
			EditedMs: msOf(i.EditedAt), Deleted: i.Deleted, Conflict: i.Conflict, Signs: [][2]string{}, Receipts: [][4]string{}, Read: i.Read, ExpiresMs: msOf(i.Expires),
		}
		for _, f := range i.Files {
			x.Files = append(x.Files, f.Name)
		}
		if q := i.Reply; q != nil {
			x.Reply = &quoteVector{hexText(q.Ref.Author[:]), hexText(q.Ref.ID[:]), q.Missing, q.Deleted, q.Text}
		}
		for _, s := range i.Signs {
			x.Signs = append(x.Signs, [2]string{hex.EncodeToString(s.By[:]), s.Sign})
		}
		for _, r := range i.Receipts {
			x.Receipts = append(x.Receipts, [4]string{hex.EncodeToString(r.By[:]), r.Device.String(), decimal(r.Delivered), decimal(r.Read)})
		}
		out.Items = append(out.Items, x)
	}
	for _, id := range view.Typing {
		out.Typing = append(out.Typing, hexText(id[:]))
	}
	for _, r := range c.Expired(v) {
		out.Expired = append(out.Expired, [2]hexText{hexText(r.Author[:]), hexText(r.ID[:])})
	}
	return out
}

func decimal(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	b, _ := json.Marshal(t.UnixMilli())
	return string(b)
}

// randomEvent draws one event of a random conversation of three.
func randomEvent(r *rand.Rand) Event {
	people := [...][32]byte{alice, bob, carol}
	person := func() [32]byte { return people[r.IntN(3)] }
	id := func() envelope.MessageID { return envelope.MessageID{0x10, byte(r.IntN(6))} }
	target := func() Ref { return Ref{person(), id()} }
	e := Event{Author: person(), Device: phone, ID: id(), Sent: at(r.IntN(40)), Order: uint64(1 + r.IntN(1_000_000))}
	if r.IntN(2) == 0 {
		e.Device = desk
	}
	timer := [...]Timer{{}, {}, {FromSent, 20 * time.Second}, {FromRead, 15 * time.Second}}
	words := [...]string{"سلام", "hello", "tea?", "چای", "no", "yes 👍🏽"}
	switch r.IntN(11) {
	case 0:
		e.Body = Reaction{target(), [...]string{"", "❤", "👍🏽"}[r.IntN(3)]}
	case 1:
		e.Body = Edit{id(), words[r.IntN(len(words))]}
	case 2:
		e.Body = Delete{id()}
	case 3, 4:
		e.Body = Read{[]Ref{target()}}
	case 5:
		e.Body = Typing{r.IntN(3) > 0}
	case 6:
		e.Body = timer[r.IntN(len(timer))]
	case 7:
		e.Body, e.Order = Delivered{[]Ref{{alice, id()}}}, 0
	default:
		p := Post{Text: words[r.IntN(len(words))], Timer: timer[r.IntN(len(timer))]}
		if r.IntN(3) == 0 {
			p.Reply = target()
		}
		if r.IntN(4) == 0 {
			p.Files = []File{{Root: [32]byte{7}, Key: [32]byte{8}, Size: uint64(r.IntN(1 << 20)), Name: "عکس.jpg", MediaType: "image/jpeg"}}
		}
		e.Body = p
	}
	return e
}

func eventVectorOf(t *testing.T, e Event) eventVector {
	v := eventVector{Author: hexText(e.Author[:]), Device: hexText(e.Device[:]), ID: hexText(e.ID[:]), SentMs: msOf(e.Sent)}
	switch b := e.Body.(type) {
	case Gone:
		v.Body = append(append(hexText{}, b.Target.Author[:]...), b.Target.ID[:]...)
	case Delivered:
		ids := make([]envelope.MessageID, len(b.Messages))
		for i, m := range b.Messages {
			ids[i] = m.ID
		}
		m, err := envelope.NewDelivered(e.ID, envelope.ConversationID{}, e.Sent, ids)
		if err != nil {
			t.Fatal(err)
		}
		v.Kind, v.Body = uint64(m.Kind), m.Body
	case Body:
		m, err := NewMessage(e.ID, envelope.ConversationID{}, e.Sent, e.Order, b)
		if err != nil {
			t.Fatal(err)
		}
		v.Kind, v.Body = uint64(m.Kind), m.Body
	}
	return v
}

func (v eventVector) event(t *testing.T, peer hexText) Event {
	author, device := [32]byte(v.Author), [16]byte(v.Device)
	if v.Kind == 0 {
		return Event{Author: author, Device: device, ID: [16]byte(v.ID), Sent: fromMs(v.SentMs), Body: Gone{Ref{[32]byte(v.Body[:32]), [16]byte(v.Body[32:])}}}
	}
	m := envelope.Message{Kind: envelope.Kind(v.Kind), ID: [16]byte(v.ID), Sent: fromMs(v.SentMs), Body: v.Body}
	e, err := ReadEvent(author, device, [32]byte(peer), m)
	if err != nil {
		t.Fatalf("%s of kind %d: %v", m.ID, v.Kind, err)
	}
	return e
}

func makeVectors(t *testing.T) vectorFile {
	var out vectorFile
	full := Post{
		Text: "سلام, world\n👍🏽", Reply: ref(bob, 3), Timer: Timer{FromRead, 24 * time.Hour},
		Files: []File{{Root: [32]byte{1, 2}, Key: [32]byte{3, 4}, Size: MaxFileSize, Name: "عکس.jpg", MediaType: "image/jpeg"}, {Name: "a b", Size: 0}},
	}
	for _, x := range []struct {
		what string
		body Body
	}{
		{"a post", Post{Text: "hi"}},
		{"a post with everything", full},
		{"a reaction", Reaction{ref(bob, 3), "❤"}},
		{"a reaction that is taken away", Reaction{ref(bob, 3), ""}},
		{"an edit", Edit{ref(bob, 3).ID, "hello"}},
		{"a deletion", Delete{ref(bob, 3).ID}},
		{"a read receipt", Read{[]Ref{ref(alice, 1), ref(bob, 3)}}},
		{"writing", Typing{true}},
		{"a timer", Timer{FromSent, 7 * 24 * time.Hour}},
		{"no timer", Timer{}},
	} {
		order := uint64(1_795_435_200_000 + len(out.Bodies))
		m, err := NewMessage(envelope.MessageID{}, envelope.ConversationID{}, start, order, x.body)
		if err != nil {
			t.Fatal(err)
		}
		out.Bodies = append(out.Bodies, bodyVector{x.what, uint64(m.Kind), msOf(m.Sent), m.Body, order})
	}
	out.Bodies = append(out.Bodies, bodyVector{"a text of an earlier version", 1, msOf(start), hexText("سلام"), msOf(start)})

	for name, b := range badBodies() {
		if _, ok := b.(Group); ok || strings.Contains(name, "half a second") || strings.Contains(name, "too long") || strings.Contains(name, "too many") {
			continue
		}
		if raw, err := wire.Marshal(b.pack(1)); err == nil {
			out.Refused = append(out.Refused, refusedVector{name, uint64(b.Kind()), raw})
		}
	}
	add := func(what string, kind envelope.Kind, v any) {
		raw, err := wire.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Refused = append(out.Refused, refusedVector{what, uint64(kind), raw})
	}
	add("an order of 0", envelope.Typing, typingWire{})
	add("an order that is too great", envelope.Typing, typingWire{Order: MaxOrder + 1})
	add("two replies", envelope.Post, postWire{Order: 1, Text: "a", Reply: make([]refWire, 2)})
	add("a reply to nothing", envelope.Post, postWire{Order: 1, Text: "a", Reply: make([]refWire, 1)})
	add("a body with a field more", envelope.Typing, []any{1, true, 1})
	out.Refused = append(out.Refused, refusedVector{"bytes after the body", uint64(envelope.Typing), hexText{0x82, 1, 0xf5, 0}})
	sortRefused(out.Refused)

	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 0))
		v := conversationVector{Name: "random", Peer: alice[:]}
		var events []Event
		for range 20 + 10*seed {
			events = append(events, randomEvent(r))
		}
		if seed%2 == 1 {
			events = append(events, Event{Author: bob, Device: phone, ID: envelope.MessageID{0x20}, Sent: at(9), Body: Gone{Ref{alice, envelope.MessageID{0x10, 2}}}})
		}
		for _, e := range events {
			v.Events = append(v.Events, eventVectorOf(t, e))
		}
		c := fold(events...)
		for _, viewer := range []Viewer{{alice, at(10)}, {bob, at(30)}, {carol, at(100)}} {
			v.Views = append(v.Views, viewVectorOf(c, viewer))
		}
		out.Conversations = append(out.Conversations, v)
	}
	return out
}

func sortRefused(all []refusedVector) {
	for i := range all {
		for j := i; j > 0 && all[j].What < all[j-1].What; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
}

func TestVectors(t *testing.T) {
	path := filepath.Join("..", "..", "spec", "vectors", "content.json")
	want, err := json.MarshalIndent(makeVectors(t), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *rewrite {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != string(want) {
		t.Errorf("%s is not what the code makes; -rewrite if the text has changed too", path)
	}
	var f vectorFile
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	for _, v := range f.Bodies {
		if _, order, err := Parse(envelope.Message{Kind: envelope.Kind(v.Kind), Sent: fromMs(v.SentMs), Body: v.Body}); err != nil || order != v.Order {
			t.Errorf("%s: order %d, %v, want %d", v.What, order, err, v.Order)
		}
	}
	for _, v := range f.Refused {
		if _, _, err := Parse(envelope.Message{Kind: envelope.Kind(v.Kind), Sent: start, Body: v.Body}); err == nil {
			t.Errorf("%s: accepted", v.What)
		}
	}
	for _, v := range f.Conversations {
		c := &Conversation{}
		for i := len(v.Events) - 1; i >= 0; i-- { // backwards, for once
			c.Add(v.Events[i].event(t, v.Peer))
		}
		for _, want := range v.Views {
			got, err := json.Marshal(viewVectorOf(c, Viewer{[32]byte(want.Me), fromMs(want.NowMs)}))
			if err != nil {
				t.Fatal(err)
			}
			if w, _ := json.Marshal(want); string(got) != string(w) {
				t.Errorf("view\n%s\nwant\n%s", got, w)
			}
		}
	}
}
