package swarm

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/wire"
)

const (
	// MaxCursor is the longest cursor in bytes.
	MaxCursor = 512 << 10
	// maxPlaces is how many nodes' positions a cursor has, maxSeen how many items
	// it remembers.
	maxPlaces = 64
	maxSeen   = 8192

	cursorVersion = 1
)

// Cursor is how far a reader is with one mailbox: a position at each node, and
// which items it has had. The zero value is at the start. Keep it with what
// [Client.Poll] returned, in one step, and nothing comes twice: what a cursor has
// seen is never returned again, and is deleted wherever it turns up. It is not
// safe for concurrent use.
type Cursor struct {
	places map[nodes.ID]place1
	seen   map[seenID]uint32
}

// place1 is a position at one node.
type place1 struct {
	run   [16]byte
	after uint64
}

// seenID is enough of an item's ID that nobody makes another with the same.
type seenID [20]byte

func seenOf(id ID) seenID { return seenID(id[:20]) }

type cursorWire struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Places  []placeWire
	Seen    []seenWire
}

type placeWire struct {
	_     struct{} `cbor:",toarray"`
	Node  [32]byte
	Run   [16]byte
	After uint64
}

type seenWire struct {
	_    struct{} `cbor:",toarray"`
	ID   seenID
	Hour uint64
}

// ParseCursor reads what [Cursor.Bytes] gave.
func ParseCursor(raw []byte) (Cursor, error) {
	c := Cursor{places: map[nodes.ID]place1{}, seen: map[seenID]uint32{}}
	if len(raw) == 0 {
		return c, nil
	}
	var w cursorWire
	if err := wire.Unmarshal(raw, MaxCursor, &w); err != nil {
		return Cursor{}, fmt.Errorf("swarm: a cursor: %w", err)
	}
	if w.Version != cursorVersion || len(w.Places) > maxPlaces || len(w.Seen) > maxSeen {
		return Cursor{}, fmt.Errorf("%w: a cursor of version %d with %d places and %d items", ErrMessage, w.Version, len(w.Places), len(w.Seen))
	}
	for _, p := range w.Places {
		c.places[p.Node] = place1{run: p.Run, after: p.After}
	}
	for _, s := range w.Seen {
		if s.Hour > 1<<32-1 {
			return Cursor{}, fmt.Errorf("%w: a cursor with hour %d", ErrMessage, s.Hour)
		}
		c.seen[s.ID] = uint32(s.Hour)
	}
	return c, nil
}

// Bytes returns the encoding that [ParseCursor] reads, at most [MaxCursor] bytes.
func (c Cursor) Bytes() ([]byte, error) {
	w := cursorWire{Version: cursorVersion}
	for id, p := range c.places {
		w.Places = append(w.Places, placeWire{Node: id, Run: p.run, After: p.after})
	}
	slices.SortFunc(w.Places, func(a, b placeWire) int { return nodes.ID(a.Node).Compare(b.Node) })
	for id, hour := range c.seen {
		w.Seen = append(w.Seen, seenWire{ID: id, Hour: uint64(hour)})
	}
	slices.SortFunc(w.Seen, func(a, b seenWire) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return wire.Marshal(w)
}

// clone returns a copy that changes by itself, without what nobody can bring any
// more at now.
func (c Cursor) clone(now time.Time) Cursor {
	out := Cursor{places: maps.Clone(c.places), seen: map[seenID]uint32{}}
	if out.places == nil {
		out.places = map[nodes.ID]place1{}
	}
	for id, hour := range c.seen {
		if now.Before(forget(hour)) {
			out.seen[id] = hour
		}
	}
	return out
}

// forget is from when on an item is taken from nobody, so that it need not be
// remembered.
func forget(hour uint32) time.Time { return expires(hour).Add(identity.MaxSkew) }

// add remembers an item. At the limit those that expire first are forgotten: by
// then a mailbox has had four times what it holds.
func (c *Cursor) add(id ID, hour uint32) {
	if len(c.seen) >= maxSeen {
		first := seenID{}
		least := uint32(1<<32 - 1)
		for s, h := range c.seen {
			if h < least || h == least && slices.Compare(s[:], first[:]) < 0 {
				first, least = s, h
			}
		}
		delete(c.seen, first)
	}
	c.seen[seenOf(id)] = hour
}

// has reports whether the cursor has seen an item.
func (c *Cursor) has(id ID) bool { _, ok := c.seen[seenOf(id)]; return ok }

// move notes a position at a node. Nodes that hold the mailbox no more make room.
func (c *Cursor) move(id nodes.ID, p place1, holders []*nodes.Record) {
	if _, ok := c.places[id]; !ok && len(c.places) >= maxPlaces {
		for o := range c.places {
			if !slices.ContainsFunc(holders, func(r *nodes.Record) bool { return r.ID() == o }) {
				delete(c.places, o)
			}
		}
	}
	c.places[id] = p
}
