package messenger

import (
	"errors"
	"fmt"
	"testing"
)

// A stranger learns nothing until the person accepts.
func TestStrangersAreRequests(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar) // but not the other way round
	ava.start()
	bahar.start()
	m := ava.send("bahar", "you do not know me")
	ava.until("stored", inState(m.Seq, Stored))
	bahar.until("a request", func(list []Message) bool { return len(list) == 1 && list[0].Request })
	if out, held := records(t, bahar.store, kindOutbox), records(t, bahar.store, kindHeld); out != 0 || held != 1 {
		t.Errorf("%d answers in the outbox and %d held back, want 0 and 1", out, held)
	}
	if _, err := bahar.Send(ava.id().String(), "hi"); !errors.Is(err, ErrNoContact) {
		t.Errorf("writing to a request: %v, want ErrNoContact", err)
	}
	if got := ava.list()[0].State; got != Stored {
		t.Errorf("before acceptance ava sees %v, want stored", got)
	}
	if _, _, err := bahar.AddContact(ava.id().String(), "ava"); err != nil {
		t.Fatal(err)
	}
	ava.until("delivered", inState(m.Seq, Delivered))
	if got := bahar.list()[0]; got.Request || got.Name != "ava" {
		t.Errorf("after acceptance %+v", got)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	var last Message
	for i := range MaxRequestMessages + 3 {
		last = ava.send("bahar", fmt.Sprint(i))
	}
	ava.start()
	bahar.start()
	ava.until("all stored", inState(last.Seq, Stored))
	bahar.until("as many as are kept", func(list []Message) bool { return len(list) == MaxRequestMessages })
	bahar.stop()
	for more := true; more; {
		var err error
		if more, err = bahar.openNext(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(bahar.list()); n != MaxRequestMessages {
		t.Errorf("%d messages of a stranger are kept, want %d", n, MaxRequestMessages)
	}
}
