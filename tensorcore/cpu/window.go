package cpu

import (
	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Unfold writes the elements under each place of a window.
func (e *Engine) Unfold(dst, x *tensor.Dense, s tc.WindowSpec) {
	if is32(dst) {
		unfold(e, dst.Float32s(), x.Float32s(), s)
		return
	}
	unfold(e, dst.Float64s(), x.Float64s(), s)
}

func unfold[T float](e *Engine, dst, x []T, s tc.WindowSpec) {
	if len(dst) == 0 {
		return
	}
	width := s.Out[1] * s.Size[0] * s.Size[1] * s.C // of a row of places
	rows, grain := s.N*s.Out[0], max(1, moveGrain/width)
	if e.serial(rows, grain) {
		unfoldRows(dst, x, s, 0, rows)
		return
	}
	e.split(rows, grain, func(from, to int) { unfoldRows(dst[from*width:to*width], x, s, from, to) })
}

func unfoldRows[T float](dst, x []T, s tc.WindowSpec, from, to int) {
	for r := from; r < to; r++ {
		n, top := r/s.Out[0], r%s.Out[0]*s.Stride[0]-s.Before[0]
		image := x[n*s.H*s.W*s.C : (n+1)*s.H*s.W*s.C]
		for ow := range s.Out[1] {
			left := ow*s.Stride[1] - s.Before[1]
			for kh := range s.Size[0] {
				h := top + kh*s.Dilation[0]
				part := dst[:s.Size[1]*s.C]
				dst = dst[len(part):]
				if h < 0 || h >= s.H {
					clear(part)
					continue
				}
				unfoldRun(part, image[h*s.W*s.C:(h+1)*s.W*s.C], left, s)
			}
		}
	}
}

// unfoldRun copies one row of the window from one row of the image.
func unfoldRun[T float](dst, row []T, left int, s tc.WindowSpec) {
	if s.Dilation[1] == 1 && left >= 0 && left+s.Size[1] <= s.W {
		copy(dst, row[left*s.C:(left+s.Size[1])*s.C])
		return
	}
	for kw := range s.Size[1] {
		cell := dst[kw*s.C : (kw+1)*s.C]
		if w := left + kw*s.Dilation[1]; w >= 0 && w < s.W {
			copy(cell, row[w*s.C:(w+1)*s.C])
		} else {
			clear(cell)
		}
	}
}

// Fold adds each element back to where Unfold took it from.
func (e *Engine) Fold(dst, g *tensor.Dense, s tc.WindowSpec) {
	if is32(dst) {
		fold(e, dst.Float32s(), g.Float32s(), s)
		return
	}
	fold(e, dst.Float64s(), g.Float64s(), s)
}

func fold[T float](e *Engine, dst, g []T, s tc.WindowSpec) {
	if len(dst) == 0 {
		return
	}
	width := s.W * s.C
	rows, grain := s.N*s.H, max(1, moveGrain/(width*s.Size[0]*s.Size[1]))
	if e.serial(rows, grain) {
		foldRows(dst, g, s, 0, rows)
		return
	}
	e.split(rows, grain, func(from, to int) { foldRows(dst[from*width:to*width], g, s, from, to) })
}

// foldRows computes rows of the image, each from all places that cover it, so that no two goroutines write to one.
func foldRows[T float](dst, g []T, s tc.WindowSpec, from, to int) {
	kernel := s.Size[1] * s.C
	place := s.Size[0] * kernel
	for r := from; r < to; r++ {
		row := dst[:s.W*s.C]
		dst = dst[len(row):]
		clear(row)
		n, h := r/s.H, r%s.H
		for kh := range s.Size[0] {
			at := h + s.Before[0] - kh*s.Dilation[0]
			oh := at / s.Stride[0]
			if at < 0 || at%s.Stride[0] != 0 || oh >= s.Out[0] {
				continue
			}
			line := g[(n*s.Out[0]+oh)*s.Out[1]*place+kh*kernel:]
			for ow := range s.Out[1] {
				foldRun(row, line[ow*place:ow*place+kernel], ow*s.Stride[1]-s.Before[1], s)
			}
		}
	}
}

func foldRun[T float](row, g []T, left int, s tc.WindowSpec) {
	for kw := range s.Size[1] {
		if w := left + kw*s.Dilation[1]; w >= 0 && w < s.W {
			addTo(row[w*s.C:(w+1)*s.C], g[kw*s.C:])
		}
	}
}
