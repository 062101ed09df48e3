package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counted counts the records of each size that pass.
type counted struct {
	net.Conn
	updates atomic.Int64
	writes  atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	if len(p) == lengthSize+minSealedR {
		c.updates.Add(1)
	}
	return c.Conn.Write(p)
}

func TestEchoWithForcedRekeys(t *testing.T) {
	var clock atomic.Int64
	for name, limits := range map[string]keyLimits{
		"by records": {records: 3, bytes: 1 << 40, age: time.Hour},
		"by bytes":   {records: 1 << 32, bytes: 100_000, age: time.Hour},
		"by age":     {records: 1 << 32, bytes: 1 << 40, age: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := transportOf(t, 1), transportOf(t, 2)
			a.limits, b.limits = limits, limits
			a.now = func() time.Time { return time.Unix(clock.Add(20), 0) } // 20 s a look
			b.now = a.now
			raw1, raw2 := tcpPair(t)
			c1, c2 := &counted{Conn: raw1}, &counted{Conn: raw2}
			s1, s2 := link(t, a, b, c1, c2)
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := io.Copy(s2, s2); err != nil {
					t.Errorf("echo: %v", err)
				}
			})
			message := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
			wg.Go(func() {
				if _, err := s1.Write(message); err != nil {
					t.Errorf("write: %v", err)
				}
			})
			got := make([]byte, len(message))
			if _, err := io.ReadFull(s1, got); err != nil || !bytes.Equal(got, message) {
				t.Errorf("1 MiB did not come back: %v", err)
			}
			if c1.updates.Load() < 5 || c2.updates.Load() < 5 {
				t.Errorf("%d and %d key updates, want at least 5 in each direction", c1.updates.Load(), c2.updates.Load())
			}
			_ = s1.Close()
			wg.Wait()
		})
	}
}

// Without limits reached no key changes.
func TestNoRekeyWithoutNeed(t *testing.T) {
	raw1, raw2 := tcpPair(t)
	c1 := &counted{Conn: raw1}
	s1, s2 := link(t, transportOf(t, 1), transportOf(t, 2), c1, raw2)
	before := c1.writes.Load()
	go func() { _, _ = s1.Write(make([]byte, 1<<20)) }()
	if _, err := io.ReadFull(s2, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if c1.updates.Load() != 0 || c1.writes.Load()-before != 17 {
		t.Errorf("1 MiB took %d records and %d updates, want 17 and 0", c1.writes.Load()-before, c1.updates.Load())
	}
}

func TestAPeerThatOverusesAKeyIsRefused(t *testing.T) {
	for name, strict := range map[string]keyLimits{
		"records": {records: 3, bytes: 1 << 40, age: time.Hour},
		"bytes":   {records: 1 << 32, bytes: 40, age: time.Hour},
	} {
		b := transportOf(t, 2)
		b.limits = strict
		c1, c2 := tcpPair(t)
		s1, s2 := link(t, transportOf(t, 1), b, c1, c2)
		go func() {
			for range 10 {
				_, _ = s1.Write(make([]byte, 10))
			}
		}()
		if _, err := io.ReadFull(s2, make([]byte, 100)); !errors.Is(err, ErrRecord) {
			t.Errorf("more %s than a key may protect: %v, want ErrRecord", name, err)
		}
	}
}

// tap collects what is written instead of sending it.
type tap struct {
	net.Conn
	records [][]byte
	on      bool
}

func (t *tap) Write(p []byte) (int, error) {
	if !t.on {
		return t.Conn.Write(p)
	}
	t.records = append(t.records, bytes.Clone(p))
	return len(p), nil
}

func TestRecordsThatWereTouchedEndTheLink(t *testing.T) {
	one, two := []byte("first"), []byte("second")
	for name, forward := range map[string]func(r [][]byte) []byte{
		"a flipped bit in the text":   func(r [][]byte) []byte { r[0][5] ^= 1; return r[0] },
		"a flipped bit in the length": func(r [][]byte) []byte { r[0][1] ^= 1; return bytes.Join(r, nil) },
		"a flipped bit in the tag":    func(r [][]byte) []byte { r[0][len(r[0])-1] ^= 1; return r[0] },
		"a record left out":           func(r [][]byte) []byte { return r[1] },
		"a length below the tag's":    func([][]byte) []byte { return []byte{0, 16} },
		"an unknown record":           func([][]byte) []byte { return append([]byte{0, 20}, make([]byte, 20)...) },
	} {
		raw1, raw2 := tcpPair(t)
		wire := &tap{Conn: raw1}
		s1, s2 := link(t, transportOf(t, 1), transportOf(t, 2), wire, raw2)
		wire.on = true
		_, _ = s1.Write(one)
		_, _ = s1.Write(two)
		if _, err := raw1.Write(forward(wire.records)); err != nil {
			t.Fatal(err)
		}
		if n, err := s2.Read(make([]byte, 64)); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: Read = %d, %v, want ErrRecord", name, n, err)
		}
		if _, err := s2.Read(make([]byte, 64)); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: reading on = %v, want ErrRecord again", name, err)
		}
	}
	// Replayed and swapped records: the first goes through, the copy does not.
	for name, order := range map[string][]int{"replayed": {0, 0}, "swapped": {1, 0}} {
		raw1, raw2 := tcpPair(t)
		wire := &tap{Conn: raw1}
		s1, s2 := link(t, transportOf(t, 1), transportOf(t, 2), wire, raw2)
		wire.on = true
		_, _ = s1.Write(one)
		_, _ = s1.Write(two)
		for _, i := range order {
			_, _ = raw1.Write(wire.records[i])
		}
		if _, err := io.ReadAll(s2); !errors.Is(err, ErrRecord) {
			t.Errorf("%s records: %v, want ErrRecord", name, err)
		}
	}
}

func TestEmptyAndEarlyRecordsAreRefused(t *testing.T) {
	for name, kind := range map[string]byte{"no data": recordData, "an update of a fresh key": recordUpdate, "an unknown kind": 7} {
		c1, c2 := tcpPair(t)
		s1, s2 := link(t, transportOf(t, 1), transportOf(t, 2), c1, c2)
		if err := s1.writeRecord(kind, nil); err != nil {
			t.Fatal(err)
		}
		_ = s1.Close()
		if _, err := s2.Read(make([]byte, 8)); !errors.Is(err, ErrRecord) {
			t.Errorf("a record with %s: %v, want ErrRecord", name, err)
		}
	}
}

func TestDeadlinesLeaveTheLinkWhole(t *testing.T) {
	raw1, raw2 := tcpPair(t)
	wire := &tap{Conn: raw1}
	s1, s2 := link(t, transportOf(t, 1), transportOf(t, 2), wire, raw2)
	wire.on = true
	_, _ = s1.Write([]byte("hello"))
	rec := wire.records[0]
	for _, cut := range []int{0, 1, 2, 9} { // nothing, half a length, a length, half a record
		if _, err := raw1.Write(rec[:cut]); err != nil {
			t.Fatal(err)
		}
		rec = rec[cut:]
		_ = s2.SetReadDeadline(time.Unix(1, 0))
		if _, err := s2.Read(make([]byte, 8)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Read after %d more bytes = %v, want a deadline error", cut, err)
		}
	}
	_ = s2.SetReadDeadline(time.Time{})
	if _, err := raw1.Write(rec); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 8)
	if n, err := s2.Read(got); err != nil || string(got[:n]) != "hello" {
		t.Errorf("Read = %q, %v, want hello", got[:n], err)
	}
}

func TestTheEndOfTheLink(t *testing.T) {
	raw1, raw2 := tcpPair(t)
	s1, s2 := link(t, transportOf(t, 1), transportOf(t, 2), raw1, raw2)
	_, _ = s1.Write([]byte("bye"))
	_, _ = raw1.Write([]byte{0, 40, 1}) // and half a record
	_ = s1.Close()
	got := make([]byte, 8)
	if n, err := s2.Read(got); err != nil || string(got[:n]) != "bye" {
		t.Errorf("Read = %q, %v, want bye", got[:n], err)
	}
	if _, err := s2.Read(got); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Read of half a record = %v, want io.ErrUnexpectedEOF", err)
	}
	if _, err := s1.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close = %v, want net.ErrClosed", err)
	}
	if _, err := s1.Read(got); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close = %v, want net.ErrClosed", err)
	}
	if !bytes.Equal(s1.out.secret, make([]byte, hashSize)) || !bytes.Equal(s1.in.secret, make([]byte, hashSize)) {
		t.Error("traffic secrets outlive the link")
	}
}

// Reads of any size give the same stream.
func TestReadsOfEverySize(t *testing.T) {
	c1, c2 := tcpPair(t)
	s1, s2 := link(t, transportOf(t, 1), transportOf(t, 2), c1, c2)
	want := make([]byte, 300_000)
	_, _ = io.ReadFull(fixed(5), want)
	go func() {
		for rest, n := want, 1; len(rest) > 0; n = n*3 + 1 {
			k := min(n, len(rest))
			_, _ = s1.Write(rest[:k])
			rest = rest[k:]
		}
	}()
	var got []byte
	for n := 1; len(got) < len(want); n = n%70_000*2 + 1 {
		p := make([]byte, n)
		k, err := s2.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p[:k]...)
	}
	if !bytes.Equal(got, want) {
		t.Error("another stream came out than went in")
	}
}

// sink is a connection that gives fixed bytes.
type sink struct {
	net.Conn
	r io.Reader
}

func (s sink) Read(p []byte) (int, error) { return s.r.Read(p) }
func (s sink) Close() error               { return nil }

func FuzzRecords(f *testing.F) {
	_, _, _, i, r := record(f)
	key := nodeKey(f, 1)
	valid := &tap{on: true}
	w := newConn(valid, key.ID(), &outcome{send: bytes.Clone(i.send), recv: bytes.Clone(i.recv)}, defaultKeyLimits, time.Now)
	_, _ = w.Write([]byte("hello"))
	f.Add(valid.records[0])
	f.Add([]byte{0, 17})
	f.Add([]byte{0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		c := newConn(sink{r: bytes.NewReader(in)}, key.ID(), &outcome{send: bytes.Clone(r.send), recv: bytes.Clone(r.recv)}, defaultKeyLimits, time.Now)
		got, err := io.ReadAll(c)
		if len(got) > 0 && !bytes.HasPrefix(in, valid.records[0]) {
			t.Fatalf("%x opened as %q, %v", in, got, err)
		}
	})
}
