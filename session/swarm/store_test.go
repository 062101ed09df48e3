package swarm

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
)

func openStore(t testing.TB, d Disk, l Limits, c *clock) *Store {
	t.Helper()
	s, err := OpenStore(d, l, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func numbers(t testing.TB, s *Store, key Key) []uint64 {
	t.Helper()
	var out []uint64
	for after := uint64(0); ; {
		contents, next, more, err := s.After(Envelope, key, after, MaxContent)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range contents {
			out = append(out, numberOf(t, c))
		}
		if !more {
			slices.Sort(out)
			return out
		}
		after = next
	}
}

// A mailbox beside a model of it: whatever is put, deleted, expired and
// restarted, it has what the model has.
func TestMailboxIsItsModel(t *testing.T) {
	type modelled struct {
		hour    uint32
		deleted bool
		item    Item
	}
	rapid.Check(t, func(r *rapid.T) {
		c, disk := &clock{t: start}, newMemory()
		s := openStore(t, disk, Limits{}, c)
		keys := []Key{{1}, {2}}
		model := map[uint64]*modelled{} // by number; numbers of both keys differ
		var nums []uint64
		check := func(r *rapid.T) {
			for _, k := range keys {
				var want []uint64
				for n, m := range model {
					if m.item.Key == k && !m.deleted && m.hour > hourOf(c.now()) {
						want = append(want, n)
					}
				}
				slices.Sort(want)
				if got := numbers(t, s, k); !slices.Equal(got, want) {
					r.Fatalf("mailbox %d has %v, want %v", k[0], got, want)
				}
			}
		}
		r.Repeat(map[string]func(*rapid.T){
			"": check,
			"put": func(r *rapid.T) {
				n := uint64(len(nums))
				k := keys[rapid.IntRange(0, 1).Draw(r, "mailbox")]
				it := envelopeItem(t, k, n, c.now(), time.Duration(rapid.IntRange(1, 48).Draw(r, "hours"))*time.Hour)
				if err := s.Put(it, MinWork); err != nil {
					r.Fatal(err)
				}
				model[n], nums = &modelled{hour: it.Hour, item: it}, append(nums, n)
			},
			"put again": func(r *rapid.T) {
				if len(nums) == 0 {
					return
				}
				m := model[rapid.SampledFrom(nums).Draw(r, "n")]
				err := s.Put(m.item, MinWork)
				switch {
				case m.hour <= hourOf(c.now()):
					if !errors.Is(err, envelope.ErrExpired) {
						r.Fatalf("put of an expired envelope = %v", err)
					}
				case m.deleted:
					if !errors.Is(err, ErrDeleted) {
						r.Fatalf("put of a deleted envelope = %v", err)
					}
				case err != nil:
					r.Fatal(err)
				}
			},
			"delete": func(r *rapid.T) {
				if len(nums) == 0 {
					return
				}
				m := model[rapid.SampledFrom(nums).Draw(r, "n")]
				owner := keys[rapid.IntRange(0, 1).Draw(r, "who")]
				if err := s.Delete(owner, []ID{m.item.ID()}); err != nil {
					r.Fatal(err)
				}
				if owner == m.item.Key {
					m.deleted = true
				} else if m.hour <= hourOf(c.now()) {
					m.deleted = true // it may not be here, so it is nobody's any more
				}
			},
			"wait": func(r *rapid.T) { c.add(time.Duration(rapid.IntRange(0, 300).Draw(r, "minutes")) * time.Minute) },
			"expire": func(r *rapid.T) {
				if _, err := s.Expire(); err != nil {
					r.Fatal(err)
				}
			},
			"restart": func(r *rapid.T) { s = openStore(t, disk, Limits{}, c) },
		})
	})
}

func TestPositionsGoOn(t *testing.T) {
	c := &clock{t: start}
	s := openStore(t, newMemory(), Limits{}, c)
	key := Key{1}
	for n := range uint64(20) {
		if err := s.Put(envelopeItem(t, key, n, start, 0), MinWork); err != nil {
			t.Fatal(err)
		}
	}
	var got []uint64
	after, pages := uint64(0), 0
	for more := true; more; pages++ {
		contents, next, m, err := s.After(Envelope, key, after, MaxContent)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range contents {
			got = append(got, numberOf(t, raw))
		}
		after, more = next, m
	}
	if len(got) != 20 || !slices.IsSorted(got) || pages != 3 {
		t.Errorf("%d pages gave %v, want 20 in order in 3 pages of 64 KiB", pages, got)
	}
	if contents, next, _, err := s.After(Envelope, key, after, MaxContent); len(contents) != 0 || next != after || err != nil {
		t.Errorf("after the end: %d items at %d, %v", len(contents), next, err)
	}
}

func TestLimitsOfAStore(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		free   uint64
		puts   int
		want   error
	}{
		{"items of a mailbox", Limits{MailboxItems: 3}, 1 << 40, 3, ErrMailboxFull},
		{"bytes of a mailbox", Limits{MailboxBytes: 30 << 10}, 1 << 40, 3, ErrMailboxFull},
		{"bytes of the node", Limits{Bytes: 30 << 10}, 1 << 40, 3, ErrDiskFull},
		{"room on the device", Limits{Reserve: 1 << 30}, 1 << 29, 0, ErrDiskFull},
	} {
		disk := newMemory()
		disk.free = c.free
		s := openStore(t, disk, c.limits, &clock{t: start})
		var err error
		n := 0
		for ; err == nil && n < 10; n++ {
			err = s.Put(envelopeItem(t, Key{1}, uint64(n), start, 0), MinWork)
		}
		if !errors.Is(err, c.want) || !errors.Is(err, ErrFull) || n-1 != c.puts {
			t.Errorf("%s: put %d = %v, want %v after %d", c.name, n, err, c.want, c.puts)
		}
		// What is there is still there, and a deletion makes room.
		if got := numbers(t, s, Key{1}); len(got) != c.puts {
			t.Errorf("%s: %d items, want %d", c.name, len(got), c.puts)
		}
	}
}

func TestADiskThatFailsAcknowledgesNothing(t *testing.T) {
	disk := newMemory()
	s := openStore(t, disk, Limits{}, &clock{t: start})
	it := envelopeItem(t, Key{1}, 1, start, 0)
	if err := s.Put(it, MinWork); err != nil {
		t.Fatal(err)
	}
	disk.err = syscall.EIO
	if err := s.Put(envelopeItem(t, Key{1}, 2, start, 0), MinWork); err == nil {
		t.Error("Put on a broken disk = nil")
	}
	if st := s.Stats(); st.Items != 1 || st.Bytes != 8<<10 {
		t.Errorf("after a failed write: %+v, want one item", st)
	}
	disk.err = nil
	if err := s.Put(envelopeItem(t, Key{1}, 2, start, 0), MinWork); err != nil {
		t.Errorf("Put once the disk works again = %v", err)
	}
}

func bundleItem(t testing.TB, slot Key, n byte, work int) Item {
	t.Helper()
	sealed := make([]byte, 16<<10)
	sealed[0] = n
	it, err := NewBundle(identity.Slot(slot), identity.WeekOf(start), sealed)
	if err != nil {
		t.Fatal(err)
	}
	return stamped(t, it, work)
}

// A slot ends with the strongest of all that was put, in whatever order.
func TestSlotKeepsTheStrongest(t *testing.T) {
	var all []Item
	for n := range byte(14) {
		all = append(all, bundleItem(t, Key{9}, n, MinWork))
	}
	strongest := slices.Clone(all)
	slices.SortFunc(strongest, func(a, b Item) int {
		if StrengthOf(a.ID(), a.Stamp).Stronger(StrengthOf(b.ID(), b.Stamp)) {
			return -1
		}
		return 1
	})
	want := map[byte]bool{}
	for _, it := range strongest[:MaxRivals] {
		want[it.Content[0]] = true
	}
	r := random(1)
	for range 20 {
		disk, c := newMemory(), &clock{t: start}
		s := openStore(t, disk, Limits{}, c)
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		refused := 0
		for _, it := range all {
			if err := s.Put(it, MinWork); errors.Is(err, ErrSlotFull) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			got := map[byte]bool{}
			for after, more := uint64(0), true; more; {
				var contents [][]byte
				var err error
				if contents, after, more, err = s.After(Bundle, Key{9}, after, MaxContent); err != nil {
					t.Fatal(err)
				}
				for _, content := range contents {
					got[content[0]] = true
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("the slot has %v, want %v", got, want)
			}
			s = openStore(t, disk, Limits{}, c) // and after a restart
		}
	}
}

func TestItemsThatAreRefused(t *testing.T) {
	s := openStore(t, newMemory(), Limits{}, &clock{t: start})
	good := envelopeItem(t, Key{1}, 1, start, 0)
	for _, c := range []struct {
		name string
		edit func(*Item)
		want error
	}{
		{"another mailbox", func(it *Item) { it.Key[5] ^= 1 }, ErrItem},
		{"another hour", func(it *Item) { it.Hour++ }, ErrItem},
		{"no kind", func(it *Item) { it.Kind = 7 }, ErrItem},
		{"a bundle of another size", func(it *Item) { it.Kind = Bundle }, ErrItem},
		{"expired", func(it *Item) { *it = envelopeItem(t, Key{1}, 1, start.Add(-20*24*time.Hour), 0) }, envelope.ErrExpired},
		{"for too long", func(it *Item) { *it = envelopeItem(t, Key{1}, 1, start.Add(3*24*time.Hour), envelope.MaxTTL) }, envelope.ErrLifetime},
		{"too little work", func(it *Item) {
			for it.Stamp = 0; StrengthOf(it.ID(), it.Stamp).Work() >= MinWork; it.Stamp++ {
			}
		}, ErrStamp},
	} {
		it := good
		c.edit(&it)
		if err := s.Put(it, MinWork); !errors.Is(err, c.want) {
			t.Errorf("%s: Put = %v, want %v", c.name, err, c.want)
		}
	}
	if st := s.Stats(); st.Items != 0 || st.Keys != 0 {
		t.Errorf("after refusals the store has %+v", st)
	}
}

func TestWorkFollowsLoad(t *testing.T) {
	c := &clock{t: start}
	s := openStore(t, newMemory(), Limits{MailboxItems: 10, Rate: 0.1}, c)
	if w := s.Work(Key{1}); w != MinWork {
		t.Errorf("an idle node asks for %d bits, want %d", w, MinWork)
	}
	last := 0
	for n := range uint64(10) {
		if err := s.Put(envelopeItem(t, Key{1}, n, start, 0), MinWork); err != nil {
			t.Fatal(err)
		}
		w := s.Work(Key{1})
		if w < last {
			t.Errorf("%d bits after %d items, %d before", w, n+1, last)
		}
		last = w
	}
	if last < MinWork+10 || last > MaxWork {
		t.Errorf("a full mailbox asks for %d bits, want %d to %d", last, MinWork+10, MaxWork)
	}
	if other := s.Work(Key{2}); other <= MinWork || other >= last {
		t.Errorf("a busy node asks %d bits for an empty mailbox, want more than %d and less than %d", other, MinWork, last)
	}
	c.add(time.Hour)
	if other := s.Work(Key{2}); other != MinWork {
		t.Errorf("an hour later it asks for %d bits, want %d", other, MinWork)
	}
}

func TestDeletionsAreBounded(t *testing.T) {
	s := openStore(t, newMemory(), Limits{Tombs: 5}, &clock{t: start})
	for n := range byte(20) {
		if err := s.Delete(Key{1}, []ID{{n}}); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Tombs != 5 {
		t.Errorf("%d deletions of what never was are remembered, want 5", st.Tombs)
	}
}

func TestWaitersAreBounded(t *testing.T) {
	s := openStore(t, newMemory(), Limits{}, &clock{t: start})
	var ends []func()
	var chans []<-chan struct{}
	for range maxWaiters + 3 {
		woken, end := s.Wait(Key{1}, 0)
		ends, chans = append(ends, end), append(chans, woken)
	}
	awake := 0
	for _, ch := range chans {
		select {
		case <-ch:
			awake++
		default:
		}
	}
	if awake != 3 {
		t.Errorf("%d of %d polls were ended early, want 3", awake, len(chans))
	}
	if err := s.Put(envelopeItem(t, Key{1}, 1, start, 0), MinWork); err != nil {
		t.Fatal(err)
	}
	for i, ch := range chans {
		<-ch
		ends[i]()
	}
	if st := s.Stats(); st.Waiting != 0 {
		t.Errorf("%d polls wait, want none", st.Waiting)
	}
	s.waiting = maxAllWaiters
	woken, end := s.Wait(Key{2}, 0)
	<-woken // a node at its limit does not wait
	end()
}

func FuzzParseItem(f *testing.F) {
	it := envelopeItem(f, Key{1}, 1, start, 0)
	raw, err := it.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	b := bundleItem(f, Key{2}, 1, MinWork)
	if raw, err = b.Bytes(); err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:80])
	f.Fuzz(func(t *testing.T, raw []byte) {
		it, err := ParseItem(raw)
		if err != nil {
			if !errors.Is(err, ErrItem) {
				t.Errorf("ParseItem = %v, want ErrItem", err)
			}
			return
		}
		again, err := it.Bytes()
		if err != nil || string(again) != string(raw) {
			t.Errorf("an item of %d bytes is encoded as %d, %v", len(raw), len(again), err)
		}
	})
}
