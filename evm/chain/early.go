package chain

import (
	"sync"

	"github.com/ava-labs/avalanchego/ids"
)

// Bounds of the early cache.
const (
	earlyBlocks = 64
	earlyBytes  = 16 << 20
)

// earlyCache keeps the last blocks that were refused only for now: ahead of this
// node's clock or of its P-Chain. [VM.GetBlock] serves them, so that the engine
// need not fetch a block again to try it a moment later.
type earlyCache struct {
	mu     sync.Mutex
	blocks []*Block // oldest first
	bytes  int
}

// add remembers b and drops the oldest blocks beyond the bounds.
func (c *earlyCache) add(b *Block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, known := range c.blocks {
		if known.id == b.id {
			return
		}
	}
	c.blocks = append(c.blocks, b)
	c.bytes += len(b.Bytes())
	for len(c.blocks) > earlyBlocks || c.bytes > earlyBytes {
		c.drop(0)
	}
}

// get returns the block, or nil.
func (c *earlyCache) get(id ids.ID) *Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.blocks {
		if b.id == id {
			return b
		}
	}
	return nil
}

// remove forgets a block that was decided or verified.
func (c *earlyCache) remove(id ids.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, b := range c.blocks {
		if b.id == id {
			c.drop(i)
			return
		}
	}
}

func (c *earlyCache) drop(i int) {
	c.bytes -= len(c.blocks[i].Bytes())
	c.blocks = append(c.blocks[:i], c.blocks[i+1:]...)
}
