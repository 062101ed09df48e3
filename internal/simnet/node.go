package simnet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ID names a node: how many were added before it.
type ID int

// Node is a machine on the network: a program that is started by [Node.Boot],
// a disk and a clock. What a program registered (handlers, timers, streams,
// goroutines) ends with it; the disk stays.
type Node struct {
	net *Net
	id  ID

	// All under net.mu.
	up      bool
	life    uint64 // counts starts; what belongs to an earlier one is void
	boot    func(*Node)
	ctx     context.Context
	cancel  context.CancelFunc
	random  *rand.Rand
	disk    *vfs.MemFS
	stable  bool // the disk forgets nothing
	skew    time.Duration
	drift   float64
	driftAt time.Time
	handler func(from ID, data []byte)
	serve   map[string]func(*Conn)
	stop    []func()
	act     Behaviour[[]byte]
	actRand *rand.Rand
	seq     uint64
	sent    Traffic
	offered Traffic

	running sync.WaitGroup
}

func newNode(n *Net, id ID) *Node {
	node := &Node{net: n, id: id, disk: vfs.NewCrashableMem()}
	node.start()
	return node
}

// start begins a life; net.mu is held, or nobody else knows the node.
func (n *Node) start() {
	n.life++
	n.up = true
	n.ctx, n.cancel = context.WithCancel(n.net.ctx)
	n.random = n.net.source(fmt.Sprintf("node %d %d", n.id, n.life))
	n.handler, n.serve, n.stop = nil, map[string]func(*Conn){}, nil
}

// ID returns the node's id.
func (n *Node) ID() ID { return n.id }

// Net returns the network that the node is on.
func (n *Node) Net() *Net { return n.net }

// Boot says what the node's program is and starts it; [Node.Restart] starts it
// again. It registers handlers and returns.
func (n *Node) Boot(program func(*Node)) {
	n.net.mu.Lock()
	n.boot = program
	n.net.mu.Unlock()
	program(n)
}

// Up reports whether the node runs.
func (n *Node) Up() bool {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	return n.up
}

// Context ends when the node's program ends.
func (n *Node) Context() context.Context {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	return n.ctx
}

// Rand is the node's own source of randomness. It is not safe for concurrent
// use.
func (n *Node) Rand() *rand.Rand {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	return n.random
}

// Disk is the node's file system. Ask again after a crash: it is another one.
func (n *Node) Disk() vfs.FS {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	return n.disk
}

// Sent returns what the node has sent.
func (n *Node) Sent() Traffic {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	return n.sent
}

// Offered returns what others have sent to the node, whether it arrived or not.
func (n *Node) Offered() Traffic {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	return n.offered
}

// SetClock makes the node's clock wrong by skew from now on, and by drift more
// for every second (1e-4 gains 0.1 ms a second).
func (n *Node) SetClock(skew time.Duration, drift float64) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	n.skew, n.drift, n.driftAt = skew, drift, time.Now()
}

// Now is the time on the node's clock.
func (n *Node) Now() time.Time {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	now := time.Now()
	return now.Add(n.skew + time.Duration(n.drift*float64(now.Sub(n.driftAt))))
}

// Go runs f in a goroutine of the node's program. f returns when ctx ends;
// stopping the node waits for it.
func (n *Node) Go(f func(ctx context.Context)) {
	ctx := n.Context()
	n.running.Go(func() { f(ctx) })
}

// OnStop registers what ends with the node's program, such as closing a
// database; the last registered runs first. It runs after [Node.Kill] and
// [Node.Crash] too, so that nothing leaks, but what it writes then is lost.
func (n *Node) OnStop(f func()) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	n.stop = append(n.stop, f)
}

// After runs f when d has passed on the network's clock, unless the node's
// program ended before. The returned function calls it off.
func (n *Node) After(d time.Duration, f func()) (cancel func()) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	off, life := false, n.life
	n.seq++
	n.net.schedule(&event{at: time.Now().Add(max(d, 0)), to: n.id, from: n.id, seq: n.seq, kind: "timer", do: func() {
		n.net.mu.Lock()
		void := off || !n.up || n.life != life
		n.net.mu.Unlock()
		if !void {
			f()
		}
	}})
	return func() {
		n.net.mu.Lock()
		defer n.net.mu.Unlock()
		off = true
	}
}

// Every runs f each time that d has passed, until the node's program ends or
// the returned function is called.
func (n *Node) Every(d time.Duration, f func()) (cancel func()) {
	done := false
	var tick func()
	tick = func() {
		if f(); !done {
			n.After(d, tick)
		}
	}
	n.After(d, tick)
	return func() { done = true }
}

// Stop ends the program as an operator would: its streams are reset, and what
// OnStop writes reaches the disk.
func (n *Node) Stop() { n.end(true, func() {}) }

// Kill ends the program as kill -9 does: its streams are reset, the disk keeps
// what the program wrote until now, synced or not.
func (n *Node) Kill() {
	n.end(true, func() {
		if !n.stable {
			n.disk = n.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: n.random})
		}
	})
}

// Crash takes the node's power away: the disk goes back to what was synced, and
// the other ends of its streams hear nothing until they time out.
func (n *Node) Crash() {
	n.end(false, func() {
		if !n.stable {
			n.disk = n.disk.CrashClone(vfs.CrashCloneCfg{})
		}
	})
}

// end ends the program; disk decides, under net.mu, what is left of the disk.
func (n *Node) end(tell bool, disk func()) {
	n.net.mu.Lock()
	if !n.up {
		n.net.mu.Unlock()
		return
	}
	n.up = false
	disk()
	for _, c := range n.net.inOrder() {
		if c.local == n {
			c.abandon(tell)
		}
	}
	cancel, stop := n.cancel, slices.Clone(n.stop)
	n.net.mu.Unlock()
	cancel()
	synctest.Wait()
	n.running.Wait()
	for _, f := range slices.Backward(stop) {
		f()
	}
}

// Restart starts the program of a node that is down again.
func (n *Node) Restart() {
	n.net.mu.Lock()
	if n.up {
		n.net.mu.Unlock()
		return
	}
	n.start()
	boot := n.boot
	n.net.mu.Unlock()
	if boot != nil {
		boot(n)
	}
}
