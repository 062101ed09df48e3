package graph

import (
	"fmt"
	"strings"

	"github.com/ava-labs/libevm/common"
)

// SDL is the whole schema that queries are asked under, as other GraphQL software
// reads it: the types of the registered sdl with those that follow from them, and
// the built-in ones. An empty sdl gives the built-in ones alone.
func SDL(sdl string) (string, error) {
	s := chainSchema
	if sdl != "" {
		var err error
		if s, err = parseSchema(sdl); err != nil {
			return "", err
		}
	}
	return s.print(), nil
}

func (s *schema) print() string {
	var b strings.Builder
	b.WriteString(`"""An integer from -2^255 to 2^255 - 1; in results a string of decimal digits."""
scalar BigInt

"""Bytes as 0x and hex digits."""
scalar Bytes

"""An account: 0x and 40 hex digits."""
scalar Address

enum OrderDirection {
  asc
  desc
}

type PageInfo {
  """Where the page ends; give it as after for the next one. Null on an empty page."""
  endCursor: String
  hasNextPage: Boolean!
}

type Query {
`)
	for _, o := range s.types {
		fmt.Fprintf(&b, "  %s(id: ID!): %s\n", o.one(), o.name)
		if !o.single {
			fmt.Fprintf(&b, "  %s(%s): %sConnection!\n", o.many(), o.arguments(false), o.name)
		}
	}
	b.WriteString("}\n")
	for _, o := range s.types {
		o.print(&b)
	}
	return b.String()
}

// arguments are those of a listing.
func (o *object) arguments(derived bool) string {
	list := []string{"first: Int", "after: String"}
	if o.any(func(f *field) bool { return f.indexed }) {
		list = append(list, fmt.Sprintf("where: %sWhere", o.name))
	}
	if !derived && o.any(o.ordered) {
		list = append(list, fmt.Sprintf("orderBy: %sOrder", o.name))
	}
	return strings.Join(append(list, "orderDirection: OrderDirection"), ", ")
}

func (o *object) any(is func(*field) bool) bool {
	for _, f := range o.fields {
		if is(f) {
			return true
		}
	}
	return false
}

func (o *object) print(b *strings.Builder) {
	fmt.Fprintf(b, "\ntype %s {\n", o.name)
	for _, f := range o.fields {
		switch f.kind {
		case kindRef:
			fmt.Fprintf(b, "  %s: %s\n", f.name, f.target.name)
		case kindDerived:
			fmt.Fprintf(b, "  %s(%s): %sConnection!\n", f.name, f.target.arguments(true), f.target.name)
		default:
			fmt.Fprintf(b, "  %s: %s!\n", f.name, scalarNames[f.kind])
		}
	}
	b.WriteString("}\n")
	if o.single {
		return
	}
	fmt.Fprintf(b, "\ntype %sConnection {\n  nodes: [%s!]!\n  pageInfo: PageInfo!\n}\n", o.name, o.name)
	if o.any(func(f *field) bool { return f.indexed }) {
		fmt.Fprintf(b, "\ninput %sWhere {\n", o.name)
		for _, f := range o.fields {
			for _, end := range comparisons {
				if c, ok := o.comparison(f.name + end); ok {
					k := c.field.kind
					if k == kindRef {
						k = kindID
					}
					fmt.Fprintf(b, "  %s%s: %s\n", f.name, end, scalarNames[k])
				}
			}
		}
		b.WriteString("}\n")
	}
	if o.any(o.ordered) {
		fmt.Fprintf(b, "\nenum %sOrder {\n", o.name)
		for _, f := range o.fields {
			if o.ordered(f) {
				fmt.Fprintf(b, "  %s\n", f.name)
			}
		}
		b.WriteString("}\n")
	}
}

// SchemaID is the id of the schema that an account registers with this text.
func SchemaID(owner common.Address, sdl string) common.Hash { return schemaID(owner, sdl) }
