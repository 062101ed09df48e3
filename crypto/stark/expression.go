package stark

import (
	"fmt"
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of parentheses and signs in an expression.
const maxDepth = 64

// Compile adds a transition constraint written as text to a and returns its
// root node. Equal subexpressions share a node.
//
//	expression = term { ("+" | "-") term }
//	term       = factor { "*" factor }
//	factor     = [ "-" ] ( number | name "[" index "]" | "(" expression ")" ) [ "^" exponent ]
//	name       = "current" | "next" | "periodic" | "public"
//
// Numbers are decimal and below the modulus; an exponent is 1 to 64.
func (a *AIR) Compile(text string) (root uint16, err error) {
	c := compiler{air: a, text: text}
	root, err = c.expression(0)
	if err == nil {
		if c.space(); c.text != "" {
			err = bad("unexpected %q in a constraint", clip(c.text))
		}
	}
	return root, err
}

type compiler struct {
	air  *AIR
	text string
}

func (c *compiler) space() { c.text = strings.TrimLeft(c.text, " \t\r\n") }

// accept consumes token when it comes next.
func (c *compiler) accept(token string) bool {
	c.space()
	rest, ok := strings.CutPrefix(c.text, token)
	if ok {
		c.text = rest
	}
	return ok
}

func (c *compiler) node(n Node) (uint16, error) {
	for i, old := range c.air.Nodes {
		if old == n {
			return uint16(i), nil
		}
	}
	if len(c.air.Nodes) == MaxNodes {
		return 0, bad("more than %d nodes", MaxNodes)
	}
	c.air.Nodes = append(c.air.Nodes, n)
	return uint16(len(c.air.Nodes) - 1), nil
}

func (c *compiler) constant(v uint64) (uint16, error) {
	if v >= Modulus {
		return 0, bad("constant %d is not below the modulus", v)
	}
	for i, old := range c.air.Constants {
		if old == v {
			return c.node(Node{Op: OpConstant, A: uint16(i)})
		}
	}
	if len(c.air.Constants) == MaxConstants {
		return 0, bad("more than %d constants", MaxConstants)
	}
	c.air.Constants = append(c.air.Constants, v)
	return c.node(Node{Op: OpConstant, A: uint16(len(c.air.Constants) - 1)})
}

func (c *compiler) expression(depth int) (uint16, error) {
	left, err := c.term(depth)
	for err == nil {
		op := OpAdd
		if c.accept("-") {
			op = OpSub
		} else if !c.accept("+") {
			return left, nil
		}
		var right uint16
		if right, err = c.term(depth); err == nil {
			left, err = c.node(Node{op, left, right})
		}
	}
	return 0, err
}

func (c *compiler) term(depth int) (uint16, error) {
	left, err := c.factor(depth)
	for err == nil && c.accept("*") {
		var right uint16
		if right, err = c.factor(depth); err == nil {
			left, err = c.node(Node{OpMul, left, right})
		}
	}
	return left, err
}

func (c *compiler) factor(depth int) (uint16, error) {
	if depth > maxDepth {
		return 0, bad("a constraint nests deeper than %d", maxDepth)
	}
	if c.accept("-") {
		zero, err := c.constant(0)
		if err != nil {
			return 0, err
		}
		operand, err := c.factor(depth + 1)
		if err != nil {
			return 0, err
		}
		return c.node(Node{OpSub, zero, operand})
	}
	base, err := c.primary(depth)
	if err != nil || !c.accept("^") {
		return base, err
	}
	exponent, err := c.number()
	if err != nil || exponent < 1 || exponent > 64 {
		return 0, bad("an exponent in a constraint is not 1 to 64")
	}
	result := base
	for range exponent - 1 {
		if result, err = c.node(Node{OpMul, result, base}); err != nil {
			return 0, err
		}
	}
	return result, nil
}

func (c *compiler) primary(depth int) (uint16, error) {
	if c.accept("(") {
		inner, err := c.expression(depth + 1)
		if err == nil && !c.accept(")") {
			err = bad("missing \")\" in a constraint")
		}
		return inner, err
	}
	for op, name := range []string{OpCurrent: "current", OpNext: "next", OpPeriodic: "periodic", OpPublic: "public"} {
		if name == "" || !c.accept(name) {
			continue
		}
		if !c.accept("[") {
			return 0, bad("missing \"[\" after %q", name)
		}
		index, err := c.number()
		if err != nil || index >= MaxPublicInputs || !c.accept("]") {
			return 0, bad("%s[...] has no usable index", name)
		}
		return c.node(Node{Op: Op(op), A: uint16(index)})
	}
	v, err := c.number()
	if err != nil {
		return 0, err
	}
	return c.constant(v)
}

func (c *compiler) number() (uint64, error) {
	c.space()
	n := 0
	for n < len(c.text) && c.text[n] >= '0' && c.text[n] <= '9' {
		n++
	}
	if n == 0 {
		return 0, bad("expected a number at %q", clip(c.text))
	}
	v, err := strconv.ParseUint(c.text[:n], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: number %q is out of range", ErrStatement, clip(c.text[:n]))
	}
	c.text = c.text[n:]
	return v, nil
}

// clip shortens text for an error message.
func clip(s string) string {
	if len(s) > 20 {
		return s[:20] + "..."
	}
	return s
}
