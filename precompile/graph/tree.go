package graph

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
)

// errCorrupt reports storage that this package can't have written.
var errCorrupt = errors.New("graph: an index that contradicts itself")

// tree is an AVL tree (Adelson-Velsky and Landis, 1962) of rows in storage, in
// order of [position]. Its nodes carry the heights of both children, so that an
// insertion reads nothing beside its path. A leaf is a zero slot and costs
// nothing.
type tree struct {
	m    *machine
	root common.Hash // the slot
	base common.Hash // nodes are at keccak(nodeTag, base, number)
	// key is the sort key of a row; nil where rows are ordered by number alone.
	key func(seq uint64) (common.Hash, error)
}

// node is what a tree keeps for a row: the rows that are the roots of the
// subtrees, 0 for none, and the subtrees' heights.
type node struct {
	left, right uint64
	lh, rh      uint8
}

func (n node) height() uint8 { return max(n.lh, n.rh) + 1 }

func (t *tree) slot(seq uint64) common.Hash {
	return crypto.Keccak256Hash([]byte(nodeTag), t.base[:], binary.BigEndian.AppendUint64(nil, seq))
}

func (t *tree) load(seq uint64) (node, error) {
	if err := t.m.state.Charge(stepGas); err != nil {
		return node{}, err
	}
	w, err := t.m.state.Load(t.slot(seq))
	return node{binary.BigEndian.Uint64(w[:]), binary.BigEndian.Uint64(w[8:]), w[16], w[17]}, err
}

func (t *tree) store(seq uint64, n node) error {
	var w common.Hash
	binary.BigEndian.PutUint64(w[:], n.left)
	binary.BigEndian.PutUint64(w[8:], n.right)
	w[16], w[17] = n.lh, n.rh
	return t.m.state.Store(t.slot(seq), w)
}

func (t *tree) at(seq uint64) (position, error) {
	if t.key == nil {
		return position{seq: seq}, nil
	}
	key, err := t.key(seq)
	return position{key, seq}, err
}

func (t *tree) top() (uint64, error) {
	w, err := t.m.state.Load(t.root)
	return binary.BigEndian.Uint64(w[24:]), err
}

// insert adds a row whose field has its value in storage already.
func (t *tree) insert(seq uint64) error {
	p, err := t.at(seq)
	if err != nil {
		return err
	}
	return t.change(func(top uint64) (uint64, uint8, error) { return t.add(top, p) })
}

// remove takes a row out whose field still has its value in storage.
func (t *tree) remove(seq uint64) error {
	p, err := t.at(seq)
	if err != nil {
		return err
	}
	return t.change(func(top uint64) (uint64, uint8, error) { return t.cut(top, p) })
}

func (t *tree) change(f func(uint64) (uint64, uint8, error)) error {
	old, err := t.top()
	if err != nil {
		return err
	}
	top, _, err := f(old)
	if err != nil || top == old {
		return err
	}
	return t.m.state.Store(t.root, number(top))
}

// add inserts p below at and returns the new root of that subtree and its height.
func (t *tree) add(at uint64, p position) (uint64, uint8, error) {
	if at == 0 {
		return p.seq, 1, nil
	}
	n, err := t.load(at)
	if err != nil {
		return 0, 0, err
	}
	here, err := t.at(at)
	if err != nil {
		return 0, 0, err
	}
	was := n
	switch c := p.compare(here); {
	case c < 0:
		n.left, n.lh, err = t.add(n.left, p)
	case c > 0:
		n.right, n.rh, err = t.add(n.right, p)
	default:
		err = errCorrupt
	}
	if err != nil {
		return 0, 0, err
	}
	return t.balance(at, was, n)
}

// cut removes p below at.
func (t *tree) cut(at uint64, p position) (uint64, uint8, error) {
	if at == 0 {
		return 0, 0, errCorrupt
	}
	n, err := t.load(at)
	if err != nil {
		return 0, 0, err
	}
	here, err := t.at(at)
	if err != nil {
		return 0, 0, err
	}
	was := n
	switch c := p.compare(here); {
	case c < 0:
		n.left, n.lh, err = t.cut(n.left, p)
	case c > 0:
		n.right, n.rh, err = t.cut(n.right, p)
	default:
		return t.replace(at, n)
	}
	if err != nil {
		return 0, 0, err
	}
	return t.balance(at, was, n)
}

// replace takes the node at away from above its subtrees.
func (t *tree) replace(at uint64, n node) (uint64, uint8, error) {
	if n != (node{}) {
		if err := t.store(at, node{}); err != nil {
			return 0, 0, err
		}
	}
	switch {
	case n.left == 0:
		return n.right, n.rh, nil
	case n.right == 0:
		return n.left, n.lh, nil
	}
	var first uint64
	var err error
	if first, n.right, n.rh, err = t.shift(n.right); err != nil {
		return 0, 0, err
	}
	was, err := t.load(first)
	if err != nil {
		return 0, 0, err
	}
	return t.balance(first, was, n)
}

// shift takes the first row out of a subtree. The caller writes its slot.
func (t *tree) shift(at uint64) (first, rest uint64, height uint8, err error) {
	n, err := t.load(at)
	if err != nil {
		return 0, 0, 0, err
	}
	if n.left == 0 {
		return at, n.right, n.rh, nil
	}
	was := n
	if first, n.left, n.lh, err = t.shift(n.left); err != nil {
		return 0, 0, 0, err
	}
	rest, height, err = t.balance(at, was, n)
	return first, rest, height, err
}

// balance writes the node at, whose subtrees' heights differ by two at most, and
// rotates if they do. was is what its slot holds.
func (t *tree) balance(at uint64, was, n node) (uint64, uint8, error) {
	switch {
	case n.lh > n.rh+1:
		l, err := t.load(n.left)
		if err != nil {
			return 0, 0, err
		}
		top := n.left
		if l.rh > l.lh {
			mid, err := t.load(l.right)
			if err != nil {
				return 0, 0, err
			}
			low := top
			top = l.right
			l.right, l.rh = mid.left, mid.lh
			if err := t.store(low, l); err != nil {
				return 0, 0, err
			}
			mid.left, mid.lh = low, l.height()
			l = mid
		}
		n.left, n.lh = l.right, l.rh
		l.right, l.rh = at, n.height()
		return top, l.height(), errors.Join(t.store(at, n), t.store(top, l))
	case n.rh > n.lh+1:
		r, err := t.load(n.right)
		if err != nil {
			return 0, 0, err
		}
		top := n.right
		if r.lh > r.rh {
			mid, err := t.load(r.left)
			if err != nil {
				return 0, 0, err
			}
			low := top
			top = r.left
			r.left, r.lh = mid.right, mid.rh
			if err := t.store(low, r); err != nil {
				return 0, 0, err
			}
			mid.right, mid.rh = low, r.height()
			r = mid
		}
		n.right, n.rh = r.left, r.lh
		r.left, r.lh = at, n.height()
		return top, r.height(), errors.Join(t.store(at, n), t.store(top, r))
	case n == was:
		return at, n.height(), nil
	}
	return at, n.height(), t.store(at, n)
}

// span is the part of an order strictly between two positions.
type span struct{ low, high position }

// whole is every row of an entity's type, whose numbers start at 1.
var whole = span{high: position{key: common.MaxHash, seq: math.MaxUint64}}

// exactly is every row with a key.
func exactly(key common.Hash) span {
	return span{position{key, 0}, position{key, math.MaxUint64}}
}

// walker goes through a span of a tree, up or down.
type walker struct {
	t     *tree
	span  span
	desc  bool
	stack []step
}

type step struct {
	node
	position
}

// walk starts before the first row of the span.
func (t *tree) walk(s span, desc bool) (*walker, error) {
	w := &walker{t: t, span: s, desc: desc}
	top, err := t.top()
	if err != nil {
		return nil, err
	}
	return w, w.descend(top)
}

// descend stacks the path from at to the first row of its subtree that is inside
// of the span's near end.
func (w *walker) descend(at uint64) error {
	for at != 0 {
		n, err := w.t.load(at)
		if err != nil {
			return err
		}
		p, err := w.t.at(at)
		if err != nil {
			return err
		}
		near, far := n.left, n.right
		inside := p.compare(w.span.low) > 0
		if w.desc {
			near, far = far, near
			inside = p.compare(w.span.high) < 0
		}
		if at = far; inside {
			w.stack = append(w.stack, step{n, p})
			at = near
		}
	}
	return nil
}

// next is the next row's position, or no row.
func (w *walker) next() (p position, ok bool, err error) {
	if len(w.stack) == 0 {
		return p, false, nil
	}
	s := w.stack[len(w.stack)-1]
	w.stack = w.stack[:len(w.stack)-1]
	far := s.right
	outside := s.compare(w.span.high) >= 0
	if w.desc {
		far = s.left
		outside = s.compare(w.span.low) <= 0
	}
	if outside {
		w.stack = nil
		return p, false, nil
	}
	return s.position, true, w.descend(far)
}
