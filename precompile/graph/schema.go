package graph

import "strings"

// Limits of a schema.
const (
	maxSDL     = 4096
	maxTypes   = 16
	maxFields  = 24
	maxIndexes = 6
	maxName    = 32
)

// kind is what a field holds.
type kind uint8

const (
	kindID kind = iota + 1
	kindString
	kindInt
	kindBigInt
	kindBoolean
	kindBytes
	kindAddress
	kindRef     // one entity of target, or null
	kindDerived // all entities of target whose field via refers here
)

// scalarNames names the kinds that hold a value, in the order of [kind].
var scalarNames = [...]string{"", "ID", "String", "Int", "BigInt", "Boolean", "Bytes", "Address"}

// scalarKind is the kind of a scalar's name, 0 for none.
func scalarKind(name string) kind {
	for k := kindID; k <= kindAddress; k++ {
		if scalarNames[k] == name {
			return k
		}
	}
	return 0
}

// object is a type of a schema.
type object struct {
	name   string
	fields []*field
	// no is the position in the schema.
	no int
	// rows gives the rows of a built-in type; nil for types of entities.
	rows builtin
	// single types have no list of all their rows in the root.
	single bool
}

// field is a field of an object.
type field struct {
	name   string
	kind   kind
	target *object // of kindRef and kindDerived
	via    *field  // of kindDerived
	// indexed fields may be filtered by and, in entities, ordered by.
	indexed bool
	// no is the position among the fields. Field 0 is the id.
	no int
	// offset is where the field starts in the SDL.
	offset int
}

// schema is a parsed schema: its own types, then the built-in ones.
type schema struct {
	types []*object
}

func (o *object) field(name string) *field {
	for _, f := range o.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// ordered reports whether rows may be ordered by the field.
func (o *object) ordered(f *field) bool { return o.rows == nil && f.indexed && f.kind != kindRef }

// one and many are the names of the root's fields for a type.
func (o *object) one() string  { return strings.ToLower(o.name[:1]) + o.name[1:] }
func (o *object) many() string { return o.one() + "s" }

func (s *schema) object(name string) *object {
	for _, o := range s.types {
		if o.name == name {
			return o
		}
	}
	return nil
}

// entities are the types that a schema declares itself.
func (s *schema) entities() []*object {
	for i, o := range s.types {
		if o.rows != nil {
			return s.types[:i]
		}
	}
	return s.types
}

// reserved reports whether a type of this name would collide with one that every
// schema has or that is made for another.
func reserved(name string) bool {
	switch name {
	case "Query", "Mutation", "Subscription", "PageInfo", "OrderDirection", "Float":
		return true
	}
	for _, end := range []string{"Connection", "Where", "Order"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return scalarKind(name) != 0
}

// plain reports whether a name is a letter of the wanted case, then letters and
// digits: no underscore, which separates a field from a comparison.
func plain(name string, upper bool) bool {
	return len(name) <= maxName && !strings.Contains(name, "_") && (name[0] <= 'Z') == upper
}

// parseSchema reads a schema: type definitions whose first field is id: ID!.
// Fields of scalars are non-null and may be @index, references are nullable and
// may be, and lists are @derivedFrom a reference with an index.
func parseSchema(sdl string) (*schema, error) {
	if len(sdl) > maxSDL {
		return nil, refuse(maxSDL, "longer than %d bytes", maxSDL)
	}
	l, err := newLexer(sdl, false)
	if err != nil {
		return nil, err
	}
	p := &schemaParser{lexer: l, schema: &schema{}, links: map[*field]link{}}
	for l.next.kind != tokenEnd {
		if err := p.object(); err != nil {
			return nil, err
		}
	}
	if len(p.schema.types) == 0 {
		return nil, refuse(0, "no type")
	}
	p.schema.types = append(p.schema.types, builtins...)
	if err := p.resolve(); err != nil {
		return nil, err
	}
	return p.schema, p.schema.distinctRoots()
}

type schemaParser struct {
	*lexer
	schema *schema
	links  map[*field]link
}

// link names what a field refers to until all types are known.
type link struct{ target, via string }

func (p *schemaParser) object() error {
	if err := p.wantWord("type"); err != nil {
		return err
	}
	name, err := p.name()
	if err != nil {
		return err
	}
	if !plain(name.text, true) || reserved(name.text) || builtinNamed(name.text) || p.schema.object(name.text) != nil {
		return refuse(name.offset, "the type name %s is taken or not allowed", name)
	}
	if len(p.schema.types) == maxTypes {
		return refuse(name.offset, "more than %d types", maxTypes)
	}
	o := &object{name: name.text, no: len(p.schema.types)}
	p.schema.types = append(p.schema.types, o)
	if err := p.want("{"); err != nil {
		return err
	}
	indexes := 0
	for !p.is("}") {
		f, err := p.field(o)
		if err != nil {
			return err
		}
		if f.indexed {
			if indexes++; indexes > maxIndexes {
				return refuse(f.offset, "more than %d indexes in a type", maxIndexes)
			}
		}
	}
	if len(o.fields) == 0 {
		return refuse(p.next.offset, "a type without id: ID!")
	}
	return p.advance()
}

func (p *schemaParser) field(o *object) (*field, error) {
	name, err := p.name()
	if err != nil {
		return nil, err
	}
	f := &field{name: name.text, no: len(o.fields), offset: name.offset}
	if !plain(f.name, false) || o.field(f.name) != nil {
		return nil, refuse(f.offset, "the field name %s is taken or not allowed", name)
	}
	if f.no == maxFields {
		return nil, refuse(f.offset, "more than %d fields in a type", maxFields)
	}
	o.fields = append(o.fields, f)
	if err := p.want(":"); err != nil {
		return nil, err
	}
	if err := p.fieldType(f); err != nil {
		return nil, err
	}
	if (f.no == 0) != (f.name == "id") || (f.kind == kindID) != (f.no == 0) {
		return nil, refuse(f.offset, "the first field, and no other, is id: ID!")
	}
	return f, p.directives(f)
}

func (p *schemaParser) fieldType(f *field) error {
	list, err := p.skip("[")
	if err != nil {
		return err
	}
	name, err := p.name()
	if err != nil {
		return err
	}
	if list {
		f.kind = kindDerived
		p.links[f] = link{target: name.text}
		for _, punct := range []string{"!", "]", "!"} {
			if err := p.want(punct); err != nil {
				return err
			}
		}
		return nil
	}
	if f.kind = scalarKind(name.text); f.kind != 0 {
		return p.want("!")
	}
	f.kind = kindRef
	p.links[f] = link{target: name.text}
	if p.is("!") {
		return refuse(p.next.offset, "a reference can't be non-null: what it refers to may be removed")
	}
	return nil
}

func (p *schemaParser) directives(f *field) error {
	for p.is("@") {
		if err := p.advance(); err != nil {
			return err
		}
		name, err := p.name()
		if err != nil {
			return err
		}
		switch {
		case name.text == "index" && f.kind != kindDerived && f.no > 0 && !f.indexed:
			f.indexed = true
		case name.text == "derivedFrom" && f.kind == kindDerived && p.links[f].via == "":
			if err := p.derivedFrom(f); err != nil {
				return err
			}
		default:
			return refuse(name.offset, "the directive @%s has no place here", name)
		}
	}
	if f.kind == kindDerived && p.links[f].via == "" {
		return refuse(f.offset, "a list has to be @derivedFrom(field: \"...\")")
	}
	return nil
}

func (p *schemaParser) derivedFrom(f *field) error {
	if err := p.want("("); err != nil {
		return err
	}
	if err := p.wantWord("field"); err != nil {
		return err
	}
	if err := p.want(":"); err != nil {
		return err
	}
	via := p.next
	if via.kind != tokenString || via.text == "" {
		return refuse(via.offset, "got %s, want the name of a field in quotes", via)
	}
	if err := p.advance(); err != nil {
		return err
	}
	p.links[f] = link{p.links[f].target, via.text}
	return p.want(")")
}

// resolve finds the types and fields that others refer to.
func (p *schemaParser) resolve() error {
	for _, o := range p.schema.entities() {
		for _, f := range o.fields {
			to, ok := p.links[f]
			if !ok {
				continue
			}
			f.target = p.schema.object(to.target)
			if f.target == nil || f.target.rows != nil {
				return refuse(f.offset, "there is no type %s to refer to", to.target)
			}
		}
	}
	for _, o := range p.schema.entities() {
		for _, f := range o.fields {
			if f.kind != kindDerived {
				continue
			}
			via := p.links[f].via
			f.via = f.target.field(via)
			if f.via == nil || f.via.kind != kindRef || !f.via.indexed || f.via.target != o {
				return refuse(f.offset, "%s has no field of that name with @index that refers to %s", f.target.name, o.name)
			}
		}
	}
	return nil
}

// distinctRoots refuses schemas in which two types would have one field of the
// root.
func (s *schema) distinctRoots() error {
	seen := map[string]bool{}
	for _, o := range s.types {
		for _, name := range []string{o.one(), o.many()} {
			if seen[name] {
				return refuse(0, "two types would share the root's field %s", name)
			}
			seen[name] = true
		}
	}
	return nil
}
