package graph

import (
	"strings"

	"github.com/ava-labs/libevm/common"
)

// Limits of a listing.
const (
	maxFirst     = 100
	defaultFirst = 10
)

// role is what a bound field of a query stands for.
type role uint8

const (
	roleTypename role = iota
	roleField         // a scalar of a row
	roleOne           // a row by id: a field of the root
	roleRef           // the row that a row refers to
	roleList          // a connection: a field of the root, or a derived one
	roleNodes         // the rows of a connection
	rolePageInfo
	roleEndCursor
	roleHasNext
)

// bound is a field of a query that was held against the schema.
type bound struct {
	role     role
	key      string
	typename string // of roleTypename
	field    *field // of roleField, roleRef, and roleList when it is derived
	object   *object
	id       string   // of roleOne
	list     *listing // of roleList
	children []*bound
}

// listing says which rows, and in which order.
type listing struct {
	conditions []condition
	order      *field // nil: in the order of first puts
	desc       bool
	first      int
	after      *position
	// hasNext is set if the query wants to know whether there are more.
	hasNext bool
}

type comparison uint8

const (
	equal comparison = iota
	greater
	greaterOrEqual
	less
	lessOrEqual
)

// comparisons are the endings of a field's name in a filter.
var comparisons = [...]string{"", "_gt", "_gte", "_lt", "_lte"}

// condition compares a field with a key, or a reference with an id.
type condition struct {
	field *field
	op    comparison
	key   common.Hash
	id    string // of a reference
}

// binder holds a query against a schema.
type binder struct {
	schema    *schema
	variables []*variable
}

// bind checks a query against a schema and puts the variables in.
func bind(s *schema, d *document, given []*argument) ([]*bound, error) {
	b := &binder{schema: s, variables: d.variables}
	if err := b.give(given); err != nil {
		return nil, err
	}
	root, err := b.root(d.selection)
	if err != nil {
		return nil, err
	}
	for _, v := range d.variables {
		if !v.used {
			return nil, refuse(v.offset, "the variable $%s is not used", v.name)
		}
	}
	return root, nil
}

// give sets the variables' values and checks them.
func (b *binder) give(given []*argument) error {
	for _, g := range given {
		v := find(b.variables, g.name)
		if v == nil {
			return refuse(g.offset, "the query declares no variable $%s", g.name)
		}
		v.value = g.value
	}
	for _, v := range b.variables {
		if v.initial != nil && v.initial.kind != literalNull {
			if _, _, err := scalarValue(v.kind, v.initial); err != nil {
				return err
			}
		}
		if v.value == nil {
			v.value = v.initial
		}
		switch {
		case v.value == nil || v.value.kind == literalNull:
			if v.nonNull {
				return refuse(v.offset, "the variable $%s has no value", v.name)
			}
		default:
			if _, _, err := scalarValue(v.kind, v.value); err != nil {
				return err
			}
		}
	}
	return nil
}

// value is what a literal stands for where a value of kind k may be; nil for null
// and for a variable without a value.
func (b *binder) value(k kind, nonNull bool, l *literal) (*literal, error) {
	if l.kind == literalVariable {
		v := find(b.variables, l.text)
		if v == nil {
			return nil, refuse(l.offset, "the query declares no variable $%s", l.text)
		}
		if v.kind != k || (nonNull && !v.nonNull) {
			return nil, refuse(l.offset, "the variable $%s has another type than %s", l.text, scalarNames[k])
		}
		v.used = true
		if l = v.value; l == nil {
			return nil, nil
		}
	}
	if l.kind == literalNull {
		if nonNull {
			return nil, refuse(l.offset, "got null, want %s", wanted[k])
		}
		return nil, nil
	}
	if _, _, err := scalarValue(k, l); err != nil {
		return nil, err
	}
	return l, nil
}

// leaf refuses a selection below a field that has none.
func leaf(s *selection) error {
	if s.selection != nil {
		return refuse(s.offset, "%s has no fields of its own", s.name)
	}
	if s.arguments != nil {
		return refuse(s.offset, "%s takes no arguments", s.name)
	}
	return nil
}

// branch refuses a field without the selection it needs.
func branch(s *selection) error {
	if s.selection == nil {
		return refuse(s.offset, "%s needs a selection of fields", s.name)
	}
	return nil
}

func (b *binder) root(list []*selection) ([]*bound, error) {
	var out []*bound
	for _, s := range list {
		if s.name == "__typename" {
			if err := leaf(s); err != nil {
				return nil, err
			}
			out = append(out, &bound{role: roleTypename, key: s.key, typename: "Query"})
			continue
		}
		if strings.HasPrefix(s.name, "__") {
			return nil, refuse(s.offset, "contracts can't ask for the schema; the node's /graphql answers that")
		}
		f, err := b.rootField(s)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (b *binder) rootField(s *selection) (*bound, error) {
	for _, o := range b.schema.types {
		switch {
		case o.one() == s.name:
			return b.one(o, s)
		case o.many() == s.name && !o.single:
			return b.connection(o, nil, s, 1)
		}
	}
	return nil, refuse(s.offset, "Query has no field %s", s.name)
}

// one binds a row by its id.
func (b *binder) one(o *object, s *selection) (*bound, error) {
	if err := branch(s); err != nil {
		return nil, err
	}
	if len(s.arguments) != 1 || s.arguments[0].name != "id" {
		return nil, refuse(s.offset, "%s takes one argument, id", s.name)
	}
	v, err := b.value(kindID, true, s.arguments[0].value)
	if err != nil {
		return nil, err
	}
	out := &bound{role: roleOne, key: s.key, object: o, id: v.text}
	out.children, err = b.rows(o, s.selection, 1)
	return out, err
}

// rows binds the selection of a row, which is so many entities deep.
func (b *binder) rows(o *object, list []*selection, depth int) ([]*bound, error) {
	if depth > maxDepth {
		return nil, refuse(list[0].offset, "more than %d entities deep", maxDepth)
	}
	var out []*bound
	for _, s := range list {
		next, err := b.rowField(o, s, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, next)
	}
	return out, nil
}

func (b *binder) rowField(o *object, s *selection, depth int) (*bound, error) {
	if s.name == "__typename" {
		return &bound{role: roleTypename, key: s.key, typename: o.name}, leaf(s)
	}
	f := o.field(s.name)
	if f == nil {
		return nil, refuse(s.offset, "%s has no field %s", o.name, s.name)
	}
	switch f.kind {
	case kindDerived:
		return b.connection(f.target, f, s, depth+1)
	case kindRef:
		if err := branch(s); err != nil {
			return nil, err
		}
		if s.arguments != nil {
			return nil, refuse(s.offset, "%s takes no arguments", s.name)
		}
		out := &bound{role: roleRef, key: s.key, field: f, object: f.target}
		var err error
		out.children, err = b.rows(f.target, s.selection, depth+1)
		return out, err
	}
	return &bound{role: roleField, key: s.key, field: f}, leaf(s)
}

// connection binds a listing of the rows of o, through the derived field via if
// it is not nil.
func (b *binder) connection(o *object, via *field, s *selection, depth int) (*bound, error) {
	if err := branch(s); err != nil {
		return nil, err
	}
	l, err := b.listing(o, via, s)
	if err != nil {
		return nil, err
	}
	out := &bound{role: roleList, key: s.key, object: o, field: via, list: l}
	for _, c := range s.selection {
		next := &bound{key: c.key, object: o}
		switch c.name {
		case "__typename":
			next.role, next.typename = roleTypename, o.name+"Connection"
			err = leaf(c)
		case "nodes":
			next.role = roleNodes
			if c.arguments != nil {
				return nil, refuse(c.offset, "nodes takes no arguments")
			}
			if err = branch(c); err == nil {
				next.children, err = b.rows(o, c.selection, depth)
			}
		case "pageInfo":
			next.role = rolePageInfo
			next.children, err = b.pageInfo(l, c)
		default:
			err = refuse(c.offset, "%sConnection has no field %s", o.name, c.name)
		}
		if err != nil {
			return nil, err
		}
		out.children = append(out.children, next)
	}
	return out, nil
}

func (b *binder) pageInfo(l *listing, s *selection) ([]*bound, error) {
	if err := branch(s); err != nil {
		return nil, err
	}
	if s.arguments != nil {
		return nil, refuse(s.offset, "pageInfo takes no arguments")
	}
	var out []*bound
	for _, c := range s.selection {
		next := &bound{key: c.key}
		switch c.name {
		case "__typename":
			next.role, next.typename = roleTypename, "PageInfo"
		case "endCursor":
			next.role = roleEndCursor
		case "hasNextPage":
			next.role, l.hasNext = roleHasNext, true
		default:
			return nil, refuse(c.offset, "PageInfo has no field %s", c.name)
		}
		if err := leaf(c); err != nil {
			return nil, err
		}
		out = append(out, next)
	}
	return out, nil
}

func (b *binder) listing(o *object, via *field, s *selection) (*listing, error) {
	l := &listing{first: defaultFirst}
	for _, a := range s.arguments {
		var err error
		switch a.name {
		case "first":
			err = b.first(l, a.value)
		case "after":
			err = b.after(l, a.value)
		case "where":
			l.conditions, err = b.where(o, a.value)
		case "orderBy":
			l.order, err = b.orderBy(o, via, a)
		case "orderDirection":
			if a.value.kind != literalEnum || (a.value.text != "asc" && a.value.text != "desc") {
				return nil, refuse(a.offset, "got %s, want asc or desc", a.value.describe())
			}
			l.desc = a.value.text == "desc"
		default:
			err = refuse(a.offset, "%s takes no argument %s", s.name, a.name)
		}
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (b *binder) first(l *listing, v *literal) error {
	n, err := b.value(kindInt, false, v)
	if err != nil || n == nil {
		return err
	}
	word, _, err := scalarValue(kindInt, n)
	if err != nil {
		return err
	}
	count := word.Big()
	if !count.IsInt64() || count.Int64() < 1 || count.Int64() > maxFirst {
		return refuse(n.offset, "got %s, want 1 to %d rows", n.text, maxFirst)
	}
	l.first = int(count.Int64())
	return nil
}

func (b *binder) after(l *listing, v *literal) error {
	text, err := b.value(kindString, false, v)
	if err != nil || text == nil {
		return err
	}
	p, ok := parseCursor(text.text)
	if !ok {
		return refuse(text.offset, "not a cursor; take endCursor of a page")
	}
	l.after = &p
	return nil
}

func (b *binder) orderBy(o *object, via *field, a *argument) (*field, error) {
	if via != nil {
		return nil, refuse(a.offset, "a derived list takes no argument orderBy")
	}
	f := o.field(a.value.text)
	if a.value.kind != literalEnum || f == nil || !o.ordered(f) {
		return nil, refuse(a.offset, "%s can't be ordered by %s", o.name, a.value.describe())
	}
	return f, nil
}

// where binds a filter: an object of comparisons, all of which have to hold.
func (b *binder) where(o *object, v *literal) ([]condition, error) {
	if v.kind != literalObject {
		return nil, refuse(v.offset, "got %s, want an object of comparisons", v.describe())
	}
	var out []condition
	for _, a := range v.fields {
		c, ok := o.comparison(a.name)
		if !ok {
			return nil, refuse(a.offset, "%sWhere has no field %s", o.name, a.name)
		}
		k := c.field.kind
		if k == kindRef {
			k = kindID
		}
		l, err := b.value(k, false, a.value)
		if err != nil {
			return nil, err
		}
		if l == nil {
			continue
		}
		word, text, err := scalarValue(k, l)
		if err != nil {
			return nil, err
		}
		switch {
		case c.field.kind == kindRef:
			c.id = text
		case c.field.textual():
			if len(text) > maxShort {
				return nil, refuse(l.offset, "longer than the %d bytes of an indexed field", maxShort)
			}
			c.key = shortWord(text)
		default:
			c.key = sortKey(k, word)
		}
		out = append(out, c)
	}
	return out, nil
}

// comparison splits a name of a filter into a field and what is asked of it.
// References and Booleans are equal or not.
func (o *object) comparison(name string) (c condition, ok bool) {
	for op, end := range comparisons {
		base, cut := strings.CutSuffix(name, end)
		if !cut || strings.Contains(base, "_") {
			continue
		}
		f := o.field(base)
		if f == nil || !f.indexed || (op > 0 && (f.kind == kindRef || f.kind == kindBoolean)) {
			return c, false
		}
		return condition{field: f, op: comparison(op)}, true
	}
	return c, false
}

// holds reports whether a row's key is as the condition wants it.
func (c condition) holds(key common.Hash) bool {
	d := key.Cmp(c.key)
	switch c.op {
	case greater:
		return d > 0
	case greaterOrEqual:
		return d >= 0
	case less:
		return d < 0
	case lessOrEqual:
		return d <= 0
	}
	return d == 0
}
