package delivery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pars-network/pars/session/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// depot owns one mailbox and remembers what it was given.
type depot struct {
	mu    sync.Mutex
	owned Mailbox
	kept  map[Digest][]byte
	err   error
}

func (d *depot) Want(mailbox Mailbox, digest Digest) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if mailbox != d.owned {
		return false, ErrRefused
	}
	_, have := d.kept[digest]
	return have, nil
}

func (d *depot) Keep(_ Mailbox, digest Digest, envelope []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	d.kept[digest] = bytes.Clone(envelope)
	return nil
}

func envelope(size int, fill byte) []byte { return bytes.Repeat([]byte{fill}, size) }

// exchange runs Send against Serve over a pipe and returns what both said.
func exchange(t *testing.T, r *Receiver, mailbox Mailbox, e []byte) (sent, served error) {
	t.Helper()
	a, b := net.Pipe()
	done := make(chan error)
	go func() {
		err := r.Serve("peer", b)
		b.Close()
		done <- err
	}()
	sent = Send(a, mailbox, e)
	a.Close()
	return sent, <-done
}

func TestExchange(t *testing.T) {
	mine, other := Mailbox{1}, Mailbox{2}
	for _, size := range Buckets {
		d := &depot{owned: mine, kept: map[Digest][]byte{}}
		r := NewReceiver(d, Limits{})
		e := envelope(size, 7)
		for range 2 { // the second is answered from what is there
			if sent, served := exchange(t, r, mine, e); sent != nil || served != nil {
				t.Fatalf("%d bytes: Send = %v, Serve = %v", size, sent, served)
			}
		}
		if !bytes.Equal(d.kept[DigestOf(e)], e) || len(d.kept) != 1 {
			t.Errorf("%d bytes: the depot has %d envelopes, want this one", size, len(d.kept))
		}
		if sent, served := exchange(t, r, other, e); !errors.Is(sent, ErrRefused) || served != nil {
			t.Errorf("another's mailbox: Send = %v, Serve = %v, want ErrRefused, nil", sent, served)
		}
	}
}

func TestDiskErrorsAreBusyAndNeverStored(t *testing.T) {
	d := &depot{owned: Mailbox{1}, kept: map[Digest][]byte{}, err: errors.New("disk full")}
	sent, served := exchange(t, NewReceiver(d, Limits{}), Mailbox{1}, envelope(8<<10, 1))
	if !errors.Is(sent, ErrBusy) || served == nil {
		t.Errorf("Send = %v, Serve = %v, want ErrBusy and the disk's error", sent, served)
	}
}

func TestSendRefusesOddSizes(t *testing.T) {
	for _, size := range []int{0, 1, 8<<10 - 1, 8<<10 + 1, 128 << 10} {
		if err := Send(&bytes.Buffer{}, Mailbox{}, envelope(size, 0)); !errors.Is(err, ErrEnvelope) {
			t.Errorf("Send of %d bytes = %v, want ErrEnvelope", size, err)
		}
	}
}

func TestReceiverRefusesWhatWasNotOffered(t *testing.T) {
	e := envelope(8<<10, 1)
	good := offer{Version: version, Mailbox: Mailbox{1}, Size: uint(len(e)), Digest: DigestOf(e)}
	for _, c := range []struct {
		name string
		edit func(*offer)
		sent []byte
	}{
		{"another version", func(o *offer) { o.Version = 2 }, e},
		{"a size that is no bucket", func(o *offer) { o.Size = 9000 }, e},
		{"a huge size", func(o *offer) { o.Size = 1 << 62 }, e},
		{"another envelope", func(*offer) {}, envelope(8<<10, 2)},
		{"a shorter envelope", func(*offer) {}, e[:100]},
		{"a longer envelope", func(*offer) {}, envelope(16<<10, 1)},
	} {
		var in, out bytes.Buffer
		o := good
		c.edit(&o)
		if err := wire.WriteMessage(&in, maxControl, o); err != nil {
			t.Fatal(err)
		}
		if err := wire.WriteFrame(&in, MaxEnvelope, c.sent); err != nil {
			t.Fatal(err)
		}
		d := &depot{owned: Mailbox{1}, kept: map[Digest][]byte{}}
		err := NewReceiver(d, Limits{}).Serve("peer", struct {
			io.Reader
			io.Writer
		}{&in, &out})
		if err == nil || len(d.kept) != 0 {
			t.Errorf("%s: Serve = %v and the depot has %d envelopes, want an error and none", c.name, err, len(d.kept))
		}
	}
}

func TestRateIsPerPeer(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLimiter(Limits{Burst: 3, Every: time.Second, Peers: 2, Now: func() time.Time { return now }})
	got := ""
	ask := func(peer string) { got += fmt.Sprintf("%s:%v ", peer, l.allow(peer)) }
	for range 4 {
		ask("a")
	}
	ask("b")
	ask("c") // two peers are remembered and neither has its burst back
	now = now.Add(time.Second)
	ask("a")
	ask("a")
	ask("c") // b has its burst back and is forgotten
	if want := "a:true a:true a:true a:false b:true c:false a:true a:false c:true "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzServe(f *testing.F) {
	e := envelope(8<<10, 1)
	var in bytes.Buffer
	_ = wire.WriteMessage(&in, maxControl, offer{Version: version, Mailbox: Mailbox{1}, Size: uint(len(e)), Digest: DigestOf(e)})
	f.Add(bytes.Clone(in.Bytes()))
	_ = wire.WriteFrame(&in, MaxEnvelope, e)
	f.Add(in.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &depot{owned: Mailbox{1}, kept: map[Digest][]byte{}}
		var out bytes.Buffer
		err := NewReceiver(d, Limits{}).Serve("peer", struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(b), &out})
		for digest, e := range d.kept {
			if err != nil || DigestOf(e) != digest || !isBucket(len(e)) {
				t.Errorf("kept %d bytes under a wrong digest, or with error %v", len(e), err)
			}
		}
	})
}

func FuzzSend(f *testing.F) {
	var stored, send bytes.Buffer
	_ = wire.WriteMessage(&stored, maxControl, reply{Answer: answerStored})
	_ = wire.WriteMessage(&send, maxControl, reply{Answer: answerSend})
	f.Add(stored.Bytes())
	f.Add(append(send.Bytes(), stored.Bytes()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		err := Send(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(b), io.Discard}, Mailbox{}, envelope(8<<10, 1))
		if err == nil && !bytes.Contains(b, stored.Bytes()) {
			t.Errorf("Send believes in %x", b)
		}
	})
}

// The vectors of spec/delivery.md.
func TestVectors(t *testing.T) {
	e := make([]byte, 8<<10)
	var mailbox Mailbox
	for i := range mailbox {
		mailbox[i] = byte(i)
	}
	got, err := wire.Marshal(offer{Version: version, Mailbox: mailbox, Size: uint(len(e)), Digest: DigestOf(e)})
	want := fmt.Sprintf("84015820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f1920005820%x", DigestOf(e))
	if err != nil || fmt.Sprintf("%x", got) != want {
		t.Errorf("offer = %x, %v, want %s", got, err, want)
	}
	for a, want := range map[answer]string{answerStored: "8100", answerSend: "8101", answerRefused: "8102", answerBusy: "8103"} {
		if got, err := wire.Marshal(reply{Answer: a}); err != nil || fmt.Sprintf("%x", got) != want {
			t.Errorf("answer %d = %x, %v, want %s", a, got, err, want)
		}
	}
}
