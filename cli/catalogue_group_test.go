package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Texts that are variables have both languages, with the same arguments, as the catalogue's have.
func TestTextsAreComplete(t *testing.T) {
	found := 0
	for _, name := range []string{"catalogue_group.go", "chat_command.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if id, ok := lit.Type.(*ast.Ident); !ok || id.Name != "text" || len(lit.Elts) != 2 {
				return true
			}
			found++
			var both [2]string
			for i, e := range lit.Elts {
				if b, ok := e.(*ast.BasicLit); ok {
					both[i], _ = strconv.Unquote(b.Value)
				}
			}
			en, fa := both[english], both[persian]
			if en == "" || !strings.ContainsFunc(fa, rightToLeft) || strings.ContainsFunc(en, rightToLeft) || strings.ContainsAny(fa, "\u064a\u0643") {
				t.Errorf("%q and %q are not a text in English and Persian", en, fa)
			}
			if !slices.Equal(verb.FindAllString(en, -1), verb.FindAllString(fa, -1)) {
				t.Errorf("%q takes other arguments than %q", en, fa)
			}
			return true
		})
	}
	if found < 40 {
		t.Errorf("%d texts found, want all", found)
	}
}
