package onion

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pars-network/pars/session/nodes"
	"pgregory.net/rapid"
)

// drawer is a network of n nodes for guards alone.
type drawer struct {
	n    byte
	dead map[nodes.ID]bool // without a valid record
}

func (d drawer) usable(id nodes.ID) bool { return id[0] < d.n && !d.dead[id] }

func (d drawer) draw(taken []nodes.ID) (nodes.ID, bool) {
	for i := range d.n {
		if id := (nodes.ID{i}); !d.dead[id] && !slices.Contains(taken, id) {
			return id, true
		}
	}
	return nodes.ID{}, false
}

func all(nodes.ID) bool { return true }

// disk is a GuardKeeper.
type disk struct {
	data []byte
	err  error
}

func (d *disk) LoadGuards() ([]byte, error) { return d.data, d.err }
func (d *disk) SaveGuards(b []byte) error   { d.data = slices.Clone(b); return d.err }

func TestGuardsAreKeptForAMonth(t *testing.T) {
	now := time.Date(2027, 3, 21, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	d, keep := drawer{n: 20}, &disk{}
	g, err := NewGuards(keep, rand.Reader, clock)
	if err != nil {
		t.Fatal(err)
	}
	first, err := g.choose(d.usable, all, d.draw)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.worked(first); err != nil {
		t.Fatal(err)
	}
	for day := range 26 { // restarts and other draws change nothing
		now = now.Add(24 * time.Hour)
		if g, err = NewGuards(keep, rand.Reader, clock); err != nil {
			t.Fatal(err)
		}
		if got, err := g.choose(d.usable, all, func([]nodes.ID) (nodes.ID, bool) { return nodes.ID{19}, true }); err != nil || got != first {
			t.Fatalf("day %d: guard %v, %v, want %v", day+1, got, err, first)
		}
	}
	now = now.Add(8 * 24 * time.Hour)
	if got, err := g.choose(d.usable, all, func([]nodes.ID) (nodes.ID, bool) { return nodes.ID{19}, true }); err != nil || got != (nodes.ID{19}) {
		t.Errorf("after 34 days: guard %v, %v, want a new one", got, err)
	}
}

// Who cuts links off can't make a client try one node after the other until it
// comes to a node of theirs.
func TestGuardsAreBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	d := drawer{n: 200}
	g, err := NewGuards(nil, rand.Reader, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	contacted := map[nodes.ID]bool{}
	for range 500 {
		id, err := g.choose(d.usable, all, d.draw)
		if err != nil {
			t.Fatal(err)
		}
		contacted[id] = true
		g.failed(id)
		now = now.Add(time.Second)
	}
	if len(contacted) != maxGuards {
		t.Errorf("%d nodes were contacted, want %d", len(contacted), maxGuards)
	}
	// The network was away: when the first one works again, those that never did
	// lose their place.
	now = now.Add(time.Hour)
	id, err := g.choose(d.usable, all, d.draw)
	if err != nil || id != (nodes.ID{0}) {
		t.Fatalf("guard %v, %v, want the first", id, err)
	}
	if err := g.worked(id); err != nil || len(g.List()) != 1 {
		t.Errorf("%v: %d guards are left, want 1", err, len(g.List()))
	}
}

func TestGuardsWithoutRecords(t *testing.T) {
	now := time.Unix(1e9, 0)
	d := drawer{n: 3, dead: map[nodes.ID]bool{}}
	g, err := NewGuards(nil, rand.Reader, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	first, _ := g.choose(d.usable, all, d.draw)
	_ = g.worked(first)
	d.dead[first] = true
	second, err := g.choose(d.usable, all, d.draw)
	if err != nil || second == first {
		t.Fatalf("guard %v, %v, want another than %v", second, err, first)
	}
	delete(d.dead, first)
	if got, err := g.choose(d.usable, all, d.draw); err != nil || got != first {
		t.Errorf("guard %v, %v, want %v back in its place", got, err, first)
	}
	d.dead[first] = true
	_, _ = g.choose(d.usable, all, d.draw)
	now = now.Add(guardGone + time.Hour)
	_, _ = g.choose(d.usable, all, d.draw)
	if slices.Contains(g.List(), first) {
		t.Error("a guard without a record for a week kept its place")
	}
	for i := range d.n {
		d.dead[nodes.ID{i}] = true
	}
	if _, err := g.choose(d.usable, all, d.draw); !errors.Is(err, ErrGuards) {
		t.Errorf("without any node: %v, want ErrGuards", err)
	}
}

func TestDamagedGuardsAreAnError(t *testing.T) {
	broken := errors.New("no such disk")
	for name, k := range map[string]*disk{
		"junk": {data: []byte("junk")}, "nothing": {data: []byte{}}, "disk": {err: broken},
		"another version": {data: []byte{0x82, 2, 0x80}},
	} {
		if _, err := NewGuards(k, rand.Reader, nil); err == nil {
			t.Errorf("%s: guards were made", name)
		}
	}
}

// Whatever happens to nodes, the list is bounded, without doubles, comes back
// from the disk as it was, and a guard that works is never left for another.
func TestGuardsModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		now := time.Unix(1e9, 0)
		clock := func() time.Time { return now }
		keep := &disk{}
		d := drawer{n: 12, dead: map[nodes.ID]bool{}}
		g, err := NewGuards(keep, newSeeded(rapid.Byte().Draw(r, "seed")), clock)
		if err != nil {
			r.Fatal(err)
		}
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			switch rapid.IntRange(0, 4).Draw(r, "step") {
			case 0:
				now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(r, "hours")) * time.Hour)
			case 1:
				id := nodes.ID{rapid.Byte().Draw(r, "node") % d.n}
				d.dead[id] = !d.dead[id]
			case 2:
				if id, err := g.choose(d.usable, all, d.draw); err == nil {
					g.failed(id)
				}
			case 3:
				if id, err := g.choose(d.usable, all, d.draw); err == nil {
					if err := g.worked(id); err != nil {
						r.Fatal(err)
					}
					if again, err := g.choose(d.usable, all, d.draw); err != nil || again != id {
						r.Fatalf("guard %v, %v, want %v, which just worked", again, err, id)
					}
				}
			case 4:
				_, _ = g.choose(d.usable, all, d.draw)
				before := g.List()
				if g, err = NewGuards(keep, newSeeded(2), clock); err != nil {
					r.Fatal(err)
				}
				if keep.data != nil && !slices.Equal(g.List(), before) {
					r.Fatalf("guards %v came back as %v", before, g.List())
				}
			}
			list := g.List()
			slices.SortFunc(list, nodes.ID.Compare)
			if len(list) > maxGuards || len(slices.Compact(list)) != len(g.List()) {
				r.Fatalf("guards %v", g.List())
			}
		}
	})
}

func FuzzGuards(f *testing.F) {
	k := &disk{}
	g, err := NewGuards(k, rand.Reader, nil)
	if err != nil {
		f.Fatal(err)
	}
	d := drawer{n: 3}
	if _, err := g.choose(d.usable, all, d.draw); err != nil {
		f.Fatal(err)
	}
	f.Add(k.data)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := NewGuards(&disk{data: b}, rand.Reader, nil)
		if err == nil && len(g.List()) > maxGuards {
			t.Fatalf("%d guards", len(g.List()))
		}
	})
}
