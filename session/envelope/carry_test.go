package envelope

import (
	"bytes"
	"errors"
	"testing"

	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

func TestSeveralMessagesInOne(t *testing.T) {
	rand := bytes.NewReader(bytes.Repeat([]byte{7}, 1<<10))
	one, err := NewText(MessageID{1}, ConversationID{9}, start, "one")
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewDelivered(MessageID{2}, ConversationID{9}, start, []MessageID{{3}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewSeveral(rand, ConversationID{9}, start, one, two)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseMessage(raw)
	if err != nil {
		t.Fatal(err)
	}
	got, err := back.Several()
	if err != nil || len(got) != 2 || got[0].ID != one.ID || got[1].Kind != Delivered {
		t.Fatalf("Several = %v, %v", got, err)
	}
	if alone, err := one.Several(); err != nil || len(alone) != 1 || alone[0].ID != one.ID {
		t.Errorf("Several of a text = %v, %v", alone, err)
	}
	if empty, err := NewSeveral(rand, ConversationID{}, start); err != nil {
		t.Error(err)
	} else if got, err := empty.Several(); err != nil || len(got) != 0 {
		t.Errorf("Several of none = %v, %v", got, err)
	}
	if _, err := NewSeveral(rand, ConversationID{}, start, m); !errors.Is(err, ErrMessage) {
		t.Errorf("several in several = %v", err)
	}
	if _, err := NewSeveral(rand, ConversationID{}, start, make([]Message, MaxSeveral+1)...); !errors.Is(err, ErrMessage) {
		t.Errorf("too many = %v", err)
	}
	large := Message{Kind: Text, Sent: start, Body: make([]byte, MaxPayload/2)}
	if _, err := NewSeveral(rand, ConversationID{}, start, large, large); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large = %v", err)
	}
	nested, err := wire.Marshal([][]byte{raw})
	if err != nil {
		t.Fatal(err)
	}
	many, err := wire.Marshal(make([][]byte, MaxSeveral+1))
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"nothing": nil, "several in several": nested, "too many": many, "no message": {0x81, 0x41, 0}} {
		if _, err := (Message{Kind: Several, Body: body}).Several(); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v, want ErrMessage", name, err)
		}
	}
}

func TestCopies(t *testing.T) {
	text, err := NewText(MessageID{1}, ConversationID{9}, start, "one")
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewCopy(MessageID{2}, ConversationID{8}, identity.ID{7}, text)
	if err != nil {
		t.Fatal(err)
	}
	peer, got, err := m.Copy()
	if err != nil || peer != (identity.ID{7}) || got.ID != text.ID {
		t.Errorf("Copy = %v, %v, %v", peer, got, err)
	}
	if _, _, err := text.Copy(); !errors.Is(err, ErrMessage) {
		t.Errorf("Copy of a text = %v", err)
	}
	if _, _, err := (Message{Kind: Copy, Body: []byte{1}}).Copy(); !errors.Is(err, ErrMessage) {
		t.Errorf("Copy of a broken body = %v", err)
	}
	if _, err := text.Bundle(); !errors.Is(err, ErrMessage) {
		t.Errorf("Bundle of a text = %v", err)
	}
	if _, err := (Message{Kind: NewBundle, Body: []byte{1}}).Bundle(); !errors.Is(err, ErrMessage) {
		t.Errorf("Bundle of a broken body = %v", err)
	}
}

func FuzzSeveral(f *testing.F) {
	f.Add([]byte{0x80})
	f.Add([]byte{0x81, 0x41, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		if got, err := (Message{Kind: Several, Body: body}).Several(); err == nil && len(got) > MaxSeveral {
			t.Fatal("too many")
		}
		_, _, _ = Message{Kind: Copy, Body: body}.Copy()
	})
}
