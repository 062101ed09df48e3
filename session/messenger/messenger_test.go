package messenger

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

func TestSlowWatcherIsCutOff(t *testing.T) {
	w := newWorld(t)
	ava := w.person("ava")
	sub := ava.Watch()
	ava.mu.Lock()
	for i := range uint64(watchBuffer + 1) {
		ava.watch.changed(i)
	}
	ava.mu.Unlock()
	n := 0
	for range sub.C {
		n++
	}
	if n != watchBuffer {
		t.Errorf("got %d changes before the end, want %d", n, watchBuffer)
	}
	ava.Unwatch(sub)
}

func TestPagesOfTheLog(t *testing.T) {
	w := newWorld(t)
	ava, bahar, cyrus := w.person("ava"), w.person("bahar"), w.person("cyrus")
	ava.knows(bahar)
	ava.knows(cyrus)
	for i := range 7 {
		ava.send([]string{"bahar", "cyrus"}[i%2], fmt.Sprint(i))
	}
	var got []string
	for after, pages := uint64(0), 0; ; pages++ {
		list, next, err := ava.List("", after, 3)
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		got = append(got, texts(list)...)
		if after = next; next == 0 {
			break
		}
	}
	if want := []string{"0", "1", "2", "3", "4", "5", "6"}; !slices.Equal(got, want) {
		t.Errorf("pages give %q, want %q", got, want)
	}
	list, next, err := ava.List("cyrus", 0, 100)
	if err != nil || next != 0 || !slices.Equal(texts(list), []string{"1", "3", "5"}) {
		t.Errorf("with cyrus: %q, next %d, %v", texts(list), next, err)
	}
}

var _ Carrier = carrier{}

func TestRunEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	ava := w.person("ava")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ava.Run(ctx, carrier{ava})
}
