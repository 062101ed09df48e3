package swarm

import (
	"sync"
	"time"
)

// Rate bounds what one source may ask for. The zero value means the defaults.
type Rate struct {
	// PerSecond is how many requests a second a source regains; 0 means 20.
	PerSecond float64
	// Burst is how many it may make at once; 0 means 200.
	Burst float64
	// Sources is how many are remembered; 0 means 4,096. With as many busy ones,
	// newcomers are told to come back.
	Sources int
}

func (r Rate) orDefault() Rate {
	if r.PerSecond == 0 {
		r.PerSecond = 20
	}
	if r.Burst == 0 {
		r.Burst = 200
	}
	if r.Sources == 0 {
		r.Sources = 4096
	}
	return r
}

// bucket is what a source has left.
type bucket struct {
	tokens float64
	at     time.Time
}

type buckets struct {
	rate Rate
	now  func() time.Time
	mu   sync.Mutex
	all  map[string]bucket
}

// take takes a token of a source. times scales the rate, for sources that speak
// for many.
func (b *buckets) take(source string, times float64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	full := b.rate.Burst * times
	e, known := b.all[source]
	if !known {
		if len(b.all) >= b.rate.Sources && !b.forget(now) {
			return false
		}
		e = bucket{tokens: full, at: now}
	}
	if d := now.Sub(e.at); d > 0 {
		e.tokens = min(full, e.tokens+d.Seconds()*b.rate.PerSecond*times)
	}
	e.at = now
	ok := e.tokens >= 1
	if ok {
		e.tokens--
	}
	b.all[source] = e
	return ok
}

// forget drops sources that have regained their burst, and reports whether there
// were any.
func (b *buckets) forget(now time.Time) bool {
	found := false
	after := time.Duration(b.rate.Burst / b.rate.PerSecond * float64(time.Second))
	for s, e := range b.all {
		if now.Sub(e.at) >= after {
			delete(b.all, s)
			found = true
		}
	}
	return found
}
