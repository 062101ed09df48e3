package model

// Complete checks every field and computes the shapes and the work of a model that
// was put together by hand. Errors are *[Error].
func (m *Model) Complete() error {
	if err := m.start(); err != nil {
		return err
	}
	if len(m.Nodes) > MaxNodes {
		return &Error{0, TooLarge}
	}
	for i := range m.Nodes {
		if err := m.place(i + 1); err != nil {
			return err
		}
	}
	return m.finish()
}

// start checks the input.
func (m *Model) start() error {
	in := m.Input
	bounds := in.bounds()
	if !in.Shape.ok() || in.Lo > in.Hi || int64(in.Lo) < bounds.Lo || int64(in.Hi) > bounds.Hi {
		return &Error{0, BadInput}
	}
	m.work = Work{Elements: uint64(in.Shape.Len())}
	return nil
}

// finish checks that every value is used but the last.
func (m *Model) finish() error {
	if len(m.Nodes) == 0 {
		return &Error{0, Unused}
	}
	var used [MaxNodes + 1]bool
	for i := range m.Nodes {
		used[m.Nodes[i].A] = true
		if m.Nodes[i].Op == Add {
			used[m.Nodes[i].B] = true
		}
	}
	for i := range m.Nodes {
		if !used[i] {
			return &Error{i, Unused}
		}
	}
	return nil
}

// place checks node at (from 1) behind those before it, and adds its shape.
func (m *Model) place(at int) error {
	n := &m.Nodes[at-1]
	if n.A < 0 || n.A >= at || n.B < 0 || n.B >= at {
		return &Error{at, BadOperand}
	}
	n.in = m.ShapeOf(n.A)
	if reason := n.shape(m.ShapeOf(n.B)); reason != "" {
		return &Error{at, reason}
	}
	if !n.out.ok() {
		return &Error{at, TooLarge}
	}
	m.work.add(n.Work())
	if m.work.Elements > MaxTotal || m.work.MACs > MaxMACs || m.work.Moves > MaxMACs {
		return &Error{at, TooLarge}
	}
	return nil
}

// shape sets the shape of the result. b is the shape of the second operand.
func (n *Node) shape(b Shape) Reason {
	n.out = n.in
	switch n.Op {
	case Dense:
		n.out = Shape{n.Outputs, 1, 1}
		return n.weighted(n.in.Len())
	case Conv:
		if n.Groups < 1 || n.in.C%n.Groups != 0 || n.Outputs%n.Groups != 0 {
			return BadField
		}
		if reason := n.window(n.Outputs); reason != "" {
			return reason
		}
		if uint64(n.in.C)*uint64(n.Window.Kernel[0]*n.Window.Kernel[1]) > MaxSize {
			return TooLarge
		}
		return n.weighted(n.patch())
	case Add:
		if b != n.in {
			return BadOperand
		}
	case Requantise:
		factors := len(n.Multipliers)
		if factors != len(n.Shifts) || (factors != 1 && factors != n.in.C) || n.Lo > n.Hi {
			return BadField
		}
		for i, multiplier := range n.Multipliers {
			if multiplier == 0 || multiplier > maxInt32 || n.Shifts[i] > MaxShift {
				return BadField
			}
		}
	case ReLU, ArgMax:
		if n.Op == ArgMax {
			n.out = Shape{1, 1, 1}
		}
	case Clip:
		if n.Lo > n.Hi {
			return BadField
		}
	case MaxPool, Average:
		if n.Op == Average && (n.Window.Pad != [4]int{} || n.Shift > 31) {
			return BadField
		}
		return n.window(n.in.C)
	case Embed:
		if n.Rows < 1 || n.Rows > MaxSize || n.Outputs < 1 || n.Outputs > MaxSide || uint64(len(n.Weights)) != uint64(n.Rows)*uint64(n.Outputs) {
			return BadField
		}
		if n.in.Len() > MaxSide {
			return TooLarge
		}
		n.out = Shape{n.Outputs, n.in.Len(), 1}
	default:
		return BadOperator
	}
	return ""
}

// weighted checks weights and bias for so many inputs to each output.
func (n *Node) weighted(inputs int) Reason {
	if n.Outputs < 1 || n.Outputs > MaxSide || uint64(len(n.Weights)) != uint64(n.Outputs)*uint64(inputs) || (len(n.Bias) != 0 && len(n.Bias) != n.Outputs) {
		return BadField
	}
	return ""
}

// patch is how many elements of the input go into one element of a Conv's result.
func (n *Node) patch() int {
	return n.in.C / n.Groups * n.Window.Kernel[0] * n.Window.Kernel[1]
}

// window sets the shape of what goes over the input by windows.
func (n *Node) window(channels int) Reason {
	w := n.Window
	n.out.C = channels
	sides := [2]*int{&n.out.H, &n.out.W}
	for i, side := range [2]int{n.in.H, n.in.W} {
		before, after := w.Pad[i], w.Pad[i+2]
		if w.Kernel[i] < 1 || w.Kernel[i] > MaxKernel || w.Stride[i] < 1 || w.Stride[i] > MaxKernel ||
			before < 0 || after < 0 || before >= w.Kernel[i] || after >= w.Kernel[i] || side+before+after < w.Kernel[i] {
			return BadField
		}
		*sides[i] = (side+before+after-w.Kernel[i])/w.Stride[i] + 1
	}
	return ""
}

// Work is what the operator takes.
func (n *Node) Work() Work {
	out := uint64(n.out.Len())
	w := Work{Elements: out}
	switch n.Op {
	case Dense:
		w.MACs = uint64(len(n.Weights))
		w.Moves = uint64(n.in.Len())
	case Conv:
		w.MACs = out * uint64(n.patch())
		w.Moves = uint64(n.out.H*n.out.W) * uint64(n.Groups*n.patch())
	case MaxPool, Average:
		w.Moves = out * uint64(n.Window.Kernel[0]*n.Window.Kernel[1])
	case ArgMax:
		w.Moves = uint64(n.in.Len())
	}
	return w
}
