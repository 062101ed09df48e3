package onnx

import (
	"math"
	"slices"

	"github.com/pars-network/pars/ai/model"
)

// window reads how a node goes over rows and columns, and the sides it gives.
func (n *node) window(v *value, kernel []int) (w model.Window, dims []int, err error) {
	sides := v.dims[2:]
	rank := len(sides)
	if rank < 1 || rank > 2 || len(kernel) != rank {
		return w, nil, n.cant("got a window of sides %d over %d", kernel, v.dims)
	}
	if a := n.attributes["auto_pad"]; a != nil && a.s != "NOTSET" && a.s != "VALID" && a.s != "" {
		return w, nil, n.cant("auto_pad is %s; write the padding out", a.s)
	}
	if n.integer("ceil_mode", 0) != 0 {
		return w, nil, n.cant("ceil_mode is set")
	}
	strides, err := n.list("strides", rank, 1)
	if err != nil {
		return w, nil, err
	}
	dilations, err := n.list("dilations", rank, 1)
	if err != nil {
		return w, nil, err
	}
	pads, err := n.list("pads", 2*rank, 0)
	if err != nil {
		return w, nil, err
	}
	w.Kernel, w.Stride = [2]int{1, 1}, [2]int{1, 1}
	for i := range rank {
		if dilations[i] != 1 {
			return w, nil, n.cant("dilations are %d, want 1", dilations)
		}
		w.Kernel[i], w.Stride[i] = kernel[i], strides[i]
		w.Pad[i], w.Pad[i+2] = pads[i], pads[rank+i]
		if kernel[i] < 1 || kernel[i] > model.MaxKernel || strides[i] < 1 || strides[i] > model.MaxKernel || max(pads[i], pads[rank+i]) >= kernel[i] ||
			sides[i]+pads[i]+pads[rank+i] < kernel[i] {
			return w, nil, n.cant("got a window of %d, steps of %d and %d padded over %d", kernel, strides, pads, sides)
		}
		dims = append(dims, (sides[i]+pads[i]+pads[rank+i]-kernel[i])/strides[i]+1)
	}
	return w, dims, nil
}

// pooled reads the window of a pool over a value.
func (l *lowering) pooled(n *node, v *value) (model.Window, []int, error) {
	if v.open || !v.image() || len(v.dims) < 3 {
		return model.Window{}, nil, n.cant("its input has sides %d or is not quantised, want batch, channels, rows", v.dims)
	}
	kernel, err := n.list("kernel_shape", len(v.dims)-2, 0)
	if err != nil {
		return model.Window{}, nil, err
	}
	w, dims, err := n.window(v, kernel)
	return w, append([]int{1, v.dims[1]}, dims...), err
}

func (l *lowering) maxPool(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	w, dims, err := l.pooled(n, v)
	if err != nil {
		return nil, err
	}
	out := *v
	out.dims = dims
	// What rises with its input may as well come behind the pool: bounds stay.
	return l.emit(model.Node{Op: model.MaxPool, A: v.ref, Window: w}, &out)
}

// mean adds windows of a real value up and divides by their size in the scale.
func (l *lowering) mean(n *node, v *value, w model.Window, dims, axes []int) (*value, error) {
	if !v.real || v.open {
		return nil, n.cant("its input is not quantised")
	}
	v, err := l.settle(v, n.op, n.label())
	if err != nil {
		return nil, err
	}
	count := w.Kernel[0] * w.Kernel[1]
	out := *v
	out.dims, out.axes = dims, axes
	out.scale = nil
	for _, s := range v.scale {
		out.scale = append(out.scale, s/float32(count))
	}
	zero := int64(v.zero) * int64(count)
	if zero != int64(int32(zero)) {
		return nil, n.cant("the zero point %d times %d is beyond int32", v.zero, count)
	}
	out.zero = int32(zero)
	return l.emit(model.Node{Op: model.Average, A: v.ref, Window: w}, &out)
}

func (l *lowering) averagePool(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	return l.averaged(n, v)
}

func (l *lowering) averaged(n *node, v *value) (*value, error) {
	w, dims, err := l.pooled(n, v)
	if err != nil {
		return nil, err
	}
	if w.Pad != [4]int{} {
		return nil, n.cant("it pads")
	}
	return l.mean(n, v, w, dims, v.axes)
}

// global is the mean of each channel.
func (l *lowering) global(n *node, v *value) (*value, error) {
	if !v.image() || len(v.dims) < 3 {
		return nil, n.cant("its input has sides %d, want batch, channels, rows", v.dims)
	}
	w := model.Window{Kernel: [2]int{1, 1}, Stride: [2]int{1, 1}}
	dims := slices.Clone(v.dims)
	for i, d := range v.dims[2:] {
		if d > model.MaxKernel {
			return nil, n.cant("it averages %d rows or columns, want at most %d", d, model.MaxKernel)
		}
		w.Kernel[i], dims[i+2] = d, 1
	}
	return l.mean(n, v, w, dims, v.axes)
}

func (l *lowering) globalAveragePool(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	return l.global(n, v)
}

func (l *lowering) qLinearAveragePool(n *node) (*value, error) {
	return l.quantisedMean(n, l.averaged)
}

func (l *lowering) qLinearGlobalAveragePool(n *node) (*value, error) {
	return l.quantisedMean(n, l.global)
}

func (l *lowering) quantisedMean(n *node, mean func(*node, *value) (*value, error)) (*value, error) {
	if n.integer("channels_last", 0) != 0 {
		return nil, n.cant("channels_last is set")
	}
	v, err := l.realAt(n, 0)
	if err != nil {
		return nil, err
	}
	if v, err = mean(n, v); err != nil {
		return nil, err
	}
	return l.requantised(n, v, 3)
}

// axes are a node's second input, or in older files its attribute; nil where it
// names none.
func (l *lowering) axes(n *node) ([]int64, error) {
	if n.has(1) {
		c, err := l.constant(n, 1)
		if err != nil {
			return nil, err
		}
		return c.ints, nil
	}
	if a := n.attributes["axes"]; a != nil {
		return a.ints, nil
	}
	return nil, nil
}

// reduceMean is ReduceMean over rows, columns or both.
func (l *lowering) reduceMean(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	axes, err := l.axes(n)
	if err != nil {
		return nil, err
	}
	keep := n.integer("keepdims", 1) != 0
	w := model.Window{Kernel: [2]int{1, 1}, Stride: [2]int{1, 1}}
	gone := make([]bool, len(v.dims))
	for _, a := range axes {
		i, err := n.axis(a, len(v.dims))
		if err != nil {
			return nil, err
		}
		if v.flat || v.axes[i] < 1 || v.dims[i] > model.MaxKernel || gone[i] {
			return nil, n.cant("it reduces axis %d of %d, want rows or columns, at most %d", i, v.dims, model.MaxKernel)
		}
		w.Kernel[v.axes[i]-1], gone[i] = v.dims[i], true
	}
	if len(axes) == 0 {
		return nil, n.cant("it reduces everything")
	}
	var dims, sides []int
	for i, d := range v.dims {
		switch {
		case !gone[i]:
			dims, sides = append(dims, d), append(sides, v.axes[i])
		case keep:
			dims, sides = append(dims, 1), append(sides, v.axes[i])
		}
	}
	return l.mean(n, v, w, dims, sides)
}

// flatten is Flatten, and Reshape, Squeeze and Unsqueeze as far as they keep the
// elements in a list or add and drop sides of length 1.
func (l *lowering) flatten(n *node) (*value, error) {
	if l.passed(n) {
		return nil, nil
	}
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	dims, err := l.reshaped(n, v)
	if err != nil {
		return nil, err
	}
	if product(dims) != product(v.dims) {
		return nil, n.cant("it makes sides %d of %d", dims, v.dims)
	}
	out := *v
	out.dims = dims
	// The sides that are longer than 1 stay, in order.
	var long []int
	for i, d := range v.dims {
		if d != 1 {
			long = append(long, i)
		}
	}
	out.axes = slices.Repeat([]int{-1}, len(dims))
	next := 0
	same := true
	for i, d := range dims {
		if d == 1 {
			continue
		}
		if next < len(long) && v.dims[long[next]] == d {
			out.axes[i] = v.axes[long[next]]
			next++
		} else {
			same = false
		}
	}
	if same && next == len(long) {
		out.place()
		return &out, nil
	}
	if !v.ordered() {
		return nil, n.cant("it makes a list of sides %d whose order is not the model's; transpose to channels, rows, columns before", v.dims)
	}
	if dims[len(dims)-1] != product(dims) {
		return nil, n.cant("it makes sides %d of %d, want a list", dims, v.dims)
	}
	out.axes = slices.Repeat([]int{-1}, len(dims))
	out.axes[len(dims)-1] = 0
	out.flat = true
	return &out, nil
}

// place gives sides of length 1 behind the batch the places that an image has, so
// that one of them may be the channels.
func (v *value) place() {
	if v.flat || len(v.dims) < 2 {
		return
	}
	axes := slices.Clone(v.axes)
	axes[0] = -1
	for i := range axes[1:] {
		if v.axes[i+1] >= 0 && v.axes[i+1] != i {
			return
		}
		axes[i+1] = i
	}
	if v.axes[0] == -1 && len(axes) <= 4 {
		v.axes = axes
	}
}

// reshaped is what sides a node gives its input.
func (l *lowering) reshaped(n *node, v *value) ([]int, error) {
	total := product(v.dims)
	switch n.op {
	case "Flatten":
		axis := n.integer("axis", 1)
		if axis < 0 {
			axis += int64(len(v.dims))
		}
		if axis < 0 || axis > int64(len(v.dims)) {
			return nil, n.cant("got the axis %d", axis)
		}
		head := product(v.dims[:axis])
		return []int{head, total / max(head, 1)}, nil
	case "Reshape":
		c, err := l.constant(n, 1)
		if err != nil {
			return nil, err
		}
		var dims []int
		open, known := -1, 1
		for i, d := range c.ints {
			switch {
			case d == 0 && i < len(v.dims) && n.integer("allowzero", 0) == 0:
				d = int64(v.dims[i])
			case d == -1 && open < 0:
				open, d = i, 1
			case d < 1 || d > math.MaxInt32:
				return nil, n.cant("got the sides %d", c.ints)
			}
			if known = known * int(d); known > model.MaxElements {
				return nil, n.cant("got the sides %d", c.ints)
			}
			dims = append(dims, int(d))
		}
		if len(dims) == 0 || len(dims) > maxRank {
			return nil, n.cant("got %d sides", len(dims))
		}
		if open >= 0 {
			dims[open] = total / known
		}
		return dims, nil
	}
	// Squeeze and Unsqueeze
	axes, err := l.axes(n)
	if err != nil {
		return nil, err
	}
	rank := len(v.dims)
	if n.op == "Unsqueeze" {
		rank += len(axes)
	}
	if rank > maxRank {
		return nil, n.cant("it makes %d sides", rank)
	}
	named := make([]bool, rank)
	for _, a := range axes {
		i, err := n.axis(a, rank)
		if err != nil {
			return nil, err
		}
		named[i] = true
	}
	var dims []int
	if n.op == "Unsqueeze" {
		left := v.dims
		for i := range rank {
			switch {
			case named[i]:
				dims = append(dims, 1)
			case len(left) > 0:
				dims, left = append(dims, left[0]), left[1:]
			}
		}
		return dims, nil
	}
	for i, d := range v.dims {
		if d != 1 || (len(axes) > 0 && !named[i]) {
			dims = append(dims, d)
		}
	}
	if len(dims) == 0 {
		dims = []int{1}
	}
	return dims, nil
}

func (l *lowering) transpose(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	rank := len(v.dims)
	order := make([]int64, rank)
	for i := range order {
		order[i] = int64(rank - 1 - i)
	}
	if a := n.attributes["perm"]; a != nil {
		order = a.ints
	}
	if len(order) != rank || v.open || v.flat {
		return nil, n.cant("it orders %d sides by %d, or its input is a list or not quantised", rank, order)
	}
	out := *v
	out.dims, out.axes = nil, nil
	seen := make([]bool, rank)
	for _, a := range order {
		i, err := n.axis(a, rank)
		if err != nil {
			return nil, err
		}
		if seen[i] {
			return nil, n.cant("it names side %d twice", i)
		}
		seen[i] = true
		out.dims, out.axes = append(out.dims, v.dims[i]), append(out.axes, v.axes[i])
	}
	return &out, nil
}

// gather is Gather of rows of a constant table by the numbers of a list.
func (l *lowering) gather(n *node) (*value, error) {
	table, err := l.constant(n, 0)
	if err != nil {
		return nil, err
	}
	ids, err := l.value(n, 1)
	if err != nil {
		return nil, err
	}
	axis, err := n.axis(n.integer("axis", 0), max(len(table.dims), 1))
	if err != nil {
		return nil, err
	}
	if len(table.dims) != 2 || axis != 0 || ids.real || product(ids.dims) != ids.dims[len(ids.dims)-1] || len(table.scale) > 1 {
		return nil, n.cant("it takes rows of one table with one scale, by a list of whole numbers")
	}
	rows, columns := table.dims[0], table.dims[1]
	quantised := table.scale != nil
	var scale float32
	var zero int64
	if quantised {
		scale = table.scale[0]
		if len(table.zero) > 0 {
			zero = table.zero[0]
		}
	} else {
		// A table that is dequantised behind: its zero point comes then.
		table = &constant{tensor: table.tensor, scale: []float32{1}}
	}
	bytes, _, err := n.weights(&constant{tensor: table.tensor, scale: table.scale})
	if err != nil {
		return nil, err
	}
	if err := l.narrow(n, ids, rows); err != nil {
		return nil, err
	}
	dims := append(slices.Clone(ids.dims), columns)
	axes := append(slices.Repeat([]int{-1}, len(ids.dims)-1), 1, 0)
	out, err := l.emit(model.Node{Op: model.Embed, A: ids.ref, Rows: rows, Outputs: columns, Weights: bytes}, &value{dims: dims, axes: axes})
	if err != nil {
		return nil, err
	}
	var shift int64
	if table.kind == typeUint8 {
		shift = 128
	}
	if quantised {
		return l.dequantise(n, out, scale, zero-shift)
	}
	if shift != 0 {
		// The model's table is signed: back to what ONNX has.
		return l.emit(model.Node{Op: model.Requantise, A: out.ref, InZero: -128, Lo: 0, Hi: 255, Multipliers: []uint32{1}, Shifts: []uint8{0}}, out)
	}
	return out, nil
}

// narrow makes sure that the numbers are rows: it bounds the input if they are it.
func (l *lowering) narrow(n *node, ids *value, rows int) error {
	if ids.ref != 0 {
		return nil // the analysis of the whole model says whether they can be others
	}
	if rows < 1 || rows > 1<<16 {
		return n.cant("its table has %d rows, want 1 to 65,536", rows)
	}
	in := &l.m.Input
	if ids.open {
		in.Lo, in.Hi = 0, int32(rows-1)
		in.Wide = rows > 256
		ids.open = false
		return nil
	}
	if in.Signed {
		return n.cant("it takes rows by signed numbers")
	}
	in.Hi = min(in.Hi, int32(rows-1))
	return nil
}
