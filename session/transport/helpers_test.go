package transport

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var yamuxOnly = []protocol.ID{"/yamux/1.0.0"}

// fixed is a source of bytes that are the same in every run.
func fixed(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

func nodeKey(t testing.TB, seed byte) *NodeKey {
	t.Helper()
	k, err := Fresh(fixed(seed))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// transportOf is the protocol with everything fixed.
func transportOf(t testing.TB, seed byte) *Transport {
	t.Helper()
	k := nodeKey(t, seed)
	return &Transport{key: k, id: k.ID(), muxers: yamuxOnly, random: fixed(seed + 100), now: time.Now, limits: defaultKeyLimits}
}

// side is one end of a handshake in memory; every run of it is the same.
func side(t testing.TB, seed byte, want peer.ID) *handshake {
	return &handshake{key: nodeKey(t, seed), muxers: yamuxOnly, random: fixed(seed + 100), want: want}
}

// script reads what is given and keeps what is written.
type script struct {
	io.Reader
	bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s *script) Write(p []byte) (int, error) { return s.Buffer.Write(p) }

func reading(parts ...[]byte) *script {
	return &script{Reader: bytes.NewReader(bytes.Join(parts, nil))}
}

// record runs the handshake between fixed sides 1 and 2 and returns its messages.
func record(t testing.TB) (m1, m2, m3 []byte, initiator, responder *outcome) {
	t.Helper()
	first := reading()
	_, _ = side(t, 1, nodeKey(t, 2).ID()).initiate(first)
	m1 = first.Bytes()
	second := reading(m1)
	_, _ = side(t, 2, "").respond(second)
	m2 = second.Bytes()
	third := reading(m2)
	initiator, err := side(t, 1, nodeKey(t, 2).ID()).initiate(third)
	if err != nil {
		t.Fatal(err)
	}
	m3 = third.Bytes()[len(m1):]
	if responder, err = side(t, 2, "").respond(reading(m1, m3)); err != nil {
		t.Fatal(err)
	}
	return m1, m2, m3, initiator, responder
}

// link secures both ends of a connection.
func link(t testing.TB, a, b *Transport, c1, c2 net.Conn) (*conn, *conn) {
	t.Helper()
	type result struct {
		c   *conn
		err error
	}
	done := make(chan result, 1)
	go func() {
		s, err := b.handshake(t.Context(), c2, "", (*handshake).respond)
		done <- result{s, err}
	}()
	s1, err := a.handshake(t.Context(), c1, b.id, (*handshake).initiate)
	r := <-done
	if err != nil || r.err != nil {
		t.Fatalf("handshake: initiator %v, responder %v", err, r.err)
	}
	t.Cleanup(func() { _ = s1.Close(); _ = r.c.Close() })
	return s1, r.c
}

// tcpPair is a connection over the loopback.
func tcpPair(t testing.TB) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			close(accepted)
			return
		}
		accepted <- c
	}()
	c1, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c2, ok := <-accepted
	if !ok {
		t.Fatal("no connection was accepted")
	}
	return c1, c2
}
