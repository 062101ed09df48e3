package onion

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	"pgregory.net/rapid"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/transport"
)

// town is a directory of nodes that exist on paper.
func town(t testing.TB, now time.Time, n int, addr func(i int) string, edit func(i int, c *nodes.Claims)) (*nodes.Directory, []*nodes.Record) {
	t.Helper()
	d, err := nodes.NewDirectory(nodes.Config{Network: params.Dev.ID, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	var records []*nodes.Record
	for i := range n {
		key, err := transport.Fresh(newSeeded(byte(i)))
		if err != nil {
			t.Fatal(err)
		}
		onion, err := kem.Generate(newSeeded(byte(i)))
		if err != nil {
			t.Fatal(err)
		}
		c := nodes.Claims{
			Network: params.Dev.ID, Onion: nodes.OnionKey{Key: onion.Public(), Expires: now.Add(time.Hour)},
			Addrs: []ma.Multiaddr{ma.StringCast(addr(i))}, Services: nodes.Store | nodes.Relay, Seq: 1, Expires: now.Add(nodes.Lifetime),
		}
		if edit != nil {
			edit(i, &c)
		}
		r, err := nodes.Sign(key, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Add(r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return d, records
}

var noon = time.Date(2027, 3, 21, 12, 0, 0, 0, time.UTC)

func newChooser(t testing.TB, d Directory, seed byte) *chooser {
	t.Helper()
	now := func() time.Time { return noon }
	g, err := NewGuards(nil, newSeeded(seed), now)
	if err != nil {
		t.Fatal(err)
	}
	return &chooser{directory: d, guards: g, rand: newSeeded(seed + 1), now: now}
}

func local(i int) string { return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", 9000+i) }

// Two nodes a /16, ten of them.
func pairs(i int) string { return fmt.Sprintf("/ip4/5.%d.%d.1/tcp/9000", i/2, i) }

func TestPathsAreThreeOfDifferentOperators(t *testing.T) {
	d, records := town(t, noon, 20, pairs, nil)
	rapid.Check(t, func(r *rapid.T) {
		c := newChooser(t, d, rapid.Byte().Draw(r, "seed"))
		to := records[rapid.IntRange(0, 19).Draw(r, "to")]
		avoid := records[rapid.IntRange(0, 19).Draw(r, "avoid")]
		path, err := c.path(nodes.Avoid(t.Context(), avoid.ID()), to.ID(), nil)
		if err != nil {
			r.Fatal(err)
		}
		seen := map[string]bool{}
		for _, n := range path {
			for _, g := range groups(n) {
				if seen[g] {
					r.Fatalf("two nodes of %s on one path", g)
				}
				seen[g] = true
			}
		}
		if path[2] != to || len(seen) != 3 || path[1].ID() == avoid.ID() {
			r.Fatalf("path %v", path)
		}
	})
}

// Where there are few nodes conditions give way, but never that three differ.
func TestPathsAmongFew(t *testing.T) {
	d, records := town(t, noon, 3, func(i int) string { return fmt.Sprintf("/ip4/5.5.0.%d/tcp/9000", i+1) }, nil)
	c := newChooser(t, d, 1)
	for _, to := range records {
		others := []nodes.ID{}
		for _, r := range records {
			if r != to {
				others = append(others, r.ID())
			}
		}
		c.health.failed(others[0], noon)
		path, err := c.path(nodes.Avoid(t.Context(), others...), to.ID(), others)
		if err != nil || path[0] == path[1] || path[1] == path[2] || path[0] == path[2] {
			t.Errorf("path %v, %v", path, err)
		}
	}
	d, records = town(t, noon, 2, local, nil)
	if _, err := newChooser(t, d, 1).path(t.Context(), records[0].ID(), nil); !errors.Is(err, ErrPath) {
		t.Errorf("with two nodes: %v, want ErrPath", err)
	}
	if _, err := newChooser(t, d, 1).path(t.Context(), nodes.ID{1}, nil); !errors.Is(err, ErrDestination) {
		t.Errorf("to a stranger: %v, want ErrDestination", err)
	}
}

func TestOnlyRelaysWithKeysAreUsed(t *testing.T) {
	d, records := town(t, noon, 8, local, func(i int, c *nodes.Claims) {
		switch i {
		case 0, 1:
			c.Services = nodes.Store
		case 2, 3:
			c.Onion.Expires = noon
		}
	})
	c := newChooser(t, d, 3)
	for range 200 {
		path, err := c.path(t.Context(), records[7].ID(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range path {
			if slices.Contains(records[:4], r) {
				t.Fatal("a node that does not relay, or whose key has expired, is on a path")
			}
		}
	}
	for _, i := range []int{0, 2} {
		if _, err := c.path(t.Context(), records[i].ID(), nil); !errors.Is(err, ErrDestination) {
			t.Errorf("to node %d: %v, want ErrDestination", i, err)
		}
	}
}

func TestWeights(t *testing.T) {
	d, records := town(t, noon, 6, local, nil)
	c := newChooser(t, d, 5)
	c.weight = func(r *nodes.Record) uint64 {
		switch r {
		case records[1]:
			return 0
		case records[2]:
			return 1 << 40 // as 2^32
		default:
			return 1 << 30
		}
	}
	c.guards.list = []*guard{{id: records[5].ID(), until: noon.Add(time.Hour)}}
	count := map[*nodes.Record]int{}
	const n = 6000
	for range n {
		path, err := c.path(t.Context(), records[0].ID(), nil)
		if err != nil {
			t.Fatal(err)
		}
		count[path[1]]++
	}
	if got := float64(count[records[2]]) / n; count[records[1]] != 0 || got < 0.63 || got > 0.70 {
		t.Errorf("weights 0, 4, 1, 1 were drawn %d, %d, %d, %d times", count[records[1]], count[records[2]], count[records[3]], count[records[4]])
	}
}

func TestGroups(t *testing.T) {
	for addr, want := range map[string]string{
		"/ip4/5.6.7.8/tcp/1": "[5.6.0.0/16]", "/ip4/127.0.0.1/tcp/1": "[]", "/ip4/10.1.2.3/tcp/1": "[]", "/ip4/169.254.1.1/tcp/1": "[]",
		"/ip6/2001:db8:1::1/tcp/1": "[2001:db8::/32]", "/ip6/::1/tcp/1": "[]", "/ip6/fd00::1/tcp/1": "[]",
		"/ip6/::ffff:5.6.7.8/tcp/1": "[5.6.0.0/16]", "/dns4/node.example/tcp/1": "[node.example]",
	} {
		_, r := town(t, noon, 1, func(int) string { return addr }, nil)
		if got := fmt.Sprint(groups(r[0])); got != want {
			t.Errorf("groups of %s = %s, want %s", addr, got, want)
		}
	}
}

func TestBelowIsUniform(t *testing.T) {
	counts := [3]int{}
	random := newSeeded(9)
	for range 30000 {
		v, err := below(random, 3)
		if err != nil {
			t.Fatal(err)
		}
		counts[v]++
	}
	for _, n := range counts {
		if n < 9600 || n > 10400 {
			t.Errorf("counts %v, want about 10000 each", counts)
		}
	}
}
