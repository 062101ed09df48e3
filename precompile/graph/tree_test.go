package graph

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/libevm"
	"pgregory.net/rapid"

	"github.com/pars-network/pars/precompile/contract"
)

// environment is the little of an EVM that storage needs.
type environment struct {
	vm.PrecompileEnvironment
	db *state.StateDB
}

func (e *environment) Addresses() *libevm.AddressContext {
	self := libevm.CallerAndSelf{Self: Address}
	return &libevm.AddressContext{Raw: &self, EVMSemantic: self}
}
func (e *environment) ReadOnlyState() libevm.StateReader { return e.db }
func (e *environment) StateDB() vm.StateDB               { return e.db }
func (e *environment) ReadOnly() bool                    { return false }
func (e *environment) Gas() uint64                       { return math.MaxUint64 }
func (e *environment) UseGas(uint64) bool                { return true }

func newTestMachine(t interface{ Fatal(...any) }) *machine {
	db, err := state.New(types.EmptyRootHash, state.NewDatabase(rawdb.NewMemoryDatabase()), nil)
	if err != nil {
		t.Fatal(err)
	}
	env := &environment{db: db}
	return &machine{state: contract.NewState(env), env: env}
}

// check walks the whole tree and compares each node with what it must be.
func (t *tree) check(tb interface{ Fatalf(string, ...any) }, at uint64) (rows []position, height uint8) {
	if at == 0 {
		return nil, 0
	}
	n, err := t.load(at)
	if err != nil {
		tb.Fatalf("node %d: %v", at, err)
	}
	p, err := t.at(at)
	if err != nil {
		tb.Fatalf("key of %d: %v", at, err)
	}
	left, lh := t.check(tb, n.left)
	right, rh := t.check(tb, n.right)
	if lh != n.lh || rh != n.rh || lh > rh+1 || rh > lh+1 {
		tb.Fatalf("node %d says heights %d and %d, its subtrees have %d and %d, want equal and at most one apart", at, n.lh, n.rh, lh, rh)
	}
	return append(append(left, p), right...), max(lh, rh) + 1
}

// A sorted slice is the model.
func TestTreeIsASortedListThatStaysBalanced(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newTestMachine(rt)
		keys := map[uint64]common.Hash{}
		index := &tree{m: m, root: common.Hash{1}, base: common.Hash{2}, key: func(seq uint64) (common.Hash, error) { return keys[seq], nil }}
		var model []position
		var last uint64
		for range rapid.IntRange(1, 150).Draw(rt, "steps") {
			if len(model) > 0 && rapid.IntRange(0, 2).Draw(rt, "remove") == 0 {
				at := rapid.IntRange(0, len(model)-1).Draw(rt, "which")
				if err := index.remove(model[at].seq); err != nil {
					rt.Fatal(err)
				}
				model = slices.Delete(model, at, at+1)
				continue
			}
			last++
			p := position{common.Hash{31: byte(rapid.IntRange(0, 20).Draw(rt, "key"))}, last}
			keys[last] = p.key
			if err := index.insert(last); err != nil {
				rt.Fatal(err)
			}
			at, _ := slices.BinarySearchFunc(model, p, position.compare)
			model = slices.Insert(model, at, p)
		}
		top, err := index.top()
		if err != nil {
			rt.Fatal(err)
		}
		if got, _ := index.check(rt, top); !slices.Equal(got, model) {
			rt.Fatalf("the tree has %v, want %v", got, model)
		}
		edge := func(name string) position {
			if len(model) > 0 && rapid.Bool().Draw(rt, name+" is a row") {
				return rapid.SampledFrom(model).Draw(rt, name)
			}
			return position{common.Hash{31: byte(rapid.IntRange(0, 21).Draw(rt, name))}, rapid.SampledFrom([]uint64{0, 1, last / 2, math.MaxUint64}).Draw(rt, name)}
		}
		s, desc := span{edge("low"), edge("high")}, rapid.Bool().Draw(rt, "down")
		var want []position
		for _, p := range model {
			if p.compare(s.low) > 0 && p.compare(s.high) < 0 {
				want = append(want, p)
			}
		}
		if desc {
			slices.Reverse(want)
		}
		w, err := index.walk(s, desc)
		if err != nil {
			rt.Fatal(err)
		}
		var got []position
		for {
			p, ok, err := w.next()
			if err != nil {
				rt.Fatal(err)
			}
			if !ok {
				break
			}
			got = append(got, p)
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("walking %v, down %t, gives %v, want %v", s, desc, got, want)
		}
	})
}

// Rows in rising order are the worst case of a tree without balance.
func TestTreeOfRisingKeysIsShallow(t *testing.T) {
	m := newTestMachine(t)
	index := &tree{m: m, root: common.Hash{1}, base: common.Hash{2}}
	for seq := uint64(1); seq <= 1000; seq++ {
		if err := index.insert(seq); err != nil {
			t.Fatal(err)
		}
	}
	top, err := index.top()
	if err != nil {
		t.Fatal(err)
	}
	rows, height := index.check(t, top)
	// An AVL tree of n rows is at most 1.4405 log2(n + 2) - 0.3277 high.
	if len(rows) != 1000 || height > 14 {
		t.Errorf("1,000 rising rows make a tree of %d rows and height %d, want 1000 and at most 14", len(rows), height)
	}
	for _, p := range rows {
		if err := index.remove(p.seq); err != nil {
			t.Fatal(err)
		}
	}
	if top, err := index.top(); err != nil || top != 0 {
		t.Errorf("an emptied tree has the root %d, %v, want none", top, err)
	}
	var left []common.Hash
	for seq := uint64(1); seq <= 1000; seq++ {
		if w := m.env.ReadOnlyState().GetState(Address, index.slot(seq)); w != (common.Hash{}) {
			left = append(left, w)
		}
	}
	if len(left) > 0 {
		t.Errorf("an emptied tree leaves %d slots behind, want none", len(left))
	}
}

func TestCursorsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := position{common.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")), rapid.Uint64().Draw(t, "number")}
		if got, ok := parseCursor(p.cursor()); !ok || got != p {
			t.Fatalf("parseCursor(%s) = %v, %t, want %v", p.cursor(), got, ok, p)
		}
	})
	for _, bad := range []string{"", "00", position{}.cursor() + "00", "zz" + position{}.cursor()[2:]} {
		if _, ok := parseCursor(bad); ok {
			t.Errorf("parseCursor(%q) accepts it", bad)
		}
	}
}

// The order of sort keys is the order of numbers.
func TestSortKeysOrderNumbers(t *testing.T) {
	number := func(n int64) common.Hash {
		var w common.Hash
		if n < 0 {
			for i := range w {
				w[i] = 0xff
			}
		}
		binary.BigEndian.PutUint64(w[24:], uint64(n))
		return w
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		got := sortKey(kindBigInt, number(a)).Cmp(sortKey(kindBigInt, number(b)))
		if (got < 0) != (a < b) || (got == 0) != (a == b) {
			t.Fatalf("keys of %d and %d compare as %d", a, b, got)
		}
	})
}
