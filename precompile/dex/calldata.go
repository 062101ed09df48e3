package dex

import (
	"github.com/ava-labs/libevm/common"
	"github.com/holiman/uint256"
)

// Calldata is read as solc's decoder reads it, unlike that of Pars' own native
// contracts: routers of Uniswap v4 build theirs by hand, with offsets that are not
// canonical and bytes behind the end. What solc refuses reverts without data.

// calldata is the input behind the selector.
type calldata struct {
	data []byte
	bad  bool
}

// heads bounds the words that a function reads.
func (d *calldata) heads(n int) error {
	if len(d.data) < 32*n {
		return errEmpty
	}
	return nil
}

// word is word i; the caller has called heads.
func (d *calldata) word(i int) (w uint256.Int) {
	w.SetBytes32(d.data[32*i : 32*i+32])
	return w
}

// uint reads an unsigned number of the given bits.
func (d *calldata) uint(i int, bits int) uint256.Int {
	w := d.word(i)
	d.bad = d.bad || w.BitLen() > bits
	return w
}

func (d *calldata) uint24(i int) uint32 {
	w := d.uint(i, 24)
	return uint32(w.Uint64())
}

func (d *calldata) address(i int) common.Address {
	w := d.uint(i, 160)
	return w.Bytes20()
}

func (d *calldata) bool(i int) bool {
	w := d.uint(i, 1)
	return !w.IsZero()
}

func (d *calldata) int24(i int) int32 {
	w := d.word(i)
	n := int24(uint32(w.Uint64()))
	back := number(int64(n))
	d.bad = d.bad || !back.Eq(&w)
	return n
}

func (d *calldata) hash32(i int) common.Hash { return common.Hash(d.data[32*i : 32*i+32]) }

// tail finds the dynamic value whose offset is in word i: its first word's
// position and its length, in units of size bytes.
func (d *calldata) tail(i int, size uint64) (at, length uint64) {
	end := uint64(len(d.data))
	o := d.word(i)
	if !o.IsUint64() || o.Uint64() >= end || end-o.Uint64() < 32 {
		d.bad = true
		return 0, 0
	}
	at = o.Uint64() + 32
	var n uint256.Int
	n.SetBytes32(d.data[at-32 : at])
	if !n.IsUint64() || n.Uint64() > (end-at)/size {
		d.bad = true
		return 0, 0
	}
	return at, n.Uint64()
}

// bytes is the byte string whose offset is in word i. It aliases the calldata.
func (d *calldata) bytes(i int) []byte {
	at, n := d.tail(i, 1)
	return d.data[at : at+n : at+n]
}

// ok is an empty revert after anything that solc refuses.
func (d *calldata) ok() error {
	if d.bad {
		return errEmpty
	}
	return nil
}

// poolKey names a pool.
type poolKey struct {
	currency0, currency1 common.Address
	fee                  uint32
	spacing              int32
	hooks                common.Address
	// encoded are its five words, whose hash is the pool's id.
	encoded [160]byte
}

const poolKeyWords = 5

// poolKey reads the first argument.
func (d *calldata) poolKey() poolKey {
	return poolKey{
		currency0: d.address(0), currency1: d.address(1), fee: d.uint24(2),
		spacing: d.int24(3), hooks: d.address(4), encoded: [160]byte(d.data),
	}
}
