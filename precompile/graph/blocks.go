package graph

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/libevm/stateconf"
)

// Address is where the contract is, 0x0500.
var Address = common.BytesToAddress([]byte{0x05, 0x00})

const (
	// window is how many blocks before the current one a query sees, as BLOCKHASH
	// does; kept are more, so that a call on top of a block sees as many.
	window = 256
	kept   = 2 * window
	// blockTag, a number below kept and a part are hashed to a slot.
	blockTag = "pars graph block v1"
)

// Parts of a block in storage.
const (
	partNumbers = iota // number, time in ms, gas used, gas limit: 8 bytes each
	partBuilder        // base fee in wei (12 bytes), proposer (20)
	partHash           // written with the next block
)

func blockSlot(number uint64, part byte) common.Hash {
	return crypto.Keccak256Hash([]byte(blockTag), binary.BigEndian.AppendUint64(nil, number%kept), []byte{part})
}

// State is what [Record] needs of a state.
type State interface {
	GetCodeSize(common.Address) int
	SetState(common.Address, common.Hash, common.Hash, ...stateconf.StateDBStateOption)
}

// Record keeps what queries can know of a block: it is the last thing that
// happens in it. ms is the block's time in Unix milliseconds. It does nothing on
// a chain whose genesis has no account at [Address].
func Record(st State, h *types.Header, ms uint64, proposer [20]byte) {
	if st.GetCodeSize(Address) == 0 {
		return
	}
	n := h.Number.Uint64()
	var numbers, builder common.Hash
	binary.BigEndian.PutUint64(numbers[0:], n)
	binary.BigEndian.PutUint64(numbers[8:], ms)
	binary.BigEndian.PutUint64(numbers[16:], h.GasUsed)
	binary.BigEndian.PutUint64(numbers[24:], h.GasLimit)
	if h.BaseFee != nil && h.BaseFee.BitLen() <= 96 {
		h.BaseFee.FillBytes(builder[:12])
	}
	copy(builder[12:], proposer[:])
	st.SetState(Address, blockSlot(n, partNumbers), numbers)
	st.SetState(Address, blockSlot(n, partBuilder), builder)
	if n > 0 {
		st.SetState(Address, blockSlot(n-1, partHash), h.ParentHash)
	}
}

// blockType has the last 256 blocks before the current one, the oldest first.
var blockType = declare("Block", blockRows{},
	&field{name: "id", kind: kindID},
	&field{name: "number", kind: kindBigInt, indexed: true},
	&field{name: "hash", kind: kindBytes},
	&field{name: "timestamp", kind: kindBigInt, indexed: true},
	&field{name: "timeMs", kind: kindBigInt, indexed: true},
	&field{name: "gasUsed", kind: kindBigInt, indexed: true},
	&field{name: "gasLimit", kind: kindBigInt},
	&field{name: "baseFeePerGas", kind: kindBigInt},
	&field{name: "proposer", kind: kindBytes},
)

type blockRows struct{}

func (b blockRows) find(m *machine, id string) (row, error) {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return nil, nil //nolint:nilerr // no block has such an id
	}
	now := m.env.BlockNumber().Uint64()
	if strconv.FormatUint(n, 10) != id || n >= now || n+window < now {
		return nil, nil
	}
	return b.at(m, n)
}

func (blockRows) cursor(m *machine, l *listing) (cursor, error) {
	now := m.env.BlockNumber().Uint64()
	// Nothing is known of block 0, which was not executed.
	from := uint64(1)
	if now > window {
		from = now - window
	}
	return l.count(from, now), nil
}

func (blockRows) at(m *machine, n uint64) (row, error) {
	if err := m.state.Charge(3 * hashGas); err != nil {
		return nil, err
	}
	numbers, err := m.state.Load(blockSlot(n, partNumbers))
	if err != nil {
		return nil, err
	}
	if binary.BigEndian.Uint64(numbers[:]) != n || n == 0 {
		return nil, nil
	}
	builder, err := m.state.Load(blockSlot(n, partBuilder))
	if err != nil {
		return nil, err
	}
	hash, err := m.state.Load(blockSlot(n, partHash))
	if err != nil {
		return nil, err
	}
	if header, err := m.env.BlockHeader(); n+1 == m.env.BlockNumber().Uint64() {
		if err != nil {
			return nil, err
		}
		hash = header.ParentHash
	}
	ms := binary.BigEndian.Uint64(numbers[8:])
	var fee common.Hash
	copy(fee[20:], builder[:12])
	return &record{
		seq: n,
		words: []common.Hash{
			{}, number(n), {}, number(ms / 1000), number(ms),
			number(binary.BigEndian.Uint64(numbers[16:])), number(binary.BigEndian.Uint64(numbers[24:])), fee, {},
		},
		texts: []string{strconv.FormatUint(n, 10), "", string(hash[:]), "", "", "", "", "", string(builder[12:])},
	}, nil
}

// hexOf is a word as an id.
func hexOf(word common.Hash) string { return "0x" + hex.EncodeToString(word[:]) }
