package graphql

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// Limits of introspection. gqlparser compares all pairs of fields, so the text is
// kept short; types refer to each other in circles, so the result is counted.
const (
	maxIntrospection = 8 << 10 // bytes
	maxTokens        = 4_000
	maxVisits        = 200_000
)

var errTooLarge = errors.New("the introspection asks for too much")

// introspects reports whether a query asks for the schema.
func introspects(query string) bool {
	if len(query) > maxIntrospection {
		return false
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, maxTokens)
	if err != nil {
		return false // the contract says what is wrong
	}
	for _, op := range doc.Operations {
		for _, s := range op.SelectionSet {
			if f, ok := s.(*ast.Field); ok && (f.Name == "__schema" || f.Name == "__type") {
				return true
			}
		}
	}
	return false
}

// introspect answers a query for the schema that sdl describes.
func introspect(sdl, query, operation string, variables map[string]any) ([]byte, error) {
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema", Input: sdl})
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	doc, list := gqlparser.LoadQueryWithRules(schema, query, nil)
	if len(list) > 0 {
		return nil, list
	}
	op := doc.Operations.ForName(operation)
	if op == nil || op.Operation != ast.Query {
		return nil, errors.New("there is no query of that name")
	}
	r := &introspector{schema: schema, variables: variables, defaults: op.VariableDefinitions}
	r.out.WriteString(`{"data":`)
	if err := r.object(r.root(), op.SelectionSet); err != nil {
		return nil, err
	}
	r.out.WriteByte('}')
	return r.out.Bytes(), nil
}

type introspector struct {
	schema    *ast.Schema
	variables map[string]any
	defaults  ast.VariableDefinitionList
	out       bytes.Buffer
	visits    int
}

// resolver gives the value of a field: nil, a string, a bool, an object, or a
// slice of objects or strings.
type resolver func(f *ast.Field) any

// object is something with a type's name and fields.
type object struct {
	name    string
	resolve resolver
}

func (r *introspector) object(o *object, set ast.SelectionSet) error {
	r.out.WriteByte('{')
	first := true
	if err := r.fields(o, set, map[string]bool{}, &first); err != nil {
		return err
	}
	r.out.WriteByte('}')
	return nil
}

// fields writes a selection. The validator has made sure that fields of one key
// are the same field; their selections differ only in hand-made queries, of which
// the first counts.
func (r *introspector) fields(o *object, set ast.SelectionSet, seen map[string]bool, first *bool) error {
	for _, s := range set {
		if r.visits++; r.visits > maxVisits {
			return errTooLarge
		}
		switch s := s.(type) {
		case *ast.FragmentSpread:
			if err := r.fields(o, s.Definition.SelectionSet, seen, first); err != nil {
				return err
			}
		case *ast.InlineFragment:
			if err := r.fields(o, s.SelectionSet, seen, first); err != nil {
				return err
			}
		case *ast.Field:
			if seen[s.Alias] {
				continue
			}
			seen[s.Alias] = true
			if !*first {
				r.out.WriteByte(',')
			}
			*first = false
			r.value(s.Alias)
			r.out.WriteByte(':')
			v := any(o.name)
			if s.Name != "__typename" {
				v = o.resolve(s)
			}
			if err := r.write(v, s.SelectionSet); err != nil {
				return err
			}
		}
	}
	return nil
}

// value writes a string, a bool or null.
func (r *introspector) value(v any) {
	enc := json.NewEncoder(&r.out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // of a string, a bool or nil: it can't fail
	r.out.Truncate(r.out.Len() - 1)
}

func (r *introspector) write(v any, set ast.SelectionSet) error {
	switch v := v.(type) {
	case *object:
		if v == nil {
			r.value(nil)
			return nil
		}
		return r.object(v, set)
	case []*object:
		r.out.WriteByte('[')
		for i, o := range v {
			if i > 0 {
				r.out.WriteByte(',')
			}
			if err := r.object(o, set); err != nil {
				return err
			}
		}
		r.out.WriteByte(']')
	case []string:
		r.out.WriteByte('[')
		for i, s := range v {
			if i > 0 {
				r.out.WriteByte(',')
			}
			r.value(s)
		}
		r.out.WriteByte(']')
	default:
		r.value(v)
	}
	return nil
}

// argument is an argument's value as a string or a bool; nil without one.
func (r *introspector) argument(f *ast.Field, name string) any {
	a := f.Arguments.ForName(name)
	if a == nil {
		return nil
	}
	v := a.Value
	if v.Kind == ast.Variable {
		if given, ok := r.variables[v.Raw]; ok {
			return given
		}
		d := r.defaults.ForName(v.Raw)
		if d == nil || d.DefaultValue == nil {
			return nil
		}
		v = d.DefaultValue
	}
	if v.Kind == ast.BooleanValue {
		return v.Raw == "true"
	}
	return v.Raw
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (r *introspector) root() *object {
	return &object{"Query", func(f *ast.Field) any {
		if f.Name == "__schema" {
			return r.whole()
		}
		name, _ := r.argument(f, "name").(string)
		return r.definition(name)
	}}
}

func (r *introspector) whole() *object {
	return &object{"__Schema", func(f *ast.Field) any {
		switch f.Name {
		case "types":
			names := make([]string, 0, len(r.schema.Types))
			for name := range r.schema.Types {
				names = append(names, name)
			}
			slices.Sort(names)
			out := []*object{}
			for _, name := range names {
				out = append(out, r.definition(name))
			}
			return out
		case "queryType":
			return r.definition(r.schema.Query.Name)
		case "directives":
			return r.directives()
		}
		return nil
	}}
}

func (r *introspector) directives() []*object {
	out := []*object{}
	for _, name := range []string{"include", "skip", "deprecated", "specifiedBy"} {
		d := r.schema.Directives[name]
		if d == nil {
			continue
		}
		out = append(out, &object{"__Directive", func(f *ast.Field) any {
			switch f.Name {
			case "name":
				return d.Name
			case "description":
				return orNil(d.Description)
			case "isRepeatable":
				return d.IsRepeatable
			case "locations":
				var list []string
				for _, l := range d.Locations {
					list = append(list, string(l))
				}
				return list
			case "args":
				return r.arguments(d.Arguments)
			}
			return nil
		}})
	}
	return out
}

// definition is a named type.
func (r *introspector) definition(name string) *object {
	d := r.schema.Types[name]
	if d == nil {
		return nil
	}
	return &object{"__Type", func(f *ast.Field) any {
		switch f.Name {
		case "kind":
			return string(d.Kind)
		case "name":
			return d.Name
		case "description":
			return orNil(d.Description)
		case "fields":
			if d.Kind == ast.Object {
				return r.fieldList(d)
			}
		case "interfaces":
			if d.Kind == ast.Object {
				return []*object{}
			}
		case "enumValues":
			if d.Kind == ast.Enum {
				return enumValues(d)
			}
		case "inputFields":
			if d.Kind == ast.InputObject {
				out := []*object{}
				for _, i := range d.Fields {
					out = append(out, r.input(i.Name, i.Description, i.Type, i.DefaultValue))
				}
				return out
			}
		case "isOneOf":
			if d.Kind == ast.InputObject {
				return false
			}
		}
		return nil
	}}
}

func (r *introspector) fieldList(d *ast.Definition) []*object {
	out := []*object{}
	for _, fd := range d.Fields {
		if strings.HasPrefix(fd.Name, "__") {
			continue // of the root: they are in no schema
		}
		out = append(out, &object{"__Field", func(f *ast.Field) any {
			switch f.Name {
			case "name":
				return fd.Name
			case "description":
				return orNil(fd.Description)
			case "args":
				return r.arguments(fd.Arguments)
			case "type":
				return r.reference(fd.Type)
			case "isDeprecated":
				return false
			}
			return nil
		}})
	}
	return out
}

func (r *introspector) arguments(list ast.ArgumentDefinitionList) []*object {
	out := []*object{}
	for _, a := range list {
		out = append(out, r.input(a.Name, a.Description, a.Type, a.DefaultValue))
	}
	return out
}

func (r *introspector) input(name, description string, typ *ast.Type, initial *ast.Value) *object {
	return &object{"__InputValue", func(f *ast.Field) any {
		switch f.Name {
		case "name":
			return name
		case "description":
			return orNil(description)
		case "type":
			return r.reference(typ)
		case "defaultValue":
			if initial != nil {
				return initial.String()
			}
		case "isDeprecated":
			return false
		}
		return nil
	}}
}

func enumValues(d *ast.Definition) []*object {
	out := []*object{}
	for _, v := range d.EnumValues {
		out = append(out, &object{"__EnumValue", func(f *ast.Field) any {
			switch f.Name {
			case "name":
				return v.Name
			case "description":
				return orNil(v.Description)
			case "isDeprecated":
				return false
			}
			return nil
		}})
	}
	return out
}

// reference is a type as a field has it: non-null and lists are types around it.
func (r *introspector) reference(t *ast.Type) *object {
	around := func(kind string, inner *ast.Type) *object {
		return &object{"__Type", func(f *ast.Field) any {
			switch f.Name {
			case "kind":
				return kind
			case "ofType":
				return r.reference(inner)
			}
			return nil
		}}
	}
	switch {
	case t.NonNull:
		inner := *t
		inner.NonNull = false
		return around("NON_NULL", &inner)
	case t.Elem != nil:
		return around("LIST", t.Elem)
	}
	return r.definition(t.NamedType)
}
