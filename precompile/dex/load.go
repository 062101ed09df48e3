package dex

import (
	"github.com/ava-labs/libevm/common"
)

// Anybody may read any slot: this is how contracts and people read pools.

func extsload(c *call) ([]byte, error) {
	if err := c.heads(1); err != nil {
		return nil, err
	}
	v, err := c.Load(c.hash32(0))
	return v[:], err
}

func exttload(c *call) ([]byte, error) {
	if err := c.heads(1); err != nil {
		return nil, err
	}
	v, err := c.LoadTransient(c.hash32(0))
	return v[:], err
}

// many is an array of n words, of which at least one is read, also when n is 0:
// so does the published contract.
func (c *call) many(n uint64, next func(i uint64) (common.Hash, error)) ([]byte, error) {
	out := appendNumber(appendNumber(nil, 32), n)
	for i := uint64(0); ; i++ {
		if err := c.Charge(wordGas); err != nil {
			return nil, err
		}
		v, err := next(i)
		if err != nil {
			return nil, err
		}
		if i < n {
			out = append(out, v[:]...)
		}
		if i+1 >= n {
			return out, nil
		}
	}
}

func extsloadRange(c *call) ([]byte, error) {
	if err := c.heads(2); err != nil {
		return nil, err
	}
	n := c.word(1)
	// More words than any gas pays for.
	count := ^uint64(0)
	if n.IsUint64() {
		count = n.Uint64()
	}
	at := c.word(0)
	return c.many(count, func(uint64) (common.Hash, error) {
		v, err := c.Load(at.Bytes32())
		at.AddUint64(&at, 1)
		return v, err
	})
}

// slots reads the array of slots that is the only argument.
func (c *call) slots(read func(common.Hash) (common.Hash, error)) ([]byte, error) {
	if err := c.heads(1); err != nil {
		return nil, err
	}
	at, n := c.tail(0, 32)
	if err := c.ok(); err != nil {
		return nil, err
	}
	return c.many(n, func(i uint64) (common.Hash, error) {
		var slot common.Hash
		copy(slot[:], c.data[min(at+32*i, uint64(len(c.data))):])
		return read(slot)
	})
}

func extsloadMany(c *call) ([]byte, error) { return c.slots(c.Load) }

func exttloadMany(c *call) ([]byte, error) { return c.slots(c.LoadTransient) }
