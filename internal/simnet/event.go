package simnet

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"fmt"
	"testing/synctest"
	"time"
)

// event is something that happens to node to. Its key (at, to, from, seq) is
// unique and does not depend on the order in which goroutines ask for events.
type event struct {
	at   time.Time
	to   ID
	from ID // the sender; to itself for timers; script for the test
	seq  uint64
	kind string
	data []byte // for the log
	do   func()
}

// script is the sender of events that the test itself asks for.
const script ID = -1

// queue is a heap of events.
type queue []*event

func (q queue) Len() int           { return len(q) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q queue) Less(i, j int) bool { return q[i].order(q[j]) < 0 }

// Push is for container/heap only.
func (q *queue) Push(x any) { *q = append(*q, x.(*event)) } //nolint:errcheck // schedule pushes nothing else

// Pop is for container/heap only.
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}

func (e *event) order(o *event) int {
	return cmp.Or(e.at.Compare(o.at), cmp.Compare(e.to, o.to), cmp.Compare(e.from, o.from), cmp.Compare(e.seq, o.seq))
}

// schedule puts an event into the queue; n.mu is held.
func (n *Net) schedule(e *event) {
	heap.Push(&n.queue, e)
	if !n.deadline.IsZero() && e.at.Before(n.deadline) {
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

// At runs f after the network has run for d more, between two events.
func (n *Net) At(d time.Duration, f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.scripts++
	n.schedule(&event{at: time.Now().Add(d), to: script, from: script, seq: n.scripts, kind: "script", do: f})
}

// Run lets the network run for d. Handlers and timers run on the calling
// goroutine.
func (n *Net) Run(d time.Duration) { n.run(time.Now().Add(d), nil) }

// RunUntil lets the network run until done returns true, at most for d, and
// reports whether it did. done is called after every event.
func (n *Net) RunUntil(d time.Duration, done func() bool) bool {
	return n.run(time.Now().Add(d), done)
}

func (n *Net) run(until time.Time, done func() bool) bool {
	for {
		synctest.Wait() // whoever the last event, or a timer of its own, woke is done
		if done != nil && done() {
			return true
		}
		e, next := n.next(until)
		if e != nil {
			if e.do != nil {
				e.do()
			}
			continue
		}
		pause := time.Until(next)
		if pause <= 0 {
			n.awake()
			return false
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-n.wake:
			timer.Stop()
		}
		n.awake()
	}
}

// next takes the event that is due, or says until when there is none.
func (n *Net) next(until time.Time) (*event, time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) > 0 {
		if first := n.queue[0]; !first.at.After(time.Now()) {
			heap.Pop(&n.queue)
			n.record(first)
			return first, time.Time{}
		} else if first.at.Before(until) {
			until = first.at
		}
	}
	n.deadline = until
	return nil, until
}

func (n *Net) awake() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deadline = time.Time{}
	select {
	case <-n.wake:
	default:
	}
}

// record puts an event into the log; n.mu is held.
func (n *Net) record(e *event) {
	n.events++
	at := e.at.Sub(n.start)
	var head [40]byte
	binary.LittleEndian.PutUint64(head[0:], uint64(at))
	binary.LittleEndian.PutUint64(head[8:], uint64(e.to))
	binary.LittleEndian.PutUint64(head[16:], uint64(e.from))
	binary.LittleEndian.PutUint64(head[24:], e.seq)
	binary.LittleEndian.PutUint64(head[32:], uint64(len(e.data)))
	_, _ = n.log.Write(head[:]) // a hash takes everything
	_, _ = n.log.Write([]byte(e.kind))
	_, _ = n.log.Write(e.data)
	if n.cfg.Log != nil {
		_, _ = fmt.Fprintf(n.cfg.Log, "%12d %4d -> %4d %-8s %d\n", at.Microseconds(), e.from, e.to, e.kind, len(e.data))
	}
}
