package dex

import (
	"encoding/binary"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"
)

// Where solc puts the variables of the pool manager.
const (
	slotOwner         = 0
	slotFeesAccrued   = 1 // mapping(currency => uint256)
	slotFeeController = 2
	slotOperators     = 3 // mapping(owner => mapping(operator => bool))
	slotClaims        = 4 // mapping(owner => mapping(id => uint256))
	slotAllowances    = 5 // mapping(owner => mapping(spender => mapping(id => uint256)))
	slotPools         = 6 // mapping(id => pool)
)

// Words of a pool, counted from its first.
const (
	poolFeeGrowth0 = 1
	poolFeeGrowth1 = 2
	poolLiquidity  = 3
	poolTicks      = 4 // mapping(tick => liquidity gross and net, two growths)
	poolBitmap     = 5 // mapping(word => bits)
	poolPositions  = 6 // mapping(key => liquidity, two growths)
)

// Slots of transient storage: one less than the hash of a name.
var (
	transientUnlocked = nameSlot("Unlocked")
	transientDeltas   = nameSlot("NonzeroDeltaCount")
	transientCurrency = nameSlot("Currency")
	transientReserves = nameSlot("ReservesOf")
)

func nameSlot(name string) common.Hash {
	var n uint256.Int
	n.SetBytes(crypto.Keccak256([]byte(name)))
	n.SubUint64(&n, 1)
	return n.Bytes32()
}

// hasher finds slots. The zero value is ready. It is not safe for concurrent use.
type hasher struct {
	state crypto.KeccakState
	buf   [64]byte
}

func (h *hasher) hash(data []byte) (out common.Hash) {
	if h.state == nil {
		h.state = crypto.NewKeccakState()
	}
	h.state.Reset()
	_, _ = h.state.Write(data) // a hash never fails
	_, _ = h.state.Read(out[:])
	return out
}

// entry is the slot of a mapping's value: keccak256(key . mapping).
func (h *hasher) entry(key, mapping common.Hash) common.Hash {
	copy(h.buf[:32], key[:])
	copy(h.buf[32:], mapping[:])
	return h.hash(h.buf[:])
}

// transientDelta is the slot of what target owes or is owed in currency.
func (h *hasher) transientDelta(target, currency common.Address) common.Hash {
	return h.entry(common.BytesToHash(target[:]), common.BytesToHash(currency[:]))
}

func slotNumber(n uint64) (out common.Hash) {
	binary.BigEndian.PutUint64(out[24:], n)
	return out
}

// tickWord is a tick, or the number of a word of the bitmap, as a mapping's key:
// sign-extended.
func tickWord(n int32) common.Hash {
	w := number(int64(n))
	return w.Bytes32()
}

// offset is the slot n words behind base.
func offset(base common.Hash, n uint64) common.Hash {
	var w uint256.Int
	w.SetBytes32(base[:])
	w.AddUint64(&w, n)
	return w.Bytes32()
}

func wordOf(h common.Hash) (w uint256.Int) {
	w.SetBytes32(h[:])
	return w
}
