package nodes

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/wire"
)

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	c.t = c.t.Add(d)
	c.mu.Unlock()
}

type keeper map[ID][]byte

func (k keeper) Put(id ID, raw []byte) error { k[id] = raw; return nil }
func (k keeper) Delete(id ID) error          { delete(k, id); return nil }
func (k keeper) All(f func([]byte) bool) error {
	for raw := range maps.Values(k) {
		if !f(raw) {
			break
		}
	}
	return nil
}

type registry struct {
	refused    map[ID]bool
	randomness map[uint64][32]byte
}

func (r registry) Admits(id ID) bool                    { return !r.refused[id] }
func (r registry) Randomness(n uint64) ([32]byte, bool) { v, ok := r.randomness[n]; return v, ok }

func directory(t testing.TB, cfg Config) *Directory {
	t.Helper()
	cfg.Network = params.Dev.ID
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return start }
	}
	d, err := NewDirectory(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func add(t testing.TB, d *Directory, records ...*Record) {
	t.Helper()
	for _, r := range records {
		if news, err := d.Add(r); !news || err != nil {
			t.Fatalf("Add(%s) = %v, %v, want true, nil", r.ID().Short(), news, err)
		}
	}
}

func TestDirectoryKeepsTheNewest(t *testing.T) {
	d := directory(t, Config{})
	old, next := recordOf(t, 1, nil), recordOf(t, 1, func(c *Claims) { c.Seq = 2; c.Services = Relay })
	changed := d.Changed()
	add(t, d, old)
	select {
	case <-changed:
	default:
		t.Error("nobody was told of the first record")
	}
	before := d.Digest()
	add(t, d, next)
	if got, ok := d.Get(old.ID()); !ok || got.Seq() != 2 || d.Len() != 1 || d.Digest() == before {
		t.Errorf("the directory has %v, want the record with number 2", got)
	}
	changed = d.Changed()
	for _, raw := range [][]byte{old.Bytes(), next.Bytes()} {
		if _, news, err := d.AddBytes(raw); news || err != nil {
			t.Errorf("AddBytes of what is no news = %v, %v", news, err)
		}
	}
	select {
	case <-changed:
		t.Error("what is no news was told as a change")
	default:
	}
	if len(d.With(Store)) != 0 || len(d.With(Relay)) != 1 {
		t.Errorf("With(Store), With(Relay) = %d, %d nodes, want 0, 1", len(d.With(Store)), len(d.With(Relay)))
	}
}

func TestDirectoryForgetsTheExpired(t *testing.T) {
	c, k := &clock{t: start}, keeper{}
	d := directory(t, Config{Now: c.now, Keeper: k})
	add(t, d, recordOf(t, 1, nil), recordOf(t, 2, func(c *Claims) { c.Expires = start.Add(time.Hour) }))
	if d.Len() != 2 || len(k) != 2 {
		t.Fatalf("%d records, %d kept, want 2", d.Len(), len(k))
	}
	c.add(time.Hour)
	changed := d.Changed()
	if d.Len() != 1 {
		t.Errorf("%d records, want 1 after the other expired", d.Len())
	}
	if !d.Expire() || d.Expire() || len(k) != 1 {
		t.Errorf("Expire left %d kept records, want 1", len(k))
	}
	select {
	case <-changed:
	default:
		t.Error("nobody was told that a record expired")
	}
	// A restart brings back what was kept, and nothing that expired meanwhile.
	if again := directory(t, Config{Now: c.now, Keeper: k}); again.Digest() != d.Digest() {
		t.Error("after a restart the directory is another")
	}
	c.add(Lifetime)
	if again := directory(t, Config{Now: c.now, Keeper: k}); again.Len() != 0 || len(k) != 0 {
		t.Errorf("after a day's sleep %d records, %d kept, want none", again.Len(), len(k))
	}
}

func TestDirectoryIsBounded(t *testing.T) {
	c := &clock{t: start}
	d := directory(t, Config{Now: c.now, Max: 2})
	add(t, d, recordOf(t, 1, func(c *Claims) { c.Expires = start.Add(time.Hour) }), recordOf(t, 2, nil))
	third := recordOf(t, 3, nil)
	if _, err := d.Add(third); !errors.Is(err, ErrFull) {
		t.Errorf("Add beyond the limit = %v, want ErrFull", err)
	}
	add(t, d, recordOf(t, 2, func(c *Claims) { c.Seq = 2 })) // known nodes go on
	c.add(time.Hour)
	add(t, d, third) // the first expired
}

func TestRegistryDecides(t *testing.T) {
	a, b := recordOf(t, 1, nil), recordOf(t, 2, nil)
	reg := registry{refused: map[ID]bool{b.ID(): true}}
	d := directory(t, Config{Registry: reg})
	add(t, d, a)
	if _, err := d.Add(b); !errors.Is(err, ErrNotAdmitted) {
		t.Errorf("Add of a refused node = %v, want ErrNotAdmitted", err)
	}
	reg.refused[a.ID()] = true
	if _, ok := d.Get(a.ID()); ok {
		t.Error("a node that is admitted no more is still there")
	}
}

func TestEpochRandomness(t *testing.T) {
	n := EpochOf(start)
	mine := Epoch{Number: n, Randomness: [32]byte{1}}
	d := directory(t, Config{Registry: registry{randomness: map[uint64][32]byte{n: mine.Randomness}}})
	if e, err := d.Epoch(n); err != nil || e != mine {
		t.Errorf("Epoch = %v, %v, want the registry's", e, err)
	}
	// Without a registry's word the records decide, if more than half agree.
	d = directory(t, Config{Registry: registry{}})
	if _, err := d.Epoch(n); !errors.Is(err, ErrRandomness) {
		t.Errorf("Epoch of an empty directory = %v, want ErrRandomness", err)
	}
	vote := func(r byte) func(*Claims) { return func(c *Claims) { c.Epoch.Randomness = [32]byte{r} } }
	add(t, d, recordOf(t, 1, vote(7)), recordOf(t, 2, vote(8)))
	if _, err := d.Epoch(n); !errors.Is(err, ErrRandomness) {
		t.Errorf("Epoch with a tie = %v, want ErrRandomness", err)
	}
	add(t, d, recordOf(t, 3, vote(7)))
	if e, err := d.Epoch(n); err != nil || e.Randomness != [32]byte{7} {
		t.Errorf("Epoch = %v, %v, want that of two of three", e, err)
	}
	open := directory(t, Config{})
	e, err := open.Epoch(n)
	f, err2 := open.Epoch(n + 1)
	if err != nil || err2 != nil || e.Randomness == f.Randomness {
		t.Errorf("epochs without a registry: %v, %v, %v, %v", e, err, f, err2)
	}
}

// exchange runs both ends over a pipe.
func exchange(t *testing.T, a, b *Directory, push bool) (Exchanged, Exchanged) {
	t.Helper()
	x, y := net.Pipe()
	var answered Exchanged
	var answer error
	done := make(chan struct{})
	go func() {
		defer close(done)
		answered, answer = Answer(y, b)
		_ = y.Close()
	}()
	asked, err := Exchange(x, a, push)
	_ = x.Close()
	<-done
	if err != nil || answer != nil {
		t.Fatalf("Exchange = %v, Answer = %v", err, answer)
	}
	return asked, answered
}

func TestExchangeMakesDirectoriesEqual(t *testing.T) {
	a, b := directory(t, Config{}), directory(t, Config{})
	for n := byte(1); n <= 40; n++ {
		old, next := recordOf(t, n, nil), recordOf(t, n, func(c *Claims) { c.Seq = 2 })
		switch n % 4 {
		case 0:
			add(t, a, next)
			add(t, b, old)
		case 1:
			add(t, a, old)
			add(t, b, next)
		case 2:
			add(t, a, old)
		default:
			add(t, b, next)
		}
	}
	// One number, two records: a node that contradicts itself ends equal everywhere.
	add(t, a, recordOf(t, 100, nil))
	add(t, b, recordOf(t, 100, func(c *Claims) { c.Services = Store }))

	light := directory(t, Config{})
	if got, _ := exchange(t, light, a, false); got.News != a.Len() || got.Sent != 0 || light.Digest() != a.Digest() {
		t.Errorf("a light node got %+v, want %d records", got, a.Len())
	}
	asked, answered := exchange(t, a, b, true)
	if a.Digest() != b.Digest() || a.Len() != 41 {
		t.Errorf("directories of %d and %d records differ after %+v, %+v", a.Len(), b.Len(), asked, answered)
	}
	if got, _ := exchange(t, a, b, true); got != (Exchanged{}) {
		t.Errorf("equal directories exchanged %+v", got)
	}
}

func TestExchangeRefusesHostilePeers(t *testing.T) {
	good := recordOf(t, 1, nil)
	forged := bytes.Clone(good.Bytes())
	forged[len(forged)-1] ^= 1
	frames := func(messages ...any) []byte {
		var out bytes.Buffer
		for _, m := range messages {
			if err := wire.WriteMessage(&out, 1<<20, m); err != nil {
				t.Fatal(err)
			}
		}
		return out.Bytes()
	}
	e := func(n byte) entry { return entry{ID: ID{n}, Seq: 1} }
	list := summary{Entries: []entry{{ID: good.ID(), Seq: 1}}}
	for _, c := range []struct {
		name string
		sent []byte
	}{
		{"a forged record", frames(list, batch{Records: [][]byte{forged}})},
		{"no record", frames(list, batch{Records: [][]byte{{1, 2, 3}}})},
		{"more than was asked for", frames(list, batch{Records: [][]byte{good.Bytes(), good.Bytes()}})},
		{"empty batches for ever", frames(list, batch{More: true})},
		{"a list out of order", frames(summary{Entries: []entry{e(2), e(1)}})},
		{"a list with doubles", frames(summary{Entries: []entry{e(1), e(1)}})},
		{"a frame that is too long", append([]byte{0x7f, 0, 0, 0}, 1)},
		{"another message", frames(batch{})},
	} {
		d := directory(t, Config{})
		_, err := Exchange(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(c.sent), io.Discard}, d, true)
		if !errors.Is(err, ErrExchange) || d.Len() != 0 {
			t.Errorf("%s: Exchange = %v with %d records, want ErrExchange and none", c.name, err, d.Len())
		}
	}
	many := slices.Repeat([][]byte{bytes.Repeat([]byte{1}, 32)}, MaxExchange+1)
	for _, c := range []struct {
		name string
		sent []byte
	}{
		{"another network", frames(hello{Version: 1, Network: 5})},
		{"another version", frames(hello{Version: 2, Network: uint64(params.Dev.ID)})},
		{"an ID that is none", frames(hello{Version: 1, Network: uint64(params.Dev.ID)}, want{IDs: [][]byte{{1}}})},
		{"too much asked for", frames(hello{Version: 1, Network: uint64(params.Dev.ID)}, want{IDs: many})},
		{"a forged record", frames(hello{Version: 1, Network: uint64(params.Dev.ID)}, want{}, batch{Records: [][]byte{forged}})},
	} {
		d := directory(t, Config{})
		add(t, d, recordOf(t, 9, nil))
		_, err := Answer(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(c.sent), io.Discard}, d)
		if !errors.Is(err, ErrExchange) || d.Len() != 1 {
			t.Errorf("%s: Answer = %v with %d records, want ErrExchange and one", c.name, err, d.Len())
		}
	}
}

// A summary of the greatest directory fits its frame.
func TestGreatestSummaryFits(t *testing.T) {
	s := summary{Entries: make([]entry, MaxDirectory)}
	for i := range s.Entries {
		s.Entries[i].Seq = 1<<64 - 1
	}
	w := want{IDs: slices.Repeat([][]byte{make([]byte, 32)}, MaxExchange)}
	b := batch{Records: slices.Repeat([][]byte{make([]byte, MaxRecord)}, maxBatch), More: true}
	for _, c := range []struct {
		m     any
		limit int
	}{{s, maxSummary}, {w, maxWant}, {b, maxRecords}, {hello{Version: 1, Network: 1<<32 - 1}, maxHello}} {
		if err := wire.WriteMessage(io.Discard, c.limit, c.m); err != nil {
			t.Errorf("%T: %v", c.m, err)
		}
	}
}

func FuzzExchange(f *testing.F) {
	r := recordOf(f, 1, nil)
	var in bytes.Buffer
	_ = wire.WriteMessage(&in, maxSummary, summary{Entries: []entry{{ID: r.ID(), Seq: 1}}})
	f.Add(bytes.Clone(in.Bytes()))
	_ = wire.WriteMessage(&in, maxRecords, batch{Records: [][]byte{r.Bytes()}})
	f.Add(in.Bytes())
	in.Reset()
	_ = wire.WriteMessage(&in, maxHello, hello{Version: 1, Network: uint64(params.Dev.ID)})
	_ = wire.WriteMessage(&in, maxWant, want{IDs: [][]byte{make([]byte, 32)}})
	f.Add(in.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		stream := func() io.ReadWriter {
			return struct {
				io.Reader
				io.Writer
			}{bytes.NewReader(b), io.Discard}
		}
		d := directory(t, Config{})
		_, _ = Exchange(stream(), d, true)
		_, _ = Answer(stream(), d)
		if n := d.Len(); n > 1 || n == 1 && d.List()[0].ID() != r.ID() {
			t.Errorf("%d records out of %d bytes", n, len(b))
		}
	})
}
