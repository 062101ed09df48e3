package simnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// nodes adds count nodes.
func nodes(n *Net, count int) []*Node {
	var out []*Node
	for range count {
		out = append(out, n.Add())
	}
	return out
}

func TestMessagesTakeTheLinksTime(t *testing.T) {
	Test(t, Config{Link: Link{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond}}, func(t *testing.T, n *Net) {
		a, b := n.Add(), n.Add()
		var got []string
		var at []time.Duration
		b.Handle(func(from ID, data []byte) {
			got, at = append(got, fmt.Sprintf("%d %s", from, data)), append(at, n.Elapsed())
		})
		data := []byte("hello")
		a.Send(1, data)
		data[0] = 'j' // the sender's bytes are its own again
		n.Run(time.Second)
		if !slices.Equal(got, []string{"0 hello"}) || at[0] < 20*time.Millisecond || at[0] > 30*time.Millisecond {
			t.Errorf("received %q at %v, want hello within 20 to 30 ms", got, at)
		}
		if n.Elapsed() != time.Second {
			t.Errorf("the network ran for %v, want a second", n.Elapsed())
		}
		want := Traffic{Messages: 1, Bytes: 5}
		if n.Traffic() != want || a.Sent() != want || b.Offered() != want || n.LinkTraffic(0, 1) != want || b.Sent() != (Traffic{}) {
			t.Errorf("counted %+v %+v %+v", n.Traffic(), a.Sent(), b.Offered())
		}
	})
}

// TestFaults counts what links do to 10,000 messages.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		link     Link
		low, top int // arrivals
		ordered  bool
	}{
		"none":      {Link{Delay: time.Millisecond}, 10_000, 10_000, true},
		"loss":      {Link{Delay: time.Millisecond, Loss: 0.3}, 6_700, 7_300, true},
		"duplicate": {Link{Delay: time.Millisecond, Duplicate: 0.3}, 12_700, 13_300, true},
		"reorder":   {Link{Delay: time.Millisecond, Reorder: 0.3}, 10_000, 10_000, false},
		"down":      {Link{Delay: time.Millisecond, Down: true}, 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			Test(t, Config{Link: c.link}, func(t *testing.T, n *Net) {
				a, b := n.Add(), n.Add()
				var got []int
				b.Handle(func(_ ID, data []byte) { got = append(got, int(data[0])<<8|int(data[1])) })
				for i := range 10_000 {
					a.Send(1, []byte{byte(i >> 8), byte(i)})
				}
				n.Run(time.Minute)
				if len(got) < c.low || len(got) > c.top || slices.IsSorted(got) != c.ordered {
					t.Errorf("%d arrived, sorted %v, want %d to %d, sorted %v", len(got), slices.IsSorted(got), c.low, c.top, c.ordered)
				}
			})
		})
	}
}

func TestBandwidth(t *testing.T) {
	Test(t, Config{Link: Link{Delay: time.Second, Bandwidth: 1000}}, func(t *testing.T, n *Net) {
		a, b := n.Add(), n.Add()
		var last time.Duration
		b.Handle(func(ID, []byte) { last = n.Elapsed() })
		for range 10 {
			a.Send(1, make([]byte, 500))
		}
		n.Run(time.Minute)
		if last != 6*time.Second {
			t.Errorf("5,000 bytes at 1,000 a second and 1 s of delay took %v, want 6 s", last)
		}
	})
}

func TestPartitionLosesMessagesUnderWay(t *testing.T) {
	Test(t, Config{}, func(t *testing.T, n *Net) {
		all := nodes(n, 4)
		heard := map[ID]int{}
		for _, node := range all {
			node.Handle(func(ID, []byte) { heard[node.ID()]++ })
		}
		everyone := func() {
			for i := range all {
				all[0].Send(ID(i), []byte{1})
			}
		}
		everyone()
		n.Run(10 * time.Millisecond)
		n.Partition([]ID{0, 1}, []ID{2}) // 3 is in the group of the rest
		n.Run(time.Second)
		if heard[0] != 1 || heard[1] != 1 || heard[2]+heard[3] != 0 {
			t.Errorf("across a partition %v heard", heard)
		}
		n.Heal()
		everyone()
		n.Run(time.Second)
		if heard[2] != 1 || heard[3] != 1 || !n.Reachable(0, 3) {
			t.Errorf("after healing %v heard", heard)
		}
	})
}

// echo serves a protocol that sends back what it gets.
func echo(n *Node) {
	n.Serve("echo", func(c *Conn) {
		defer c.Close()
		_, _ = io.Copy(c, c)
	})
}

func TestStreamsCarryEverythingInOrder(t *testing.T) {
	Test(t, Config{Link: Link{Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.2, Bandwidth: 10 << 20}}, func(t *testing.T, n *Net) {
		a, b := n.Add(), n.Add()
		echo(b)
		sent := make([]byte, 3<<20) // many windows
		for i := range sent {
			sent[i] = byte(i * i >> 7)
		}
		var got []byte
		var err error
		a.Go(func(ctx context.Context) {
			c, e := a.Dial(ctx, 1, "echo")
			if e != nil {
				t.Error(e)
				return
			}
			a.Go(func(context.Context) {
				if _, err := c.Write(sent); err != nil {
					t.Error(err)
				}
			})
			got = make([]byte, len(sent))
			_, err = io.ReadFull(c, got)
			c.Close()
		})
		n.Run(5 * time.Minute)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("3 MiB did not come back: %v", err)
		}
		if len(n.conns) != 0 {
			t.Errorf("%d ends of streams are left", len(n.conns))
		}
	})
}

func TestAnUnreadStreamStopsItsWriter(t *testing.T) {
	Test(t, Config{}, func(t *testing.T, n *Net) {
		a, b := n.Add(), n.Add()
		b.Serve("sink", func(c *Conn) { <-b.Context().Done(); c.Close() })
		var wrote int
		var err error
		a.Go(func(ctx context.Context) {
			c, _ := a.Dial(ctx, 1, "sink")
			_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
			wrote, err = c.Write(make([]byte, 1<<20))
			c.Close()
		})
		n.Run(2 * time.Minute)
		if wrote != window || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d bytes to nobody, %v, want %d and a deadline", wrote, err, window)
		}
	})
}

// TestEndsOfStreams says what the reader at the other end sees, and when.
func TestEndsOfStreams(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(n *Net, a *Node, mine *Conn)
		want error
		when time.Duration
	}{
		"close":                             {func(_ *Net, _ *Node, mine *Conn) { mine.Close() }, io.EOF, 50 * time.Millisecond},
		"reset":                             {func(_ *Net, _ *Node, mine *Conn) { mine.Reset() }, syscall.ECONNRESET, 50 * time.Millisecond},
		"stop":                              {func(_ *Net, a *Node, _ *Conn) { a.Stop() }, syscall.ECONNRESET, 50 * time.Millisecond},
		"kill":                              {func(_ *Net, a *Node, _ *Conn) { a.Kill() }, syscall.ECONNRESET, 50 * time.Millisecond},
		"crash":                             {func(_ *Net, a *Node, _ *Conn) { a.Crash() }, os.ErrDeadlineExceeded, 30 * time.Second},
		"crash and restart":                 {func(_ *Net, a *Node, _ *Conn) { a.Crash(); a.Restart() }, os.ErrDeadlineExceeded, 30 * time.Second},
		"crash, then a partition elsewhere": {func(n *Net, a *Node, _ *Conn) { a.Crash(); n.Partition([]ID{2}); n.Heal() }, os.ErrDeadlineExceeded, 30 * time.Second},
		"partition":                         {func(n *Net, _ *Node, _ *Conn) { n.Partition([]ID{0}) }, os.ErrDeadlineExceeded, 30 * time.Second},
		"one direction cut":                 {func(n *Net, _ *Node, _ *Conn) { n.SetLink(1, 0, Link{Down: true}) }, os.ErrDeadlineExceeded, 30 * time.Second},
		"close in a partition that heals": {func(n *Net, _ *Node, mine *Conn) {
			n.Partition([]ID{0})
			mine.Close()
			n.At(10*time.Second, n.Heal)
		}, io.EOF, 10*time.Second + 50*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			Test(t, Config{}, func(t *testing.T, n *Net) {
				a, b := n.Add(), n.Add()
				n.Add()
				var theirErr error
				var ended, began time.Duration
				b.Serve("read", func(c *Conn) {
					defer c.Close()
					_, theirErr = io.ReadAll(c)
					if theirErr == nil {
						theirErr = io.EOF
					}
					ended = n.Elapsed()
				})
				var mine *Conn
				a.Go(func(ctx context.Context) { mine, _ = a.Dial(ctx, 1, "read") })
				n.Run(time.Second)
				began = n.Elapsed()
				c.do(n, a, mine)
				n.Run(time.Minute)
				if !errors.Is(theirErr, c.want) || ended-began != c.when {
					t.Errorf("the other end saw %v after %v, want %v after %v", theirErr, ended-began, c.want, c.when)
				}
			})
		})
	}
}

func TestWritingToAClosedStream(t *testing.T) {
	Test(t, Config{}, func(t *testing.T, n *Net) {
		a, b := n.Add(), n.Add()
		b.Serve("shut", func(c *Conn) { c.Close() })
		var err error
		a.Go(func(ctx context.Context) {
			c, _ := a.Dial(ctx, 1, "shut")
			defer c.Close()
			for err == nil { // would never end if nobody told
				_, err = c.Write(make([]byte, 1000))
			}
		})
		n.Run(time.Second)
		if !errors.Is(err, syscall.EPIPE) {
			t.Errorf("writing to a closed stream: %v, want EPIPE", err)
		}
	})
}

func TestDialsThatFail(t *testing.T) {
	Test(t, Config{}, func(t *testing.T, n *Net) {
		a, b, down := n.Add(), n.Add(), n.Add()
		echo(b)
		down.Stop()
		dial := func(to ID, protocol string) error {
			err := errors.New("never returned")
			a.Go(func(ctx context.Context) {
				var c *Conn
				if c, err = a.Dial(ctx, to, protocol); err == nil {
					c.Close()
				}
			})
			n.Run(time.Minute)
			return err
		}
		if err := dial(1, "echo"); err != nil {
			t.Error(err)
		}
		if err := dial(1, "other"); !errors.Is(err, ErrRefused) {
			t.Errorf("an unknown protocol: %v, want ErrRefused", err)
		}
		if err := dial(2, "echo"); !errors.Is(err, ErrRefused) {
			t.Errorf("a node that is down: %v, want ErrRefused", err)
		}
		n.Partition([]ID{1})
		if err := dial(1, "echo"); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("through a partition: %v, want a deadline", err)
		}
	})
}

func TestReadDeadline(t *testing.T) {
	Test(t, Config{}, func(t *testing.T, n *Net) {
		a, b := n.Add(), n.Add()
		echo(b)
		var got string
		a.Go(func(ctx context.Context) {
			c, err := a.Dial(ctx, 1, "echo")
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			_, err = c.Read(make([]byte, 1))
			got = fmt.Sprint(errors.Is(err, os.ErrDeadlineExceeded), n.Elapsed())
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("%v is no timeout", err)
			}
			_ = c.SetReadDeadline(time.Time{})
			if _, err := c.Write([]byte("x")); err != nil {
				t.Error(err)
			}
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Errorf("after a deadline: %v", err)
			}
		})
		n.Run(time.Minute)
		if got != "true 1.1s" {
			t.Errorf("read deadline = %s, want true 1.1s", got)
		}
	})
}

// Power failures take what was not synced, kill -9 takes what the program had
// not yet written, an orderly end takes nothing.
func TestWhatIsLeftOfADisk(t *testing.T) {
	for name, c := range map[string]struct {
		end   func(*Node)
		file  bool // an unsynced file survives
		entry bool // an unsynced entry of pebble survives, which pebble itself keeps back
	}{"stop": {(*Node).Stop, true, true}, "kill": {(*Node).Kill, true, false}, "crash": {(*Node).Crash, false, false}} {
		t.Run(name, func(t *testing.T) {
			Test(t, Config{}, func(t *testing.T, n *Net) {
				node := n.Add()
				var db *pebble.DB
				node.Boot(func(node *Node) {
					var err error
					if db, err = pebble.Open("db", &pebble.Options{FS: node.Disk(), Logger: quiet{}}); err != nil {
						t.Fatal(err)
					}
					node.OnStop(func() { _ = db.Close() })
				})
				f, err := node.Disk().Create("file", vfs.WriteCategoryUnspecified)
				if err == nil {
					_, err = f.Write([]byte("x"))
				}
				if err = errors.Join(err, db.Set([]byte("synced"), nil, pebble.Sync), db.Set([]byte("not"), nil, pebble.NoSync)); err != nil {
					t.Fatal(err)
				}
				c.end(node)
				node.Restart()
				has := func(key string) bool {
					_, done, err := db.Get([]byte(key))
					if err == nil {
						_ = done.Close()
					}
					return err == nil
				}
				_, err = node.Disk().Stat("file")
				if !has("synced") || has("not") != c.entry || (err == nil) != c.file {
					t.Errorf("synced entry %v, other %v, file %v, want true, %v, %v", has("synced"), has("not"), err == nil, c.entry, c.file)
				}
			})
		})
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(f string, a ...any) {
	panic(fmt.Sprintf(f, a...))
}

func TestWhatANodeRegisteredEndsWithIt(t *testing.T) {
	Test(t, Config{}, func(t *testing.T, n *Net) {
		a, b := n.Add(), n.Add()
		boots, ticks, heard, stopped := 0, 0, 0, 0
		b.Boot(func(b *Node) {
			boots++
			b.Every(time.Second, func() { ticks++ })
			b.Handle(func(ID, []byte) { heard++ })
			b.Go(func(ctx context.Context) { <-ctx.Done(); stopped++ })
		})
		cancelled := b.After(time.Second, func() { t.Error("a timer ran that was called off") })
		cancelled()
		a.Send(1, nil)
		n.Run(2500 * time.Millisecond)
		b.Crash()
		b.Crash() // twice is once
		a.Send(1, nil)
		n.Run(10 * time.Second)
		if boots != 1 || ticks != 2 || heard != 1 || stopped != 1 || b.Up() {
			t.Errorf("%d boots, %d ticks, %d messages, %d goroutines ended", boots, ticks, heard, stopped)
		}
		b.Restart()
		b.Restart()
		a.Send(1, nil)
		n.Run(2500 * time.Millisecond)
		if boots != 2 || ticks != 4 || heard != 2 {
			t.Errorf("after the restart %d boots, %d ticks, %d messages, want 2, 4, 2", boots, ticks, heard)
		}
	})
}

func TestWrongClocks(t *testing.T) {
	Test(t, Config{}, func(t *testing.T, n *Net) {
		a := n.Add()
		a.SetClock(-time.Hour, 1e-3)
		n.Run(1000 * time.Second)
		if got := a.Now().Sub(n.Now()); got != -time.Hour+time.Second {
			t.Errorf("the clock is wrong by %v, want -59m59s", got)
		}
	})
}

// babble is a network in which everything happens, and its log.
func babble(seed uint64, log io.Writer) (digest [32]byte) {
	n := New(Config{Seed: seed, Log: log, Link: Link{
		Delay: 20 * time.Millisecond, Jitter: 180 * time.Millisecond, Loss: 0.05, Duplicate: 0.05, Reorder: 0.05, Bandwidth: 1 << 20,
	}})
	defer n.Close()
	all := nodes(n, 20)
	for _, node := range all {
		node.Boot(func(node *Node) {
			echo(node)
			node.Handle(func(from ID, data []byte) {
				if len(data) < 40 {
					node.Send(ID(node.Rand().IntN(len(all))), append(data, byte(node.ID())))
				}
			})
			node.Every(time.Second, func() {
				node.Send(ID(node.Rand().IntN(len(all))), []byte{byte(node.ID())})
			})
			node.Go(func(ctx context.Context) {
				r := rand.New(rand.NewPCG(seed, uint64(node.ID())))
				for ctx.Err() == nil {
					c, err := node.Dial(ctx, ID(r.IntN(len(all))), "echo")
					if err == nil {
						_ = c.SetDeadline(time.Now().Add(time.Duration(r.IntN(2000)) * time.Millisecond))
						_, _ = c.Write(make([]byte, r.IntN(40_000)))
						_, _ = io.CopyN(io.Discard, c, 1000)
						c.Close()
					}
					select {
					case <-ctx.Done():
					case <-time.After(time.Duration(r.IntN(1000)) * time.Millisecond):
					}
				}
			})
		})
	}
	all[3].Misbehave(Chain(Withhold[[]byte](0.3), Replay[[]byte](10, 2, time.Second)))
	n.At(10*time.Second, func() { n.Partition([]ID{0, 1, 2, 3, 4, 5}, []ID{6, 7, 8}) })
	n.At(20*time.Second, all[7].Crash)
	n.At(25*time.Second, all[8].Kill)
	n.At(60*time.Second, n.Heal)
	n.At(61*time.Second, all[7].Restart)
	n.Run(90 * time.Second)
	return n.Digest()
}

// Two runs of one seed have the same events; another seed has others.
func TestRunsRepeat(t *testing.T) {
	seed := Seed(t, 0)
	var logs [3]bytes.Buffer
	var digests [3][32]byte
	for i, s := range []uint64{seed, seed, seed + 1} {
		synctest.Test(t, func(*testing.T) { digests[i] = babble(s, &logs[i]) })
	}
	lines := strings.Count(logs[0].String(), "\n")
	if digests[0] != digests[1] || logs[0].String() != logs[1].String() {
		a, b := strings.Split(logs[0].String(), "\n"), strings.Split(logs[1].String(), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Errorf("event %d of %d: %q, then %q", i, len(a), a[i], b[i])
				break
			}
		}
		t.Fatalf("seed %d: two runs differ", seed)
	}
	if digests[0] == digests[2] {
		t.Error("two seeds gave one run")
	}
	if lines < 10_000 {
		t.Errorf("only %d events", lines)
	}
	t.Logf("seed %d: %d events", seed, lines)
}

func TestBehaviours(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	send := func(b Behaviour[int], to ID, item int) []Parcel[int] { return b(r, Parcel[int]{To: to, Item: item}) }

	kept, left := Withhold[int](0.5), 0
	for to := range ID(1000) {
		if first := len(send(kept, to, 1)); first != len(send(kept, to, 2)) {
			t.Errorf("node %d is left out now and then", to)
		} else if first == 0 {
			left++
		}
	}
	if left < 400 || left > 600 {
		t.Errorf("%d of 1,000 were left out, want about half", left)
	}

	flood := Flood(3, func(r *rand.Rand, m int) int { return 1000 + r.IntN(10) })
	if got := send(flood, 5, 7); len(got) != 4 || got[0].Item != 7 || got[3].Item < 1000 || got[3].To != 5 {
		t.Errorf("flood sent %v", got)
	}

	replay := Replay[int](2, 5, time.Second)
	send(replay, 1, 1)
	send(replay, 1, 2)
	send(replay, 1, 3)
	for _, p := range send(replay, 9, 4)[1:] {
		if p.To != 9 || p.Item != 2 && p.Item != 3 || p.After > time.Second {
			t.Errorf("replayed %+v, want 2 or 3 within a second", p)
		}
	}

	twins := Equivocate(func(m int) (int, bool) { return -m, m != 0 })
	sides := map[int]int{}
	for to := range ID(1000) {
		sides[send(twins, to, 1)[0].Item]++
		if send(twins, to, 0)[0].Item != 0 {
			t.Error("a twin of what has none")
		}
	}
	if sides[1] < 400 || sides[-1] < 400 || sides[1]+sides[-1] != 1000 {
		t.Errorf("told %v, want two halves", sides)
	}

	liar := LieAboutTime(time.Hour, func(m int, by time.Duration) int { return m + int(by/time.Second) })
	least, most := 0, 0
	for range 1000 {
		off := send(liar, 1, 0)[0].Item
		least, most = min(least, off), max(most, off)
	}
	if least < -3600 || most > 3600 || least > -3000 || most < 3000 {
		t.Errorf("lies from %d to %d s, want an hour both ways", least, most)
	}

	both := Chain(flood, flood)
	if got := send(both, 1, 1); len(got) != 16 {
		t.Errorf("two floods sent %d, want 16", len(got))
	}
}

func TestMisbehaving(t *testing.T) {
	Test(t, Config{}, func(t *testing.T, n *Net) {
		a, b := n.Add(), n.Add()
		heard := 0
		b.Handle(func(ID, []byte) { heard++ })
		a.Misbehave(Flood(2, func(_ *rand.Rand, m []byte) []byte { return m }))
		a.Send(1, []byte{1})
		n.Run(time.Second)
		a.Misbehave(nil)
		a.Send(1, []byte{1})
		n.Run(time.Second)
		if heard != 4 {
			t.Errorf("heard %d, want 3 of a flood and 1", heard)
		}
	})
}

func TestSeed(t *testing.T) {
	t.Setenv(SeedVariable, "")
	if a, b := Seed(t, 0), Seed(t, 0); a == b || a == 0 {
		t.Errorf("fresh seeds %d and %d", a, b)
	}
	if got := Seed(t, 7); got != 7 {
		t.Errorf("Seed(7) = %d", got)
	}
	t.Setenv(SeedVariable, "12345")
	if got := Seed(t, 7); got != 12345 {
		t.Errorf("with PARS_SEED=12345 the seed is %d", got)
	}
}

// BenchmarkMessages is what one event costs on a network of 200 nodes.
func BenchmarkMessages(b *testing.B) {
	bubble := testing.InternalTest{Name: "bubble", F: func(t *testing.T) { // synctest wants a testing.T
		synctest.Test(t, func(*testing.T) {
			n := New(Config{Seed: 1, Link: Link{Delay: 20 * time.Millisecond, Jitter: 180 * time.Millisecond}})
			defer n.Close()
			all := nodes(n, 200)
			for _, node := range all {
				node.Handle(func(_ ID, data []byte) { node.Send(ID(node.Rand().IntN(len(all))), data) })
				node.Send(node.ID(), make([]byte, 200))
			}
			for n.Events() < uint64(b.N) {
				n.Run(time.Second)
			}
		})
	}}
	if !testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{bubble}) {
		b.Fatal("the bubble failed")
	}
}
