package graph

import (
	"encoding/binary"
	"encoding/hex"
	"math"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"

	"github.com/pars-network/pars/precompile/contract"
)

// Prices; docs/precompiles/gas.md derives them.
const (
	baseGas       = 2_000
	queryByteGas  = 10 // reading, binding and planning
	schemaByteGas = 5
	rowGas        = 250 // finding a row and filtering it
	fieldGas      = 80  // a field of a row in the result
	outputByteGas = 2
	stepGas       = 150 // a node of an index
	hashGas       = 100 // places in storage
	cellGas       = 300 // a field of an entity that is put or removed
)

// maxResult bounds the JSON of a query, in bytes.
const maxResult = 1 << 18

// machine runs one call.
type machine struct {
	state    *contract.State
	env      vm.PrecompileEnvironment
	schemaID common.Hash
	out      []byte
}

// charged is what a row costs besides its storage.
func (m *machine) charged() error { return m.state.Charge(rowGas) }

// emit charges for and appends output.
func (m *machine) emit(text string) error {
	if err := m.state.Charge(outputByteGas * uint64(len(text))); err != nil {
		return err
	}
	if len(m.out)+len(text) > maxResult {
		return contract.Revert("ResultTooLarge")
	}
	m.out = append(m.out, text...)
	return nil
}

// run answers a bound query: {"data":{...}}.
func (m *machine) run(root []*bound) error {
	if err := m.emit(`{"data":`); err != nil {
		return err
	}
	if err := m.fields(root, func(b *bound) error {
		switch b.role {
		case roleOne:
			return m.one(b)
		case roleList:
			return m.list(b, nil)
		}
		return m.quoted(b.typename)
	}); err != nil {
		return err
	}
	return m.emit("}")
}

// fields writes an object whose values are written by value.
func (m *machine) fields(list []*bound, value func(*bound) error) error {
	open := "{\""
	for _, b := range list {
		if err := m.state.Charge(fieldGas); err != nil {
			return err
		}
		if err := m.emit(open + b.key + `":`); err != nil {
			return err
		}
		if err := value(b); err != nil {
			return err
		}
		open = ",\""
	}
	return m.emit("}")
}

func (m *machine) one(b *bound) error {
	if err := m.charged(); err != nil {
		return err
	}
	r, err := m.find(b.object, b.id)
	if err != nil {
		return err
	}
	return m.row(r, b)
}

// find is the row with an id; nil when there is none.
func (m *machine) find(o *object, id string) (row, error) {
	if o.rows != nil {
		return o.rows.find(m, id)
	}
	e, err := m.table(o).find(id)
	if err != nil || e == nil {
		return nil, err
	}
	return e, nil
}

// row writes a row, or null.
func (m *machine) row(r row, b *bound) error {
	if r == nil {
		return m.emit("null")
	}
	return m.fields(b.children, func(c *bound) error {
		switch c.role {
		case roleField:
			return m.scalar(r, c.field)
		case roleRef:
			return m.follow(r, c)
		case roleList:
			return m.list(c, r)
		}
		return m.quoted(c.typename)
	})
}

// follow writes the row that a reference names.
func (m *machine) follow(r row, b *bound) error {
	if err := m.charged(); err != nil {
		return err
	}
	w, err := r.word(b.field)
	if err != nil {
		return err
	}
	e, err := m.table(b.object).get(binary.BigEndian.Uint64(w[24:]))
	if err != nil {
		return err
	}
	if e == nil {
		return m.row(nil, b)
	}
	return m.row(e, b)
}

func (m *machine) scalar(r row, f *field) error {
	if f.textual() {
		text, err := r.text(f)
		if err != nil {
			return err
		}
		if f.kind == kindBytes {
			text = "0x" + hex.EncodeToString([]byte(text))
		}
		return m.quoted(text)
	}
	w, err := r.word(f)
	if err != nil {
		return err
	}
	switch f.kind {
	case kindInt:
		return m.emit(signed(w))
	case kindBigInt:
		return m.quoted(signed(w))
	case kindBoolean:
		if w[31] == 1 {
			return m.emit("true")
		}
		return m.emit("false")
	}
	return m.quoted("0x" + hex.EncodeToString(w[12:]))
}

// quoted writes a string as JSON.stringify does (ECMA-262, section 25.5.2.3).
func (m *machine) quoted(text string) error {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, len(text)+2)
	out = append(out, '"')
	for i := range len(text) {
		c := text[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			out = append(out, c)
			continue
		}
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\b':
			out = append(out, `\b`...)
		case '\f':
			out = append(out, `\f`...)
		case '\n':
			out = append(out, `\n`...)
		case '\r':
			out = append(out, `\r`...)
		case '\t':
			out = append(out, `\t`...)
		default:
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return m.emit(string(append(out, '"')))
}

// page is what a listing came to.
type page struct {
	rows []row
	// end is the place of the last row.
	end  position
	more bool
}

// list writes a connection. parent is the row whose derived field it is, or nil.
func (m *machine) list(b *bound, parent row) error {
	p, err := m.page(b, parent)
	if err != nil {
		return err
	}
	return m.fields(b.children, func(c *bound) error {
		switch c.role {
		case roleNodes:
			return m.nodes(p, c)
		case rolePageInfo:
			return m.pageInfo(p, c)
		}
		return m.quoted(c.typename)
	})
}

func (m *machine) nodes(p *page, b *bound) error {
	open := "["
	if len(p.rows) == 0 {
		return m.emit("[]")
	}
	for _, r := range p.rows {
		if err := m.emit(open); err != nil {
			return err
		}
		if err := m.row(r, b); err != nil {
			return err
		}
		open = ","
	}
	return m.emit("]")
}

func (m *machine) pageInfo(p *page, b *bound) error {
	return m.fields(b.children, func(c *bound) error {
		switch c.role {
		case roleEndCursor:
			if len(p.rows) == 0 {
				return m.emit("null")
			}
			return m.quoted(p.end.cursor())
		case roleHasNext:
			if p.more {
				return m.emit("true")
			}
			return m.emit("false")
		}
		return m.quoted(c.typename)
	})
}

// cursor goes through rows in order.
type cursor interface {
	next() (p position, ok bool, err error)
}

// page collects the rows of a listing.
func (m *machine) page(b *bound, parent row) (*page, error) {
	conditions, possible, err := m.resolve(b)
	if err != nil || !possible {
		return &page{}, err
	}
	rows, err := m.cursor(b, parent, conditions)
	if err != nil {
		return nil, err
	}
	out := &page{}
	for {
		if err := m.charged(); err != nil {
			return nil, err
		}
		p, ok, err := rows.next()
		if err != nil || !ok {
			return out, err
		}
		r, err := m.at(b.object, p.seq)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue // a block that was not recorded
		}
		if keep, err := matches(r, conditions); err != nil {
			return nil, err
		} else if !keep {
			continue
		}
		if len(out.rows) == b.list.first {
			out.more = true
			return out, nil
		}
		out.rows = append(out.rows, r)
		if out.end = p; b.list.order == nil {
			out.end.key = common.Hash{}
		}
		if len(out.rows) == b.list.first && !b.list.hasNext {
			return out, nil
		}
	}
}

// resolve replaces the ids of references by numbers. possible is false when one of
// them is of no entity.
func (m *machine) resolve(b *bound) (out []condition, possible bool, err error) {
	for _, c := range b.list.conditions {
		if c.field.kind == kindRef {
			e, err := m.table(c.field.target).find(c.id)
			if err != nil || e == nil {
				return nil, false, err
			}
			c.key = number(e.seq)
		}
		out = append(out, c)
	}
	return out, true, nil
}

func matches(r row, conditions []condition) (bool, error) {
	for _, c := range conditions {
		w, err := indexWord(r, c.field)
		if err != nil {
			return false, err
		}
		if !c.holds(sortKey(c.field.kind, w)) {
			return false, nil
		}
	}
	return true, nil
}

// indexWord is the word of an indexed field, also of a short string.
func indexWord(r row, f *field) (common.Hash, error) {
	if _, ok := r.(*entity); ok || !f.textual() {
		return r.word(f)
	}
	text, err := r.text(f)
	return shortWord(text), err
}

func (m *machine) at(o *object, seq uint64) (row, error) {
	if o.rows != nil {
		return o.rows.at(m, seq)
	}
	return m.table(o).entity(seq), nil
}

// cursor chooses the way through the rows: the index that they are ordered by; or
// that of the derived field, or of the first condition of equality, in which rows
// of one key are in the order of first puts; or that order.
func (m *machine) cursor(b *bound, parent row, conditions []condition) (cursor, error) {
	l := b.list
	if b.object.rows != nil {
		return b.object.rows.cursor(m, l)
	}
	t := m.table(b.object)
	if l.order != nil {
		return t.tree(l.order).walk(l.window(rangeOf(l.order, conditions)), l.desc)
	}
	by, s := b.object.fields[0], whole
	if parent != nil {
		by, s = b.field.via, exactly(number(parent.number()))
	} else {
		for _, c := range conditions {
			if c.op == equal {
				by, s = c.field, exactly(c.key)
				break
			}
		}
	}
	return t.tree(by).walk(l.windowOf(s), l.desc)
}

// rangeOf is the part of a field's index that the conditions on it leave.
func rangeOf(f *field, conditions []condition) span {
	s := whole
	for _, c := range conditions {
		if c.field != f {
			continue
		}
		below, above := position{c.key, 0}, position{c.key, math.MaxUint64}
		switch c.op {
		case equal:
			s = s.within(span{below, above})
		case greater:
			s = s.within(span{above, whole.high})
		case greaterOrEqual:
			s = s.within(span{below, whole.high})
		case less:
			s = s.within(span{whole.low, below})
		case lessOrEqual:
			s = s.within(span{whole.low, above})
		}
	}
	return s
}

func (s span) within(t span) span {
	if t.low.compare(s.low) > 0 {
		s.low = t.low
	}
	if t.high.compare(s.high) < 0 {
		s.high = t.high
	}
	return s
}

// window cuts off what lies before the page's start.
func (l *listing) window(s span) span {
	switch {
	case l.after == nil:
		return s
	case l.desc:
		return s.within(span{whole.low, *l.after})
	}
	return s.within(span{*l.after, whole.high})
}

// windowOf is window where cursors count by number alone.
func (l *listing) windowOf(s span) span {
	if l.after == nil {
		return s
	}
	at := *l
	// The number counts within the one key that the span has, or the zero key that
	// all rows have.
	at.after = &position{s.low.key, l.after.seq}
	return at.window(s)
}
