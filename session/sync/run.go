package sync

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/pars-network/pars/session/wire"
)

// Stream is a byte stream with a peer on it, such as a [net.Conn] or a stream of
// a link. It does not need to buffer anything.
type Stream interface {
	io.Reader
	io.Writer
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Config bounds a session. Its zero value works.
type Config struct {
	// Idle is how long the next frame of the peer may take, to come or to be taken, from
	// the moment that the one before it was done; 0 means a minute.
	Idle time.Duration
	// Total is how long a session may take, 0 means 15 minutes. What was stored by
	// then stays.
	Total time.Duration
	// Now is the clock of the deadlines; nil means time.Now.
	Now func() time.Time
	// Rand gives the nonces; nil means crypto/rand.
	Rand io.Reader
}

func (c Config) orDefault() Config {
	if c.Idle <= 0 {
		c.Idle = time.Minute
	}
	if c.Total <= 0 {
		c.Total = 15 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return c
}

// Initiate syncs one space with the peer on stream, which this side opened. It
// returns when both sides have the same vertices, or with the reason why not.
// The result says what was done until then. The caller closes the stream.
func Initiate(ctx context.Context, stream Stream, space ID, snap Snapshot, sink Sink, cfg Config) (Result, error) {
	cfg = cfg.orDefault()
	nonce, err := cfg.nonce()
	if err != nil {
		return Result{}, err
	}
	m, err := newInitiator(ctx, space, snap, sink, nonce)
	if err != nil {
		return Result{}, err
	}
	return cfg.run(ctx, m, stream)
}

// Respond answers one session on a stream that the peer opened. open decides
// whether the peer gets the space that it names. A snapshot that has a Close
// method is closed at the end.
func Respond(ctx context.Context, stream Stream, open Opener, cfg Config) (Result, error) {
	cfg = cfg.orDefault()
	nonce, err := cfg.nonce()
	if err != nil {
		return Result{}, err
	}
	m := newResponder(ctx, open, nonce)
	result, err := cfg.run(ctx, m, stream)
	if c, ok := m.snap.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	return result, err
}

func (c Config) nonce() (n [nonceSize]byte, err error) {
	if _, err = io.ReadFull(c.Rand, n[:]); err != nil {
		err = fmt.Errorf("sync: reading randomness: %w", err)
	}
	return n, err
}

// run carries frames between a machine and a stream.
func (c Config) run(ctx context.Context, m *machine, stream Stream) (Result, error) {
	defer m.close()
	p := &pump{cfg: c, stream: stream, end: c.Now().Add(c.Total), in: make(chan event), out: make(chan []byte), quit: make(chan struct{})}
	p.all.Go(p.read)
	p.written = make(chan error, 1)
	p.all.Go(func() { p.written <- p.write() })
	stop := context.AfterFunc(ctx, p.cut)
	err := p.drive(m)
	stop()
	close(p.out)
	if err == nil {
		err = <-p.written // everything is on its way before the caller closes
	}
	close(p.quit)
	p.cut()
	p.all.Wait()
	m.result.BytesIn, m.result.BytesOut = p.bytesIn, p.bytesOut
	if ctx.Err() != nil && err != nil && !errors.Is(err, ErrPeer) {
		err = ctx.Err()
	}
	if err == nil {
		err = m.failure
	}
	return m.result, err
}

// event is a frame that came, or why none comes any more.
type event struct {
	frame []byte
	err   error
}

// pump reads and writes the stream, each in a goroutine, so that neither side's
// sending ever waits for the other's.
type pump struct {
	cfg     Config
	stream  Stream
	end     time.Time
	in      chan event
	out     chan []byte
	quit    chan struct{}
	written chan error
	all     sync.WaitGroup

	bytesIn, bytesOut int64 // each of one goroutine

	mu    sync.Mutex
	ended bool // deadlines lie in the past and stay there
}

// drive runs the machine until it is done.
func (p *pump) drive(m *machine) error {
	for {
		frame, err := m.next()
		if err != nil {
			return err
		}
		if frame == nil && m.done() {
			return nil
		}
		in, out := p.in, p.out
		if frame == nil {
			out = nil
		}
		for sent := frame == nil; ; {
			if m.state == finished {
				in = nil // only what is queued is left
			}
			select {
			case out <- frame:
				sent, out = true, nil
			case e := <-in:
				if e.err != nil {
					return e.err
				}
				if err := m.handle(e.frame); err != nil {
					return err
				}
			case err := <-p.written:
				return p.last(m, err)
			}
			if sent {
				break
			}
		}
	}
}

// last handles what the peer sent before it stopped reading, which may say why.
func (p *pump) last(m *machine, written error) error {
	if errors.Is(written, ErrTimeout) {
		return written
	}
	for e := range p.in {
		if e.err != nil {
			break
		}
		if err := m.handle(e.frame); err != nil {
			return err
		}
		m.queue = nil // nobody reads it
	}
	return written
}

func (p *pump) read() {
	for {
		if err := p.deadline(p.stream.SetReadDeadline); err != nil {
			p.tell(event{err: err})
			return
		}
		frame, err := wire.ReadFrame(p.stream, MaxFrame)
		if err != nil {
			switch {
			case errors.Is(err, wire.ErrSize):
				err = violation("%w", err)
			case errors.Is(err, io.EOF):
				err = fmt.Errorf("sync: the stream was cut: %w", io.ErrUnexpectedEOF)
			}
			p.tell(event{err: slow(err)})
			return
		}
		p.bytesIn += int64(wire.HeaderSize + len(frame))
		if !p.tell(event{frame: frame}) {
			return
		}
	}
}

func (p *pump) tell(e event) bool {
	select {
	case p.in <- e:
		return true
	case <-p.quit:
		return false
	}
}

func (p *pump) write() error {
	for frame := range p.out {
		if err := p.deadline(p.stream.SetWriteDeadline); err != nil {
			return err
		}
		if err := wire.WriteFrame(p.stream, MaxFrame, frame); err != nil {
			return slow(err)
		}
		p.bytesOut += int64(wire.HeaderSize + len(frame))
	}
	return nil
}

// deadline gives the next frame its time.
func (p *pump) deadline(set func(time.Time) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return net.ErrClosed
	}
	t := p.cfg.Now().Add(p.cfg.Idle)
	if p.end.Before(t) {
		t = p.end
	}
	err := set(t)
	if errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("sync: the stream was cut: %w", io.ErrUnexpectedEOF)
	}
	if err != nil {
		return fmt.Errorf("sync: setting a deadline: %w", err)
	}
	return nil
}

// cut ends reading and writing at once.
func (p *pump) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	// A stream that takes no deadlines any more is closed already.
	_ = p.stream.SetReadDeadline(time.Unix(1, 0))
	_ = p.stream.SetWriteDeadline(time.Unix(1, 0))
}

// slow turns a timeout into [ErrTimeout].
func slow(err error) error {
	var t net.Error
	if errors.As(err, &t) && t.Timeout() {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}
