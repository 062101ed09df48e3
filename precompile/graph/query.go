package graph

// Limits of a query.
const (
	maxQuery     = 2048
	maxVariables = 2048
	// maxDepth is how many entities deep a query may go.
	maxDepth = 5
	// maxNesting bounds the depth of selection sets: two for each entity, and one.
	maxNesting = 2*maxDepth + 1
)

// document is a query as it is written.
type document struct {
	variables []*variable
	selection []*selection
}

// variable is a declared variable.
type variable struct {
	name    string
	kind    kind
	nonNull bool
	initial *literal // nil: none
	used    bool
	offset  int
	// value is what the caller gave, or else initial; nil when there is neither.
	value *literal
}

// selection is a selected field.
type selection struct {
	key       string // in the result: the alias or the name
	name      string
	arguments []*argument
	selection []*selection // nil: none was written
	offset    int
}

type argument struct {
	name   string
	value  *literal
	offset int
}

type literalKind uint8

const (
	literalNull literalKind = iota
	literalInt
	literalString
	literalBoolean
	literalEnum
	literalVariable
	literalObject
)

// literal is a value as it is written, in a query or in JSON.
type literal struct {
	kind   literalKind
	text   string      // of Int, String, Enum and Variable, and true or false
	fields []*argument // of Object
	offset int
}

// parseQuery reads one query operation.
func parseQuery(text string) (*document, error) {
	if len(text) > maxQuery {
		return nil, refuse(maxQuery, "longer than %d bytes", maxQuery)
	}
	l, err := newLexer(text, false)
	if err != nil {
		return nil, err
	}
	p := &queryParser{lexer: l}
	d := &document{}
	if p.next.kind == tokenName {
		if d.variables, err = p.operation(); err != nil {
			return nil, err
		}
	}
	if d.selection, err = p.selectionSet(1); err != nil {
		return nil, err
	}
	if p.next.kind != tokenEnd {
		return nil, refuse(p.next.offset, "got %s after the query, want nothing: one operation, no fragments", p.next)
	}
	return d, nil
}

type queryParser struct{ *lexer }

// operation reads what stands before the selection set of a named query.
func (p *queryParser) operation() ([]*variable, error) {
	if err := p.wantWord("query"); err != nil {
		return nil, err
	}
	if p.next.kind == tokenName {
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if open, err := p.skip("("); err != nil || !open {
		return nil, err
	}
	var list []*variable
	for {
		v, err := p.variable()
		if err != nil {
			return nil, err
		}
		if find(list, v.name) != nil {
			return nil, refuse(v.offset, "a second variable $%s", v.name)
		}
		list = append(list, v)
		if closed, err := p.skip(")"); err != nil || closed {
			return list, err
		}
	}
}

func find(list []*variable, name string) *variable {
	for _, v := range list {
		if v.name == name {
			return v
		}
	}
	return nil
}

func (p *queryParser) variable() (*variable, error) {
	v := &variable{offset: p.next.offset}
	if err := p.want("$"); err != nil {
		return nil, err
	}
	name, err := p.name()
	if err != nil {
		return nil, err
	}
	if err := p.want(":"); err != nil {
		return nil, err
	}
	typ, err := p.name()
	if err != nil {
		return nil, err
	}
	v.name = name.text
	if v.kind = scalarKind(typ.text); v.kind == 0 {
		return nil, refuse(typ.offset, "a variable is a scalar, not %s", typ)
	}
	if v.nonNull, err = p.skip("!"); err != nil {
		return nil, err
	}
	if has, err := p.skip("="); err != nil || !has {
		return v, err
	}
	if v.initial, err = p.scalar(false); err != nil {
		return nil, err
	}
	if v.initial.kind == literalNull && v.nonNull {
		return nil, refuse(v.initial.offset, "null for a variable that can't be null")
	}
	return v, nil
}

func (p *queryParser) selectionSet(depth int) ([]*selection, error) {
	if depth > maxNesting {
		return nil, refuse(p.next.offset, "nested too deep")
	}
	if err := p.want("{"); err != nil {
		return nil, err
	}
	list := []*selection{}
	keys := map[string]bool{}
	for {
		s, err := p.selected(depth)
		if err != nil {
			return nil, err
		}
		if keys[s.key] {
			return nil, refuse(s.offset, "a second field %s; give it an alias", s.key)
		}
		keys[s.key] = true
		list = append(list, s)
		if closed, err := p.skip("}"); err != nil || closed {
			return list, err
		}
	}
}

func (p *queryParser) selected(depth int) (*selection, error) {
	name, err := p.name()
	if err != nil {
		return nil, err
	}
	s := &selection{key: name.text, name: name.text, offset: name.offset}
	aliased, err := p.skip(":")
	if err != nil {
		return nil, err
	}
	if aliased {
		if name, err = p.name(); err != nil {
			return nil, err
		}
		s.name = name.text
	}
	if p.is("(") {
		if s.arguments, err = p.arguments("(", ")"); err != nil {
			return nil, err
		}
		if len(s.arguments) == 0 {
			return nil, refuse(s.offset, "an empty list of arguments")
		}
	}
	if p.is("{") {
		s.selection, err = p.selectionSet(depth + 1)
	}
	return s, err
}

// arguments reads name: value pairs, of a field or of an input object.
func (p *queryParser) arguments(open, end string) ([]*argument, error) {
	if err := p.want(open); err != nil {
		return nil, err
	}
	var list []*argument
	names := map[string]bool{}
	for {
		if closed, err := p.skip(end); err != nil || closed {
			return list, err
		}
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		if names[name.text] {
			return nil, refuse(name.offset, "a second %s", name)
		}
		names[name.text] = true
		if err := p.want(":"); err != nil {
			return nil, err
		}
		a := &argument{name: name.text, offset: name.offset}
		if p.is("{") && open == "(" {
			a.value = &literal{kind: literalObject, offset: p.next.offset}
			a.value.fields, err = p.arguments("{", "}")
		} else {
			a.value, err = p.scalar(true)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
}

// scalar reads a value that is no object; variables says whether it may be one.
func (p *queryParser) scalar(variables bool) (*literal, error) {
	t := p.next
	v := &literal{text: t.text, offset: t.offset}
	switch {
	case t.kind == tokenInt:
		v.kind = literalInt
	case t.kind == tokenString:
		v.kind = literalString
	case t.kind == tokenName && t.text == "null":
		v.kind = literalNull
	case t.kind == tokenName && (t.text == "true" || t.text == "false"):
		v.kind = literalBoolean
	case t.kind == tokenName:
		v.kind = literalEnum
	case variables && p.is("$"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		name, err := p.name()
		v.kind, v.text = literalVariable, name.text
		return v, err
	default:
		return nil, refuse(t.offset, "got %s, want a value", t)
	}
	return v, p.advance()
}

// parseVariables reads a JSON object of scalars; an empty text is none.
func parseVariables(text string) ([]*argument, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > maxVariables {
		return nil, refuse(maxVariables, "variables longer than %d bytes", maxVariables)
	}
	l, err := newLexer(text, true)
	if err != nil {
		return nil, err
	}
	p := &queryParser{lexer: l}
	if err := p.want("{"); err != nil {
		return nil, err
	}
	list, err := p.members()
	if err != nil {
		return nil, err
	}
	if p.next.kind != tokenEnd {
		return nil, refuse(p.next.offset, "got %s after the variables, want nothing", p.next)
	}
	return list, nil
}

// members reads what follows the opening brace of a JSON object.
func (p *queryParser) members() ([]*argument, error) {
	if closed, err := p.skip("}"); err != nil || closed {
		return nil, err
	}
	var list []*argument
	names := map[string]bool{}
	for {
		name := p.next
		if name.kind != tokenString || names[name.text] {
			return nil, refuse(name.offset, "got %s, want the name of another variable in quotes", name)
		}
		names[name.text] = true
		if err := p.advance(); err != nil {
			return nil, err
		}
		if err := p.want(":"); err != nil {
			return nil, err
		}
		value, err := p.scalar(false)
		if err != nil {
			return nil, err
		}
		if value.kind == literalEnum {
			return nil, refuse(value.offset, "got %s, want a string, an integer, true, false or null", value.text)
		}
		list = append(list, &argument{name: name.text, value: value, offset: name.offset})
		if closed, err := p.skip("}"); err != nil || closed {
			return list, err
		}
		if err := p.want(","); err != nil {
			return nil, err
		}
	}
}
