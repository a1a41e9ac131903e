package cpu

import (
	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Copy copies strided blocks.
func (e *Engine) Copy(dst, x *tensor.Dense, c tc.CopySpec) {
	if is32(dst) {
		blocks(e, copyBlocks[float32], dst.Float32s(), x.Float32s(), c)
		return
	}
	blocks(e, copyBlocks[float64], dst.Float64s(), x.Float64s(), c)
}

// AddBlocks adds strided blocks.
func (e *Engine) AddBlocks(dst, x *tensor.Dense, c tc.CopySpec) {
	if is32(dst) {
		blocks(e, addBlocks[float32], dst.Float32s(), x.Float32s(), c)
		return
	}
	blocks(e, addBlocks[float64], dst.Float64s(), x.Float64s(), c)
}

// blocks runs f on parts of the blocks, which do not overlap in dst.
func blocks[T float](e *Engine, f func(v *vectors, dst, x []T, c tc.CopySpec), dst, x []T, c tc.CopySpec) {
	if c.Count == 0 || c.Size == 0 {
		return
	}
	grain := max(1, moveGrain/c.Size)
	if e.serial(c.Count, grain) {
		f(e.vectors(), dst, x, c)
		return
	}
	e.split(c.Count, grain, func(from, to int) {
		f(e.vectors(), dst, x, tc.CopySpec{
			Count: to - from, Size: c.Size,
			DstOff: c.DstOff + from*c.DstStep, DstStep: c.DstStep,
			SrcOff: c.SrcOff + from*c.SrcStep, SrcStep: c.SrcStep,
		})
	})
}

func copyBlocks[T float](v *vectors, dst, x []T, c tc.CopySpec) {
	if c.DstStep == c.Size {
		from, n := x[c.SrcOff:], c.Count*c.Size
		_ = from[(c.Count-1)*c.SrcStep+c.Size-1] // assembly does not look
		copyRows(v, dst[c.DstOff:c.DstOff+n], from, c.Count, c.Size, c.SrcStep)
		return
	}
	for k := range c.Count {
		d, s := c.DstOff+k*c.DstStep, c.SrcOff+k*c.SrcStep
		copy(dst[d:d+c.Size], x[s:s+c.Size])
	}
}

func addBlocks[T float](v *vectors, dst, x []T, c tc.CopySpec) {
	d32, ok := any(dst).([]float32)
	for k := range c.Count {
		d, s := c.DstOff+k*c.DstStep, c.SrcOff+k*c.SrcStep
		if ok && v != nil {
			v.addRows(d32[d:d+c.Size], any(x).([]float32)[s:s+c.Size], 1)
		} else {
			addTo(dst[d:d+c.Size], x[s:s+c.Size])
		}
	}
}
