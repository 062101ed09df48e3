package graph

import (
	"github.com/ava-labs/libevm/common"

	"github.com/pars-network/pars/precompile/ai"
)

// modelType has the networks of the AI contract, in the order of registration.
var modelType = declare("Model", modelRows{},
	&field{name: "id", kind: kindID},
	&field{name: "registrant", kind: kindBytes},
	&field{name: "size", kind: kindInt, indexed: true},
	&field{name: "block", kind: kindBigInt, indexed: true},
)

type modelRows struct{}

func (modelRows) find(m *machine, id string) (row, error) {
	h, ok := hashOf(id)
	if !ok {
		return nil, nil
	}
	load := m.foreign(ai.Address)
	meta, err := ai.ReadMeta(load, h)
	if err != nil || meta.Size == 0 {
		return nil, err
	}
	return modelRow(h, meta), nil
}

func (modelRows) at(m *machine, seq uint64) (row, error) {
	load := m.foreign(ai.Address)
	id, err := ai.At(load, seq)
	if err != nil {
		return nil, err
	}
	meta, err := ai.ReadMeta(load, id)
	if err != nil {
		return nil, err
	}
	r := modelRow(id, meta)
	r.seq = seq
	return r, nil
}

func (modelRows) cursor(m *machine, l *listing) (cursor, error) {
	n, err := ai.Count(m.foreign(ai.Address))
	return l.count(0, n), err
}

func modelRow(id common.Hash, meta ai.Meta) *record {
	return &record{
		words: []common.Hash{{}, {}, number(uint64(meta.Size)), number(meta.Block)},
		texts: []string{hexOf(id), string(meta.Registrant[:]), "", ""},
	}
}
