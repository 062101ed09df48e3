package gossip

import (
	"bytes"
	"context"
	"crypto/sha3"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/pars-network/pars/internal/simnet"
	"github.com/pars-network/pars/session/wire"
)

// note is what the spaces of these tests hold: a vertex without cryptography,
// whose validity one byte says.
type note struct {
	_       struct{} `cbor:",toarray"`
	Author  [32]byte
	Number  uint
	Parents []ID
	Body    []byte
	Valid   bool
}

func (n note) encode() []byte {
	data, err := wire.Marshal(n)
	if err != nil {
		panic(err)
	}
	return data
}

func (n note) id() ID { // like a vertex's, it doesn't cover what makes it valid
	n.Valid = false
	return sha3.Sum256(n.encode())
}

// board is a Space in memory that accepts a note when it has its parents.
type board struct {
	mu      sync.Mutex
	notes   map[ID][]byte
	when    map[ID]time.Time
	waiting map[ID]note
	checks  int // how often Add had to verify
	fail    error
}

func newBoard() *board {
	return &board{notes: map[ID][]byte{}, when: map[ID]time.Time{}, waiting: map[ID]note{}}
}

func (b *board) Identify(vertex []byte) (ID, [32]byte, error) {
	var n note
	if err := wire.Unmarshal(vertex, MaxVertex, &n); err != nil {
		return ID{}, [32]byte{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return n.id(), n.Author, nil
}

func (b *board) Has(id ID) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.notes[id]
	return ok, nil
}

func (b *board) Get(id ID) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v, ok := b.notes[id]; ok {
		return v, nil
	}
	return nil, errors.New("not found")
}

func (b *board) Add(vertex []byte) (Added, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return Added{}, b.fail
	}
	var n note
	if err := wire.Unmarshal(vertex, MaxVertex, &n); err != nil {
		return Added{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if _, ok := b.notes[n.id()]; ok {
		return Added{}, nil
	}
	b.checks++
	if !n.Valid {
		return Added{}, fmt.Errorf("%w: it says so", ErrInvalid)
	}
	if missing := b.missing(n); len(missing) > 0 {
		b.waiting[n.id()] = n
		return Added{Missing: missing}, nil
	}
	added := Added{Stored: []ID{n.id()}}
	b.notes[n.id()], b.when[n.id()] = bytes.Clone(vertex), time.Now()
	for again := true; again; {
		again = false
		for id, w := range b.waiting {
			if len(b.missing(w)) == 0 {
				delete(b.waiting, id)
				b.notes[id], b.when[id] = w.encode(), time.Now()
				added.Stored = append(added.Stored, id)
				again = true
			}
		}
	}
	return added, nil
}

func (b *board) missing(n note) []ID {
	var out []ID
	for _, p := range n.Parents {
		if _, ok := b.notes[p]; !ok {
			out = append(out, p)
		}
	}
	return out
}

func (b *board) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.notes)
}

// all returns the ids of all notes.
func (b *board) all() map[ID]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[ID]bool{}
	for id := range b.notes {
		out[id] = true
	}
	return out
}

var space1 = SpaceID{1}

// neighbour is a service on a node of simnet.
type neighbour struct {
	node  *simnet.Node
	s     *Service
	board *board
}

func peerName(id simnet.ID) string { return fmt.Sprintf("peer %03d", id) }

// newPeer boots a service on a new node; it knows nobody.
func newPeer(n *simnet.Net, cfg Config) *neighbour {
	p := &neighbour{node: n.Add(), board: newBoard()}
	p.node.Boot(func(node *simnet.Node) {
		p.s = New(peerName(node.ID()), func(ctx context.Context, to string) (io.ReadWriteCloser, error) {
			i, err := strconv.Atoi(to[len("peer "):])
			if err != nil {
				return nil, err
			}
			return node.Dial(ctx, simnet.ID(i), Protocol)
		}, cfg)
		s := p.s
		node.Serve(Protocol, func(c *simnet.Conn) { _ = s.Serve(peerName(c.Remote()), c) })
		go func() { // streams end with the node's life; so does the service
			<-node.Context().Done()
			s.Close()
		}()
		if err := s.Join(space1, p.board); err != nil {
			panic(err)
		}
	})
	return p
}

// connect links peers.
func connect(a, b *neighbour) {
	a.s.Up(peerName(b.node.ID()))
	b.s.Up(peerName(a.node.ID()))
}

// overlay links count peers: each to degree/2 others at random, so that the mean
// is degree, and nobody is alone.
func overlay(n *simnet.Net, count, degree int, cfg Config) []*neighbour {
	var peers []*neighbour
	for range count {
		peers = append(peers, newPeer(n, cfg))
	}
	r := n.Rand("overlay")
	for i, p := range peers {
		for range degree / 2 {
			j := r.IntN(count - 1)
			if j >= i {
				j++
			}
			connect(p, peers[j])
		}
	}
	return peers
}
