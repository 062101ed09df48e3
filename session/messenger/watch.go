package messenger

import "slices"

// watchBuffer is how many changes a watcher may lag behind before it is cut off.
const watchBuffer = 1024

// Watch is a subscription to changes of the log.
type Watch struct {
	// C gets the position of every message that is new or has changed. It is
	// closed when the messenger stops, or when the reader was too slow: read the
	// log again and watch anew.
	C <-chan uint64
	c chan uint64
}

// watchers are the subscriptions; [Messenger.mu] guards them.
type watchers struct{ all []*Watch }

// Watch subscribes to changes from now on. The caller must call Unwatch.
func (m *Messenger) Watch() *Watch {
	c := make(chan uint64, watchBuffer)
	w := &Watch{C: c, c: c}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watch.all = append(m.watch.all, w)
	return w
}

// Unwatch ends a subscription.
func (m *Messenger) Unwatch(w *Watch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watch.all = slices.DeleteFunc(m.watch.all, func(o *Watch) bool { return o == w })
}

// changed tells every watcher about a message.
func (ws *watchers) changed(seq uint64) {
	ws.all = slices.DeleteFunc(ws.all, func(w *Watch) bool {
		select {
		case w.c <- seq:
			return false
		default:
			close(w.c)
			return true
		}
	})
}

func (ws *watchers) closeAll() {
	for _, w := range ws.all {
		close(w.c)
	}
	ws.all = nil
}
