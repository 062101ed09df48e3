package graph

import (
	"github.com/ava-labs/libevm/common"

	"github.com/pars-network/pars/precompile/oracle"
)

// feedType has the feeds of the oracle contract, in the order of first updates.
var feedType = declare("Feed", feedRows{},
	&field{name: "id", kind: kindID},
	&field{name: "isSet", kind: kindBoolean, indexed: true},
	&field{name: "value", kind: kindBigInt, indexed: true},
	&field{name: "timestamp", kind: kindBigInt, indexed: true},
	&field{name: "round", kind: kindBigInt},
)

type feedRows struct{}

func (feedRows) find(m *machine, id string) (row, error) {
	h, ok := hashOf(id)
	if !ok {
		return nil, nil
	}
	load := m.foreign(oracle.Address)
	meta, err := oracle.ReadMeta(load, h)
	if err != nil || meta.Kind == 0 {
		return nil, err
	}
	return feedRow(load, h, meta)
}

func (feedRows) at(m *machine, seq uint64) (row, error) {
	load := m.foreign(oracle.Address)
	id, err := oracle.At(load, seq)
	if err != nil {
		return nil, err
	}
	meta, err := oracle.ReadMeta(load, id)
	if err != nil {
		return nil, err
	}
	return feedRow(load, id, meta)
}

func (feedRows) cursor(m *machine, l *listing) (cursor, error) {
	n, err := oracle.Count(m.foreign(oracle.Address))
	return l.count(0, n), err
}

func feedRow(load oracle.Load, id common.Hash, meta oracle.Meta) (row, error) {
	f, err := oracle.Read(load, id)
	if err != nil {
		return nil, err
	}
	var set common.Hash
	if meta.IsSet() {
		set[31] = 1
	}
	return &record{
		seq:   meta.Index,
		words: []common.Hash{{}, set, f.Value.Bytes32(), number(uint64(f.Timestamp)), number(meta.Round)},
		texts: []string{hexOf(id)},
	}, nil
}
