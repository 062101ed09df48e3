package replica

import (
	"context"
	"crypto/sha3"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/sync"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var rules = dag.Rules{Auth: dag.Signed, Seed: [32]byte{7}}

// store opens a store on fs that has joined the space.
func store(tb testing.TB, fs vfs.FS, cfg dag.Config) *dag.Store {
	tb.Helper()
	cfg.FS = fs
	if cfg.Dir == "" {
		cfg.Dir = "dag"
	}
	s, err := dag.Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := s.Join(rules); err != nil {
		tb.Fatal(err)
	}
	return s
}

func closed(tb testing.TB, s *dag.Store) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Error(err)
	}
}

func writer(tb testing.TB, n int) dag.Writer {
	tb.Helper()
	key, err := sign.NewPrivateKey(sha3.SumSHAKE256(fmt.Appendf(nil, "writer %d of the tests of session/sync/replica", n), sign.SeedSize))
	if err != nil {
		tb.Fatal(err)
	}
	return dag.NewWriter(key)
}

// write appends n vertices of a writer.
func write(tb testing.TB, s *dag.Store, w dag.Writer, n int, payload string) {
	tb.Helper()
	for i := range n {
		if _, _, err := s.Append(tb.Context(), rules.Space(), w, dag.Data, fmt.Appendf(nil, "%s %d", payload, i)); err != nil {
			tb.Fatal(err)
		}
	}
}

// session runs one between two stores.
func session(tb testing.TB, a, b *dag.Store) (sync.Result, error) {
	tb.Helper()
	left, right := net.Pipe()
	done := make(chan error)
	go func() {
		_, err := Respond(context.Background(), right, b, "a", func(dag.Space) error { return nil }, sync.Config{})
		right.Close()
		done <- err
	}()
	r, err := Initiate(tb.Context(), left, a, rules.Space(), "b", sync.Config{})
	left.Close()
	return r, errors.Join(err, <-done)
}

func frontier(tb testing.TB, s *dag.Store) []dag.ID {
	tb.Helper()
	f, err := s.Frontier(rules.Space())
	if err != nil {
		tb.Fatal(err)
	}
	return slices.SortedFunc(slices.Values(f), dag.ID.Compare)
}

func TestStores(t *testing.T) {
	a, b := store(t, vfs.NewMem(), dag.Config{}), store(t, vfs.NewMem(), dag.Config{})
	defer closed(t, a)
	defer closed(t, b)
	alice, bob := writer(t, 1), writer(t, 2)
	equal := func(name string, sent, received int) {
		t.Helper()
		r, err := session(t, a, b)
		if err != nil || !r.Equal || r.Passes != 1 || r.Sent != sent || r.Received != received {
			t.Errorf("%s: %+v, %v, want %d sent and %d received", name, r, err, sent, received)
		}
		if !slices.Equal(frontier(t, a), frontier(t, b)) {
			t.Errorf("%s: the frontiers differ", name)
		}
	}
	equal("nothing", 0, 0)
	write(t, a, alice, 30, "hello")
	equal("one side ahead", 30, 0)
	equal("no news", 0, 0)
	write(t, b, bob, 5, "answer")
	equal("the other side ahead", 0, 5)
	write(t, a, alice, 7, "meanwhile")
	write(t, b, bob, 9, "elsewhere")
	equal("both", 7, 9)
	if _, err := a.Prune(t.Context(), rules.Space(), 20); err != nil {
		t.Fatal(err)
	}
	equal("one side pruned", 0, 0)
	write(t, a, alice, 3, "after")
	write(t, b, bob, 4, "after")
	equal("after pruning", 3, 4)

	c := store(t, vfs.NewMem(), dag.Config{})
	defer closed(t, c)
	if r, err := session(t, c, a); !errors.Is(err, sync.ErrIncomplete) || errors.Is(err, sync.ErrPeer) {
		t.Errorf("a new store and a pruned one: %+v, %v, want ErrIncomplete", r, err)
	}
	if r, err := session(t, c, b); err != nil || !r.Equal {
		t.Errorf("a new store and a whole one: %+v, %v", r, err)
	}
}

func TestASpaceThatIsNotShared(t *testing.T) {
	a := store(t, vfs.NewMem(), dag.Config{})
	defer closed(t, a)
	left, right := net.Pipe()
	done := make(chan error)
	go func() {
		_, err := Respond(context.Background(), right, a, "x", func(dag.Space) error { return sync.ErrUnknownSpace }, sync.Config{})
		right.Close()
		done <- err
	}()
	_, err := Initiate(t.Context(), left, a, rules.Space(), "y", sync.Config{})
	left.Close()
	if !errors.Is(err, sync.ErrUnknownSpace) || <-done == nil {
		t.Errorf("Initiate = %v, want ErrUnknownSpace", err)
	}
}

// Vertices of a space of two wait until the ratchet has vouched for them. That is
// nobody's fault.
func TestVouchedVerticesWaitForTheirVerdict(t *testing.T) {
	vouched := dag.Rules{Auth: dag.Vouched, Seed: [32]byte{8}}
	var stores [2]*dag.Store
	for i := range stores {
		stores[i] = store(t, vfs.NewMem(), dag.Config{})
		defer closed(t, stores[i])
		if _, err := stores[i].Join(vouched); err != nil {
			t.Fatal(err)
		}
	}
	author := dag.Author{1, 2, 3}
	w := dag.NewVouchedWriter(author)
	var ids []dag.ID
	for range 5 {
		_, id, err := stores[0].Append(t.Context(), vouched.Space(), w, dag.Data, []byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	run := func() error {
		left, right := net.Pipe()
		done := make(chan error)
		go func() {
			_, err := Respond(context.Background(), right, stores[1], "a", func(dag.Space) error { return nil }, sync.Config{})
			right.Close()
			done <- err
		}()
		_, err := Initiate(t.Context(), left, stores[0], vouched.Space(), "b", sync.Config{})
		left.Close()
		return errors.Join(err, <-done)
	}
	if err := run(); !errors.Is(err, sync.ErrIncomplete) || errors.Is(err, sync.ErrPeer) {
		t.Errorf("before the verdict: %v, want ErrIncomplete", err)
	}
	if err := stores[1].Vouch(t.Context(), vouched.Space(), author, ids...); err != nil {
		t.Fatal(err)
	}
	if err := run(); err != nil {
		t.Errorf("after the verdict: %v", err)
	}
}

// Random writing on three stores, synced in pairs, ends with the same frontier.
func TestRandomStores(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var stores [3]*dag.Store
		for i := range stores {
			stores[i] = store(t, vfs.NewMem(), dag.Config{})
			defer closed(t, stores[i])
		}
		for step := range rapid.IntRange(1, 6).Draw(r, "steps") {
			i := rapid.IntRange(0, 2).Draw(r, "store")
			write(t, stores[i], writer(t, i), rapid.IntRange(0, 4).Draw(r, "vertices"), fmt.Sprint(step))
			if j := rapid.IntRange(0, 2).Draw(r, "peer"); j != i {
				if res, err := session(t, stores[i], stores[j]); err != nil || !res.Equal {
					r.Fatalf("%+v, %v", res, err)
				}
			}
		}
		for _, p := range [][2]int{{0, 1}, {1, 2}, {0, 1}} {
			if res, err := session(t, stores[p[0]], stores[p[1]]); err != nil || !res.Equal {
				r.Fatalf("%+v, %v", res, err)
			}
		}
		for i := range 2 {
			if !slices.Equal(frontier(t, stores[i]), frontier(t, stores[i+1])) {
				r.Fatal("the frontiers differ")
			}
		}
	})
}
