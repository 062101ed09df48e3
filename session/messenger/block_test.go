package messenger

import (
	"errors"
	"testing"
)

func TestBlock(t *testing.T) {
	_, ava, bahar := friends(t)
	ava.says(bahar, "hello")
	waiting := bahar.send("ava", "unanswered")
	bahar.until("delivered", inState(waiting.Seq, Delivered))
	c, err := bahar.Block("ava")
	if err != nil || !c.Blocked {
		t.Fatalf("Block = %+v, %v", c, err)
	}
	m := ava.send("bahar", "are you there?")
	ava.until("stored", inState(m.Seq, Stored)) // no more than before a person accepts
	if _, err := bahar.Send("ava", "x"); !errors.Is(err, ErrBlocked) {
		t.Errorf("writing to who is blocked: %v, want ErrBlocked", err)
	}
	if all, err := bahar.Contacts(); err != nil || len(all) != 1 || !all[0].Blocked {
		t.Errorf("Contacts = %+v, %v", all, err)
	}
	bahar.stop()
	for more := true; more; {
		if more, err = bahar.openNext(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(bahar.list()); n != 2 {
		t.Errorf("%d messages after a block, want 2", n)
	}
	bahar.crash()
	if c, err := bahar.Contact("ava"); err != nil || !c.Blocked {
		t.Errorf("after a crash %+v, %v", c, err)
	}
	bahar.start()
	if c, err := bahar.Unblock("ava"); err != nil || c.Blocked {
		t.Fatalf("Unblock = %+v, %v", c, err)
	}
	ava.says(bahar, "now?")
	if got := texts(bahar.list()); len(got) != 3 || got[2] != "now?" {
		t.Errorf("after all bahar has %q", got)
	}
}

// A request can be refused for good: later ones leave nothing.
func TestBlockOfAStranger(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	ava.start()
	bahar.start()
	ava.send("bahar", "buy this")
	bahar.until("a request", func(list []Message) bool { return len(list) == 1 && list[0].Request })
	if _, err := bahar.Block(ava.id().String()); err != nil {
		t.Fatal(err)
	}
	if n := records(t, bahar.store, kindHeld); n != 0 {
		t.Errorf("%d answers are held back for who is blocked", n)
	}
	m := ava.send("bahar", "please")
	ava.until("stored", inState(m.Seq, Stored))
	bahar.stop()
	for more := true; more; {
		var err error
		if more, err = bahar.openNext(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(bahar.list()); n != 1 || bahar.Queued() != 0 {
		t.Errorf("%d messages and %d answers, want 1 and 0", n, bahar.Queued())
	}
	// Accepting takes it back.
	if c, _, err := bahar.AddContact(ava.id().String(), "ava"); err != nil || c.Request {
		t.Fatal(err)
	}
	if c, err := bahar.Contact("ava"); err != nil || c.Blocked {
		t.Errorf("after accepting %+v, %v", c, err)
	}
}
