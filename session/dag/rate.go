package dag

import "time"

// Rate is a budget that refills: a token bucket.
type Rate struct {
	// PerSecond is how many vertices come back each second; 0 means no limit.
	PerSecond float64
	// Burst is how many may be used at once; less than 1 means 1.
	Burst float64
}

// maxBuckets is how many buckets are kept, up to twice. Who falls out of memory
// has been silent while so many others were not, and starts full.
const maxBuckets = 4096

// buckets keeps the budgets of peers or authors.
type buckets[K comparable] struct {
	rate Rate
	of   *cache[K, *bucket]
}

type bucket struct {
	left float64
	at   time.Time
}

func newBuckets[K comparable](rate Rate) *buckets[K] {
	rate.Burst = max(rate.Burst, 1)
	return &buckets[K]{rate: rate, of: newCache[K, *bucket](maxBuckets)}
}

// take takes one from the budget of k and reports whether there was one.
func (b *buckets[K]) take(k K, now time.Time) bool {
	if b.rate.PerSecond <= 0 {
		return true
	}
	u, ok := b.of.get(k)
	if !ok {
		u = &bucket{left: b.rate.Burst, at: now}
		b.of.put(k, u)
	}
	if d := now.Sub(u.at); d > 0 {
		u.left = min(b.rate.Burst, u.left+d.Seconds()*b.rate.PerSecond)
		u.at = now
	}
	if u.left < 1 {
		return false
	}
	u.left--
	return true
}
