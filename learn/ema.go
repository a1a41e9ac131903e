package learn

import (
	"fmt"
	"slices"
)

// EMA is a moving average of parameters: a + (1-decay)(w - a) at every update. It starts at their first values; a
// row that a table gains later starts at the row's value at the next update.
type EMA struct {
	params  []*Param
	average [][]float32
}

// NewEMA starts averages of params at their present values.
func NewEMA(params []*Param) *EMA {
	e := &EMA{params: params, average: make([][]float32, len(params))}
	for i, p := range params {
		e.average[i] = slices.Clone(p.Data())
	}
	return e
}

// WarmDecay is the decay of update `step` = 0, 1, ... when the average is to follow at first: min(decay, 1-1/(step+1)).
func WarmDecay(decay float64, step int) float64 { return min(decay, 1-1/float64(step+1)) }

// Update moves the averages towards the present values; decay is from 0 (take them over) to 1 (stay).
func (e *EMA) Update(decay float64) {
	for i, p := range e.params {
		w, a := p.Data(), e.average[i]
		if rate := float32(1 - decay); rate == 1 {
			copy(a, w)
		} else {
			for j, x := range a { // the conversion keeps the compiler from fusing
				a[j] = x + float32(rate*(w[j]-x))
			}
		}
		e.average[i] = append(a, w[len(a):]...)
	}
}

// Swap exchanges averages and parameters: the model then computes with the averages, until the next Swap.
func (e *EMA) Swap() {
	for i, p := range e.params {
		w := p.Data()
		a := append(e.average[i], w[len(e.average[i]):]...)
		for j := range w {
			w[j], a[j] = a[j], w[j]
		}
		e.average[i] = a
	}
}

// Into copies the averages into the parameters of another model of the same shape, a teacher.
func (e *EMA) Into(params []*Param) error {
	if len(params) != len(e.params) {
		return fmt.Errorf("ema: want %d parameters, got %d", len(e.params), len(params))
	}
	for i, p := range params {
		p.Grow(len(e.average[i]) / max(p.Width(), 1))
		if len(p.Data()) != len(e.average[i]) {
			return fmt.Errorf("ema: want %d values in %s, got %d", len(e.average[i]), p.Name, len(p.Data()))
		}
		copy(p.Data(), e.average[i])
	}
	return nil
}

// Walk saves and restores the averages, which stand below the parameters' names.
func (e *EMA) Walk(v Visitor) {
	for i, p := range e.params {
		v.Visit(p.Name, &e.average[i])
		if n := len(e.average[i]); n > len(p.Data()) || !p.Table && n != len(p.Data()) {
			v.Fail(fmt.Errorf("ema: want at most %d values of %s, got %d; the checkpoint is of another model", len(p.Data()), p.Name, n))
		}
	}
}
