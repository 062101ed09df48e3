package swarm

import (
	"crypto/hmac"
	"crypto/sha3"
	"encoding/binary"
	"hash"
	"sync"
	"time"
)

const (
	// challengeLife is how long a challenge is given out; it is taken for as long
	// again.
	challengeLife = 10 * time.Minute
	// maxNonces is how many requests are remembered of a challenge's time, so that
	// none is answered twice: 200 a second, 16 bytes each.
	maxNonces = 1 << 17
)

// challenges gives out challenges, which are a function of a secret of this
// process and the time, and remembers what was signed over them.
type challenges struct {
	secret [32]byte
	now    func() time.Time

	mu sync.Mutex
	// period is that of seen; before are those of the period before.
	period       uint64
	seen, before map[nonce]bool
}

func (c *challenges) of(period uint64) (out challenge) {
	mac := hmac.New(func() hash.Hash { return sha3.New256() }, c.secret[:])
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], period)
	_, _ = mac.Write(b[:]) // never fails
	copy(out[:], mac.Sum(nil))
	return out
}

func (c *challenges) at() uint64 {
	return uint64(max(0, c.now().Unix())) / uint64(challengeLife/time.Second)
}

func (c *challenges) current() challenge { return c.of(c.at()) }

// known reports whether a challenge is still taken. It costs nothing beside a
// signature.
func (c *challenges) known(got challenge) bool {
	p := c.at()
	return hmac.Equal(got[:], first(c.of(p))) || p > 0 && hmac.Equal(got[:], first(c.of(p-1)))
}

func first(c challenge) []byte { return c[:] }

// use notes a request whose signature is right. fresh is false for one that came
// before, full says that no more are taken in this time.
func (c *challenges) use(n nonce) (fresh, full bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch p := c.at(); {
	case c.seen == nil || p > c.period+1 || p < c.period:
		c.period, c.seen, c.before = p, map[nonce]bool{}, nil
	case p == c.period+1:
		c.period, c.seen, c.before = p, map[nonce]bool{}, c.seen
	}
	if c.seen[n] || c.before[n] {
		return false, false
	}
	if len(c.seen) >= maxNonces {
		return true, true
	}
	c.seen[n] = true
	return true, false
}
