package stark

import (
	"errors"
	"fmt"
	"math/bits"
)

var (
	// ErrStatement reports a statement that no proof could have: options, an
	// AIR or inputs outside what is supported. The message says which.
	ErrStatement = errors.New("stark: unusable statement")
	// ErrMalformed reports a proof whose bytes don't have the shape that the
	// statement demands.
	ErrMalformed = errors.New("stark: malformed proof")
	// ErrInvalid reports a well-formed proof that does not prove the statement.
	ErrInvalid = errors.New("stark: invalid proof")
)

// Limits of an [AIR].
const (
	MaxWidth          = 255
	MaxNodes          = 4096
	MaxConstants      = 1024
	MaxConstraints    = 1024
	MaxPeriodic       = 64
	MaxPeriodicValues = 8192
	MaxAssertions     = 255
	MaxSequenceValues = 1024
	MaxPublicInputs   = 1024
	MaxExemptions     = 255
)

// Op is what a [Node] computes.
type Op uint8

// Operations. Leaves take an index in A; the others take two earlier nodes.
const (
	OpCurrent  Op = iota // trace column A at this step
	OpNext               // trace column A at the next step
	OpPeriodic           // periodic column A at this step
	OpConstant           // constant A
	OpPublic             // public input A
	OpAdd                // node A + node B
	OpSub                // node A - node B
	OpMul                // node A * node B
)

// Node is one operation of the expression graph.
type Node struct {
	Op   Op
	A, B uint16
}

// Constraint is a transition constraint: node Root must be zero at every step
// but the last exempted ones. Base and Cycles are its declared degree: Base
// counts factors that are trace columns, Cycles lists the lengths of the
// periodic columns multiplied in.
type Constraint struct {
	Root   uint16
	Base   uint8
	Cycles []uint32
}

// AssertionKind says which steps an [Assertion] binds.
type AssertionKind uint8

// Kinds of assertions.
const (
	Single   AssertionKind = 0 // one step
	Periodic AssertionKind = 1 // one value, at Step and every Stride after it
	Sequence AssertionKind = 2 // the values in turn, at Step and every Stride after it
)

// Value is a constant or, when Public, the public input of that index.
type Value struct {
	Public bool
	N      uint64
}

// Assertion binds a column to values. A single assertion may count its step
// from the end: Step 0 is then the last step.
type Assertion struct {
	Kind    AssertionKind
	Column  uint8
	FromEnd bool
	Step    uint32
	Stride  uint32 // a power of two, at least 2; 0 for single assertions
	Values  []Value
}

// AIR is an algebraic intermediate representation: what every execution trace
// of a computation satisfies, whatever its length.
type AIR struct {
	Hash         Hash
	Width        uint8
	Exemptions   uint8
	PublicInputs uint16 // how many base field elements a statement has
	Constants    []uint64
	Periodic     [][]uint64 // each of a power of two of values, at least 2
	Nodes        []Node
	Constraints  []Constraint
	Assertions   []Assertion
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrStatement, fmt.Sprintf(format, args...))
}

// Check reports the first rule that a breaks, wrapped in [ErrStatement].
func (a *AIR) Check() error {
	switch {
	case a.Hash > SHA3:
		return bad("hash function %d, want 0 or 1", a.Hash)
	case a.Width == 0:
		return bad("trace width is 0")
	case a.Exemptions == 0:
		return bad("transition exemptions are 0, want at least 1")
	case a.PublicInputs > MaxPublicInputs:
		return bad("%d public inputs, want at most %d", a.PublicInputs, MaxPublicInputs)
	case len(a.Constants) > MaxConstants:
		return bad("%d constants, want at most %d", len(a.Constants), MaxConstants)
	case len(a.Nodes) > MaxNodes:
		return bad("%d nodes, want at most %d", len(a.Nodes), MaxNodes)
	case len(a.Constraints) == 0 || len(a.Constraints) > MaxConstraints:
		return bad("%d transition constraints, want 1 to %d", len(a.Constraints), MaxConstraints)
	case len(a.Assertions) == 0 || len(a.Assertions) > MaxAssertions:
		return bad("%d assertions, want 1 to %d", len(a.Assertions), MaxAssertions)
	}
	for i, c := range a.Constants {
		if c >= Modulus {
			return bad("constant %d is not below the modulus", i)
		}
	}
	for _, check := range []func() error{a.checkPeriodic, a.checkNodes, a.checkConstraints, a.checkAssertions} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (a *AIR) checkPeriodic() error {
	if len(a.Periodic) > MaxPeriodic {
		return bad("%d periodic columns, want at most %d", len(a.Periodic), MaxPeriodic)
	}
	total := 0
	for i, col := range a.Periodic {
		if len(col) < 2 || !powerOfTwo(len(col)) {
			return bad("periodic column %d has %d values, want a power of two from 2 on", i, len(col))
		}
		if total += len(col); total > MaxPeriodicValues {
			return bad("more than %d periodic values", MaxPeriodicValues)
		}
		for _, v := range col {
			if v >= Modulus {
				return bad("periodic column %d has a value that is not below the modulus", i)
			}
		}
	}
	return nil
}

func (a *AIR) checkNodes() error {
	for i, n := range a.Nodes {
		limit, leaf := 0, true
		switch n.Op {
		case OpCurrent, OpNext:
			limit = int(a.Width)
		case OpPeriodic:
			limit = len(a.Periodic)
		case OpConstant:
			limit = len(a.Constants)
		case OpPublic:
			limit = int(a.PublicInputs)
		case OpAdd, OpSub, OpMul:
			limit, leaf = i, false
		default:
			return bad("node %d has operation %d, want 0 to 7", i, n.Op)
		}
		if int(n.A) >= limit || (!leaf && int(n.B) >= limit) {
			return bad("node %d refers beyond what is defined before it", i)
		}
		if leaf && n.B != 0 {
			return bad("node %d is a leaf and has a second operand", i)
		}
	}
	return nil
}

func (a *AIR) checkConstraints() error {
	for i, c := range a.Constraints {
		if int(c.Root) >= len(a.Nodes) {
			return bad("constraint %d names node %d of %d", i, c.Root, len(a.Nodes))
		}
		if c.Base == 0 || len(c.Cycles) > MaxPeriodic {
			return bad("constraint %d has an impossible degree", i)
		}
		for _, cycle := range c.Cycles {
			if cycle < 2 || !powerOfTwo(int(cycle)) {
				return bad("constraint %d has a cycle of %d, want a power of two from 2 on", i, cycle)
			}
		}
		if c.minBlowup() > 128 {
			return bad("constraint %d has a degree beyond the largest blow-up factor", i)
		}
	}
	return nil
}

func (a *AIR) checkAssertions() error {
	total := 0
	for i, s := range a.Assertions {
		if s.Column >= a.Width {
			return bad("assertion %d is on column %d of %d", i, s.Column, a.Width)
		}
		switch s.Kind {
		case Single:
			if s.Stride != 0 || len(s.Values) != 1 {
				return bad("assertion %d is single: want stride 0 and one value", i)
			}
		case Periodic, Sequence:
			if s.Stride < 2 || !powerOfTwo(int(s.Stride)) || s.Step >= s.Stride || s.FromEnd {
				return bad("assertion %d: want a stride that is a power of two from 2 on and a first step below it", i)
			}
			if s.Kind == Periodic && len(s.Values) != 1 {
				return bad("assertion %d is periodic: want one value", i)
			}
			if s.Kind == Sequence && (len(s.Values) < 2 || !powerOfTwo(len(s.Values))) {
				return bad("assertion %d is a sequence: want a power of two of values from 2 on", i)
			}
		default:
			return bad("assertion %d has kind %d, want 0, 1 or 2", i, s.Kind)
		}
		if total += len(s.Values); total > MaxSequenceValues {
			return bad("more than %d asserted values", MaxSequenceValues)
		}
		for _, v := range s.Values {
			if (v.Public && v.N >= uint64(a.PublicInputs)) || v.N >= Modulus {
				return bad("assertion %d has a value that is not defined", i)
			}
		}
	}
	return nil
}

// minBlowup is the blow-up factor that the constraint's degree needs.
func (c Constraint) minBlowup() int {
	bound := int(c.Base) + len(c.Cycles) - 1
	if bound <= 2 {
		return 2
	}
	return 1 << bits.Len(uint(bound-1))
}

// evaluationDegree is the degree of the constraint over a trace of n steps.
func (c Constraint) evaluationDegree(n uint64) uint64 {
	d := uint64(c.Base) * (n - 1)
	for _, cycle := range c.Cycles {
		d += n / uint64(cycle) * (uint64(cycle) - 1)
	}
	return d
}

// quotients is how many columns the constraint composition polynomial is
// split into over a trace of n steps.
func (a *AIR) quotients(n uint64) int {
	var highest uint64
	for _, c := range a.Constraints {
		highest = max(highest, c.evaluationDegree(n))
	}
	over := highest - (n - uint64(a.Exemptions))
	return max(1, int((over+n-1)/n))
}

// checkLength reports whether a can describe traces of n steps under o.
func (a *AIR) checkLength(n uint64, o Options) error {
	if n < 8 || n&(n-1) != 0 || bits.Len64(n*uint64(o.Blowup))-1 > twoAdicity || n > 1<<twoAdicity {
		return bad("trace length %d, want a power of two from 8 with length x blow-up at most 2^32", n)
	}
	if uint64(o.Queries) >= n*uint64(o.Blowup) {
		return bad("%d queries on a domain of %d", o.Queries, n*uint64(o.Blowup))
	}
	if uint64(a.Exemptions) > n/2+1 {
		return bad("%d transition exemptions of %d steps", a.Exemptions, n)
	}
	blowup := 2
	for _, c := range a.Constraints {
		blowup = max(blowup, c.minBlowup())
		for _, cycle := range c.Cycles {
			if uint64(cycle) > n {
				return bad("a constraint's cycle of %d is longer than the trace", cycle)
			}
		}
	}
	if blowup > int(o.Blowup) {
		return bad("blow-up factor %d, want at least %d for this AIR", o.Blowup, blowup)
	}
	for _, c := range a.Constraints {
		if uint64(a.Exemptions) > n*uint64(blowup)-1+n-c.evaluationDegree(n) {
			return bad("%d transition exemptions are too many for the constraints' degree", a.Exemptions)
		}
	}
	for i, col := range a.Periodic {
		if uint64(len(col)) > n {
			return bad("periodic column %d is longer than the trace", i)
		}
	}
	if m := a.quotients(n); m > MaxWidth {
		return bad("%d quotient columns, want at most %d", m, MaxWidth)
	}
	return nil
}

// evaluate returns every constraint's value on one out-of-domain frame.
func (a *AIR) evaluate(f field, current, next, periodic []element, public []uint64) []element {
	values := make([]element, len(a.Nodes))
	for i, n := range a.Nodes {
		switch n.Op {
		case OpCurrent:
			values[i] = current[n.A]
		case OpNext:
			values[i] = next[n.A]
		case OpPeriodic:
			values[i] = periodic[n.A]
		case OpConstant:
			values[i] = embed(a.Constants[n.A])
		case OpPublic:
			values[i] = embed(public[n.A])
		case OpAdd:
			values[i] = values[n.A].add(values[n.B])
		case OpSub:
			values[i] = values[n.A].sub(values[n.B])
		case OpMul:
			values[i] = f.mul(values[n.A], values[n.B])
		}
	}
	out := make([]element, len(a.Constraints))
	for i, c := range a.Constraints {
		out[i] = values[c.Root]
	}
	return out
}
