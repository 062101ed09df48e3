package oracle

import (
	_ "embed"
	"encoding/binary"
	"math/big"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/params"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/precompile/contract"
)

// Address is where the contract is, 0x0501.
var Address = common.BytesToAddress([]byte{0x05, 0x01})

//go:embed IOracleFeeds.json
var feedsABI []byte

// Feeds is the contract at 0x0501. contracts/src/interfaces/IOracleFeeds.sol
// describes it.
var Feeds = contract.MustNew(contract.Config{
	Name: "Oracle feeds",
	ABI:  feedsABI,
	Functions: map[string]contract.Function{
		"updateBeaconWithSignedData(address,bytes32,uint256,bytes,bytes)": updateBeacon,
		"updateBeaconSetWithBeacons(bytes32[])":                           updateSet,
		"dataFeeds(bytes32)":                                              dataFeeds,
		"readDataFeedWithId(bytes32)":                                     readFeed,
		"readFresh(bytes32,uint32)":                                       readFresh,
		"readBeaconSet(bytes32[],uint32,uint256)":                         readSet,
		"latestRoundData(bytes32)":                                        latestRound,
		"deviation(int224,int224)":                                        deviation,
		"deriveBeaconId(address,bytes32)":                                 deriveBeacon,
		"deriveBeaconSetId(bytes32[])":                                    deriveSet,
		"feedCount()":                                                     feedCount,
		"feedAt(uint256)":                                                 feedAt,
	},
	Stateful: true,
})

// Prices; docs/precompiles/gas.md derives them.
const (
	// signatureGas is the price of recovering a signer: ecrecover's 3,000 and the
	// hashes around it.
	signatureGas = 3_500
	// beaconGas is the price of one member of a set: hashing its slot, sorting.
	beaconGas = 150
	// baseGas covers what a function does apart from that.
	baseGas = 200
)

const (
	minBeacons, maxBeacons = 2, 64
	// ahead is how far after the block a signed value may be, in seconds.
	ahead = 3600
	// whole is a deviation of 100 %.
	whole = 100_000_000
)

// First topics of the events.
var (
	beaconUpdated = crypto.Keccak256Hash([]byte("UpdatedBeaconWithSignedData(bytes32,int224,uint32)"))
	setUpdated    = crypto.Keccak256Hash([]byte("UpdatedBeaconSetWithBeacons(bytes32,int224,uint32)"))
)

func updateBeacon(c *contract.Call) ([]any, error) {
	airnode, template, stamp := c.Args.Address(0), c.Args.Bytes(1), c.Args.Uint256(2)
	data, signature := c.Args.Bytes(3), c.Args.Bytes(4)
	if err := c.Charge(baseGas + signatureGas + params.Keccak256WordGas*contract.Words(len(data))); err != nil {
		return nil, err
	}
	signer, err := recoverSigner(signedHash(template, stamp, data), signature)
	if err != nil {
		return nil, err
	}
	if signer != airnode {
		return nil, contract.Revert("SignatureMismatch", signer)
	}
	// Unchecked addition, as in the original: no block is that late.
	limit := uint256.NewInt(c.Env.BlockTime())
	if limit.AddUint64(limit, ahead); !stamp.Lt(limit) {
		return nil, contract.Revert("TimestampNotValid", stamp.ToBig())
	}
	if len(data) != 32 {
		return nil, contract.Revert("DataLength", len(data))
	}
	value := new(uint256.Int).SetBytes(data)
	if !fits224(value) {
		return nil, contract.Revert("ValueRange")
	}
	id, s := BeaconID(airnode, template), c.State()
	old, err := Read(s.Load, id)
	if err != nil {
		return nil, err
	}
	if !stamp.Gt(uint256.NewInt(uint64(old.Timestamp))) {
		return nil, contract.Revert("DoesNotUpdateTimestamp", old.Timestamp)
	}
	next := Feed{Value: value, Timestamp: uint32(stamp.Uint64())}
	return []any{[32]byte(id)}, write(s, id, beacon, next, beaconUpdated)
}

func updateSet(c *contract.Call) ([]any, error) {
	ids, err := members(c)
	if err != nil {
		return nil, err
	}
	s := c.State()
	list, err := readAll(s, ids)
	if err != nil {
		return nil, err
	}
	next := medianOf(list)
	id := SetID(ids)
	old, err := Read(s.Load, id)
	if err != nil {
		return nil, err
	}
	if old.Timestamp == next.Timestamp && old.Value.Eq(next.Value) {
		return nil, contract.Revert("DoesNotUpdateBeaconSet")
	}
	return []any{[32]byte(id)}, write(s, id, beaconSet, next, setUpdated)
}

// members charges for and checks argument 0, a list of beacon ids.
func members(c *contract.Call) ([]common.Hash, error) {
	list := c.Args.List(0)
	if err := c.Charge(baseGas + beaconGas*uint64(len(list))); err != nil {
		return nil, err
	}
	if len(list) < minBeacons || len(list) > maxBeacons {
		return nil, contract.Revert("BeaconCount", len(list))
	}
	ids := make([]common.Hash, len(list))
	for i := range list {
		ids[i] = list.Bytes32(i)
	}
	return ids, nil
}

func readAll(s *contract.State, ids []common.Hash) ([]Feed, error) {
	out := make([]Feed, len(ids))
	for i, id := range ids {
		var err error
		if out[i], err = Read(s.Load, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// read charges for and reads the feed that argument 0 names.
func read(c *contract.Call) (common.Hash, Feed, error) {
	id := common.Hash(c.Args.Bytes32(0))
	if err := c.Charge(baseGas); err != nil {
		return id, Feed{}, err
	}
	f, err := Read(c.State().Load, id)
	return id, f, err
}

// initialized is [read] of a feed that has to have a value.
func initialized(c *contract.Call) (common.Hash, Feed, error) {
	id, f, err := read(c)
	if err == nil && f.Timestamp == 0 {
		err = contract.Revert("FeedNotInitialized", [32]byte(id))
	}
	return id, f, err
}

func dataFeeds(c *contract.Call) ([]any, error) {
	_, f, err := read(c)
	if err != nil {
		return nil, err
	}
	return []any{Signed(f.Value), f.Timestamp}, nil
}

func readFeed(c *contract.Call) ([]any, error) {
	_, f, err := initialized(c)
	if err != nil {
		return nil, err
	}
	return []any{Signed(f.Value), f.Timestamp}, nil
}

// fresh reports whether f is at most maxAge seconds old in this block.
func fresh(c *contract.Call, f Feed, maxAge uint64) bool {
	return f.Timestamp > 0 && uint64(f.Timestamp)+maxAge >= c.Env.BlockTime()
}

func readFresh(c *contract.Call) ([]any, error) {
	id, f, err := initialized(c)
	if err != nil {
		return nil, err
	}
	if !fresh(c, f, c.Args.Uint64(1)) {
		return nil, contract.Revert("StaleFeed", [32]byte(id), f.Timestamp)
	}
	return []any{Signed(f.Value), f.Timestamp}, nil
}

func readSet(c *contract.Call) ([]any, error) {
	ids, err := members(c)
	if err != nil {
		return nil, err
	}
	all, err := readAll(c.State(), ids)
	if err != nil {
		return nil, err
	}
	var live []Feed
	for _, f := range all {
		if fresh(c, f, c.Args.Uint64(1)) {
			live = append(live, f)
		}
	}
	if len(live) == 0 {
		return nil, contract.Revert("NoMajority", 0, len(ids))
	}
	middle, agreeing := medianOf(live), 0
	for _, f := range live {
		if !Deviation(middle.Value, f.Value).Gt(c.Args.Uint256(2)) {
			agreeing++
		}
	}
	if 2*agreeing <= len(ids) {
		return nil, contract.Revert("NoMajority", agreeing, len(ids))
	}
	return []any{Signed(middle.Value), middle.Timestamp, big.NewInt(int64(agreeing))}, nil
}

func latestRound(c *contract.Call) ([]any, error) {
	id, f, err := initialized(c)
	if err != nil {
		return nil, err
	}
	m, err := ReadMeta(c.State().Load, id)
	if err != nil {
		return nil, err
	}
	round, at := new(big.Int).SetUint64(m.Round), new(big.Int).SetUint64(uint64(f.Timestamp))
	return []any{round, Signed(f.Value), at, at, round}, nil
}

func deviation(c *contract.Call) ([]any, error) {
	if err := c.Charge(baseGas); err != nil {
		return nil, err
	}
	return []any{Deviation(c.Args.Uint256(0), c.Args.Uint256(1)).ToBig()}, nil
}

func deriveBeacon(c *contract.Call) ([]any, error) {
	if err := c.Charge(baseGas); err != nil {
		return nil, err
	}
	return []any{[32]byte(BeaconID(c.Args.Address(0), c.Args.Bytes(1)))}, nil
}

func deriveSet(c *contract.Call) ([]any, error) {
	ids, err := members(c)
	if err != nil {
		return nil, err
	}
	return []any{[32]byte(SetID(ids))}, nil
}

func feedCount(c *contract.Call) ([]any, error) {
	if err := c.Charge(baseGas); err != nil {
		return nil, err
	}
	n, err := Count(c.State().Load)
	return []any{new(big.Int).SetUint64(n)}, err
}

func feedAt(c *contract.Call) ([]any, error) {
	if err := c.Charge(baseGas); err != nil {
		return nil, err
	}
	index, s := c.Args.Uint256(0), c.State()
	n, err := Count(s.Load)
	if err != nil {
		return nil, err
	}
	if !index.LtUint64(n) {
		return nil, contract.Revert("NoSuchFeed", index.ToBig())
	}
	id, err := At(s.Load, index.Uint64())
	return []any{[32]byte(id)}, err
}

// eventData is a value and a timestamp as the events carry them.
func eventData(f Feed) []byte {
	word := f.Value.Bytes32()
	return binary.BigEndian.AppendUint32(append(word[:], make([]byte, 28)...), f.Timestamp)
}
