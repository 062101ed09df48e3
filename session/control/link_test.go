package control

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pair greets over a pipe with the given handshakes and returns both links.
func pair(t *testing.T, a, b Handshake) (*link, *link, error, error) {
	t.Helper()
	c1, c2 := net.Pipe()
	t.Cleanup(func() { _ = c1.Close(); _ = c2.Close() })
	l1, l2 := newLink(c1, a), newLink(c2, b)
	done := make(chan error, 1)
	go func() { done <- l2.greet(false) }()
	err := l1.greet(true)
	return l1, l2, err, <-done
}

func TestGreeting(t *testing.T) {
	a, b := hello(), hello()
	b.Roles, b.Software = RoleBootstrap, "pars/other"
	l1, l2, err1, err2 := pair(t, a, b)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if l1.theirs.Software != "pars/other" || l2.theirs.Roles != a.Roles || l1.version != 1 || l1.patience != 45*time.Second {
		t.Errorf("learnt %+v and %+v, version %d, patience %v", l1.theirs, l2.theirs, l1.version, l1.patience)
	}
}

func TestStrangersAreToldWhy(t *testing.T) {
	other, newer := hello(), hello()
	other.Network, newer.Versions = 6134, []uint64{2}
	for name, c := range map[string]struct {
		theirs Handshake
		code   uint32
		says   string
	}{
		"another network": {other, RefusedNetwork, "6134 (pars-testnet)"},
		"another version": {newer, RefusedVersion, "no common protocol version"},
	} {
		_, _, err1, err2 := pair(t, hello(), c.theirs)
		var first, second *RefusedError
		if !errors.As(err1, &first) || !first.ByPeer || first.Code != c.code || !strings.Contains(err1.Error(), c.says) {
			t.Errorf("%s: the side that dialled got %v", name, err1)
		}
		if !errors.As(err2, &second) || second.ByPeer || second.Code != c.code {
			t.Errorf("%s: the other side got %v", name, err2)
		}
	}
}

func TestAMalformedHandshakeIsAnswered(t *testing.T) {
	c1, c2 := net.Pipe()
	defer func() { _ = c1.Close(); _ = c2.Close() }()
	done := make(chan error, 1)
	go func() { done <- newLink(c2, hello()).greet(false) }()
	if _, err := c1.Write([]byte{0, 0, 0, 3, 0x82, 0, 0xa0}); err != nil {
		t.Fatal(err)
	}
	b, err := readFrame(bufio.NewReader(c1))
	h, ok := b.(*Handshake)
	if err != nil || !ok || h.Refusal == nil || h.Refusal.Code != RefusedMalformed {
		t.Errorf("answer is %+v, %v, want a refusal", b, err)
	}
	if err := <-done; err == nil {
		t.Error("the malformed handshake was accepted")
	}
}

func TestAHeartbeatIsNoHandshake(t *testing.T) {
	c1, c2 := net.Pipe()
	defer func() { _ = c1.Close(); _ = c2.Close() }()
	go func() { _ = writeFrame(c1, &Heartbeat{Seq: 1}) }()
	if err := newLink(c2, hello()).greet(false); !errors.Is(err, ErrFrame) {
		t.Errorf("greet = %v, want ErrFrame", err)
	}
}

// In a bubble of fake time: a handshake that never comes.
func TestGreetingTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c1, c2 := net.Pipe()
		defer func() { _ = c1.Close(); _ = c2.Close() }()
		start := time.Now()
		err := newLink(c2, hello()).greet(false)
		if !isTimeout(err) || time.Since(start) != HandshakeTimeout {
			t.Errorf("greet = %v after %v, want a timeout after %v", err, time.Since(start), HandshakeTimeout)
		}
	})
}

// slow delays what is written, as distance does.
type slow struct {
	net.Conn
	by time.Duration
}

func (s slow) Write(p []byte) (int, error) {
	time.Sleep(s.by) // fake time
	return s.Conn.Write(p)
}

func TestHeartbeatsKeepALinkAndMeasureIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c1, c2 := net.Pipe()
		l1, l2 := newLink(slow{c1, 30 * time.Millisecond}, hello()), newLink(slow{c2, 20 * time.Millisecond}, hello())
		ctx, cancel := context.WithCancel(t.Context())
		ends := make(chan error, 2)
		go func() {
			if err := l2.greet(false); err != nil {
				ends <- err
				return
			}
			ends <- l2.run(ctx)
		}()
		if err := l1.greet(true); err != nil {
			t.Fatal(err)
		}
		go func() { ends <- l1.run(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(ends) != 0 {
			t.Fatalf("a link ended within an hour: %v", <-ends)
		}
		if l1.roundTrip() < 50*time.Millisecond || l1.roundTrip() > 100*time.Millisecond {
			t.Errorf("round trip %v, want 50 ms and at most a queued frame more", l1.roundTrip())
		}
		if l1.seq != 241 { // one at once, then one in every 15 s
			t.Errorf("%d heartbeats in an hour, want 241", l1.seq)
		}
		cancel()
		for range 2 {
			if err := <-ends; err != nil {
				t.Errorf("run = %v after its context ended, want nil", err)
			}
		}
	})
}

func TestASilentPeerIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c1, c2 := net.Pipe()
		defer func() { _ = c1.Close(); _ = c2.Close() }()
		go func() { _, _ = io.Copy(io.Discard, c2) }() // it reads, but says nothing
		l := newLink(c1, hello())
		l.patience = 45 * time.Second
		start := time.Now()
		if err := l.run(t.Context()); !errors.Is(err, ErrSilent) || time.Since(start) != 45*time.Second {
			t.Errorf("run = %v after %v, want ErrSilent after 45 s", err, time.Since(start))
		}
	})
}

func TestAPeerThatDoesNotReadIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c1, c2 := net.Pipe()
		defer func() { _ = c1.Close(); _ = c2.Close() }()
		asked := make(chan struct{})
		go func() { // it asks, but never takes the answer
			for i := uint64(1); writeFrame(c2, &Heartbeat{Seq: i}) == nil; i++ {
				time.Sleep(15 * time.Second)
			}
			close(asked)
		}()
		l := newLink(c1, hello())
		l.patience = 45 * time.Second
		if err := l.run(t.Context()); !isTimeout(err) {
			t.Errorf("run = %v, want a timeout", err)
		}
		_ = c1.Close()
		<-asked
	})
}

// drive runs a link against what speak does with the other end.
func drive(t *testing.T, speak func(c net.Conn, r *bufio.Reader)) error {
	t.Helper()
	c1, c2 := net.Pipe()
	l := newLink(c1, hello())
	l.patience = time.Minute
	done := make(chan error, 1)
	go func() {
		err := l.run(t.Context())
		_ = c1.Close()
		done <- err
	}()
	r := bufio.NewReader(c2)
	if b, err := readFrame(r); err != nil || typeOf(b) != TypeHeartbeat { // the first comes at once
		t.Fatalf("first frame is %+v, %v, want a Heartbeat", b, err)
	}
	speak(c2, r)
	_ = c2.Close()
	return <-done
}

func TestRequestsAreAnsweredAsUnsupported(t *testing.T) {
	for _, b := range []body{
		&SessionCreate{Ref: 41, Session: Hash{1}},
		&OracleRequest{Ref: 42, Session: Hash{1}, Kind: "price"},
		&Attestation{Ref: 43, Session: Hash{1}, Signature: []byte{1}},
		&Receipt{Ref: 44, Session: Hash{1}},
	} {
		err := drive(t, func(c net.Conn, r *bufio.Reader) {
			if err := writeFrame(c, b); err != nil {
				t.Error(err)
			}
			got, err := readFrame(r)
			a, ok := got.(*Receipt)
			if err != nil || !ok || a.Status != StatusUnsupported || a.Ref < 41 || a.Session != (Hash{1}) || !strings.Contains(a.Reason, typeOf(b).String()) {
				t.Errorf("%s was answered with %+v, %v, want a Receipt that it is unsupported", typeOf(b), got, err)
			}
		})
		if errors.Is(err, ErrFrame) {
			t.Errorf("%s ended the link: %v", typeOf(b), err)
		}
	}
}

func TestAnErrorReceiptIsNotAnswered(t *testing.T) {
	_ = drive(t, func(c net.Conn, r *bufio.Reader) {
		for _, b := range []body{&Receipt{Ref: 1, Status: StatusRefused}, &Heartbeat{Seq: 9}} {
			if err := writeFrame(c, b); err != nil {
				t.Error(err)
			}
		}
		if got, err := readFrame(r); err != nil || typeOf(got) != TypeHeartbeat {
			t.Errorf("first answer is %+v, %v, want the heartbeat's", got, err)
		}
	})
}

func TestViolationsEndTheLink(t *testing.T) {
	second := hello()
	for name, frames := range map[string][]body{
		"a second handshake":        {&second},
		"an answer to no heartbeat": {&Heartbeat{Seq: 2, Answer: true}},
		"more frames than a peer may send": func() (f []body) {
			for range frameBurst + frameRate*10 {
				f = append(f, &Receipt{Ref: 1, Status: StatusFailed})
			}
			return f
		}(),
	} {
		err := drive(t, func(c net.Conn, _ *bufio.Reader) {
			for _, b := range frames {
				if err := writeFrame(c, b); err != nil {
					return // it hung up, as it should
				}
			}
		})
		if !errors.Is(err, ErrFrame) {
			t.Errorf("%s: run = %v, want ErrFrame", name, err)
		}
	}
}

func TestAllowRefills(t *testing.T) {
	l := &link{tokens: 1, filled: time.Unix(100, 0)}
	for i, c := range []struct {
		at   float64
		want bool
	}{{100, true}, {100, false}, {100.1, false}, {100.2, true}, {100.2, false}, {200, true}} {
		now := time.Unix(0, int64(c.at*1e9))
		if got := l.allow(now); got != c.want {
			t.Errorf("step %d: allow at %v s = %v, want %v", i, c.at, got, c.want)
		}
	}
	if l.tokens != frameBurst-1 {
		t.Errorf("%d tokens after a long pause, want %d", l.tokens, frameBurst-1)
	}
}
