package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 23, 12, 34, 56, 0, time.UTC)

func TestEnvelopesHaveFourSizes(t *testing.T) {
	mailbox := identity.MailboxID{1, 2, 3}
	rapid.Check(t, func(t *rapid.T) {
		need := rapid.IntRange(0, MaxSize).Draw(t, "need")
		ttl := time.Duration(rapid.Int64Range(1, int64(MaxTTL)).Draw(t, "ttl"))
		e, err := New(mailbox, start, ttl, need)
		if need > MaxSize-HeaderSize {
			if !errors.Is(err, ErrTooLarge) {
				t.Fatalf("New for %d bytes = %v, want ErrTooLarge", need, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := e.Bytes()
		if err != nil || !isBucket(len(raw)) || len(e.Sealed) < need {
			t.Fatalf("%d bytes for %d, %v", len(raw), need, err)
		}
		for _, b := range Buckets {
			if b < len(raw) && b >= need+HeaderSize {
				t.Fatalf("%d bytes for %d, though %d are enough", len(raw), need, b)
			}
		}
		if !bytes.Equal(e.Header(), raw[:HeaderSize]) {
			t.Fatalf("Header() = %x, want %x", e.Header(), raw[:HeaderSize])
		}
		got, err := Parse(raw)
		if err != nil || got.Mailbox != mailbox || got.ExpiryHour != e.ExpiryHour || !bytes.Equal(got.Sealed, e.Sealed) {
			t.Fatalf("Parse = %+v, %v", got, err)
		}
		if d := e.Expires().Sub(start.Add(ttl)); d < -time.Second || d > time.Hour || e.Expires().Minute() != 0 {
			t.Fatalf("expires %v after its TTL", d)
		}
		if err := e.CheckTime(start); err != nil {
			t.Fatal(err)
		}
	})
}

func TestEnvelopeTimes(t *testing.T) {
	e, err := New(identity.MailboxID{}, start, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := e.Expires().Sub(start); d < DefaultTTL || d > DefaultTTL+time.Hour {
		t.Errorf("a TTL of 0 expires after %v, want %v", d, DefaultTTL)
	}
	for _, c := range []struct {
		name string
		now  time.Time
		want error
	}{
		{"at once", start, nil},
		{"in its last second", e.Expires().Add(-time.Second), nil},
		{"when it expires", e.Expires(), ErrExpired},
		{"18 days early", start.Add(-18 * 24 * time.Hour), ErrLifetime},
	} {
		if err := e.CheckTime(c.now); !errors.Is(err, c.want) {
			t.Errorf("CheckTime %s = %v, want %v", c.name, err, c.want)
		}
	}
	for _, ttl := range []time.Duration{-1, MaxTTL + 1} {
		if _, err := New(identity.MailboxID{}, start, ttl, 1); !errors.Is(err, ErrLifetime) {
			t.Errorf("New for %v = %v, want ErrLifetime", ttl, err)
		}
	}
	for _, now := range []time.Time{time.Unix(0, 0), time.Unix(math.MaxUint32*3600, 0)} {
		if _, err := New(identity.MailboxID{}, now, time.Hour, 1); err == nil {
			t.Errorf("New with a clock at %v succeeded", now)
		}
	}
}

func TestBadEnvelopes(t *testing.T) {
	e, err := New(identity.MailboxID{}, start, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := func(version, hour uint64, sealed int) []byte {
		data, err := wire.Marshal(envelopeWire{Version: version, Hour: hour, Sealed: make([]byte, sealed)})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, data := range map[string][]byte{
		"nothing":         nil,
		"zeros":           make([]byte, 8<<10),
		"a byte less":     raw[:len(raw)-1],
		"a byte more":     append(bytes.Clone(raw), 0),
		"another version": encode(2, uint64(e.ExpiryHour), len(e.Sealed)),
		"an early hour":   encode(1, minHour-1, len(e.Sealed)+2),
		"a late hour":     encode(1, math.MaxUint32+1, len(e.Sealed)-4),
	} {
		if _, err := Parse(data); !errors.Is(err, ErrEnvelope) {
			t.Errorf("%s (%d bytes): %v, want ErrEnvelope", name, len(data), err)
		}
	}
	e.Sealed = e.Sealed[1:]
	if _, err := e.Bytes(); !errors.Is(err, ErrEnvelope) {
		t.Errorf("Bytes of a wrong size = %v, want ErrEnvelope", err)
	}
}

func TestPadding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data")
		padded := Pad(data, len(data)+PadOverhead+rapid.IntRange(0, 300).Draw(t, "more"))
		got, ok := Unpad(padded)
		if !ok || !bytes.Equal(got, data) {
			t.Fatalf("Unpad(Pad(%x)) = %x, %v", data, got, ok)
		}
		if i := rapid.IntRange(0, len(padded)-1).Draw(t, "byte"); i < PadOverhead || i >= PadOverhead+len(data) {
			padded[i] ^= 1
			// A length that grows by one over a zero of the padding is another message.
			if got, ok := Unpad(padded); ok && bytes.Equal(got, data) {
				t.Fatal("altered padding gives the same message")
			}
		}
	})
	for _, bad := range [][]byte{nil, {0, 0, 0}, {0, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff, 1}, {0, 0, 0, 0, 1}} {
		if got, ok := Unpad(bad); ok {
			t.Errorf("Unpad(%x) = %x, want refusal", bad, got)
		}
	}
}

func TestMessages(t *testing.T) {
	id, err := NewMessageID(bytes.NewReader(bytes.Repeat([]byte{7}, 16)))
	if err != nil {
		t.Fatal(err)
	}
	a, b := identity.ID{1}, identity.ID{2}
	conversation := ConversationOf(a, b)
	if conversation != ConversationOf(b, a) || conversation == ConversationOf(a, a) {
		t.Error("a conversation depends on the order of its people, or not on them")
	}
	sent := start.Add(123 * time.Millisecond)
	m, err := NewText(id, conversation, sent, "سلام دنیا")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := m.Bytes()
	if err != nil || len(raw) > len(m.Body)+MessageOverhead {
		t.Fatalf("Bytes = %d bytes for %d, %v", len(raw), len(m.Body), err)
	}
	got, err := ParseMessage(raw)
	if err != nil || got.ID != id || got.Conversation != conversation || !got.Sent.Equal(sent) {
		t.Errorf("ParseMessage = %v, %v", got, err)
	}
	if s, err := got.Text(); err != nil || s != "سلام دنیا" {
		t.Errorf("Text = %q, %v", s, err)
	}
	if _, err := got.Delivered(); !errors.Is(err, ErrMessage) {
		t.Errorf("Delivered of a text = %v, want ErrMessage", err)
	}
	if _, err := got.SetUpAgain(); !errors.Is(err, ErrMessage) {
		t.Errorf("SetUpAgain of a text = %v, want ErrMessage", err)
	}

	r, err := NewDelivered(id, conversation, sent, []MessageID{{1}, {2}})
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := r.Delivered(); err != nil || len(ids) != 2 || ids[1] != (MessageID{2}) {
		t.Errorf("Delivered = %v, %v", ids, err)
	}
	if _, err := r.Text(); !errors.Is(err, ErrMessage) {
		t.Errorf("Text of a receipt = %v, want ErrMessage", err)
	}
	if b, err := NewSetUpAgain(id, conversation, sent, nil).SetUpAgain(); b != nil || err != nil {
		t.Errorf("SetUpAgain without a bundle = %v, %v", b, err)
	}
}

func TestMessagesOfTheGreatestSize(t *testing.T) {
	m := Message{Kind: Text, Sent: time.UnixMilli(maxMilli), Body: make([]byte, MaxPayload)}
	raw, err := m.Bytes()
	if err != nil || len(raw) > MaxPayload+MessageOverhead {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	if _, err := ParseMessage(raw); err != nil {
		t.Error(err)
	}
	m.Body = make([]byte, MaxPayload+1)
	if _, err := m.Bytes(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte more: %v, want ErrTooLarge", err)
	}
	ids := make([]MessageID, MaxReceipts)
	if r, err := NewDelivered(MessageID{}, ConversationID{}, start, ids); err != nil || len(r.Body) > MaxPayload {
		t.Errorf("the greatest receipt has %d bytes, %v", len(r.Body), err)
	}
}

func TestBadMessages(t *testing.T) {
	encode := func(w messageWire) []byte {
		data, err := wire.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, data := range map[string][]byte{
		"nothing":         nil,
		"another version": encode(messageWire{Version: 2}),
		"a late time":     encode(messageWire{Version: 1, SentMs: maxMilli + 1}),
		"too long":        encode(messageWire{Version: 1, Body: make([]byte, MaxPayload+1)}),
		"far too long":    make([]byte, 1<<20),
	} {
		if _, err := ParseMessage(data); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v, want ErrMessage", name, err)
		}
	}
	for name, err := range map[string]error{
		"text that is not UTF-8":    second(NewText(MessageID{}, ConversationID{}, start, "\xff")),
		"a body that is not UTF-8":  second(Message{Kind: Text, Body: []byte{0xff}}.Text()),
		"a receipt for nothing":     second(NewDelivered(MessageID{}, ConversationID{}, start, nil)),
		"a receipt for 1,025":       second(NewDelivered(MessageID{}, ConversationID{}, start, make([]MessageID, 1025))),
		"a body that is no receipt": second(Message{Kind: Delivered, Body: []byte{0xff}}.Delivered()),
		"a body that is empty":      second(Message{Kind: Delivered, Body: []byte{0x80}}.Delivered()),
		"a short ID in a receipt":   second(Message{Kind: Delivered, Body: append([]byte{0x81, 0x4f}, make([]byte, 15)...)}.Delivered()),
		"a body that is no bundle":  second(Message{Kind: SetUpAgain, Body: []byte{1}}.SetUpAgain()),
		"a time before 1970":        second(Message{Sent: time.Unix(-1, 0)}.Bytes()),
	} {
		if !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v, want ErrMessage", name, err)
		}
	}
	if _, err := NewMessageID(bytes.NewReader(nil)); err == nil {
		t.Error("NewMessageID without randomness succeeded")
	}
	if got := Kind(77).String(); got != "kind-77" {
		t.Errorf("Kind(77) = %q", got)
	}
}

func second[T any](_ T, err error) error { return err }

func TestContentNeverPrints(t *testing.T) {
	m := Message{Kind: Text, Body: []byte("the plaintext")}
	for _, v := range []any{m, &m, []Message{m}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, "plaintext") || strings.Contains(out, "746865") {
				t.Errorf("Sprintf(%q) = %s", verb, out)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	e, err := New(identity.MailboxID{5}, start, 0, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e.Header())
	f.Add([]byte{0x84, 2})
	f.Fuzz(func(t *testing.T, head []byte) {
		// The rest of an envelope is opaque, so only its beginning is varied.
		raw := make([]byte, 8<<10)
		copy(raw, head)
		got, err := Parse(raw)
		if err != nil {
			if !errors.Is(err, ErrEnvelope) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if again, err := got.Bytes(); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("an envelope has two encodings, %v", err)
		}
		if !bytes.Equal(got.Header(), raw[:HeaderSize]) {
			t.Fatal("Header is not the beginning")
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	m, err := NewDelivered(MessageID{1}, ConversationID{2}, start, []MessageID{{3}})
	if err != nil {
		f.Fatal(err)
	}
	raw, err := m.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseMessage(data)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if again, err := got.Bytes(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("a message has two encodings, %v", err)
		}
		for _, err := range []error{second(got.Text()), second(got.Delivered()), second(got.SetUpAgain())} {
			if err != nil && !errors.Is(err, ErrMessage) {
				t.Fatalf("untyped error %v", err)
			}
		}
	})
}

func FuzzUnpad(f *testing.F) {
	f.Add(Pad([]byte("x"), 16))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, ok := Unpad(data); ok && !bytes.Equal(Pad(got, len(data)), data) {
			t.Fatal("a padding has two encodings")
		}
	})
}
