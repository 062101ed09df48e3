package crdt

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/pars-network/pars/session/wire"
)

// version is the first element of every delta and state.
const version = 1

// fieldWire is a field in a delta or a state.
type fieldWire struct {
	_    struct{} `cbor:",toarray"`
	Kind uint64
	Name []byte
	Body []byte
}

// deltaWire is the payload of a vertex, or the part of it for one document.
type deltaWire struct {
	_        struct{} `cbor:",toarray"`
	Version  uint64
	Refs     []byte // ids of the vertices it names, ascending
	Lamports []byte // their lamport numbers
	Fields   []fieldWire
}

// stateWire is a whole document.
type stateWire struct {
	_        struct{} `cbor:",toarray"`
	Version  uint64
	Base     uint64 // lamport number
	Count    uint64
	Digest   []byte // empty without a base
	IDs      []byte // vertices by lamport number and id
	Lamports []byte // the first, then the differences
	Fields   []fieldWire
}

type fieldDelta struct {
	name  FieldName
	delta delta
}

// decodedDelta is a delta; its fields name vertices by their place in refs.
type decodedDelta struct {
	refs   []Vertex
	fields []fieldDelta
}

// encode writes a delta whose fields name vertices by their numbers in c.
func (x *decodedDelta) encode(c *context) ([]byte, error) {
	place := map[uint32]uint32{}
	for _, f := range x.fields {
		f.delta.refs(func(v uint32) { place[v] = 0 })
	}
	order := slices.SortedFunc(maps.Keys(place), func(a, b uint32) int { return bytes.Compare(c.verts[a].ID[:], c.verts[b].ID[:]) })
	w := deltaWire{Version: version}
	var lamports packer
	for i, n := range order {
		place[n] = uint32(i)
		w.Refs = append(w.Refs, c.verts[n].ID[:]...)
		lamports.uint(c.verts[n].Lamport)
	}
	w.Lamports = lamports.b
	for _, f := range x.fields {
		var body packer
		f.delta.encode(&body, func(v uint32) uint32 { return place[v] })
		w.Fields = append(w.Fields, fieldWire{Kind: uint64(f.name.Kind), Name: []byte(f.name.Name), Body: body.b})
	}
	data, err := wire.Marshal(w)
	if err != nil {
		return nil, err
	}
	if len(data) > MaxDelta {
		return nil, fmt.Errorf("%w: a delta of %d bytes, want at most %d", ErrLimit, len(data), MaxDelta)
	}
	return data, nil
}

func decodeDelta(data []byte) (*decodedDelta, error) {
	var w deltaWire
	if err := wire.Unmarshal(data, MaxDelta, &w); err != nil {
		return nil, fmt.Errorf("%w: delta: %w", ErrInvalid, err)
	}
	if w.Version != version || len(w.Fields) == 0 {
		return nil, fmt.Errorf("%w: delta of version %d with %d fields, want version %d and a field", ErrInvalid, w.Version, len(w.Fields), version)
	}
	x := &decodedDelta{}
	var err error
	if x.refs, err = readVertices(w.Refs, w.Lamports, false); err != nil {
		return nil, err
	}
	if err := checkFields(w.Fields); err != nil {
		return nil, err
	}
	used := make([]bool, len(x.refs))
	for _, f := range w.Fields {
		name := FieldName{Kind(f.Kind), string(f.Name)}
		d := newDelta(name.Kind)
		u := &unpacker{b: f.Body}
		d.decode(u, len(x.refs))
		if err := u.done(); err != nil {
			return nil, fmt.Errorf("field %q: %w", name.Name, err)
		}
		if d.empty() {
			return nil, fmt.Errorf("%w: nothing changes in field %q", ErrInvalid, name.Name)
		}
		d.refs(func(v uint32) { used[v] = true })
		x.fields = append(x.fields, fieldDelta{name, d})
	}
	if i := slices.Index(used, false); i >= 0 {
		return nil, fmt.Errorf("%w: vertex %x is listed and not used", ErrInvalid, x.refs[i].ID[:8])
	}
	return x, nil
}

// readVertices reads a dictionary: ordered by id with plain lamport numbers, or
// by lamport number and id with differences.
func readVertices(ids, lamports []byte, byLamport bool) ([]Vertex, error) {
	u := &unpacker{b: lamports}
	if len(ids)%len(ID{}) != 0 || len(ids)/len(ID{}) > len(lamports) {
		return nil, fmt.Errorf("%w: a dictionary of %d bytes of ids and %d of lamport numbers", ErrInvalid, len(ids), len(lamports))
	}
	out := make([]Vertex, 0, len(ids)/len(ID{}))
	for id := range slices.Chunk(ids, len(ID{})) {
		v := Vertex{ID: ID(id), Lamport: u.uint()}
		if n := len(out); n > 0 {
			last := out[n-1]
			if byLamport {
				v.Lamport = min(v.Lamport, MaxLamport) + last.Lamport
			}
			if byLamport && compareVertices(last, v) >= 0 || !byLamport && bytes.Compare(last.ID[:], v.ID[:]) >= 0 {
				u.fail("the dictionary is out of order")
			}
		}
		if v.Lamport == 0 || v.Lamport > MaxLamport {
			u.fail("lamport number %d, want 1 to 2^53-1", v.Lamport)
		}
		out = append(out, v)
	}
	return out, u.done()
}

func checkFields(fields []fieldWire) error {
	if len(fields) > MaxFields {
		return fmt.Errorf("%w: %d fields, want at most %d", ErrInvalid, len(fields), MaxFields)
	}
	var last FieldName
	for i, f := range fields {
		if f.Kind > uint64(KindList) {
			return fmt.Errorf("%w: field of kind %d, want 1 to %d", ErrInvalid, f.Kind, KindList)
		}
		name := FieldName{Kind(f.Kind), string(f.Name)}
		if err := checkName(name); err != nil {
			return err
		}
		if i > 0 && compareNames(last, name) >= 0 {
			return fmt.Errorf("%w: fields are double or out of order", ErrInvalid)
		}
		last = name
	}
	return nil
}

// Encode returns the state of the document: equal states have equal bytes. The
// errors are [ErrOpen] during an edit and [ErrLimit] above [MaxState].
func (d *Document) Encode() ([]byte, error) {
	if d.tx != nil {
		return nil, ErrOpen
	}
	used := make([]bool, len(d.ctx.verts))
	names := d.Fields()
	for _, n := range names {
		d.fields[n].used(used)
	}
	num := make([]uint32, len(d.ctx.verts))
	w := stateWire{Version: version, Base: d.ctx.base.Lamport, Count: d.ctx.base.Count}
	if w.Count > 0 {
		w.Digest = d.ctx.base.Digest[:]
	}
	var lamports packer
	var last uint64
	place := uint32(0)
	for _, n := range d.ctx.sorted() {
		v := d.ctx.verts[n]
		if d.ctx.folded[n] && !used[n] {
			continue
		}
		num[n] = place
		place++
		w.IDs = append(w.IDs, v.ID[:]...)
		lamports.uint(v.Lamport - last)
		last = v.Lamport
	}
	w.Lamports = lamports.b
	for _, n := range names {
		var body packer
		d.fields[n].encode(&body, &d.ctx, func(v uint32) uint32 { return num[v] })
		w.Fields = append(w.Fields, fieldWire{Kind: uint64(n.Kind), Name: []byte(n.Name), Body: body.b})
	}
	data, err := wire.Marshal(w)
	if err != nil {
		return nil, err
	}
	if len(data) > MaxState {
		return nil, fmt.Errorf("%w: a state of %d bytes, want at most %d", ErrLimit, len(data), MaxState)
	}
	return data, nil
}

// Decode reads a state. It accepts exactly what [Document.Encode] writes for
// some document; errors match [ErrInvalid].
func Decode(data []byte) (*Document, error) {
	var w stateWire
	if err := wire.Unmarshal(data, MaxState, &w); err != nil {
		return nil, fmt.Errorf("%w: state: %w", ErrInvalid, err)
	}
	if w.Version != version {
		return nil, fmt.Errorf("%w: state of version %d, want %d", ErrInvalid, w.Version, version)
	}
	if w.Base > MaxLamport || w.Count > 0 && (w.Base == 0 || len(w.Digest) != 32) || w.Count == 0 && len(w.Digest) != 0 {
		return nil, fmt.Errorf("%w: base of %d vertices up to lamport number %d with a digest of %d bytes", ErrInvalid, w.Count, w.Base, len(w.Digest))
	}
	verts, err := readVertices(w.IDs, w.Lamports, true)
	if err != nil {
		return nil, err
	}
	if err := checkFields(w.Fields); err != nil {
		return nil, err
	}
	d := NewDocument()
	d.ctx.base = Base{Lamport: w.Base, Count: w.Count}
	copy(d.ctx.base.Digest[:], w.Digest)
	d.ctx.index = make(map[ID]uint32, len(verts))
	for _, v := range verts {
		d.ctx.add(v)
	}
	if len(d.ctx.index) != len(verts) {
		return nil, fmt.Errorf("%w: a vertex is listed twice", ErrInvalid)
	}
	used := make([]bool, len(verts))
	for _, x := range w.Fields {
		name := FieldName{Kind(x.Kind), string(x.Name)}
		f := newField(name.Kind)
		u := &unpacker{b: x.Body}
		f.decode(u, &d.ctx)
		if err := u.done(); err != nil {
			return nil, fmt.Errorf("field %q: %w", name.Name, err)
		}
		if f.empty() {
			return nil, fmt.Errorf("%w: field %q is empty", ErrInvalid, name.Name)
		}
		f.used(used)
		d.fields[name] = f
	}
	for n, u := range used {
		if d.ctx.folded[n] && !u {
			return nil, fmt.Errorf("%w: vertex %x is below the base and not used", ErrInvalid, verts[n].ID[:8])
		}
	}
	return d, nil
}
