package dag

import (
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// compactions is a database in which compactions wait.
type compactions struct {
	waiting int
	asked   func() // called when the database is asked what waits
}

func (*compactions) GetAllowedWithoutPermission() int { return 1 }

func (c *compactions) GetWaitingCompaction() (bool, pebble.WaitingCompaction) {
	waits := c.waiting > 0
	if c.asked != nil {
		c.asked()
	}
	return waits, pebble.WaitingCompaction{}
}

func (c *compactions) Schedule(pebble.CompactionGrantHandle) bool {
	if c.waiting == 0 {
		return false
	}
	c.waiting--
	return true
}

func TestOneCompactionAfterAnother(t *testing.T) {
	db := &compactions{}
	c := newOneByOne()
	c.Register(1, db)
	try := func(want bool) {
		t.Helper()
		if ok, _ := c.TrySchedule(); ok != want {
			t.Fatalf("TrySchedule = %v, want %v", ok, want)
		}
		if !want {
			db.waiting++
		}
	}
	try(true)
	try(false)
	c.Done() // the permission goes to the one that waits
	if db.waiting != 0 {
		t.Fatal("the compaction that waited did not get the permission")
	}
	try(false)
	db.waiting = 0 // it was dropped
	c.Done()
	try(true)

	// One that asks just after the database was found to have nothing waiting must
	// not be left behind.
	db.asked = func() {
		db.asked = nil
		try(false)
	}
	c.Done()
	if db.waiting != 0 {
		t.Fatal("a compaction that asked while the one before ended was forgotten")
	}
	c.Unregister()
	try(false)
	c.Done()
	if db.waiting != 1 {
		t.Fatal("the database was called after Unregister")
	}
}

// A quiet store compacts like any other, and has nothing that wakes up by itself:
// under a fake clock, no time passes while it is filled.
func TestQuietStoreCompacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Config{FS: vfs.NewMem(), Dir: "dag", Quiet: true, memTable: 16 << 10})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Join(vouched); err != nil {
			t.Fatal(err)
		}
		for range 400 {
			if _, _, err := s.Append(t.Context(), vouched.Space(), NewVouchedWriter(Author{1}), Data, make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		m := s.db.Metrics()
		if m.Compact.Count == 0 || m.Compact.NumInProgress != 0 || m.Levels[0].Sublevels >= 4 {
			t.Errorf("%d compactions, %d under way, %d sublevels, want some, none, few", m.Compact.Count, m.Compact.NumInProgress, m.Levels[0].Sublevels)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
