package gossip

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pars-network/pars/session/wire"
)

const (
	// writeTime is how long a neighbour may take to read what is sent at once.
	writeTime = 30 * time.Second
	// batchBytes is the most that is sent at once.
	batchBytes = 64 << 10
	// firstRetry and lastRetry are the pauses between attempts to open a stream.
	firstRetry, lastRetry = time.Second, time.Minute
)

// Waste is what a neighbour can cost for nothing before it is dropped: duplicate
// and replayed vertices by their size, announcements without a vertex
// ([brokenPromise] each), frames for spaces that are not common, streams in the
// place of open ones ([anotherStream] each). It is forgiven with time.
//
// The first copy that a neighbour sends of a vertex that came from another one
// counts for a [crossedShare]th: when a partition heals, all neighbours have
// hundreds of vertices to send at once, and their copies cross.
const (
	wasteBurst    = 1 << 20 // bytes
	wasteRate     = 4 << 10 // bytes a second
	brokenPromise = 8 << 10
	anotherStream = 16 << 10 // a stream in the place of one that is open
	crossedShare  = 16
)

// errWaste reports a neighbour that cost too much for nothing.
var errWaste = errors.New("gossip: too many duplicates, replays or empty promises")

// link is a neighbour. Each side sends on a stream that it opened itself.
type link struct {
	s      *Service
	peer   string
	number uint64
	ctx    context.Context
	cancel context.CancelFunc
	budget bucket // of the reader; used by nobody else

	// All under s.mu.
	ended   bool
	in      io.Closer // the stream that the peer opened; nil if there is none
	out     io.Closer
	open    bool          // out is there
	ready   chan struct{} // something is queued
	queue   [][]byte      // frames with their lengths
	queued  int           // bytes in queue
	waste   bucket
	gave    time.Time          // when the peer last brought a vertex that was new here
	wanted  int                // ids waited for because of this peer
	tags    map[uint][32]byte  // spaces that the peer announced
	aliases map[uint]*space    // those of them that are common
	serving map[*space]*member // the other way round
}

func newLink(s *Service, peer string, number uint64) *link {
	l := &link{
		s: s, peer: peer, number: number, budget: newBucket(s.cfg.PeerRate, s.cfg.PeerBurst), waste: newBucket(wasteRate, wasteBurst),
		ready: make(chan struct{}, 1), tags: map[uint][32]byte{}, aliases: map[uint]*space{}, serving: map[*space]*member{},
	}
	l.ctx, l.cancel = context.WithCancel(s.ctx)
	return l
}

// end ends the link's goroutines; s.mu is held.
func (l *link) end() {
	l.ended = true
	l.cancel()
	l.queue, l.queued = nil, 0
	for _, c := range []io.Closer{l.in, l.out} {
		if c != nil {
			_ = c.Close()
		}
	}
}

// run keeps a stream to the peer, and sends what is queued.
func (l *link) run() {
	retry := firstRetry
	for l.ctx.Err() == nil {
		if sent := l.send(); sent {
			retry = firstRetry
		}
		if !pause(l.ctx, retry) {
			return
		}
		retry = min(2*retry, lastRetry)
	}
}

// pause waits and reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// send opens a stream and sends on it until it breaks, and reports whether
// anything was sent.
func (l *link) send() bool {
	stream, err := l.s.dial(l.ctx, l.peer)
	if err != nil {
		return false
	}
	defer func() { _ = stream.Close() }()
	if !l.opened(stream) {
		return false
	}
	defer l.closed()
	broken := make(chan struct{}) // nothing comes on this stream but its end
	l.s.wg.Go(func() {
		defer close(broken)
		_, _ = stream.Read(make([]byte, 1))
	})
	budget, sent := newBucket(l.s.cfg.PeerRate, l.s.cfg.PeerBurst), false
	for {
		batch := l.batch()
		if batch == nil {
			select {
			case <-l.ctx.Done():
				return sent
			case <-broken:
				return sent
			case <-l.ready:
				continue
			}
		}
		patience := time.AfterFunc(writeTime, func() { _ = stream.Close() })
		_, err := stream.Write(batch)
		patience.Stop()
		if err != nil {
			return sent
		}
		sent = true
		if !pause(l.ctx, budget.take(l.s.cfg.Now(), len(batch))) {
			return sent
		}
	}
}

// opened begins a stream with what the peer must know first.
func (l *link) opened(stream io.Closer) bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.ended {
		return false
	}
	l.out, l.open, l.queue, l.queued = stream, true, nil, 0
	for _, sp := range l.s.order {
		l.announce(sp)
	}
	return true
}

func (l *link) closed() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.out, l.open, l.queue, l.queued = nil, false, nil, 0
}

// announce tells the peer that this node takes part in a space; s.mu is held.
func (l *link) announce(sp *space) {
	l.enqueue(encode(joinFrame{Type: frameJoin, Alias: sp.alias, Tag: tag(l.s.self, l.peer, sp.id)}))
}

// enqueue queues a frame and reports whether it will be sent; s.mu is held.
func (l *link) enqueue(frame []byte) bool {
	if !l.open || l.queued+len(frame) > 2*l.s.cfg.QueueBytes {
		return false
	}
	l.queue = append(l.queue, frame)
	l.queued += wire.HeaderSize + len(frame)
	select {
	case l.ready <- struct{}{}:
	default:
	}
	return true
}

// full reports whether vertices must wait to be asked for; s.mu is held.
func (l *link) full(size int) bool { return l.queued+size > l.s.cfg.QueueBytes }

// batch takes queued frames, nil if there are none.
func (l *link) batch() []byte {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	var out writer
	for len(l.queue) > 0 && (len(out) == 0 || len(out)+wire.HeaderSize+len(l.queue[0]) <= batchBytes) {
		_ = wire.WriteFrame(&out, MaxFrame, l.queue[0]) // writing to memory can't fail
		l.queued -= wire.HeaderSize + len(l.queue[0])
		l.queue[0] = nil
		l.queue = l.queue[1:]
	}
	return out
}

// writer collects bytes.
type writer []byte

// Write appends p.
func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// read works off the peer's frames until the stream ends or one breaks a rule.
func (l *link) read(stream io.Reader) error {
	r := bufio.NewReaderSize(stream, 4<<10)
	for {
		data, err := wire.ReadFrame(r, MaxFrame)
		switch {
		case errors.Is(err, wire.ErrSize):
			return fmt.Errorf("%w: %w", ErrFrame, err)
		case err != nil:
			return err
		}
		f, err := decode(data)
		if err != nil {
			return err
		}
		if err := l.receive(f); err != nil {
			return err
		}
		// The budget is in bytes, and no frame is cheaper than 64.
		if !pause(l.ctx, l.budget.take(l.s.cfg.Now(), max(64, len(data)))) {
			return l.ctx.Err()
		}
	}
}

// wasted charges the peer for something useless; s.mu is held.
func (l *link) wasted(bytes int) {
	if !l.ended && !l.waste.allow(l.s.cfg.Now(), bytes) {
		l.s.drop(l, errWaste)
	}
}
