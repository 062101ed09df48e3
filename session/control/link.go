package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Times of a link.
const (
	// DefaultHeartbeat is how often a node shows that it lives.
	DefaultHeartbeat = 15 * time.Second
	// HandshakeTimeout is how long the other side has for its Handshake, from
	// the moment the connection stands.
	HandshakeTimeout = 10 * time.Second
)

// Frames that a peer may send in a burst and then per second. Heartbeats and
// their answers take a small part of it.
const (
	frameBurst = 64
	frameRate  = 8
)

// ErrSilent reports a peer that said nothing for three heartbeats.
var ErrSilent = errors.New("control: the peer fell silent")

var errOver = errors.New("control: the link is over")

// RefusedError reports that a handshake ended in a refusal.
type RefusedError struct {
	Refusal
	// ByPeer says who refused: the other side, or this node.
	ByPeer bool
}

// Error says who refused and why.
func (e *RefusedError) Error() string {
	if e.ByPeer {
		return "control: the peer refused this node: " + e.Reason
	}
	return "control: this node refused the peer: " + e.Reason
}

// stream is what a link needs of a network.Stream.
type stream interface {
	io.ReadWriter
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// link is one control stream between two nodes.
type link struct {
	s     stream
	r     *bufio.Reader
	hello Handshake // what this node says

	theirs   Handshake     // after greet
	version  uint64        // after greet
	patience time.Duration // how long the peer may be silent

	over    atomic.Bool // nothing is read or written any more
	answers chan body   // from read to write

	mu   sync.Mutex
	seq  uint64 // of the last heartbeat sent
	sent time.Time
	rtt  time.Duration // 0 until measured

	tokens int // frames that the peer may send now
	filled time.Time
}

func newLink(s stream, hello Handshake) *link {
	return &link{s: s, r: bufio.NewReaderSize(s, 4<<10), hello: hello, tokens: frameBurst, filled: time.Now(), answers: make(chan body, frameBurst)}
}

// greet exchanges handshakes. The side that dialled speaks first. An error is a
// *[RefusedError] when the two don't belong together.
func (l *link) greet(dialled bool) error {
	if err := l.s.SetReadDeadline(time.Now().Add(HandshakeTimeout)); err != nil {
		return fmt.Errorf("control: setting a deadline: %w", err)
	}
	l.patience = HandshakeTimeout
	if dialled {
		if err := l.send(&l.hello); err != nil {
			return err
		}
	}
	b, err := readFrame(l.r)
	if err != nil {
		if !dialled && errors.Is(err, ErrFrame) {
			return l.refuse(&Refusal{Code: RefusedMalformed, Reason: "malformed handshake"})
		}
		return err
	}
	theirs, ok := b.(*Handshake)
	if !ok {
		return fmt.Errorf("%w: a %s before the Handshake", ErrFrame, typeOf(b))
	}
	if theirs.Refusal != nil {
		return &RefusedError{Refusal: *theirs.Refusal, ByPeer: true}
	}
	version, no := l.hello.compatible(theirs)
	if no != nil {
		if dialled {
			return &RefusedError{Refusal: *no}
		}
		return l.refuse(no)
	}
	if !dialled {
		if err := l.send(&l.hello); err != nil {
			return err
		}
	}
	l.theirs, l.version = *theirs, version
	l.patience = maxHeartbeats * time.Duration(theirs.Limits.HeartbeatMs) * time.Millisecond
	return nil
}

// refuse tells the other side why and returns the same as an error.
func (l *link) refuse(no *Refusal) error {
	answer := l.hello
	answer.Refusal = no
	return errors.Join(&RefusedError{Refusal: *no}, l.send(&answer))
}

// run keeps the link until ctx ends, which is no error, or something breaks it.
// The caller closes the stream when run has returned.
func (l *link) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, l.wake)
	defer stop()
	written := make(chan error, 1)
	writeCtx, cancel := context.WithCancel(ctx)
	go func() {
		err := l.write(writeCtx)
		l.wake() // nobody hears us any more: no use in listening
		written <- err
	}()
	err := l.read()
	cancel()
	l.wake()
	if werr := <-written; errors.Is(err, errOver) {
		err = werr
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// read takes frames until something breaks.
func (l *link) read() error {
	for {
		if err := l.s.SetReadDeadline(time.Now().Add(l.patience)); err != nil {
			return fmt.Errorf("control: setting a deadline: %w", err)
		}
		if l.over.Load() {
			return errOver
		}
		b, err := readFrame(l.r)
		switch {
		case l.over.Load():
			return errOver
		case isTimeout(err):
			return fmt.Errorf("%w: nothing for %v", ErrSilent, l.patience)
		case err != nil:
			return err
		}
		if err := l.handle(b); err != nil {
			return err
		}
	}
}

// write sends a heartbeat at once and then in every interval, and between them
// what read has to answer.
func (l *link) write(ctx context.Context) error {
	tick := time.NewTicker(time.Duration(l.hello.Limits.HeartbeatMs) * time.Millisecond)
	defer tick.Stop()
	if err := l.beat(); err != nil {
		return err
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err = l.beat()
		case b := <-l.answers:
			err = l.send(b)
		}
		if err != nil {
			return err
		}
	}
}

func (l *link) beat() error {
	l.mu.Lock()
	l.seq++
	l.sent = time.Now()
	ping := Heartbeat{Seq: l.seq}
	l.mu.Unlock()
	return l.send(&ping)
}

// answer queues a frame. The queue holds as many as a peer may ask for at once;
// one that asks on without reading loses the link.
func (l *link) answer(b body) error {
	select {
	case l.answers <- b:
		return nil
	default:
		return fmt.Errorf("%w: %d answers wait for a peer that does not read", ErrFrame, cap(l.answers))
	}
}

// wake ends every read and write of the link, present and future. over is set
// before the deadlines, and looked at after setting one, so none is missed.
func (l *link) wake() {
	l.over.Store(true)
	past := time.Unix(1, 0)
	_ = l.s.SetReadDeadline(past)
	_ = l.s.SetWriteDeadline(past)
}

// handle acts on one frame.
func (l *link) handle(b body) error {
	if !l.allow(time.Now()) {
		return fmt.Errorf("%w: more than %d at once and %d a second", ErrFrame, frameBurst, frameRate)
	}
	switch m := b.(type) {
	case *Heartbeat:
		if m.Answer {
			return l.measure(m.Seq)
		}
		return l.answer(&Heartbeat{Seq: m.Seq, Answer: true})
	case *SessionCreate:
		return l.answer(unsupported(m.Ref, m.Session, TypeSessionCreate))
	case *OracleRequest:
		return l.answer(unsupported(m.Ref, m.Session, TypeOracleRequest))
	case *Attestation:
		return l.answer(unsupported(m.Ref, m.Session, TypeAttestation))
	case *Receipt:
		if m.Status != StatusOK {
			return nil // the answer to an answer would never end
		}
		return l.answer(unsupported(m.Ref, m.Session, TypeReceipt))
	default:
		return fmt.Errorf("%w: a second Handshake", ErrFrame)
	}
}

func unsupported(ref uint64, session Hash, t Type) *Receipt {
	return &Receipt{Ref: ref, Status: StatusUnsupported, Session: session, Reason: t.String() + " is unsupported by this node"}
}

// measure takes the answer to a heartbeat. Late answers to earlier ones count
// as a sign of life only.
func (l *link) measure(seq uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case seq > l.seq:
		return fmt.Errorf("%w: an answer to heartbeat %d, but the last was %d", ErrFrame, seq, l.seq)
	case seq == l.seq:
		l.rtt = max(time.Since(l.sent), 1)
	}
	return nil
}

// roundTrip is the last round trip time, 0 before the first.
func (l *link) roundTrip() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rtt
}

// allow takes a token from the bucket of frames that the peer may send.
func (l *link) allow(now time.Time) bool {
	if n := int(now.Sub(l.filled).Seconds() * frameRate); n > 0 {
		l.tokens = min(frameBurst, l.tokens+n)
		l.filled = now
	}
	if l.tokens == 0 {
		return false
	}
	l.tokens--
	return true
}

// send writes one frame; greet does, and then only write. A peer that does not read is given the patience that
// a silent one has.
func (l *link) send(b body) error {
	if err := l.s.SetWriteDeadline(time.Now().Add(l.patience)); err != nil {
		return fmt.Errorf("control: setting a deadline: %w", err)
	}
	if l.over.Load() {
		return errOver
	}
	if err := writeFrame(l.s, b); err != nil {
		return fmt.Errorf("control: sending a %s: %w", typeOf(b), err)
	}
	return nil
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
