package graph

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/precompile/contract"
)

// Tags of what is hashed to places in storage; spec/graph.md describes the layout.
const (
	schemaTag  = "pars graph schema v1"  // caller, SDL: a schema's id
	accountTag = "pars graph account v1" // schema: the account whose code it is
	typeTag    = "pars graph type v1"    // schema, number of the type
	ownerTag   = "pars graph owner v1"   // type
	nextTag    = "pars graph next v1"    // type
	idTag      = "pars graph id v1"      // type, id
	rowTag     = "pars graph row v1"     // type, number of the row
	treeTag    = "pars graph tree v1"    // type, number of the field
	rootTag    = "pars graph root v1"    // tree
	nodeTag    = "pars graph node v1"    // tree, number of the row
)

// Limits of an entity.
const (
	maxID   = 66 // a hash in hex
	maxText = 1024
)

// row is an entity or a row of a built-in type.
type row interface {
	// word is the value of a field whose kind has a word, or the number of the row
	// that a reference names.
	word(f *field) (common.Hash, error)
	// text is the value of a field of kind ID, String or Bytes.
	text(f *field) (string, error)
	// number is the row's place in the order of rows.
	number() uint64
}

// table is the storage of one type's entities.
type table struct {
	m      *machine
	object *object
	key    common.Hash
}

func (m *machine) table(o *object) *table {
	return &table{m, o, crypto.Keccak256Hash([]byte(typeTag), m.schemaID[:], []byte{byte(o.no)})}
}

func (t *table) slot(tag string) common.Hash { return crypto.Keccak256Hash([]byte(tag), t.key[:]) }

func (t *table) idSlot(id string) common.Hash {
	return crypto.Keccak256Hash([]byte(idTag), t.key[:], []byte(id))
}

// entity is a row of a table.
type entity struct {
	t    *table
	seq  uint64
	base common.Hash
}

func (t *table) entity(seq uint64) *entity {
	base := crypto.Keccak256Hash([]byte(rowTag), t.key[:], binary.BigEndian.AppendUint64(nil, seq))
	return &entity{t, seq, base}
}

// slot is where the field has its word: the row's hash with its last byte
// replaced.
func (e *entity) slot(f *field) common.Hash {
	s := e.base
	s[31] = byte(f.no)
	return s
}

func (e *entity) number() uint64 { return e.seq }

func (e *entity) word(f *field) (common.Hash, error) { return e.t.m.state.Load(e.slot(f)) }

// chunk is where the n-th 32 bytes of a long string are.
func chunk(slot common.Hash, n int) common.Hash {
	s := crypto.Keccak256Hash(slot[:])
	s[31] = byte(n)
	return s
}

// length is how long the string is that a word starts, and whether the word is
// all of it.
func length(word common.Hash) (n int, short bool) {
	if word[31]&1 == 0 {
		return int(word[31] / 2), true
	}
	return int(binary.BigEndian.Uint64(word[24:]) / 2), false
}

func (e *entity) text(f *field) (string, error) {
	slot := e.slot(f)
	word, err := e.t.m.state.Load(slot)
	if err != nil {
		return "", err
	}
	n, short := length(word)
	if short {
		return string(word[:n]), nil
	}
	if n > maxText {
		return "", errCorrupt
	}
	if err := e.t.m.state.Charge(hashGas); err != nil {
		return "", err
	}
	var out []byte
	for i := 0; 32*i < n; i++ {
		w, err := e.t.m.state.Load(chunk(slot, i))
		if err != nil {
			return "", err
		}
		out = append(out, w[:]...)
	}
	return string(out[:n]), nil
}

// write replaces what a field holds: a word, or a text of any length.
func (e *entity) write(f *field, v cell) error {
	s := e.t.m.state
	slot := e.slot(f)
	old, err := s.Load(slot)
	if err != nil {
		return err
	}
	before := 0
	if f.textual() {
		if n, short := length(old); !short {
			before = (n + 31) / 32
		}
	}
	after := 0
	if v.long() {
		after = (len(v.text) + 31) / 32
	}
	if before+after > 0 {
		if err := s.Charge(hashGas); err != nil {
			return err
		}
	}
	for i := range max(before, after) {
		var w common.Hash
		if i < after {
			copy(w[:], v.text[32*i:])
		}
		if err := s.Store(chunk(slot, i), w); err != nil {
			return err
		}
	}
	return s.Store(slot, v.word())
}

func (f *field) textual() bool {
	return f.kind == kindID || f.kind == kindString || f.kind == kindBytes
}

// cell is what a field is to hold.
type cell struct {
	kind  kind
	value common.Hash
	text  string
}

func (c cell) long() bool { return len(c.text) > maxShort }

// word is the value of the field's slot.
func (c cell) word() common.Hash {
	switch {
	case c.kind != kindID && c.kind != kindString && c.kind != kindBytes:
		return c.value
	case c.long():
		return number(uint64(2*len(c.text) + 1))
	}
	return shortWord(c.text)
}

// find is the entity with an id; nil when there is none.
func (t *table) find(id string) (*entity, error) {
	if len(id) == 0 || len(id) > maxID {
		return nil, nil
	}
	if err := t.m.state.Charge(hashGas); err != nil {
		return nil, err
	}
	w, err := t.m.state.Load(t.idSlot(id))
	if err != nil || w == (common.Hash{}) {
		return nil, err
	}
	return t.entity(binary.BigEndian.Uint64(w[24:])), nil
}

// get is the entity with a number; nil when it was removed.
func (t *table) get(seq uint64) (*entity, error) {
	if seq == 0 {
		return nil, nil
	}
	if err := t.m.state.Charge(hashGas); err != nil {
		return nil, err
	}
	e := t.entity(seq)
	w, err := e.word(t.object.fields[0])
	if err != nil || w == (common.Hash{}) {
		return nil, err
	}
	return e, nil
}

// tree is the index of a field; field 0's is the order of first puts.
func (t *table) tree(f *field) *tree {
	base := crypto.Keccak256Hash([]byte(treeTag), t.key[:], []byte{byte(f.no)})
	out := &tree{m: t.m, base: base, root: crypto.Keccak256Hash([]byte(rootTag), base[:])}
	if f.no > 0 {
		out.key = func(seq uint64) (common.Hash, error) {
			w, err := t.entity(seq).word(f)
			return sortKey(f.kind, w), err
		}
	}
	return out
}

// put writes an entity and its indexes, and makes it if it is new.
func (t *table) put(id string, cells []cell) error {
	s := t.m.state
	e, err := t.find(id)
	if err != nil {
		return err
	}
	fresh := e == nil
	if fresh {
		if e, err = t.insert(id); err != nil {
			return err
		}
	}
	for i, c := range cells {
		f := t.stored()[i+1]
		if err := s.Charge(cellGas); err != nil {
			return err
		}
		if !f.indexed {
			if err := e.write(f, c); err != nil {
				return err
			}
			continue
		}
		if err := t.reindex(e, f, c, fresh); err != nil {
			return err
		}
	}
	return nil
}

// reindex writes an indexed field. Rows whose reference is null are in no index.
func (t *table) reindex(e *entity, f *field, c cell, fresh bool) error {
	old, err := e.word(f)
	if err != nil {
		return err
	}
	if !fresh && old == c.word() {
		return nil
	}
	index := t.tree(f)
	present := func(w common.Hash) bool { return f.kind != kindRef || w != (common.Hash{}) }
	if !fresh && present(old) {
		if err := index.remove(e.seq); err != nil {
			return err
		}
	}
	if err := e.write(f, c); err != nil {
		return err
	}
	if !present(c.word()) {
		return nil
	}
	return index.insert(e.seq)
}

// insert gives an id a number and puts it at the end of the order.
func (t *table) insert(id string) (*entity, error) {
	s := t.m.state
	slot := t.slot(nextTag)
	w, err := s.Load(slot)
	if err != nil {
		return nil, err
	}
	e := t.entity(binary.BigEndian.Uint64(w[24:]) + 1)
	if err := s.Store(slot, number(e.seq)); err != nil {
		return nil, err
	}
	if err := s.Store(t.idSlot(id), number(e.seq)); err != nil {
		return nil, err
	}
	idField := t.object.fields[0]
	if err := e.write(idField, cell{kind: kindID, text: id}); err != nil {
		return nil, err
	}
	return e, t.tree(idField).insert(e.seq)
}

// remove takes an entity out of its indexes and storage.
func (t *table) remove(id string, e *entity) error {
	for _, f := range t.stored() {
		if err := t.m.state.Charge(cellGas); err != nil {
			return err
		}
		w, err := e.word(f)
		if err != nil {
			return err
		}
		if f.no == 0 || (f.indexed && (f.kind != kindRef || w != (common.Hash{}))) {
			if err := t.tree(f).remove(e.seq); err != nil {
				return err
			}
		}
		empty := cell{kind: f.kind}
		if err := e.write(f, empty); err != nil {
			return err
		}
	}
	return t.m.state.Store(t.idSlot(id), common.Hash{})
}

// stored are the fields that an entity keeps, the id first: all but lists.
func (t *table) stored() []*field {
	var out []*field
	for _, f := range t.object.fields {
		if f.kind != kindDerived {
			out = append(out, f)
		}
	}
	return out
}

var abiTypes = func() map[kind]abi.Type {
	out := map[kind]abi.Type{}
	for k, name := range map[kind]string{
		kindString: "string", kindInt: "int32", kindBigInt: "int256", kindBoolean: "bool",
		kindBytes: "bytes", kindAddress: "address", kindRef: "string",
	} {
		t, err := abi.NewType(name, "", nil)
		if err != nil {
			panic(err)
		}
		out[k] = t
	}
	return out
}()

// cells decodes the fields of an entity, but for its id: abi.encode of their
// values in the order of the schema, references as the id of an entity that is
// there, or as an empty string.
func (t *table) cells(data []byte) ([]cell, error) {
	stored := t.stored()[1:]
	types := make(abi.Arguments, len(stored))
	for i, f := range stored {
		types[i].Type = abiTypes[f.kind]
	}
	args, err := contract.Decode(types, data)
	if err != nil {
		return nil, contract.Revert("InvalidFields", "", err.Error())
	}
	out := make([]cell, len(stored))
	for i, f := range stored {
		c := cell{kind: f.kind}
		switch v := args[i].(type) {
		case *uint256.Int:
			c.value = v.Bytes32()
		case bool:
			if v {
				c.value[31] = 1
			}
		case common.Address:
			c.value = common.BytesToHash(v[:])
		case []byte:
			if f.kind == kindRef {
				if c.value, err = t.refer(f, string(v)); err != nil {
					return nil, err
				}
				break
			}
			c.text = string(v)
			if reason := textFault(f, c.text); reason != "" {
				return nil, contract.Revert("InvalidFields", f.name, reason)
			}
		}
		out[i] = c
	}
	return out, nil
}

// textFault says why a field can't hold a text, or nothing.
func textFault(f *field, text string) string {
	switch {
	case f.kind == kindString && !utf8.ValidString(text):
		return "not UTF-8"
	case f.indexed && len(text) > maxShort:
		return "longer than the 31 bytes of an indexed field"
	case len(text) > maxText:
		return "longer than 1024 bytes"
	}
	return ""
}

// refer is the number of the entity with an id, 0 for no id.
func (t *table) refer(f *field, id string) (common.Hash, error) {
	if id == "" {
		return common.Hash{}, nil
	}
	to, err := t.m.table(f.target).find(id)
	if err != nil {
		return common.Hash{}, err
	}
	if to == nil {
		return common.Hash{}, contract.Revert("InvalidFields", f.name, "refers to an entity that is not there")
	}
	return number(to.seq), nil
}
