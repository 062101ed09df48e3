package onion

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion/packet"
)

// These tests are the attacker of docs/threat-model.md: everything that somebody
// at a place can see is recorded as bytes, keys that the place has are used, and
// then the bytes are searched.

// wiretap forwards TCP to a member and keeps what passes, as the LAN sees it.
type wiretap struct {
	addr     ma.Multiaddr
	mu       sync.Mutex
	up, down bytes.Buffer
}

func tap(t *testing.T, to ma.Multiaddr) *wiretap {
	t.Helper()
	target, err := manet.ToNetAddr(to)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{}
	if w.addr, err = manet.FromNetAddr(l.Addr()); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); work.Wait() })
	copyTo := func(dst, src net.Conn, keep *bytes.Buffer) {
		b := make([]byte, 64<<10)
		for {
			n, err := src.Read(b)
			w.mu.Lock()
			keep.Write(b[:n])
			w.mu.Unlock()
			if _, werr := dst.Write(b[:n]); err != nil || werr != nil {
				_, _ = dst.Close(), src.Close()
				return
			}
		}
	}
	work.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", target.String())
			if err != nil {
				_ = in.Close()
				continue
			}
			work.Go(func() { copyTo(out, in, &w.up) })
			work.Go(func() { copyTo(in, out, &w.down) })
		}
	})
	return w
}

// view is all that one node knows of one request: the bytes on both of its links,
// what its keys open, and whom it talked to.
type view struct {
	up, down seen
	opened   []byte
	// From is who was on the other end, in all forms.
	from [][]byte
}

// forget empties what was seen; who was on the other end stays.
func (v *view) forget() {
	v.up.forget()
	v.down.forget()
	v.opened = nil
}

// everything returns all bytes of a view.
func (v *view) everything() []byte {
	return bytes.Join(append(v.from, v.up.got(), v.up.sent(), v.down.got(), v.down.sent(), v.opened), nil)
}

// tapLinks records what a relay sends on.
type tapLinks struct {
	Links
	view *view
}

func (l tapLinks) Open(ctx context.Context, to nodes.ID) (Stream, error) {
	s, err := l.Links.Open(ctx, to)
	if err != nil {
		return nil, err
	}
	return recorder{s, &l.view.down}, nil
}

// spied runs one request from a client to a node through three nodes that keep
// everything, and returns what each knows.
type spied struct {
	world   *world
	client  *person
	path    [3]*member
	views   [3]*view
	wire    *wiretap
	request []byte
	answer  []byte
}

// secrets of the one request that is watched.
var (
	sessionID = bytes.Repeat([]byte{0x5e, 0x55, 0x10, 0x4d}, 8)
	mailbox   = bytes.Repeat([]byte{0x3a, 0x11, 0xb0, 0x4c}, 8)
	text      = []byte("meet me at the bridge at nine")
)

func spy(t *testing.T) *spied {
	t.Helper()
	w := newWorld(t, 3, nil)
	s := &spied{world: w}
	to := w.members[2]
	// What a put looks like to the swarm: a mailbox and an envelope. The Session ID
	// and the text stand in it in clear, which they never do in truth, so that
	// finding them proves that somebody reads the request.
	s.request = bytes.Join([][]byte{mailbox, sessionID, text, make([]byte, 8<<10)}, nil)
	s.answer = []byte("stored, says the node that was asked")
	to.relay.cfg.Handler = func(context.Context, []byte) ([]byte, error) { return s.answer, nil }

	entry := w.members[0]
	s.wire = tap(t, entry.addrs[0])
	entry.addrs = []ma.Multiaddr{s.wire.addr}
	w.publish(entry)
	s.client = w.newPerson(nil)
	s.client.guards.list = []*guard{{id: entry.id, until: s.client.guards.now().Add(GuardTime)}}
	s.path = [3]*member{entry, w.members[1], to}
	for i, m := range s.path {
		v := &view{}
		s.views[i] = v
		m.relay.links = tapLinks{m.relay.links, v}
		m.handle(func(str network.Stream) {
			id, addr := str.Conn().RemotePeer(), str.Conn().RemoteMultiaddr()
			v.from = append(v.from, []byte(id), []byte(id.String()), []byte(addr.String()), addr.Bytes())
			_ = m.relay.Serve(string(id), recorder{str, &v.up})
		})
	}
	got, err := s.client.Call(t.Context(), to.id, s.request)
	if err != nil || !bytes.Equal(got, s.answer) {
		t.Fatalf("Call = %q, %v", got, err)
	}
	for i, m := range s.path { // the node's own keys open what it got
		until(t, "the request is over", func() bool { return m.relay.gate.waiting() == 0 })
		v := s.views[i]
		if len(v.up.got()) != 1+packet.Size {
			t.Fatalf("node %d got %d bytes, want %d", i+1, len(v.up.got()), 1+packet.Size)
		}
		o, err := packet.Open(m.keys.keys[0].private, (*packet.Packet)(v.up.got()[1:]))
		if err != nil {
			t.Fatal(err)
		}
		v.opened = append(v.opened, o.Node[:]...)
		v.opened = append(v.opened, o.Part.Data...)
		if o.Packet != nil {
			v.opened = append(v.opened, o.Packet[:]...)
		}
	}
	return s
}

// forms are the ways in which bytes may be written.
func forms(b []byte) [][]byte {
	reversed := bytes.Clone(b)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = b[j], b[i]
	}
	h := hex.EncodeToString(b)
	return [][]byte{b, []byte(h), []byte(strings.ToUpper(h)), reversed}
}

func (s *spied) mustNotKnow(t *testing.T, who string, view []byte, what string, secret []byte) {
	t.Helper()
	for _, f := range forms(secret) {
		if bytes.Contains(view, f) {
			t.Errorf("%s knows %s", who, what)
		}
	}
}

func (s *spied) clientForms() [][]byte {
	id := s.client.host.ID()
	var out [][]byte
	for _, c := range s.client.host.Network().Conns() {
		out = append(out, []byte(c.LocalMultiaddr().String()), c.LocalMultiaddr().Bytes())
	}
	return append(out, []byte(id), []byte(id.String()))
}

// Row "LAN observer": the wire between client and first node shows no byte of the
// request or its answer, nor the packet itself.
func TestTheWireShowsNothing(t *testing.T) {
	s := spy(t)
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	wire := append(bytes.Clone(s.wire.up.Bytes()), s.wire.down.Bytes()...)
	if s.wire.up.Len() < packet.Size || s.wire.down.Len() < packet.CellSize {
		t.Fatalf("the wire carried %d and %d bytes, want a packet and a cell at least", s.wire.up.Len(), s.wire.down.Len())
	}
	for what, secret := range map[string][]byte{
		"the mailbox": mailbox, "a Session ID": sessionID, "the text": text, "the answer": s.answer,
		"the node that is asked": s.path[2].id[:], "the second node": s.path[1].id[:],
		"the packet": s.views[0].up.got()[1:65], "the packet's KEM ciphertext": s.views[0].up.got()[50:100], "the cell": s.views[0].up.sent()[1:65],
	} {
		s.mustNotKnow(t, "the wire", wire, what, secret)
	}
	for i, m := range s.path[1:] {
		s.mustNotKnow(t, "the wire", wire, "the name of node "+string(rune('2'+i)), []byte(m.host.ID()))
	}
}

// Row "first node": it knows the client's address and the second node, and
// nothing of who is asked, for what, or what comes back.
func TestTheFirstNodeDoesNotKnowWhoIsAsked(t *testing.T) {
	s := spy(t)
	v := s.views[0].everything()
	if !bytes.Contains(v, []byte(s.client.host.ID())) || !bytes.Contains(v, s.path[1].id[:]) {
		t.Fatal("the first node does not know client and second node; this test looks in the wrong place")
	}
	for what, secret := range map[string][]byte{
		"the node that is asked": s.path[2].id[:], "its name on links": []byte(s.path[2].host.ID()),
		"the mailbox": mailbox, "a Session ID": sessionID, "the text": text, "the answer": s.answer,
	} {
		s.mustNotKnow(t, "the first node", v, what, secret)
	}
}

// Row "second node": it knows the nodes beside it, neither client nor request.
func TestTheSecondNodeKnowsNeitherEnd(t *testing.T) {
	s := spy(t)
	v := s.views[1].everything()
	if !bytes.Contains(v, s.path[2].id[:]) || !bytes.Contains(v, []byte(s.path[0].host.ID())) {
		t.Fatal("the second node does not know its neighbours; this test looks in the wrong place")
	}
	for what, secret := range map[string][]byte{"the mailbox": mailbox, "a Session ID": sessionID, "the text": text, "the answer": s.answer} {
		s.mustNotKnow(t, "the second node", v, what, secret)
	}
	for _, f := range s.clientForms() {
		s.mustNotKnow(t, "the second node", v, "the client", f)
	}
}

// Row "service node": it reads the request, and knows of its sender the second
// node, neither the client nor the first node.
func TestTheServiceNodeDoesNotKnowTheSender(t *testing.T) {
	s := spy(t)
	v := s.views[2].everything()
	if !bytes.Contains(v, mailbox) || !bytes.Contains(v, []byte(s.path[1].host.ID())) {
		t.Fatal("the service node does not know request and second node; this test looks in the wrong place")
	}
	for what, secret := range map[string][]byte{"the first node": s.path[0].id[:], "its name on links": []byte(s.path[0].host.ID())} {
		s.mustNotKnow(t, "the service node", v, what, secret)
	}
	for _, f := range s.clientForms() {
		s.mustNotKnow(t, "the service node", v, "the client", f)
	}
}

// Row "wire, first node and service node together": no eight bytes that one of
// them saw were seen by the other, in either direction. What is left to compare are
// times and numbers of packets.
func TestTogetherTheyShareNoBytes(t *testing.T) {
	s := spy(t)
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	near := bytes.Join([][]byte{s.wire.up.Bytes(), s.wire.down.Bytes(), s.views[0].up.got(), s.views[0].up.sent(), s.views[0].down.got(), s.views[0].down.sent()}, nil)
	far := bytes.Join([][]byte{s.views[2].up.got(), s.views[2].up.sent(), s.views[2].opened}, nil)
	seen := map[uint64]bool{}
	for i := 0; i+8 <= len(near); i++ {
		seen[binary.BigEndian.Uint64(near[i:])] = true
	}
	zero := uint64(0) // padding of an opened message, and of frames of links
	for i := 0; i+8 <= len(far); i++ {
		if w := binary.BigEndian.Uint64(far[i:]); w != zero && seen[w] {
			t.Fatalf("both saw %016x", w)
		}
	}
}

// Row "sizes": whatever is asked and answered, a request is a number of packets
// and an answer a number of cells, the same at all three nodes; a failure is one
// cell.
func TestSizesAreTheSameEverywhere(t *testing.T) {
	for _, size := range []int{0, 100, 8 << 10, 16 << 10, 32 << 10, 64 << 10} {
		s := spy(t)
		for _, v := range s.views {
			v.forget()
		}
		s.answer = make([]byte, size)
		if _, err := rand.Read(s.answer); err != nil {
			t.Fatal(err)
		}
		if _, err := s.client.Call(t.Context(), s.path[2].id, s.answer); err != nil {
			t.Fatal(err)
		}
		n := packet.Parts(size)
		for i, m := range s.path {
			until(t, "the request is over", func() bool { return m.relay.gate.waiting() == 0 })
			if in, out := len(s.views[i].up.got()), len(s.views[i].up.sent()); in != 1+n*packet.Size || out != 1+n*packet.CellSize {
				t.Errorf("%d bytes at node %d: %d in and %d out, want %d and %d", size, i+1, in, out, 1+n*packet.Size, 1+n*packet.CellSize)
			}
		}
	}
	s := spy(t)
	s.views[0].forget()
	s.path[2].relay.cfg.Handler = nil
	_, err := s.client.Call(t.Context(), s.path[2].id, nil)
	if pathError(t, err).Hop != 3 || len(s.views[0].up.sent()) != 1+packet.CellSize {
		t.Errorf("a failure (%v) is %d bytes, want %d", err, len(s.views[0].up.sent()), 1+packet.CellSize)
	}
}

// Row "stable identifiers": two requests of one client with the same words have
// nothing in common at the second and third node but those words.
func TestRequestsCanNotBeLinked(t *testing.T) {
	s := spy(t)
	first := [2][]byte{bytes.Clone(s.views[1].up.got()), bytes.Clone(s.views[2].up.got())}
	for _, v := range s.views {
		v.forget()
	}
	if _, err := s.client.Call(t.Context(), s.path[2].id, s.request); err != nil {
		t.Fatal(err)
	}
	const name = 1 + 8 // of the node's own key, and the number of packets
	for i, before := range first {
		seen := map[uint64]bool{}
		for at := name; at+8 <= len(before); at++ {
			seen[binary.BigEndian.Uint64(before[at:])] = true
		}
		after := s.views[i+1].up.got()
		for at := name; at+8 <= len(after); at++ {
			if w := binary.BigEndian.Uint64(after[at:]); seen[w] {
				t.Fatalf("node %d saw %016x twice", i+2, w)
			}
		}
	}
}
