package learn

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// The contract of state; see package internal/state.
type (
	Visitor  = state.Visitor
	Stateful = state.Stateful
)

// Init writes the first values of row `row` of a parameter into dst (its width), all of them. It must depend on
// nothing but its arguments and the seed it was made with, so that a table's values do not depend on when a row
// came.
type Init func(row int, dst []float32)

// GateGroup is the group of parameters that select features; it has its own optimizer where the gate wants one.
const GateGroup = "gate"

// Param is one trainable float32 array, with the optimizer's memory of it. A table grows by rows and is
// touched by rows; any other is used whole. Optimizer memory lives and leaves with its row.
type Param struct {
	Name  string
	Group string // "" for weights, GateGroup for gates: optimizers may treat groups differently
	Table bool
	// Penalty, where set, adds to grad the gradient of a separable penalty on every element of value; the update
	// is then dense, whatever rows a batch touched.
	Penalty func(value, grad []float32)
	// Updates counts the optimizer's steps on this parameter since its memory was last forgotten.
	Updates int64

	shape []int // of the whole; for a table [rows, width]
	width int
	init  Init
	data  []float32
	slots []slot
	dense *tensor.Dense // over data, for Var
}

type slot struct {
	name string
	fill float32
	data []float32
}

// NewParam makes a parameter that is used whole; init is called once a row of the first axis.
func NewParam(name string, init Init, shape ...int) *Param {
	p := &Param{Name: name, init: init, shape: append([]int{}, shape...), width: 1}
	rows := 1
	if len(shape) > 0 {
		rows = shape[0]
		p.width = tensorcore.Size(shape[1:])
	}
	p.grow(rows)
	return p
}

// NewTable makes a table [0, width] that grows.
func NewTable(name string, width int, init Init) *Param {
	return &Param{Name: name, Table: true, init: init, shape: []int{0, width}, width: width}
}

// Shape returns the shape; a table's first axis is its present number of rows.
func (p *Param) Shape() []int { return p.shape }

// Rows returns the length of the first axis, 1 for a scalar.
func (p *Param) Rows() int { return len(p.data) / max(p.width, 1) }

// Width returns the elements a row.
func (p *Param) Width() int { return p.width }

// Data is the values, row by row; it moves when a table grows.
func (p *Param) Data() []float32 { return p.data }

// Row returns row i of the values.
func (p *Param) Row(i int32) []float32 {
	w := p.width
	return p.data[int(i)*w : int(i)*w+w]
}

// Grow makes a table at least `rows` long; new rows take their first values. It does nothing to a parameter that
// is used whole.
func (p *Param) Grow(rows int) {
	if p.Table && rows > p.Rows() {
		p.grow(rows)
		p.shape[0] = rows
	}
}

func (p *Param) grow(rows int) {
	from := p.Rows()
	p.data = extend(p.data, rows*p.width)
	for r := from; r < rows; r++ {
		p.init(r, p.data[r*p.width:(r+1)*p.width])
	}
	for i := range p.slots {
		s := &p.slots[i]
		n := len(s.data)
		s.data = extend(s.data, rows*p.width)
		fill(s.data[n:], s.fill)
	}
}

// Reinit gives every row its first values again and forgets the optimizer's memory.
func (p *Param) Reinit() {
	for r := range p.Rows() {
		p.init(r, p.data[r*p.width:(r+1)*p.width])
	}
	p.ForgetSlots()
}

// Slot returns the optimizer's array called name, as long as Data; new elements hold first.
func (p *Param) Slot(name string, first float32) []float32 {
	for i := range p.slots {
		if p.slots[i].name == name {
			return p.slots[i].data
		}
	}
	s := slot{name: name, fill: first, data: make([]float32, len(p.data), cap(p.data))}
	fill(s.data, first)
	p.slots = append(p.slots, s)
	return s.data
}

// ForgetSlots drops the optimizer's memory, as a new optimizer does.
func (p *Param) ForgetSlots() { p.slots, p.Updates = nil, 0 }

// Var puts the whole parameter on the tape.
func (p *Param) Var(tp *autograd.Tape) *autograd.Var {
	if p.dense == nil {
		p.dense = tensorcore.NewFloat32(p.shape, p.data)
	}
	return tp.Leaf(p, nil, p.dense)
}

// gathered is a table's rows of one batch.
type gathered struct {
	param *Param
	data  []float32
	dense *tensor.Dense
}

// Lookup puts the touched rows of a table on the tape, once a step, and returns the rows of all values. The
// buffer is the batch's: a tape that is still in use must not look up the same batch after an update.
//
//	result  float32 [ids.Values(), width]
func (p *Param) Lookup(tp *autograd.Tape, ids *IDs) *autograd.Var {
	leaf := tp.Leaf(p, ids.Unique, p.gather(ids))
	if ids.Inverse == nil {
		return leaf
	}
	return tp.Gather(leaf, ids.Inverse)
}

func (p *Param) gather(ids *IDs) *tensor.Dense {
	g := ids.buffer(p)
	n := len(ids.Unique) * p.width
	shape := [2]int{len(ids.Unique), p.width}
	if cap(g.data) < n || g.dense == nil || !tensorcore.Fit(g.dense, shape[:]) {
		g.data = make([]float32, n, n+n/4)
		g.dense = tensorcore.NewFloat32(shape[:], g.data)
	}
	g.data = g.data[:n]
	copyRows(g.data, p.data, ids.Unique, p.width)
	return g.dense
}

func copyRows(dst, table []float32, rows []int32, width int) {
	if width == 1 {
		for i, id := range rows {
			dst[i] = table[id]
		}
		return
	}
	for i, id := range rows {
		copy(dst[i*width:(i+1)*width], table[int(id)*width:])
	}
}

func (d *IDs) buffer(p *Param) *gathered {
	for i := range d.rows {
		if d.rows[i].param == p {
			return &d.rows[i]
		}
	}
	d.rows = append(d.rows, gathered{param: p})
	return &d.rows[len(d.rows)-1]
}

// Walk saves and restores values and optimizer memory.
func (p *Param) Walk(v Visitor) {
	v = v.Scope(p.Name)
	rows, names, fills := int64(p.Rows()), []string{}, []float32{}
	for _, s := range p.slots {
		names, fills = append(names, s.name), append(fills, s.fill)
	}
	v.Visit("rows", &rows)
	v.Visit("value", &p.data)
	v.Visit("updates", &p.Updates)
	v.Visit("slot_names", &names)
	v.Visit("slot_first", &fills)
	if v.Restoring() && !p.restored(v, int(rows), names, fills) {
		return
	}
	for i := range p.slots {
		s := &p.slots[i]
		v.Visit("slot_"+s.name, &s.data)
		if len(s.data) != len(p.data) {
			v.Fail(fmt.Errorf("param %s: want %d values of %s, got %d", p.Name, len(p.data), s.name, len(s.data)))
		}
	}
}

func (p *Param) restored(v Visitor, rows int, names []string, fills []float32) bool {
	p.dense = nil // it stood over the old values
	whole := !p.Table && len(p.data) != tensorcore.Size(p.shape)
	if len(p.data) != rows*p.width || whole || len(names) != len(fills) {
		v.Fail(fmt.Errorf("param %s: want shape %v, got %d values in %d rows; the checkpoint is of another model", p.Name, p.shape, len(p.data), rows))
		return false
	}
	p.slots = make([]slot, len(names))
	for i := range names {
		p.slots[i] = slot{name: names[i], fill: fills[i]}
	}
	if p.Table {
		p.shape[0] = rows
	}
	return true
}

func extend(s []float32, n int) []float32 {
	if n <= cap(s) {
		return s[:n]
	}
	out := make([]float32, n, max(n, 2*cap(s)))
	copy(out, s)
	return out
}

func fill(s []float32, v float32) {
	for i := range s {
		s[i] = v
	}
}
