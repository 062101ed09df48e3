package simnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Sizes of streams in bytes.
const (
	// window is how much one end sends before the other has read it.
	window = 256 << 10
	// segment is the most that travels as one event.
	segment = 16 << 10
)

// ErrRefused reports a dial to a node that is down or does not serve the
// protocol.
var ErrRefused = errors.New("simnet: connection refused")

// Conn is one end of a reliable stream of bytes: a net.Conn. It is safe for
// concurrent use.
type Conn struct {
	net      *Net
	local    *Node
	remote   ID
	protocol string
	key      uint64 // number of the dial; the same at both ends
	peer     *Conn

	// All under net.mu.
	changed  *sync.Cond
	in       []byte
	eof      bool      // the other end closed; after in comes io.EOF
	err      error     // why the stream is over
	credit   int       // bytes that may be written now
	unpaid   int       // bytes read and not yet told to the other end
	arrives  time.Time // when the last segment sent arrives: later ones don't overtake it
	cutAt    time.Time // since when nothing passes; zero when it does
	dead     bool      // the other end's power is gone
	held     []func()  // what arrived at this end while nothing passed
	deadline [2]deadline
}

type deadline struct {
	at    time.Time
	timer *time.Timer
}

const (
	reading = 0
	writing = 1
)

// Serve says who takes the streams that others open to the node for a protocol.
// accept runs in a goroutine of the node's program and closes the stream.
func (n *Node) Serve(protocol string, accept func(*Conn)) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	n.serve[protocol] = accept
}

// Dial opens a stream to another node. It takes a round trip, and fails with
// [ErrRefused], with the error of ctx, or with os.ErrDeadlineExceeded when
// nothing was heard for Config.StreamTimeout. It must not be called by handlers
// and timers, which may not block.
func (n *Node) Dial(ctx context.Context, to ID, protocol string) (*Conn, error) {
	nw := n.net
	ctx, cancel := context.WithTimeoutCause(ctx, nw.cfg.StreamTimeout, os.ErrDeadlineExceeded)
	defer cancel()
	answer := make(chan error, 1)
	nw.mu.Lock()
	if !n.up {
		nw.mu.Unlock()
		return nil, fmt.Errorf("dialling node %d: %w", to, net.ErrClosed)
	}
	n.seq++
	c := &Conn{net: nw, local: n, remote: to, protocol: protocol, key: uint64(n.id)<<32 | n.seq, credit: window, changed: sync.NewCond(&nw.mu)}
	dst := nw.nodes[to]
	nw.signal(n.id, to, "dial", func() {
		accept := dst.serve[protocol]
		if !dst.up || accept == nil {
			nw.signal(to, n.id, "refuse", func() { answer <- ErrRefused })
			return
		}
		other := &Conn{net: nw, local: dst, remote: n.id, protocol: protocol, key: c.key, credit: window, changed: sync.NewCond(&nw.mu), peer: c}
		c.peer = other
		nw.conns[other] = struct{}{}
		dst.running.Go(func() { accept(other) })
		nw.signal(to, n.id, "accept", func() {
			if c.err != nil {
				c.transmit("reset", nil, (*Conn).reset)
				return
			}
			nw.conns[c] = struct{}{}
			answer <- nil
		})
	})
	nw.mu.Unlock()
	var err error
	select {
	case err = <-answer:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("dialling node %d for %s: %w", to, protocol, err)
	}
	return c, nil
}

// signal schedules something small that a lost link loses; do runs under net.mu,
// which is held now too.
func (n *Net) signal(from, to ID, kind string, do func()) {
	w := n.wire(from, to)
	w.seq++
	n.schedule(&event{at: time.Now().Add(w.delay(0)), to: to, from: from, seq: w.seq, kind: kind, do: func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if !n.cut(from, to) {
			do()
		}
	}})
}

// Read returns what has arrived.
func (c *Conn) Read(p []byte) (int, error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	for len(c.in) == 0 || len(p) == 0 {
		switch {
		case c.err != nil:
			return 0, c.err
		case len(p) == 0:
			return 0, nil
		case c.deadline[reading].passed():
			return 0, os.ErrDeadlineExceeded
		case c.eof:
			return 0, io.EOF
		}
		c.changed.Wait()
	}
	k := copy(p, c.in)
	c.in = c.in[k:]
	if len(c.in) == 0 {
		c.in = nil
	}
	if c.unpaid += k; c.unpaid >= window/4 && c.err == nil && !c.eof {
		paid := c.unpaid
		c.unpaid = 0
		c.transmit("credit", nil, func(o *Conn) { o.credit += paid })
	}
	return k, nil
}

// Write sends p and returns when all of it is under way. It blocks while the
// other end has too much unread, and fails when the other end was closed.
func (c *Conn) Write(p []byte) (int, error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	done := 0
	for done < len(p) {
		for c.credit == 0 && c.err == nil && !c.eof && !c.deadline[writing].passed() {
			c.changed.Wait()
		}
		switch {
		case c.err != nil:
			return done, c.err
		case c.eof:
			return done, fmt.Errorf("simnet: node %d closed the stream: %w", c.remote, syscall.EPIPE)
		case c.deadline[writing].passed():
			return done, os.ErrDeadlineExceeded
		}
		k := min(len(p)-done, segment, c.credit)
		data := slices.Clone(p[done : done+k])
		done += k
		c.credit -= k
		c.net.count(c.net.wire(c.local.id, c.remote), c.local, c.net.nodes[c.remote], k)
		c.transmit("data", data, func(o *Conn) {
			if o.err == nil {
				o.in = append(o.in, data...)
			}
		})
	}
	if len(p) == 0 && c.err != nil {
		return 0, c.err
	}
	return done, nil
}

// transmit lets do happen to the other end when something sent now arrives, in
// order; net.mu is held, also when do runs.
func (c *Conn) transmit(kind string, data []byte, do func(*Conn)) {
	w := c.net.wire(c.local.id, c.remote)
	d := w.delay(len(data))
	for w.happens(w.link.Loss) && w.link.Loss < 1 {
		d += max(2*(w.link.Delay+w.link.Jitter), 10*time.Millisecond)
	}
	at := time.Now().Add(d)
	if at.Before(c.arrives) {
		at = c.arrives
	}
	c.arrives = at
	w.seq++
	o := c.peer
	c.net.schedule(&event{at: at, to: c.remote, from: c.local.id, seq: w.seq, kind: kind, data: data, do: func() {
		c.net.mu.Lock()
		defer c.net.mu.Unlock()
		arrive := func() {
			do(o)
			o.changed.Broadcast()
		}
		if !o.cutAt.IsZero() || len(o.held) > 0 {
			o.held = append(o.held, arrive)
			return
		}
		arrive()
	}})
}

// release lets what was held through a cut arrive, a link's delay from now;
// net.mu is held.
func (c *Conn) release() {
	if len(c.held) == 0 {
		return
	}
	w := c.net.wire(c.remote, c.local.id)
	w.seq++
	c.net.schedule(&event{at: time.Now().Add(w.delay(0)), to: c.local.id, from: c.remote, seq: w.seq, kind: "resume", do: func() {
		c.net.mu.Lock()
		defer c.net.mu.Unlock()
		if !c.cutAt.IsZero() {
			return
		}
		held := c.held
		c.held = nil
		for _, arrive := range held {
			arrive()
		}
	}})
}

// expire breaks a stream that is still cut, by the same cut, when its time is
// over; net.mu is held.
func (n *Net) expire(c *Conn) {
	since := c.cutAt
	c.local.seq++
	n.schedule(&event{at: since.Add(n.cfg.StreamTimeout), to: c.local.id, from: c.local.id, seq: c.local.seq, kind: "expire", do: func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if c.cutAt.Equal(since) {
			c.fail(fmt.Errorf("simnet: stream with node %d: %w", c.remote, os.ErrDeadlineExceeded))
		}
	}})
}

// fail ends this end with an error; net.mu is held.
func (c *Conn) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.in, c.held = nil, nil
	for i := range c.deadline {
		c.deadline[i].stop()
	}
	delete(c.net.conns, c)
	c.changed.Broadcast()
}

// abandon ends this end because its node ended, and tells the other end or, when
// the power is gone, lets it find out; net.mu is held.
func (c *Conn) abandon(tell bool) {
	if c.peer != nil && c.err == nil {
		if tell {
			c.transmit("reset", nil, (*Conn).reset)
		} else {
			c.peer.dead = true
			c.net.recut()
		}
	}
	c.fail(net.ErrClosed)
}

// reset ends this end because the other one said so; net.mu is held.
func (c *Conn) reset() {
	c.fail(fmt.Errorf("simnet: stream with node %d: %w", c.remote, syscall.ECONNRESET))
}

// Close ends the stream: the other end reads what was sent before and then
// io.EOF. What arrives afterwards is dropped.
func (c *Conn) Close() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.err == nil && c.peer != nil && c.local.up {
		c.transmit("close", nil, func(o *Conn) {
			o.eof = true
		})
	}
	c.fail(net.ErrClosed)
	return nil
}

// Reset ends the stream at once: the other end gets an error, even before what
// it has not read yet.
func (c *Conn) Reset() {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.abandon(c.local.up)
}

// Remote returns the node at the other end.
func (c *Conn) Remote() ID { return c.remote }

// Protocol returns what the stream was opened for.
func (c *Conn) Protocol() string { return c.protocol }

// Addr is the address of a node: "node 7".
type Addr ID

// Network returns "simnet".
func (Addr) Network() string { return "simnet" }

// String returns the node's name.
func (a Addr) String() string { return fmt.Sprintf("node %d", int(a)) }

// LocalAddr returns this end's [Addr].
func (c *Conn) LocalAddr() net.Addr { return Addr(c.local.id) }

// RemoteAddr returns the other end's [Addr].
func (c *Conn) RemoteAddr() net.Addr { return Addr(c.remote) }

// SetDeadline bounds reads and writes; the zero time ends the bound.
func (c *Conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline bounds reads, also one that waits now.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(reading, t) }

// SetWriteDeadline bounds writes, also one that waits now.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(writing, t) }

func (c *Conn) setDeadline(side int, t time.Time) error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	d := &c.deadline[side]
	d.stop()
	d.at = t
	if !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), func() {
			c.net.mu.Lock()
			defer c.net.mu.Unlock()
			c.changed.Broadcast()
		})
	}
	c.changed.Broadcast()
	return nil
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// inOrder returns all ends of streams in an order that repeats; net.mu is held.
func (n *Net) inOrder() []*Conn {
	out := make([]*Conn, 0, len(n.conns))
	for c := range n.conns {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *Conn) int {
		if a.key != b.key {
			if a.key < b.key {
				return -1
			}
			return 1
		}
		return int(a.local.id - b.local.id)
	})
	return out
}

var _ net.Conn = (*Conn)(nil)
