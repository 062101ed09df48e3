package dag

import (
	"crypto/sha3"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/crypto/sign"
)

var signed = Rules{Auth: Signed, Seed: [32]byte{1}}

var vouched = Rules{Auth: Vouched, Seed: [32]byte{2}}

var writers struct {
	sync.Mutex
	of map[int]Writer
}

// writer returns the n-th writer of signed spaces; keys come from a public text.
func writer(tb testing.TB, n int) Writer {
	tb.Helper()
	writers.Lock()
	defer writers.Unlock()
	if w, ok := writers.of[n]; ok {
		return w
	}
	seed := sha3.SumSHAKE256(fmt.Appendf(nil, "writer %d of the tests of session/dag", n), sign.SeedSize)
	key, err := sign.NewPrivateKey(seed)
	if err != nil {
		tb.Fatal(err)
	}
	if writers.of == nil {
		writers.of = map[int]Writer{}
	}
	writers.of[n] = NewWriter(key)
	return writers.of[n]
}

// made is a vertex with its encoding.
type made struct {
	*Vertex
	id   ID
	data []byte
}

// make1 makes a vertex on others.
func make1(tb testing.TB, r Rules, w Writer, kind Kind, payload string, parents ...made) made {
	tb.Helper()
	v, err := build(r, w, kind, payload, parents...)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func build(r Rules, w Writer, kind Kind, payload string, parents ...made) (made, error) {
	v := &Vertex{Space: r.Space(), Seq: 1, Lamport: 1, Kind: kind, Payload: []byte(payload)}
	for _, p := range parents {
		v.Parents = append(v.Parents, p.id)
		v.Lamport = max(v.Lamport, p.Lamport+1)
		if p.Author == w.Author() {
			v.Seq = max(v.Seq, p.Seq+1)
		}
	}
	slices.SortFunc(v.Parents, ID.Compare)
	return seal(w, v)
}

func finish(tb testing.TB, w Writer, v *Vertex) made {
	tb.Helper()
	x, err := seal(w, v)
	if err != nil {
		tb.Fatal(err)
	}
	return x
}

func seal(w Writer, v *Vertex) (made, error) {
	if err := w.Seal(v); err != nil {
		return made{}, err
	}
	data, err := v.Encode()
	return made{v, v.ID(), data}, err
}

func open(tb testing.TB, cfg Config, rules ...Rules) *Store {
	tb.Helper()
	if cfg.FS == nil {
		cfg.FS = vfs.NewMem()
	}
	if cfg.Dir == "" {
		cfg.Dir = "dag"
	}
	s, err := Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	for _, r := range rules {
		if _, err := s.Join(r); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// add gives vertices to a store in one batch.
func add(tb testing.TB, s *Store, from string, vs ...made) []Outcome {
	tb.Helper()
	batch := make([][]byte, len(vs))
	for i, v := range vs {
		batch[i] = v.data
	}
	out, err := s.Add(tb.Context(), batch, Source{Peer: from})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func statuses(out []Outcome) []Status {
	var s []Status
	for _, o := range out {
		s = append(s, o.Status)
	}
	return s
}

// since collects what a store yields.
func since(tb testing.TB, s *Store, space Space, frontier ...ID) []ID {
	tb.Helper()
	var ids []ID
	for e, err := range s.Since(space, frontier) {
		if err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

// clock stands still.
func clock() time.Time { return time.Unix(1_800_000_000, 0) }
