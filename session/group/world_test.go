package group

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/session/content"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// memory is a [Store] that keeps everything it was ever given, as a thief's image of a
// disk would: what is erased is gone from now, and stays in taken.
type memory struct {
	now map[store.Kind]map[string]map[uint64][]byte
	err error
}

func newMemory() *memory { return &memory{now: map[store.Kind]map[string]map[uint64][]byte{}} }

// Scan implements [Store].
func (m *memory) Scan(kind store.Kind, name []byte, from uint64, f func(store.Record) bool) error {
	for n, records := range m.now[kind] {
		if name != nil && n != string(name) {
			continue
		}
		var nums []uint64
		for num := range records {
			if num >= from {
				nums = append(nums, num)
			}
		}
		sortNums(nums)
		for _, num := range nums {
			if !f(store.Record{Name: []byte(n), Num: num, Value: append([]byte{}, records[num]...)}) {
				return nil
			}
		}
	}
	return nil
}

func sortNums(n []uint64) {
	for i := range n {
		for j := i; j > 0 && n[j] < n[j-1]; j-- {
			n[j], n[j-1] = n[j-1], n[j]
		}
	}
}

// Commit implements [Store].
func (m *memory) Commit(b *store.Batch) error {
	if m.err != nil {
		return m.err
	}
	b.Each(func(kind store.Kind, name []byte, num uint64, value []byte, deleted bool) {
		if m.now[kind] == nil {
			m.now[kind] = map[string]map[uint64][]byte{}
		}
		if m.now[kind][string(name)] == nil {
			m.now[kind][string(name)] = map[uint64][]byte{}
		}
		if deleted {
			delete(m.now[kind][string(name)], num)
		} else {
			m.now[kind][string(name)][num] = append([]byte{}, value...)
		}
	})
	return nil
}

// copy is what a thief takes.
func (m *memory) copy() *memory {
	out := newMemory()
	for kind, names := range m.now {
		out.now[kind] = map[string]map[uint64][]byte{}
		for name, records := range names {
			out.now[kind][name] = map[uint64][]byte{}
			for num, v := range records {
				out.now[kind][name][num] = append([]byte{}, v...)
			}
		}
	}
	return out
}

// world is people with a device each, whose ratchets and mailboxes never fail unless a
// test says so.
type world struct {
	t      testing.TB
	rand   *rand.ChaCha8
	now    time.Time
	people []*person
	boxes  map[identity.MailboxID][][]byte
	// bytes counts what went out.
	pairwise, letters traffic
	checked           *dag.Checked
	// lost says that what goes to nobody known is lost, unmailed that there are no
	// mailboxes, so that vertices come by meeting alone.
	lost, unmailed bool
}

type traffic struct{ count, bytes int }

type person struct {
	w      *world
	name   int
	self   Device
	store  *memory
	graph  *dag.Store
	groups *Service
	// in is what came through ratchets and was not read yet.
	in   []letterIn
	read map[identity.MailboxID]int
	fs   vfs.FS
	dir  string
	gone bool // offline
}

type letterIn struct {
	from Device
	raw  []byte
}

func newWorld(t testing.TB, seed uint64, n int) *world {
	w := &world{
		t: t, rand: rand.NewChaCha8(digest.Sum("group test", seed)), now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		boxes: map[identity.MailboxID][][]byte{}, checked: dag.NewChecked(1 << 16),
	}
	for range n {
		w.add()
	}
	return w
}

func (w *world) add() *person {
	w.t.Helper()
	n := len(w.people)
	p := &person{
		w: w, name: n, self: Device{identity.ID(digest.Sum("account", uint64(n))), identity.DeviceID{1, byte(n), byte(n >> 8)}}, store: newMemory(),
		read: map[identity.MailboxID]int{}, fs: vfs.NewMem(), dir: fmt.Sprint("p", n),
	}
	p.open()
	w.t.Cleanup(func() { _ = p.graph.Close() })
	w.people = append(w.people, p)
	return p
}

func (p *person) open() {
	p.w.t.Helper()
	graph, err := dag.Open(dag.Config{Dir: p.dir, FS: p.fs, Workers: 1, Checked: p.w.checked, Quiet: true, CacheBytes: 1 << 16, Now: func() time.Time { return p.w.now }})
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.graph = graph
	p.groups, err = Open(Config{
		Store: p.store, Graph: graph, Me: p.self.Account, Device: p.self.Device, Pairwise: p, Mail: p,
		Now: func() time.Time { return p.w.now }, Rand: p.w.rand,
	})
	if err != nil {
		p.w.t.Fatal(err)
	}
}

// restart closes and opens everything, as a program that was killed does.
func (p *person) restart() {
	p.w.t.Helper()
	if err := p.graph.Close(); err != nil {
		p.w.t.Fatal(err)
	}
	p.open()
}

func (w *world) find(a identity.ID) *person {
	for _, p := range w.people {
		if p.self.Account == a {
			return p
		}
	}
	if !w.lost {
		w.t.Fatalf("nobody is %s", a)
	}
	return nil
}

// SendPairwise implements [Pairwise].
func (p *person) SendPairwise(_ context.Context, to identity.ID, payload []byte) error {
	if p.gone {
		return errors.New("offline")
	}
	if len(payload) > MaxPairwise {
		p.w.t.Errorf("a pairwise message of %d bytes", len(payload))
	}
	p.w.pairwise.count++
	p.w.pairwise.bytes += len(payload)
	if to != p.self.Account {
		q := p.w.find(to)
		if q == nil {
			return nil
		}
		q.in = append(q.in, letterIn{p.self, append([]byte{}, payload...)})
	}
	return nil
}

// PutEnvelope implements [Mail].
func (p *person) PutEnvelope(_ context.Context, raw []byte) error {
	if p.gone {
		return errors.New("offline")
	}
	p.w.letters.count++
	p.w.letters.bytes += len(raw)
	if p.w.unmailed {
		return nil
	}
	box := identity.MailboxID(raw[4:36])
	p.w.boxes[box] = append(p.w.boxes[box], raw)
	return nil
}

// catchUp reads what has come for a person, and has them send what they have.
func (p *person) catchUp() {
	p.w.t.Helper()
	if p.gone {
		return
	}
	ctx := context.Background()
	in := p.in
	p.in = nil
	for _, l := range in {
		if err := p.groups.HandlePairwise(ctx, l.from, l.raw); err != nil && !errors.Is(err, errHand) && !errors.Is(err, ErrNotMember) && !errors.Is(err, ErrNoGroup) {
			p.w.t.Fatalf("person %d: %v", p.name, err)
		}
	}
	for _, g := range p.groups.Groups() {
		p.poll(g)
		if _, err := g.Admit(ctx); err != nil && !errors.Is(err, ErrRight) && !errors.Is(err, ErrNotMember) {
			p.w.t.Fatalf("person %d admits: %v", p.name, err)
		}
		if err := g.Flush(ctx); err != nil {
			p.w.t.Fatalf("person %d sends: %v", p.name, err)
		}
	}
}

func (p *person) poll(g *Group) {
	p.w.t.Helper()
	keys, err := g.Mailboxes()
	if err != nil {
		p.w.t.Fatal(err)
	}
	for _, k := range keys {
		box := identity.MailboxIDOf(k.Public())
		all := p.w.boxes[box]
		for ; p.read[box] < len(all); p.read[box]++ {
			if _, err := g.Deliver(context.Background(), all[p.read[box]]); err != nil {
				p.w.t.Fatalf("person %d reads a mailbox: %v", p.name, err)
			}
		}
	}
}

// meet gives b all vertices of a group that a has, as reconciliation does.
func (w *world) meet(a, b *person, space dag.Space) {
	w.t.Helper()
	if b.groups.Group(space) == nil || a.graph == nil {
		return
	}
	var batch [][]byte
	for e, err := range a.graph.Since(space, nil) {
		if err != nil {
			w.t.Fatal(err)
		}
		if has, err := b.graph.Has(space, e.ID); err != nil || has {
			continue
		}
		raw, err := e.Encoded()
		if err != nil {
			w.t.Fatal(err)
		}
		batch = append(batch, append([]byte{}, raw...))
	}
	for len(batch) > 0 {
		n := min(len(batch), 64)
		out, err := b.graph.Add(context.Background(), batch[:n], dag.Source{Pulled: true})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, o := range out {
			if o.Status == dag.Refused || o.Status == dag.Deferred {
				w.t.Fatalf("a vertex of a group: %v %v", o.Status, o.Err)
			}
		}
		batch = batch[n:]
	}
	if err := b.groups.Group(space).Advance(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// settle lets everybody who is online talk until nothing is left to say.
func (w *world) settle(space dag.Space, online ...*person) {
	w.t.Helper()
	if online == nil {
		online = w.people
	}
	for range 6 {
		for _, p := range online {
			p.catchUp()
		}
		for _, a := range online {
			for _, b := range online {
				if a != b && a.groups.Group(space) != nil {
					w.meet(a, b, space)
				}
			}
		}
	}
}

// found makes a group of the first person, with all others invited and in.
func (w *world) found(others ...*person) dag.Space {
	w.t.Helper()
	ctx := context.Background()
	founder := w.people[0]
	g, err := founder.groups.Create(ctx, "tea")
	if err != nil {
		w.t.Fatal(err)
	}
	w.join(founder, g.Space(), Member, others...)
	return g.Space()
}

func (w *world) join(by *person, space dag.Space, role Role, others ...*person) {
	w.t.Helper()
	ctx := context.Background()
	for _, p := range others {
		if err := by.groups.Group(space).Invite(ctx, p.self.Account, role); err != nil {
			w.t.Fatal(err)
		}
		for _, l := range p.in {
			if err := p.groups.HandlePairwise(ctx, l.from, l.raw); err != nil && !errors.Is(err, ErrNotMember) {
				w.t.Fatal(err)
			}
		}
		p.in = nil
		if err := p.groups.Accept(ctx, space); err != nil {
			w.t.Fatal(err)
		}
	}
	by.catchUp()
	for _, p := range others {
		p.catchUp()
		w.meet(by, p, space)
	}
}

func (p *person) say(space dag.Space, text string) {
	p.w.t.Helper()
	if _, err := p.groups.Group(space).Send(context.Background(), content.Post{Text: text}); err != nil {
		p.w.t.Fatalf("person %d says %q: %v", p.name, text, err)
	}
}

// heard are the texts that a person has, by what counts and what does not.
func (p *person) heard(space dag.Space) (inside, outside []string) {
	g := p.groups.Group(space)
	if g == nil {
		return nil, nil
	}
	for _, m := range g.Messages() {
		body, _, err := content.Parse(m.Message)
		if err != nil {
			p.w.t.Fatal(err)
		}
		post, ok := body.(content.Post)
		if !ok {
			continue
		}
		if m.Outside {
			outside = append(outside, post.Text)
		} else {
			inside = append(inside, post.Text)
		}
	}
	return inside, outside
}

// sameMembers checks that people see one membership.
func (w *world) sameMembers(space dag.Space, people ...*person) Roster {
	w.t.Helper()
	want := people[0].groups.Group(space).Roster()
	for _, p := range people[1:] {
		got := p.groups.Group(space).Roster()
		if got.Digest() != want.Digest() {
			w.t.Fatalf("person %d sees\n%v\nperson %d sees\n%v", p.name, w.describe(got), people[0].name, w.describe(want))
		}
	}
	return want
}

func (w *world) describe(r Roster) string {
	var out string
	for _, m := range r.Members {
		out += fmt.Sprintf("%d %s", w.find(m.Account).name, m.Role)
		for _, b := range m.Devices {
			out += fmt.Sprintf(" %x", b.Author[:3])
		}
		out += "\n"
	}
	return out
}
