package graph

import (
	"strings"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"
)

// dexAddress is where the pool manager is, 0x0400. Its storage has Uniswap v4's
// layout, which v4-core's StateLibrary (MIT) gives to readers.
var dexAddress = common.BytesToAddress([]byte{0x04, 0x00})

// Places of v4's layout, relative to a pool's own slot but for the first.
const (
	poolsSlot       = 6
	poolGrowth0     = 1
	poolGrowth1     = 2
	poolLiquidity   = 3
	poolPositions   = 6
	positionInside0 = 1
	positionInside1 = 2
)

// poolType has the DEX's pools by their id, the hash of the pool's key. v4 keeps
// no list of them.
var poolType = single(declare("Pool", poolRows{},
	&field{name: "id", kind: kindID},
	&field{name: "sqrtPriceX96", kind: kindBigInt},
	&field{name: "tick", kind: kindInt},
	&field{name: "liquidity", kind: kindBigInt},
	&field{name: "protocolFee", kind: kindInt},
	&field{name: "lpFee", kind: kindInt},
	&field{name: "feeGrowthGlobal0X128", kind: kindBytes},
	&field{name: "feeGrowthGlobal1X128", kind: kindBytes},
))

// positionType has positions by the pool's id, a dash, and the hash of owner,
// ticks and salt under which v4 keeps them.
var positionType = single(declare("Position", positionRows{},
	&field{name: "id", kind: kindID},
	&field{name: "liquidity", kind: kindBigInt},
	&field{name: "feeGrowthInside0LastX128", kind: kindBytes},
	&field{name: "feeGrowthInside1LastX128", kind: kindBytes},
))

func single(o *object) *object {
	o.single = true
	return o
}

// byID is a built-in type without a list.
type byID struct{}

func (byID) at(*machine, uint64) (row, error)          { return nil, nil }
func (byID) cursor(*machine, *listing) (cursor, error) { return &counter{}, nil }

type poolRows struct{ byID }

type positionRows struct{ byID }

// mapped is the slot of a mapping's value.
func mapped(key, slot common.Hash) common.Hash { return crypto.Keccak256Hash(key[:], slot[:]) }

func plus(slot common.Hash, n uint64) common.Hash {
	w := new(uint256.Int).SetBytes(slot[:])
	return w.AddUint64(w, n).Bytes32()
}

// low is the number in the low bits of a word.
func low(word *uint256.Int, bits uint) common.Hash {
	mask := new(uint256.Int).Lsh(uint256.NewInt(1), bits)
	mask.SubUint64(mask, 1)
	return new(uint256.Int).And(word, mask).Bytes32()
}

// words reads slots of the pool manager.
func (m *machine) words(slots ...common.Hash) ([]common.Hash, error) {
	load := m.foreign(dexAddress)
	out := make([]common.Hash, len(slots))
	for i, s := range slots {
		var err error
		if out[i], err = load(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (poolRows) find(m *machine, id string) (row, error) {
	h, ok := hashOf(id)
	if !ok {
		return nil, nil
	}
	at := mapped(h, number(poolsSlot))
	w, err := m.words(at)
	if err != nil || low(new(uint256.Int).SetBytes(w[0][:]), 160) == (common.Hash{}) {
		return nil, err
	}
	rest, err := m.words(plus(at, poolLiquidity), plus(at, poolGrowth0), plus(at, poolGrowth1))
	if err != nil {
		return nil, err
	}
	// From the lowest bit: price 160, tick 24 (signed), protocol fee 24, LP fee 24.
	slot0 := new(uint256.Int).SetBytes(w[0][:])
	price := low(slot0, 160)
	tick := new(uint256.Int).SetBytes32(wordOf(low(slot0.Rsh(slot0, 160), 24)))
	tick.ExtendSign(tick, uint256.NewInt(2))
	protocolFee := low(slot0.Rsh(slot0, 24), 24)
	lpFee := low(slot0.Rsh(slot0, 24), 24)
	return &record{
		words: []common.Hash{{}, price, tick.Bytes32(), lowOf(rest[0], 128), protocolFee, lpFee, {}, {}},
		texts: []string{hexOf(h), "", "", "", "", "", string(rest[1][:]), string(rest[2][:])},
	}, nil
}

func wordOf(h common.Hash) []byte { return h[:] }

func lowOf(word common.Hash, bits uint) common.Hash {
	return low(new(uint256.Int).SetBytes(word[:]), bits)
}

func (positionRows) find(m *machine, id string) (row, error) {
	first, second, _ := strings.Cut(id, "-")
	pool, ok := hashOf(first)
	key, also := hashOf(second)
	if !ok || !also {
		return nil, nil
	}
	at := mapped(key, plus(mapped(pool, number(poolsSlot)), poolPositions))
	w, err := m.words(at, plus(at, positionInside0), plus(at, positionInside1))
	if err != nil || (w[0] == common.Hash{} && w[1] == common.Hash{} && w[2] == common.Hash{}) {
		return nil, err
	}
	return &record{
		words: []common.Hash{{}, lowOf(w[0], 128), {}, {}},
		texts: []string{hexOf(pool) + "-" + hexOf(key), "", string(w[1][:]), string(w[2][:])},
	}, nil
}
