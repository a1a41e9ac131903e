package features

import (
	"gorgonia.org/tensor"

	"github.com/sluice-stream/sluice/tensorcore"
)

// vector is a tensor [n] that takes values of any length again and again without allocating.
type vector struct {
	data  []float32
	dense *tensor.Dense
}

// set copies s in; the result is valid until the next call.
func (v *vector) set(s []float32) *tensor.Dense {
	shape := [1]int{len(s)}
	if v.dense == nil || cap(v.data) < len(s) || !tensorcore.Fit(v.dense, shape[:]) {
		v.data = make([]float32, len(s), len(s)+len(s)/4)
		v.dense = tensorcore.NewFloat32(shape[:], v.data)
	}
	copy(v.data[:len(s)], s)
	return v.dense
}
