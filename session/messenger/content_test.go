package messenger

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

func eventsOf(t *testing.T, n *node, with string) (out []string) {
	t.Helper()
	all, next, err := n.Events(with, 0, 100)
	if err != nil || next != 0 {
		t.Fatalf("Events = %d, next %d, %v", len(all), next, err)
	}
	for _, e := range all {
		out = append(out, e.Message.Kind.String()+" "+string(e.Message.Body))
	}
	return out
}

// What is not a text arrives once, in order, in a log of its own, and is
// confirmed like a text.
func TestContentIsAnEvent(t *testing.T) {
	_, ava, bahar := friends(t)
	ava.says(bahar, "hello")
	for _, body := range []string{"one", "two"} {
		if _, err := ava.SendContent("bahar", envelope.Reaction, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := bahar.SendContent("ava", envelope.Edit, []byte("three")); err != nil {
		t.Fatal(err)
	}
	if _, err := ava.SendContent("bahar", envelope.Typing, []byte("x")); err != nil {
		t.Fatal(err)
	}
	ava.says(bahar, "after")
	bahar.says(ava, "after")
	for _, n := range []struct {
		node *node
		with string
	}{{ava, "bahar"}, {bahar, "ava"}} {
		got := eventsOf(t, n.node, n.with)
		slices.Sort(got)
		if want := []string{"edit three", "reaction one", "reaction two"}; !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", n.node.name, got, want)
		}
		if list := n.node.list(); len(list) != 3 {
			t.Errorf("%s lists %q", n.node.name, texts(list))
		}
	}
	ava.stop()
	bahar.stop()
	if n := records(t, ava.store, kindCopy) + records(t, bahar.store, kindCopy); n != 0 {
		t.Errorf("%d copies are not confirmed", n)
	}
	first, next, err := ava.Events("bahar", 0, 1)
	if err != nil || len(first) != 1 || next != first[0].Seq || first[0].Author != ava.id() {
		t.Errorf("a page of one event: %+v, next %d, %v", first, next, err)
	}
	if _, err := ava.SendContent("bahar", envelope.Text, []byte("x")); !errors.Is(err, ErrText) {
		t.Errorf("a text as content: %v", err)
	}
	if _, _, err := ava.Events("", 0, 1); !errors.Is(err, ErrNoContact) {
		t.Errorf("events of nobody: %v", err)
	}
}

// A kind with a handler goes to it, and what the handler writes is committed
// with the rest.
func TestHandlers(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	var called, done atomic.Int32
	const kind store.Kind = 0x70
	bahar.Handle(envelope.Group, func(b *store.Batch, in Incoming) (func(), error) {
		called.Add(1)
		if in.From != ava.id() || in.Device == (identity.DeviceID{}) {
			return nil, errors.New("from nobody")
		}
		b.Put(kind, in.Message.ID[:], 0, in.Message.Body)
		return func() { done.Add(1) }, nil
	})
	ava.start()
	bahar.start()
	ava.says(bahar, "hello")
	e, err := ava.SendContent("bahar", envelope.Group, []byte("secret of an epoch"))
	if err != nil {
		t.Fatal(err)
	}
	ava.says(bahar, "after")
	if got, err := bahar.store.Get(kind, e.Message.ID[:], 0); err != nil || string(got) != "secret of an epoch" {
		t.Errorf("the handler's record is %q, %v", got, err)
	}
	if called.Load() != 1 || done.Load() != 1 {
		t.Errorf("called %d times, done %d, want once each", called.Load(), done.Load())
	}
	if got := eventsOf(t, bahar, "ava"); len(got) != 0 {
		t.Errorf("it is in the log too: %q", got)
	}
}
