package features

import (
	"fmt"

	"github.com/sluice-stream/sluice/learn"
)

// rowwise computes lr and fm without a tape: their gradients are a few lines, and on single rows the tape costs
// far more than the arithmetic. It gives what one-row batches give, up to the order of float32 additions.
type rowwise struct {
	bias    *learn.Param
	sum     []float32 // [D] sum of the row's embeddings
	grad    []float32 // [F*D] gradient of the distinct embeddings
	lin     []float32 // [F] gradient of the distinct first-order weights
	one     [1]float32
	unique  []int32
	count   []float32 // [F] how many fields of the row hold the distinct id
	updates []learn.Update

	mark []uint32 // which table rows this row has, by the number now
	at   []int32  // and where in unique
	now  uint32
}

// fits says whether the batch can be computed so: lr or fm, no gate, one value a field.
func (r *rowwise) fits(m *CTR, b *learn.Batch) bool {
	if m.gate != nil || len(b.Offsets) > 0 {
		return false
	}
	switch t := m.backbone.(type) {
	case *LR:
		r.bias = t.bias
	case *FM:
		r.bias = t.bias
	default:
		return false
	}
	return true
}

// LearnRows predicts and then trains on each row in turn; out [b.Rows] gets the probabilities. Rows of weight 0
// are predicted only.
func (m *CTR) LearnRows(b *learn.Batch, out []float32) error {
	if err := m.check(b, out); err != nil || b.Rows == 0 {
		return err
	}
	if len(b.Labels) == 0 {
		return fmt.Errorf("learn: want a label for each row, got none")
	}
	if !m.rows.fits(m, b) {
		return m.learnOneByOne(b, out)
	}
	for i := range b.Rows {
		ids := b.IDs[i*b.Fields : (i+1)*b.Fields]
		p := probability(m.rows.logit(m, ids))
		if out != nil {
			out[i] = p
		}
		if len(b.Weights) > 0 && b.Weights[i] == 0 {
			continue
		}
		d := p - b.Labels[i]
		if d-d != 0 {
			return fmt.Errorf("%s: loss of row %d is not finite; lower the learning rate", m.cfg.Model.Name(), i)
		}
		if err := m.opt.Step(m.rows.gradients(m, ids, d)); err != nil {
			return err
		}
	}
	return nil
}

// learnOneByOne trains on batches of one row.
func (m *CTR) learnOneByOne(b *learn.Batch, out []float32) error {
	for i := range b.Rows {
		oneRow(&m.one, b, i)
		var room []float32
		if out != nil {
			room = out[i : i+1]
		}
		if err := m.Learn(&m.one, room); err != nil {
			return err
		}
	}
	return nil
}

// oneRow makes dst row i of b.
func oneRow(dst, b *learn.Batch, i int) {
	dst.Reset()
	dst.Rows, dst.Fields, dst.Mean = 1, b.Fields, b.Mean
	from, to := i*b.Fields, (i+1)*b.Fields
	if len(b.Offsets) > 0 {
		first := b.Offsets[from]
		for _, o := range b.Offsets[from : to+1] {
			dst.Offsets = append(dst.Offsets, o-first)
		}
		from, to = int(first), int(b.Offsets[to])
	}
	dst.IDs = append(dst.IDs, b.IDs[from:to]...)
	if len(b.Labels) > 0 {
		dst.Labels = append(dst.Labels, b.Labels[i])
	}
	if len(b.Weights) > 0 {
		dst.Weights = append(dst.Weights, b.Weights[i])
	}
}

func (r *rowwise) predict(m *CTR, b *learn.Batch, out []float32) {
	for i := range out {
		out[i] = probability(r.logit(m, b.IDs[i*b.Fields:(i+1)*b.Fields]))
	}
}

// logit is the row's logit; it leaves the sum of the embeddings for gradients.
func (r *rowwise) logit(m *CTR, ids []int32) float32 {
	m.settle(m.tables.linear, ids)
	m.settle(m.tables.emb, ids)
	var z float32
	if r.bias != nil {
		z = r.bias.Data()[0]
	}
	if t := m.tables.linear; t != nil {
		w := t.Data()
		for _, id := range ids {
			z += w[id]
		}
	}
	if m.tables.emb != nil {
		z += 0.5 * r.pairs(m.tables.emb, ids)
	}
	return z
}

// pairs is the square of the sum less the sum of the squares, over all dimensions.
func (r *rowwise) pairs(t *learn.Param, ids []int32) float32 {
	d := t.Width()
	if len(r.sum) != d {
		r.sum = make([]float32, d)
	}
	clear(r.sum)
	var squares float32
	for _, id := range ids {
		for j, x := range t.Row(id) {
			r.sum[j] += x
			squares += x * x
		}
	}
	var z float32
	for _, s := range r.sum {
		z += s * s
	}
	return z - squares
}

// gradients returns the updates of a row whose loss has the derivative d by the logit.
func (r *rowwise) gradients(m *CTR, ids []int32, d float32) []learn.Update {
	r.distinct(ids, m.Rows())
	r.updates = r.updates[:0]
	if t := m.tables.emb; t != nil {
		w := t.Width()
		r.grad = r.grad[:0]
		for i, id := range r.unique {
			c := d * r.count[i]
			for j, x := range t.Row(id)[:w] {
				r.grad = append(r.grad, c*(r.sum[j]-x))
			}
		}
		r.updates = append(r.updates, learn.Update{Param: t, Rows: r.unique, Grad: r.grad})
	}
	if t := m.tables.linear; t != nil {
		r.lin = r.lin[:0]
		for _, c := range r.count {
			r.lin = append(r.lin, d*c)
		}
		r.updates = append(r.updates, learn.Update{Param: t, Rows: r.unique, Grad: r.lin})
	}
	if r.bias != nil {
		r.one[0] = d
		r.updates = append(r.updates, learn.Update{Param: r.bias, Grad: r.one[:]})
	}
	return r.updates
}

// distinct lists the ids once each with how often they stand in the row.
func (r *rowwise) distinct(ids []int32, rows int) {
	if len(r.mark) < rows {
		r.mark, r.at, r.now = make([]uint32, rows+rows/4), make([]int32, rows+rows/4), 0
	}
	if r.now++; r.now == 0 { // after 2^32 rows old marks would look new
		clear(r.mark)
		r.now = 1
	}
	r.unique, r.count = r.unique[:0], r.count[:0]
	for _, id := range ids {
		if r.mark[id] == r.now {
			r.count[r.at[id]]++
			continue
		}
		r.mark[id], r.at[id] = r.now, int32(len(r.unique))
		r.unique, r.count = append(r.unique, id), append(r.count, 1)
	}
}
