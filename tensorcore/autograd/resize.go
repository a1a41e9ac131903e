package autograd

import (
	"math"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// MapAxis multiplies along one axis by a matrix: result[.., j, ..] = sum over i of x[.., i, ..] m[i, j].
//
//	x       [.., I, ..]
//	m       [I, J]
//	result  [.., J, ..]
func (t *Tape) MapAxis(x, m *Var, axis int) *Var {
	a, ok := t.axis("MapAxis", x, axis)
	if !ok || t.bad("MapAxis", m) {
		return t.deadVar(nil)
	}
	n := len(x.shape)
	if len(m.shape) != 2 || m.shape[0] != x.shape[a] {
		return t.fail("MapAxis", "want a matrix of %d rows for axis %d of shape %v, got shape %v", x.shape[a], a, x.shape, m.shape)
	}
	var swap, shape [tc.MaxRank]int
	for i := range n {
		swap[i], shape[i] = i, x.shape[i]
	}
	swap[a], swap[n-1] = n-1, a
	shape[a], shape[n-1] = x.shape[n-1], m.shape[1]
	y := x
	if a != n-1 {
		y = t.Transpose(x, swap[:n]...)
	}
	y = t.Reshape(t.MatMul(t.Reshape(y, tc.Size(x.shape[:a])*tc.Size(x.shape[a+1:]), x.shape[a]), m), shape[:n]...)
	if a != n-1 {
		y = t.Transpose(y, swap[:n]...)
	}
	return y
}

// Resize changes the height and width of images by bilinear interpolation between pixel centres; beyond the first
// and last centre the edge value holds. It does not blur before making an image smaller.
//
//	x       [N, H, W, C], H and W at least 1
//	result  [N, height, width, C]
func (t *Tape) Resize(x *Var, height, width int) *Var {
	return t.mapImage("Resize", x, height, width, bilinear)
}

// AdaptiveAvgPool cuts images into height x width cells, of nearly one size, and returns their means. Cell i of n
// covers floor(i*H/n) .. ceil((i+1)*H/n)-1.
//
//	x       [N, H, W, C], H and W at least 1
//	result  [N, height, width, C]
func (t *Tape) AdaptiveAvgPool(x *Var, height, width int) *Var {
	return t.mapImage("AdaptiveAvgPool", x, height, width, cells)
}

func (t *Tape) mapImage(name string, x *Var, height, width int, weights func(set func(i, j int, v float64), from, to int)) *Var {
	if t.bad(name, x) {
		return t.deadVar(nil)
	}
	if len(x.shape) != 4 || x.shape[1] < 1 || x.shape[2] < 1 || height < 1 || width < 1 {
		return t.fail(name, "want images [N, H, W, C] and extents of 1 or more, got shape %v and %d x %d", x.shape, height, width)
	}
	y := x
	for i, to := range [2]int{height, width} {
		if from := x.shape[1+i]; from != to {
			y = t.MapAxis(y, t.matrix(from, to, weights), 1+i)
		}
	}
	return y
}

// matrix returns a constant [rows, cols], whose elements that are not 0 come from fill.
func (t *Tape) matrix(rows, cols int, fill func(set func(i, j int, v float64), rows, cols int)) *Var {
	if t.dt == tensor.Float64 {
		m := make([]float64, rows*cols)
		fill(func(i, j int, v float64) { m[i*cols+j] += v }, rows, cols)
		return t.Const(tc.NewFloat64([]int{rows, cols}, m))
	}
	m := make([]float32, rows*cols)
	fill(func(i, j int, v float64) { m[i*cols+j] += float32(v) }, rows, cols)
	return t.Const(tc.NewFloat32([]int{rows, cols}, m))
}

func bilinear(set func(i, j int, v float64), from, to int) {
	for j := range to {
		at := (float64(j)+0.5)*float64(from)/float64(to) - 0.5
		at = min(max(at, 0), float64(from-1))
		lo := int(math.Floor(at))
		part := at - float64(lo)
		set(lo, j, 1-part)
		if part > 0 {
			set(lo+1, j, part)
		}
	}
}

func cells(set func(i, j int, v float64), from, to int) {
	for j := range to {
		lo, hi := j*from/to, ((j+1)*from+to-1)/to
		for i := lo; i < hi; i++ {
			set(i, j, 1/float64(hi-lo))
		}
	}
}
