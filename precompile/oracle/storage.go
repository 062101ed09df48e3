package oracle

import (
	"encoding/binary"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/precompile/contract"
)

// What is kept under the contract's address; spec/oracle.md describes the layout.
const (
	valueTag = "pars oracle value v1" // and the feed's id: value (28 bytes), timestamp (4)
	metaTag  = "pars oracle meta v1"  // and the feed's id: see [Meta]
	listTag  = "pars oracle list v1"  // and a number (8 bytes): the id of that feed
)

// countSlot has the number of feeds.
var countSlot = crypto.Keccak256Hash([]byte("pars oracle count v1"))

// Kinds of feeds.
const (
	beacon    = 1
	beaconSet = 2
)

// Load reads a storage slot of this contract and charges for it.
type Load func(slot common.Hash) (common.Hash, error)

// Meta is what is known about a feed besides its value.
type Meta struct {
	// Kind is 1 for a beacon, 2 for a set, 0 for a feed without a value.
	Kind uint8
	// Index is the feed's number, in the order of first updates.
	Index uint64
	// Round counts the updates from 1.
	Round uint64
}

// IsSet reports whether the feed is a median of others.
func (m Meta) IsSet() bool { return m.Kind == beaconSet }

func slot(tag string, key []byte) common.Hash { return crypto.Keccak256Hash([]byte(tag), key) }

// Read returns the newest value of a feed.
func Read(load Load, id common.Hash) (Feed, error) {
	word, err := load(slot(valueTag, id[:]))
	if err != nil {
		return Feed{}, err
	}
	value := new(uint256.Int).SetBytes(word[:28])
	return Feed{Value: value.ExtendSign(value, uint256.NewInt(27)), Timestamp: binary.BigEndian.Uint32(word[28:])}, nil
}

// ReadMeta returns what else is known about a feed.
func ReadMeta(load Load, id common.Hash) (Meta, error) {
	word, err := load(slot(metaTag, id[:]))
	return Meta{Kind: word[15], Index: binary.BigEndian.Uint64(word[16:]), Round: binary.BigEndian.Uint64(word[24:])}, err
}

func (m Meta) word() (out common.Hash) {
	out[15] = m.Kind
	binary.BigEndian.PutUint64(out[16:], m.Index)
	binary.BigEndian.PutUint64(out[24:], m.Round)
	return out
}

// Count is how many feeds were ever updated.
func Count(load Load) (uint64, error) {
	word, err := load(countSlot)
	return binary.BigEndian.Uint64(word[24:]), err
}

// At is the id of a feed below [Count].
func At(load Load, index uint64) (common.Hash, error) {
	return load(slot(listTag, binary.BigEndian.AppendUint64(nil, index)))
}

// write keeps a new value, lists the feed if it is its first, and logs it.
func write(s *contract.State, id common.Hash, kind uint8, f Feed, event common.Hash) error {
	m, err := ReadMeta(s.Load, id)
	if err != nil {
		return err
	}
	if m.Kind == 0 {
		if m.Index, err = Count(s.Load); err != nil {
			return err
		}
		m.Kind = kind
		if err := s.Store(slot(listTag, binary.BigEndian.AppendUint64(nil, m.Index)), id); err != nil {
			return err
		}
		if err := s.Store(countSlot, uint256.NewInt(m.Index+1).Bytes32()); err != nil {
			return err
		}
	}
	m.Round++
	if err := s.Store(slot(metaTag, id[:]), m.word()); err != nil {
		return err
	}
	word := f.Value.Bytes32()
	if err := s.Store(slot(valueTag, id[:]), common.Hash(binary.BigEndian.AppendUint32(append([]byte{}, word[4:]...), f.Timestamp))); err != nil {
		return err
	}
	return s.Log([]common.Hash{event, id}, eventData(f))
}
