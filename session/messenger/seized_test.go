package messenger

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/pars-network/pars/session/store"
)

// A disk is seized, with every key on it; only the log of messages was wiped. With
// all envelopes that ever went over the links, and with this very program, the
// thief reads none that was opened before, and the one that was not.
func TestSeizedDiskReadsNoPastTraffic(t *testing.T) {
	w, ava, bahar := friends(t)
	for i := range 5 {
		ava.says(bahar, fmt.Sprint("ava ", i))
		bahar.says(ava, fmt.Sprint("bahar ", i))
	}
	ava.stop()
	bahar.stop()
	ava.send("bahar", "still on its way")
	w.wires.mu.Lock()
	traffic := append(w.wires.envelopes, outbox(t, ava)...)
	w.wires.mu.Unlock()
	for _, seized := range []*node{ava, bahar} {
		thief := &node{t: t, name: "thief", wires: w.wires, clock: w.clock, fs: seized.fs.CrashClone(vfs.CrashCloneCfg{})}
		thief.boot()
		t.Cleanup(thief.close)
		var b store.Batch
		kept := map[store.Kind]bool{kindRatchet: true, kindRing: true, kindPending: true, kindIdentity: true, kindBundle: true, kindContact: true}
		keys := 0
		for kind := range store.Kind(0xff) {
			if kind == 0 {
				continue
			}
			if err := thief.store.Scan(kind, nil, 0, func(r store.Record) bool {
				if kept[kind] {
					keys++
				} else {
					b.Delete(kind, r.Name, r.Num)
				}
				return true
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := thief.store.Commit(&b); err != nil {
			t.Fatal(err)
		}
		thief.close()
		thief.boot()
		if keys < 5 || len(thief.list()) != 0 {
			t.Fatalf("the thief starts with %d records of keys and %d messages", keys, len(thief.list()))
		}
		for _, raw := range traffic {
			thief.takeIn(raw)
		}
		got := texts(thief.list())
		switch {
		case seized == bahar && (len(got) != 1 || got[0] != "still on its way"):
			t.Errorf("from bahar's disk the thief reads %q, want only what was on its way: else this test proves nothing", got)
		case seized == ava && len(got) != 0:
			t.Errorf("from ava's disk the thief reads %q", got)
		}
	}
}
