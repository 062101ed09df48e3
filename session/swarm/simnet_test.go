package swarm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/internal/simnet"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/transport"
	"github.com/pars-network/pars/session/wire"
)

// A network of service nodes under a fake clock, each with a directory, a store
// and a repairer of its own, and people who write to each other all the while.

const (
	simLifetime = 6 * time.Minute // of records
	simPeople   = 5
)

// world is the simulated network.
type world struct {
	t     *testing.T
	net   *simnet.Net
	mu    sync.Mutex // where and boot grow while programs run
	where map[nodes.ID]simnet.ID
	boot  []simnet.ID
	nodes []*simNode
	rand  *rand.Rand
	all   []nodes.ID // see everybody
}

// simNode is a service node; what is here survives its restarts.
type simNode struct {
	w     *world
	key   *transport.NodeKey
	id    nodes.ID
	at    *simnet.Node
	disk  *memory
	lies  bool
	store *Store // of the running program
}

func (w *world) addNode(lies bool) *simNode {
	w.t.Helper()
	n := &simNode{w: w, key: keyOf(w.t, byte(len(w.nodes)+1)), disk: newMemory(), lies: lies}
	n.id = nodes.IDOf(n.key.Composite())
	n.at = w.net.AddStable()
	w.mu.Lock()
	w.where[n.id] = n.at.ID()
	w.mu.Unlock()
	w.nodes = append(w.nodes, n)
	n.at.Boot(n.program)
	return n
}

func newSimDirectory(w *world, at *simnet.Node) *nodes.Directory {
	d, err := nodes.NewDirectory(nodes.Config{Network: params.Dev.ID, Now: at.Now})
	if err != nil {
		w.t.Error(err)
	}
	return d
}

// learn exchanges records with one node.
func (w *world) learn(ctx context.Context, at *simnet.Node, d *nodes.Directory, to simnet.ID, push bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := at.Dial(ctx, to, nodes.Protocol)
	if err != nil {
		return // it is down; others are asked
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, c.Reset)
	defer stop()
	_, _ = nodes.Exchange(c, d, push) // cut off, or it went well
}

// host is where a service node runs.
func (w *world) host(id nodes.ID) simnet.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.where[id]
}

// first is one of those that everybody knows, or none before there are any.
func (w *world) first(r *rand.Rand, none simnet.ID) simnet.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.boot) == 0 {
		return none
	}
	return w.boot[r.IntN(len(w.boot))]
}

// gossip learns from somebody every few seconds.
func (w *world) gossip(ctx context.Context, at *simnet.Node, d *nodes.Directory, push bool, seed uint64) {
	r := random(seed)
	for ctx.Err() == nil {
		to := w.first(r, at.ID())
		if list := d.List(); len(list) > 3 && r.IntN(4) > 0 {
			to = w.host(list[r.IntN(len(list))].ID())
		}
		if to != at.ID() {
			w.learn(ctx, at, d, to, push)
		}
		d.Expire()
		if !sleep(ctx, time.Duration(5+r.IntN(10))*time.Second, nil) {
			return
		}
	}
}

func (n *simNode) program(at *simnet.Node) {
	w := n.w
	d := newSimDirectory(w, at)
	maps := NewMaps(d, at.Now)
	store, err := OpenStore(n.disk, Limits{}, at.Now)
	if err != nil {
		w.t.Error(err)
		return
	}
	n.store = store
	server, err := NewServer(ServerConfig{Node: n.id, Store: store, Maps: maps, Now: at.Now})
	if err != nil {
		w.t.Error(err)
		return
	}
	repair := NewRepairer(RepairConfig{
		Node: n.id, Store: store, Maps: maps, Now: at.Now, Every: time.Minute, Timeout: 30 * time.Second,
		Dial: func(ctx context.Context, to *nodes.Record, name string) (Stream, error) {
			return at.Dial(ctx, w.host(to.ID()), name+"#"+n.id.String())
		},
	})
	at.Serve(nodes.Protocol, func(c *simnet.Conn) {
		_, _ = nodes.Answer(c, d) // an exchange that was cut is made up for by the next
		_ = c.Close()
	})
	at.Serve(Protocol, func(c *simnet.Conn) { n.answer(at, c, server) })
	// simnet names nodes, not keys; the protocol's name stands for the link's proof.
	for _, o := range w.everybody() {
		for _, name := range []string{SyncProtocol, HandProtocol} {
			at.Serve(name+"#"+o.String(), func(c *simnet.Conn) {
				_ = repair.Answer(at.Context(), o, name, c) // the other side says what went wrong
				_ = c.Close()
			})
		}
	}
	at.Go(func(ctx context.Context) { w.gossip(ctx, at, d, true, uint64(at.ID())) })
	at.Go(repair.Run)
	at.Go(func(ctx context.Context) {
		for ctx.Err() == nil {
			n.say(at, d, nodes.Store)
			sleep(ctx, simLifetime/3, nil)
		}
	})
}

// everybody are the nodes that there will ever be.
func (w *world) everybody() []nodes.ID {
	for n := byte(len(w.all)); n < 40; n++ {
		w.all = append(w.all, nodes.IDOf(keyOf(w.t, n+1).Composite()))
	}
	return w.all
}

func (n *simNode) say(at *simnet.Node, d *nodes.Directory, does nodes.Services) {
	r, err := nodes.Sign(n.key, nodes.Claims{
		Network: params.Dev.ID, Onion: nodes.OnionKey{Key: onion(), Expires: at.Now().Add(time.Hour)}, Services: does,
		Epoch: nodes.Epoch{Number: nodes.EpochOf(at.Now())}, Seq: uint64(at.Now().UnixMilli()), Expires: at.Now().Add(simLifetime),
	})
	if err == nil {
		_, err = d.Add(r)
	}
	if err != nil {
		n.w.t.Error(err)
	}
}

// answer serves one request; a lying node says that it stored, and has nothing.
func (n *simNode) answer(at *simnet.Node, c *simnet.Conn, server *Server) {
	defer func() { _ = c.Close() }()
	raw, err := wire.ReadFrame(c, MaxRequest)
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(at.Context())
	defer cancel()
	at.Go(func(context.Context) {
		var b [1]byte
		_, _ = c.Read(b[:]) // returns when the client hangs up, or this side closes
		cancel()
	})
	if req, err := parseRequest(raw); n.lies && err == nil {
		out := response{Version: messageVersion, Challenge: challenge{1}, Work: MinWork}
		if req.Verb == verbPoll {
			sleep(ctx, MaxWait, nil)
			if out.Body, err = wire.Marshal(listBody{Next: 1 << 50}); err != nil {
				n.w.t.Error(err)
			}
		}
		if raw, err = wire.Marshal(out); err == nil {
			err = wire.WriteFrame(c, MaxRequest, raw)
		}
		_ = err // the client has gone
		return
	}
	_ = wire.WriteFrame(c, MaxRequest, server.Serve(ctx, Source{Name: fmt.Sprint(c.Remote())}, raw)) // or the client has gone
}

// simCaller calls from a node of the simulation.
type simCaller struct {
	w  *world
	at *simnet.Node
}

func (s simCaller) Call(ctx context.Context, to nodes.ID, raw []byte) ([]byte, error) {
	c, err := s.at.Dial(ctx, s.w.host(to), Protocol)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, c.Reset)
	defer stop()
	if err := wire.WriteFrame(c, MaxRequest, raw); err != nil {
		return nil, err
	}
	return wire.ReadFrame(c, MaxRequest)
}

// simPerson reads a mailbox and writes into others'.
type simPerson struct {
	number byte
	key    *sign.PrivateKey
	box    Key
	client *Client
	dir    *nodes.Directory
	mu     sync.Mutex
	// stored are the numbers of messages to this person that were reported stored,
	// failed those that were not, got what came.
	stored, failed map[uint64]bool
	got            []uint64
}

func (w *world) addPerson(number byte, all []*simPerson) {
	p := all[number]
	p.number, p.stored, p.failed = number, map[uint64]bool{}, map[uint64]bool{}
	p.key, p.box = mailboxOf(w.t, number)
	at := w.net.AddStable()
	at.Boot(func(at *simnet.Node) {
		p.dir = newSimDirectory(w, at)
		p.client = NewClient(ClientConfig{Maps: NewMaps(p.dir, at.Now), Caller: simCaller{w, at}, Now: at.Now, Timeout: 5 * time.Second})
		at.OnStop(p.client.Close)
		at.Go(func(ctx context.Context) { w.gossip(ctx, at, p.dir, false, 1000+uint64(number)) })
		at.Go(func(ctx context.Context) {
			var cursor Cursor
			for ctx.Err() == nil {
				found, next, err := p.client.Poll(ctx, p.key, cursor, 20*time.Second)
				cursor = next
				p.mu.Lock()
				for _, raw := range found {
					p.got = append(p.got, numberOf(w.t, raw))
				}
				p.mu.Unlock()
				if len(found) > 0 {
					_, _, _ = p.client.Delete(ctx, p.key, found) // what stays comes again and is dropped
				}
				if err != nil {
					sleep(ctx, 5*time.Second, nil)
				}
			}
		})
	})
}

// write lets a person write to another in a while.
func (w *world) write(at time.Duration, from, to *simPerson, number uint64) {
	w.net.At(at, func() {
		from.client.work.Go(func() {
			raw := envelopeFor(w.t, to.box, number, w.net.Now(), 0)
			stored, total, err := from.client.Put(from.client.ctx, raw)
			to.mu.Lock()
			defer to.mu.Unlock()
			if err == nil && stored >= Quorum(total) {
				to.stored[number] = true
				return
			}
			if !errors.Is(err, context.Canceled) {
				to.failed[number] = true
			}
		})
	})
}

func TestNetworkOfServiceNodes(t *testing.T) {
	simnet.Test(t, simnet.Config{Link: simnet.Link{Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond}, StreamTimeout: 8 * time.Second}, func(t *testing.T, net *simnet.Net) {
		w := &world{t: t, net: net, where: map[nodes.ID]simnet.ID{}, rand: net.Rand("world")}
		for i := range 20 {
			n := w.addNode(i >= 17) // three of twenty lie
			if i < 3 {
				w.mu.Lock()
				w.boot = append(w.boot, n.at.ID())
				w.mu.Unlock()
			}
		}
		people := make([]*simPerson, simPeople)
		for i := range people {
			people[i] = &simPerson{}
		}
		for i := range people {
			w.addPerson(byte(i), people)
		}
		net.Run(2 * time.Minute) // everybody gets to know everybody
		for _, p := range people {
			if p.dir.Len() != 20 {
				t.Fatalf("person %d knows %d nodes, want 20", p.number, p.dir.Len())
			}
		}

		// Twelve minutes of writing, half an hour of them in make test-full.
		minutes, messages := 12, uint64(96)
		if testutil.Full() {
			minutes, messages = 30, 240
		}
		for n := range messages {
			from := people[w.rand.IntN(len(people))]
			to := people[w.rand.IntN(len(people))]
			w.write(time.Duration(w.rand.Int64N(int64(minutes)*int64(time.Minute))), from, to, n)
		}
		honest := func() (out []*simNode) {
			for _, n := range w.nodes[3:] { // bootstrap nodes stay
				if !n.lies && n.at.Up() {
					out = append(out, n)
				}
			}
			return out
		}
		for minute := range minutes {
			switch minute % 6 {
			case 0: // one vanishes for good, and a new one comes
				up := honest()
				up[w.rand.IntN(len(up))].at.Kill()
				w.addNode(false)
			case 2: // one is cut off with three others for a minute and a half
				up := honest()
				w.rand.Shuffle(len(up), func(i, j int) { up[i], up[j] = up[j], up[i] })
				var cut []simnet.ID
				for _, n := range up[:4] {
					cut = append(cut, n.at.ID())
				}
				net.Partition(cut)
				net.At(90*time.Second, net.Heal)
			case 5: // one loses power and comes back after half a minute
				up := honest()
				n := up[w.rand.IntN(len(up))]
				n.at.Crash()
				net.At(30*time.Second, n.at.Restart)
			}
			net.Run(time.Minute)
		}
		net.Run(5 * time.Minute) // sweeps find what is left

		// Then three of the seven of one mailbox vanish at once, and what was stored
		// comes all the same.
		last := people[0]
		holders := last.client.cfg.Maps.Now().Current(last.box)
		for n := range uint64(10) {
			w.write(time.Duration(n)*100*time.Millisecond, people[1], last, messages+n)
		}
		killed := 0
		for _, h := range holders {
			for _, n := range w.nodes {
				if n.id == h.ID() && !n.lies && killed < 3 && n.at.Up() {
					net.At(1100*time.Millisecond, n.at.Kill)
					killed++
				}
			}
		}
		net.Run(8 * time.Minute)

		stored, failed := 0, 0
		for _, p := range people {
			p.mu.Lock()
			stored, failed = stored+len(p.stored), failed+len(p.failed)
			for n := range p.stored {
				if !slices.Contains(p.got, n) {
					t.Errorf("message %d to person %d was stored and never came", n, p.number)
				}
			}
			got := slices.Clone(p.got)
			slices.Sort(got)
			if len(slices.Compact(got)) != len(p.got) {
				t.Errorf("person %d got doubles: %v", p.number, p.got)
			}
			p.mu.Unlock()
		}
		t.Logf("%d messages stored, %d reported as failed, %d nodes in all, %v simulated", stored, failed, len(w.nodes), net.Elapsed())
		if stored+failed != int(messages)+10 || stored < int(messages)*9/10 {
			t.Errorf("%d stored and %d failed of %d, want all accounted for and most stored", stored, failed, messages+10)
		}
	})
}
