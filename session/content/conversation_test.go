package content

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"pgregory.net/rapid"
)

func TestTheViewDependsOnTheSetOfEventsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(drawEvent), 0, 25).Draw(t, "events")
		again := append(slices.Clone(events), rapid.SliceOfN(rapid.SampledFrom(append(events, Event{})), 0, 8).Draw(t, "once more")...)
		again = rapid.Permutation(again).Draw(t, "shuffled")
		v := drawViewer(t)
		a, b := fold(events...), fold(again...)
		if got, want := dump(b.View(v)), dump(a.View(v)); got != want {
			t.Fatalf("in another order:\n%s\nwas\n%s", got, want)
		}
		if got, want := b.Expired(v), a.Expired(v); !slices.Equal(got, want) {
			t.Fatalf("expired %v in another order, was %v", got, want)
		}
		if a.Next(v.Now) != b.Next(v.Now) {
			t.Fatal("the next order depends on the order of arrival")
		}
	})
}

func TestAMessageDependsOnWhatNamesItAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(drawEvent), 0, 25).Draw(t, "events")
		v, r := drawViewer(t), refs.Draw(t, "message")
		some := &Conversation{}
		for _, e := range events {
			if slices.Contains(e.Targets(), r) {
				some.Add(e)
			}
		}
		got, ok := some.Message(r, v)
		want, found := fold(events...).Message(r, v)
		got.Reply, want.Reply = nil, nil // a quotation shows another message
		if ok != found || dump(View{Items: []Item{got}}) != dump(View{Items: []Item{want}}) {
			t.Fatalf("from its own events: %v %s, from all: %v %s", ok, dump(View{Items: []Item{got}}), found, dump(View{Items: []Item{want}}))
		}
	})
}

func TestOnlyTheAuthorChangesAMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(drawEvent), 0, 20).Draw(t, "events")
		victim := people.Draw(t, "victim")
		var others []Event
		for _, e := range rapid.SliceOfN(rapid.Custom(drawEvent), 1, 10).Draw(t, "attack") {
			if _, local := e.Body.(Gone); e.Author != victim && !local {
				others = append(others, e)
			}
		}
		v := Viewer{victim, drawViewer(t).Now}
		before, after := fold(events...), fold(append(events, others...)...)
		for _, i := range before.View(v).Items {
			if i.Ref.Author != victim {
				continue
			}
			got, ok := after.Message(i.Ref, v)
			if !ok || got.Text != i.Text || got.Deleted != i.Deleted || !got.EditedAt.Equal(i.EditedAt) || got.Conflict != i.Conflict || !got.Expires.Equal(i.Expires) {
				t.Fatalf("somebody else changed %s\nto %s", dump(View{Items: []Item{i}}), dump(View{Items: []Item{got}}))
			}
		}
	})
}

func TestDeletionWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(drawEvent), 0, 20).Draw(t, "events")
		d := say(people.Draw(t, "author"), 9, Delete{ids.Draw(t, "target")})
		target := d.Targets()[0]
		events = slices.Insert(events, rapid.IntRange(0, len(events)).Draw(t, "when"), d)
		v := drawViewer(t)
		if i, ok := fold(events...).Message(target, v); ok && (!i.Deleted || i.Text != "" || i.Files != nil || i.Signs != nil || i.Reply != nil || i.Receipts != nil) {
			t.Fatalf("deleted, but shows %s", dump(View{Items: []Item{i}}))
		}
		// What a deleted message said need not be kept to show the same.
		stripped := slices.Clone(events)
		for i, e := range stripped {
			if e.Ref() == target {
				stripped[i] = e.Stripped()
			}
		}
		if got, want := dump(fold(stripped...).View(v)), dump(fold(events...).View(v)); got != want {
			t.Fatalf("without the content:\n%s\nwith it\n%s", got, want)
		}
		// Nor anything of one that is gone.
		events = append(events, Event{Body: Gone{target}})
		var without []Event
		for _, e := range events {
			if _, post := e.Body.(Post); !post || e.Ref() != target {
				without = append(without, e)
			}
		}
		if got, want := dump(fold(without...).View(v)), dump(fold(events...).View(v)); got != want {
			t.Fatalf("without what is gone:\n%s\nwith it\n%s", got, want)
		}
	})
}

func TestEditsOfOneMessage(t *testing.T) {
	v := Viewer{bob, at(60)}
	c := fold(say(alice, 1, Post{Text: "first"}), say(alice, 4, Edit{ref(alice, 1).ID, "third"}), say(alice, 3, Edit{ref(alice, 1).ID, "second"}), say(bob, 5, Edit{ref(alice, 1).ID, "forged"}))
	i := seen(t, c, ref(alice, 1), v)
	if i.Text != "third" || !i.EditedAt.Equal(at(4)) {
		t.Errorf("shows %q of %v, want the last edit", i.Text, i.EditedAt)
	}
	if i.Order != uint64(at(1).UnixMilli()) {
		t.Error("an edit moved the message")
	}
	if n := len(c.View(v).Items); n != 1 {
		t.Errorf("%d messages, want one: an edit of what is not there shows nothing", n)
	}
}

func TestAnAnswerStandsAfterItsQuestionWhateverTheClocks(t *testing.T) {
	question := say(alice, 50, Post{Text: "question"}) // her clock is ahead
	b := fold(question)
	answer := say(bob, 2, Post{Text: "answer", Reply: question.Ref()})
	answer.Order = b.Next(answer.Sent)
	b.Add(answer)
	items := b.View(Viewer{bob, at(3)}).Items
	if len(items) != 2 || items[1].Text != "answer" || items[1].Reply.Text != "question" {
		t.Fatalf("%s", dump(View{Items: items}))
	}
	far := say(alice, 3, Post{Text: "far"})
	far.Order = MaxOrder
	b.Add(far)
	if n := b.Next(at(4)); n != MaxOrder {
		t.Errorf("Next = %d after the greatest, want %d", n, uint64(MaxOrder))
	}
}

func TestQuotations(t *testing.T) {
	v := Viewer{bob, at(60)}
	reply := say(bob, 2, Post{Text: "yes", Reply: ref(alice, 1)})
	for _, c := range []struct {
		name   string
		events []Event
		want   Quote
	}{
		{"of a message that is not here", nil, Quote{Missing: true}},
		{"of a message", []Event{say(alice, 1, Post{Text: "tea?"})}, Quote{Text: "tea?"}},
		{"of an edited one", []Event{say(alice, 1, Post{Text: "tea?"}), say(alice, 3, Edit{ref(alice, 1).ID, "coffee?"})}, Quote{Text: "coffee?"}},
		{"of a deleted one", []Event{say(alice, 1, Post{Text: "tea?"}), say(alice, 3, Delete{ref(alice, 1).ID})}, Quote{Deleted: true}},
		{"of one that expired", []Event{say(alice, 1, Post{Text: "tea?", Timer: Timer{FromSent, time.Second}})}, Quote{Missing: true}},
		{"of one that is gone here", []Event{say(alice, 1, Post{Text: "tea?"}), {Body: Gone{ref(alice, 1)}}}, Quote{Missing: true}},
	} {
		c.want.Ref = ref(alice, 1)
		if got := *seen(t, fold(append(c.events, reply)...), reply.Ref(), v).Reply; got != c.want {
			t.Errorf("quotation %s: missing %v, deleted %v, %q, want %v, %v, %q", c.name, got.Missing, got.Deleted, got.Text, c.want.Missing, c.want.Deleted, c.want.Text)
		}
	}
}

func TestReceiptsAreByDevice(t *testing.T) {
	post := say(alice, 1, Post{Text: "hi"})
	mine := []Ref{post.Ref()}
	onDesk := say(bob, 5, Read{mine})
	onDesk.Device = desk
	c := fold(post, say(bob, 3, Delivered{mine}), say(bob, 2, Delivered{mine}), onDesk, say(alice, 4, Read{mine}), say(alice, 6, Delivered{mine}))
	got := seen(t, c, post.Ref(), Viewer{alice, at(60)}).Receipts
	want := []Receipt{{bob, phone, at(2), time.Time{}}, {bob, desk, time.Time{}, at(5)}}
	if !slices.Equal(got, want) {
		t.Errorf("receipts %v, want %v", got, want)
	}
	if i := seen(t, c, post.Ref(), Viewer{bob, at(60)}); !i.Read || i.Receipts != nil {
		t.Errorf("at the reader: read %v, receipts %v", i.Read, i.Receipts)
	}
	if i := seen(t, c, post.Ref(), Viewer{carol, at(60)}); i.Read {
		t.Error("read by who never said so")
	}
}

func TestDisappearing(t *testing.T) {
	sent := say(alice, 10, Post{Text: "sent", Timer: Timer{FromSent, 30 * time.Second}})
	read := say(alice, 11, Post{Text: "read", Timer: Timer{FromRead, 30 * time.Second}})
	c := fold(sent, read, say(bob, 100, Read{[]Ref{read.Ref()}}), say(carol, 50, Read{[]Ref{read.Ref()}}))
	for _, x := range []struct {
		who     identity.ID
		ref     Ref
		expires time.Time
	}{
		{alice, sent.Ref(), at(40)},
		{bob, sent.Ref(), at(40)},
		{alice, read.Ref(), at(41)}, // her own, from when it was sent
		{bob, read.Ref(), at(130)},
		{carol, read.Ref(), at(80)},
	} {
		before, after := Viewer{x.who, x.expires.Add(-time.Millisecond)}, Viewer{x.who, x.expires}
		if i := seen(t, c, x.ref, before); !i.Expires.Equal(x.expires) {
			t.Errorf("%s expires at %v for %s, want %v", i.Text, i.Expires, x.who, x.expires)
		}
		if slices.Contains(c.Expired(before), x.ref) || !slices.Contains(c.Expired(after), x.ref) {
			t.Errorf("%s is not due at %v", x.ref.ID, x.expires)
		}
		if _, ok := c.Message(x.ref, after); ok {
			t.Errorf("%s is shown when it has expired", x.ref.ID)
		}
	}
	unread := fold(read)
	if got := unread.Expired(Viewer{bob, at(1 << 20)}); got != nil {
		t.Errorf("%v expired before anybody read it", got)
	}
	unread.Add(Event{Body: Gone{read.Ref()}})
	unread.Add(read) // a copy that comes late
	if _, ok := unread.Message(read.Ref(), Viewer{bob, at(12)}); ok {
		t.Error("what was destroyed came back")
	}
}

func TestTimersOfAConversation(t *testing.T) {
	c := fold(say(bob, 2, Timer{FromSent, time.Hour}), say(alice, 1, Timer{FromRead, time.Minute}))
	if v := c.View(Viewer{alice, at(9)}); v.Timer != (Timer{FromSent, time.Hour}) || v.TimerBy != bob {
		t.Errorf("the timer is %v of %v, want the last that was set", v.Timer, v.TimerBy)
	}
	c.Add(say(alice, 3, Timer{}))
	if v := c.View(Viewer{alice, at(9)}); v.Timer.Mode != Off || v.TimerBy != alice {
		t.Errorf("the timer is %v of %v, want off", v.Timer, v.TimerBy)
	}
}

func TestTyping(t *testing.T) {
	c := fold(say(bob, 1, Typing{true}), say(carol, 1, Typing{true}), say(carol, 2, Typing{false}), say(alice, 1, Typing{true}))
	for _, x := range []struct {
		now  int
		want []identity.ID
	}{{2, []identity.ID{bob}}, {15, []identity.ID{bob}}, {16, nil}, {-20, nil}} {
		if got := c.View(Viewer{alice, at(x.now)}).Typing; !slices.Equal(got, x.want) {
			t.Errorf("after %d s %v type, want %v", x.now, got, x.want)
		}
	}
}

func TestTwoMessagesUnderOneName(t *testing.T) {
	a, b := say(alice, 1, Post{Text: "to bob"}), say(alice, 1, Post{Text: "to carol"})
	one := fold(a, a)
	if seen(t, one, a.Ref(), Viewer{bob, at(9)}).Conflict {
		t.Error("a message that came twice is a conflict")
	}
	two := fold(a, b)
	if !seen(t, two, a.Ref(), Viewer{bob, at(9)}).Conflict {
		t.Error("different messages under one name are no conflict")
	}
}

func TestSettingsAreOffByDefault(t *testing.T) {
	for k, want := range map[envelope.Kind]bool{envelope.Read: false, envelope.Typing: false, envelope.Post: true, envelope.Delete: true, envelope.Delivered: true} {
		if got := (Settings{}).MaySend(k); got != want {
			t.Errorf("MaySend(%s) = %v, want %v", k, got, want)
		}
	}
	on := Settings{ReadReceipts: true, Typing: true}
	if !on.MaySend(envelope.Read) || !on.MaySend(envelope.Typing) {
		t.Error("what was switched on is not sent")
	}
}

func TestContentNeverPrints(t *testing.T) {
	secret := "the plaintext"
	post := Post{Text: secret, Files: []File{{Key: [32]byte([]byte(strings.Repeat("k", 32))), Name: secret}}}
	item := seen(t, fold(say(alice, 1, post)), ref(alice, 1), Viewer{bob, at(1)})
	for _, v := range []any{post, &post, post.Files, post.Files[0], item, Quote{Text: secret}, Edit{Text: secret}, Reaction{Sign: secret}, Sign{Sign: secret}, Group{[]byte(secret)}, say(alice, 1, post), View{Items: []Item{item}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, "plaintext") || strings.Contains(out, "kkk") || strings.Contains(out, "107 107") || strings.Contains(out, "0x6b") {
				t.Errorf("Sprintf(%q, %T) = %s", verb, v, out)
			}
		}
	}
}
