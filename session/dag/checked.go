package dag

import (
	"crypto/sha3"
	"sync"
)

// Checked remembers signatures that have been verified and were right, so that
// stores of one process that share it verify each of them once. It takes nobody's
// word: only a store that has verified a signature puts it in. It is safe for
// concurrent use.
type Checked struct {
	mu   sync.Mutex
	seen map[[32]byte]struct{}
	max  int
}

// NewChecked returns an empty memory of at most max signatures, 100 bytes each. When it is
// full it starts anew.
func NewChecked(max int) *Checked {
	return &Checked{seen: map[[32]byte]struct{}{}, max: max}
}

// key is a hash over all that the verification of a signature depends on.
func (*Checked) key(author Author, id ID, sig []byte) [32]byte {
	h := sha3.New256()
	_, _ = h.Write(author[:]) // never fails; the author is the hash of the key
	_, _ = h.Write(id[:])
	_, _ = h.Write(sig)
	return [32]byte(h.Sum(nil))
}

func (c *Checked) has(key [32]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.seen[key]
	return ok
}

func (c *Checked) put(key [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.seen) >= c.max {
		clear(c.seen)
	}
	c.seen[key] = struct{}{}
}
