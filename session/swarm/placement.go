package swarm

import (
	"slices"
	"sync"
	"time"

	"github.com/pars-network/pars/session/nodes"
)

// Key is where something lies: a mailbox or a slot.
type Key [32]byte

// placed is a node and where it stands.
type placed struct {
	record *nodes.Record
	at     nodes.Position
}

// Map says which nodes of a directory hold which keys, in the current and in the
// previous epoch. It is a picture of one moment, immutable and safe for
// concurrent use.
type Map struct {
	current, previous []placed
	epoch             uint64
}

// NewMap places the nodes that store. An epoch of unknown randomness has no
// nodes.
func NewMap(d *nodes.Directory, now time.Time) *Map {
	m := &Map{epoch: nodes.EpochOf(now)}
	records := d.With(nodes.Store)
	m.current = place(d, records, m.epoch)
	if m.epoch > 0 {
		m.previous = place(d, records, m.epoch-1)
	}
	return m
}

func place(d *nodes.Directory, records []*nodes.Record, epoch uint64) []placed {
	e, err := d.Epoch(epoch)
	if err != nil {
		return nil
	}
	out := make([]placed, 0, len(records))
	for _, r := range records {
		out = append(out, placed{record: r, at: e.Position(r.ID())})
	}
	return out
}

// Current returns the nodes to which the key belongs, nearest first: [Replicas]
// of them, or all if there are fewer.
func (m *Map) Current(key Key) []*nodes.Record { return nearest(m.current, key, Replicas) }

// Previous returns those of the epoch before.
func (m *Map) Previous(key Key) []*nodes.Record { return nearest(m.previous, key, Replicas) }

// Holders returns the nodes of both epochs, without doubles, the current first.
func (m *Map) Holders(key Key) []*nodes.Record {
	out := m.Current(key)
	for _, r := range m.Previous(key) {
		if !slices.ContainsFunc(out, func(o *nodes.Record) bool { return o.ID() == r.ID() }) {
			out = append(out, r)
		}
	}
	return out
}

// Holds reports whether a node is one of [Map.Holders].
func (m *Map) Holds(id nodes.ID, key Key) bool {
	return within(m.current, id, key, Replicas) || within(m.previous, id, key, Replicas)
}

// Near reports whether a node is among the nearest 2 * [Replicas]: near enough
// that a writer whose directory is a little older or newer may mean it.
func (m *Map) Near(id nodes.ID, key Key) bool {
	return within(m.current, id, key, 2*Replicas) || within(m.previous, id, key, 2*Replicas)
}

// Len returns how many nodes store.
func (m *Map) Len() int { return len(m.current) }

// closer compares distances by XOR, as 256-bit numbers.
func closer(a, b nodes.Position, key Key) int {
	for i := range key {
		if a[i] != b[i] {
			return int(a[i]^key[i]) - int(b[i]^key[i])
		}
	}
	return 0
}

func nearest(all []placed, key Key, n int) []*nodes.Record {
	// A sorted short list beats sorting thousands.
	best := make([]placed, 0, n+1)
	for _, p := range all {
		if len(best) == n && closer(p.at, best[n-1].at, key) >= 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(best, p, func(x, y placed) int { return closer(x.at, y.at, key) })
		best = slices.Insert(best, i, p)
		best = best[:min(len(best), n)]
	}
	out := make([]*nodes.Record, len(best), 2*n)
	for i, p := range best {
		out[i] = p.record
	}
	return out
}

// within reports whether a node is among the n nearest.
func within(all []placed, id nodes.ID, key Key, n int) bool {
	i := slices.IndexFunc(all, func(p placed) bool { return p.record.ID() == id })
	if i < 0 {
		return false
	}
	nearer := 0
	for _, p := range all {
		if closer(p.at, all[i].at, key) < 0 {
			if nearer++; nearer == n {
				return false
			}
		}
	}
	return true
}

// Maps keeps the map of a directory up to date. It is safe for concurrent use.
type Maps struct {
	directory *nodes.Directory
	now       func() time.Time

	mu      sync.Mutex
	digest  <-chan struct{} // of the directory, when the map was made
	current *Map
	expires time.Time
}

// NewMaps returns the maps of a directory. now nil means time.Now.
func NewMaps(d *nodes.Directory, now func() time.Time) *Maps {
	if now == nil {
		now = time.Now
	}
	return &Maps{directory: d, now: now}
}

// mapLife is how long a map is used though the directory says nothing of a change:
// records expire silently.
const mapLife = 10 * time.Second

// Now returns the map of this moment, or of some seconds ago.
func (m *Maps) Now() *Map {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current != nil && now.Before(m.expires) && m.current.epoch == nodes.EpochOf(now) {
		select {
		case <-m.digest:
		default:
			return m.current
		}
	}
	m.digest = m.directory.Changed()
	m.current, m.expires = NewMap(m.directory, now), now.Add(mapLife)
	return m.current
}

// Directory returns the directory of the maps.
func (m *Maps) Directory() *nodes.Directory { return m.directory }
