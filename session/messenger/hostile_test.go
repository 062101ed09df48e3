package messenger

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/pars-network/pars/session/delivery"
)

func TestReplayedAlteredAndForeignEnvelopesAreDropped(t *testing.T) {
	w := newWorld(t)
	ava, bahar, eve := w.person("ava"), w.person("bahar"), w.person("eve")
	ava.knows(bahar)
	bahar.knows(ava)
	m := ava.send("bahar", "hello")
	raw, mailbox := firstEnvelope(t, ava)
	ava.start()
	bahar.start()
	ava.until("delivered", inState(m.Seq, Delivered))
	bahar.stop()
	for more := true; more; { // what came and was not opened before the stop
		var err error
		if more, err = bahar.openNext(); err != nil {
			t.Fatal(err)
		}
	}

	altered := bytes.Clone(raw)
	altered[len(altered)-1] ^= 1
	for name, e := range map[string][]byte{"replayed": raw, "altered": altered} {
		if err := bahar.Keep(mailbox, delivery.DigestOf(e), e); err != nil {
			t.Fatal(err)
		}
		if _, err := bahar.openNext(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := bahar.Queued(); n != 0 {
			t.Errorf("%s: it was answered, %d envelopes wait", name, n)
		}
	}
	if err := eve.Keep(mailbox, delivery.DigestOf(raw), raw); !errors.Is(err, delivery.ErrRefused) {
		t.Errorf("another's mailbox: %v, want ErrRefused", err)
	}
	// Even if eve's node took it, she could not open it.
	if err := eve.begin().open(raw); !errors.Is(err, errUnknown) {
		t.Errorf("eve opens it: %v", err)
	}
	if got := texts(bahar.list()); !slices.Equal(got, []string{"hello"}) {
		t.Errorf("bahar has %q, want the message once", got)
	}
	if bahar.inbox != 0 {
		t.Errorf("%d envelopes are stuck", bahar.inbox)
	}
}

// Neither disk nor link shows who wrote what to whom.
func TestNothingReadableOnLinkOrDisk(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava-the-sender"), w.person("bahar-the-reader")
	ava.knows(bahar)
	bahar.knows(ava)
	ava.start()
	bahar.start()
	const text = "we meet under the old plane tree"
	m := ava.send(bahar.name, text)
	ava.until("delivered", inState(m.Seq, Delivered))
	phrase, err := ava.Phrase()
	if err != nil {
		t.Fatal(err)
	}
	ava.stop()
	bahar.stop()
	secrets := map[string][]byte{"the text": []byte(text), "the phrase": []byte(phrase[:20])}
	for _, n := range []*node{ava, bahar} {
		id := n.id()
		secrets["the Session ID of "+n.name] = []byte(id.String())
		secrets["the bytes of the Session ID of "+n.name] = id[:]
		secrets["the name "+n.name] = []byte(n.name)
		secrets["the signing key of "+n.name] = n.account.Signing().Bytes()[:64]
		secrets["the device key of "+n.name] = n.ring.Device().Public().Bytes()[:64]
	}
	all := map[string][]byte{"the link": w.wires.traffic.Bytes()}
	for _, n := range []*node{ava, bahar} {
		for path, b := range files(t, n) {
			all[n.name+"'s disk, "+path] = b
		}
	}
	if len(all["the link"]) < 30<<10 || len(all) < 5 {
		t.Fatalf("looked at %d bytes of traffic and %d places", len(all["the link"]), len(all))
	}
	for where, b := range all {
		for what, s := range secrets {
			if bytes.Contains(b, s) {
				t.Errorf("%s shows %s", where, what)
			}
		}
	}
}
