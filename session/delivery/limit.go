package delivery

import (
	"sync"
	"time"
)

// Limits bound what one peer, and all peers together, may offer. The zero value
// means the defaults.
type Limits struct {
	// Burst is how many offers a peer may make at once; 0 means 64.
	Burst int
	// Every is how long it takes to regain one; 0 means 250 ms.
	Every time.Duration
	// Peers is how many peers are remembered; 0 means 4,096. When there are
	// more, those that have regained their burst are forgotten, and if there
	// are none, newcomers are told to wait.
	Peers int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// limiter is a token bucket a peer.
type limiter struct {
	cfg Limits
	mu  sync.Mutex
	// full is when each peer will have regained its whole burst.
	full map[string]time.Time
}

func newLimiter(cfg Limits) *limiter {
	if cfg.Burst == 0 {
		cfg.Burst = 64
	}
	if cfg.Every == 0 {
		cfg.Every = 250 * time.Millisecond
	}
	if cfg.Peers == 0 {
		cfg.Peers = 4096
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &limiter{cfg: cfg, full: map[string]time.Time{}}
}

// allow takes one token of peer, if it has one.
func (l *limiter) allow(peer string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	full, known := l.full[peer]
	if !known && len(l.full) >= l.cfg.Peers && !l.forget(now) {
		return false
	}
	if full.Before(now) {
		full = now
	}
	full = full.Add(l.cfg.Every)
	if full.Sub(now) > time.Duration(l.cfg.Burst)*l.cfg.Every {
		return false
	}
	l.full[peer] = full
	return true
}

// forget drops peers whose bucket is full again, and reports whether it found any.
func (l *limiter) forget(now time.Time) bool {
	found := false
	for peer, full := range l.full {
		if !full.After(now) {
			delete(l.full, peer)
			found = true
		}
	}
	return found
}
