package gossip

import "time"

// bucket is a budget: rate a second, burst at once.
type bucket struct {
	rate, burst float64
	level       float64 // of what was taken; falls by rate
	at          time.Time
}

func newBucket(rate, burst int) bucket {
	return bucket{rate: float64(rate), burst: float64(burst)}
}

func (b *bucket) drain(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.level = max(0, b.level-passed.Seconds()*b.rate)
		b.at = now
	}
}

// allow takes n, if the budget has that much now.
func (b *bucket) allow(now time.Time, n int) bool {
	b.drain(now)
	if b.level+float64(n) > b.burst {
		return false
	}
	b.level += float64(n)
	return true
}

// take takes n in any case and returns how long to wait before the next.
func (b *bucket) take(now time.Time, n int) time.Duration {
	b.drain(now)
	b.level += float64(n)
	return max(0, time.Duration((b.level-b.burst)/b.rate*float64(time.Second)))
}
