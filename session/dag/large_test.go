package dag

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// What is too large for pebble's memory table goes another way through pebble: it
// is accepted all the same, synced, and told to feeds.
func TestABatchLargerThanTheMemoryTable(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, Config{FS: fs, memTable: 32 << 10}, vouched)
	space, they := vouched.Space(), NewVouchedWriter(Author{2})
	var batch []made
	var ids []ID
	for i := range 40 {
		v := make1(t, vouched, they, Data, fmt.Sprintf("%d %01000d", i, i), batch[max(0, i-1):]...)
		batch, ids = append(batch, v), append(ids, v.id)
	}
	if err := s.Vouch(t.Context(), space, they.Author(), ids...); err != nil {
		t.Fatal(err)
	}
	for _, want := range []Status{Accepted, Known} {
		for i, o := range add(t, s, "p", batch...) {
			if o.Status != want || o.Err != nil {
				t.Fatalf("vertex %d = %v, %v, want %v", i, o.Status, o.Err, want)
			}
		}
	}
	feed, err := s.Feed(space, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := feed.Next(t.Context(), 100); err != nil || len(got) != len(batch) {
		t.Fatalf("the feed tells of %d, %v, want %d", len(got), err, len(batch))
	}
	audit(t, fs.CrashClone(vfs.CrashCloneCfg{}), ids, "dag")
}
