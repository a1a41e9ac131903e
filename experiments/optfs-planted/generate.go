// Package optfsplanted measures OptFS on data whose truth is known: which feature values carry an effect, and how
// well any model could do. The folder's README.md tells what is measured and what came out.
package optfsplanted

import (
	"math"

	"github.com/sluice-stream/sluice/features"
	"github.com/sluice-stream/sluice/learn"
)

// The data: fields of equally many values, whose popularity falls with their rank. In half of the fields a share of
// the values has a true embedding, all other values have none.
const (
	rows        = 60_000
	fields      = 12
	values      = 100 // a field
	effective   = 6   // fields that carry an effect
	planted     = 40  // values that do, in each of them
	trueDim     = 4
	trueSD      = 0.636
	logitSD     = 2.0
	logitMean   = -1.0
	tableRows   = fields * (values + 1) // each field has a row for unknown values, first
	firstOfData = fields
)

// truth is a data set with what is behind it.
type truth struct {
	data    features.Encoded
	planted []bool    // by table row: carries an effect
	count   []int     // by table row: how often it occurs
	logit   []float32 // by row: true logit of the label
}

// rowOf returns the table row of value v of field f.
func rowOf(f, v int) int32 { return int32(firstOfData + f*values + v) }

// generate draws the data set of a seed.
func generate(seed uint64) *truth {
	t := &truth{planted: make([]bool, tableRows), count: make([]int, tableRows)}
	t.data.Fields = fields
	for f := range fields {
		t.data.OOV = append(t.data.OOV, int32(f))
	}
	emb := t.plant(seed)
	pick := popularity(seed)
	logits := make([]float64, rows)
	for i := range rows {
		r := learn.NewRand(seed, "planted.row", i)
		ids := make([]int32, fields)
		for f := range fields {
			ids[f] = rowOf(f, pick(f, r.Float64()))
			t.count[ids[f]]++
		}
		t.data.IDs = append(t.data.IDs, ids...)
		logits[i] = pairs(emb, ids)
	}
	t.label(seed, logits)
	return t
}

// plant draws the true embeddings [tableRows, trueDim] and marks the values that have one.
func (t *truth) plant(seed uint64) []float64 {
	emb := make([]float64, tableRows*trueDim)
	for f := range effective {
		order := permutation(seed, "planted.values", f)
		for _, v := range order[:planted] {
			id := rowOf(f, int(v))
			t.planted[id] = true
			r := learn.NewRand(seed, "planted.embedding", int(id))
			for d := range trueDim {
				emb[int(id)*trueDim+d] = r.Normal() * trueSD
			}
		}
	}
	return emb
}

func permutation(seed uint64, name string, f int) []int32 {
	order := make([]int32, values)
	for v := range order {
		order[v] = int32(v)
	}
	r := learn.NewRand(seed, name, f)
	r.Shuffle(order)
	return order
}

// popularity returns a function that turns a uniform number into a value of a field: probability 1/rank, the ranks
// in a random order for each field.
func popularity(seed uint64) func(f int, u float64) int {
	cumulative := make([]float64, values)
	sum := 0.0
	for k := range values {
		sum += 1 / float64(k+1)
		cumulative[k] = sum
	}
	orders := make([][]int32, fields)
	for f := range fields {
		orders[f] = permutation(seed, "planted.rank", f)
	}
	return func(f int, u float64) int {
		k := 0
		for k < values-1 && cumulative[k] <= u*sum {
			k++
		}
		return int(orders[f][k])
	}
}

// pairs is the sum over pairs of fields of the inner products of their true embeddings.
func pairs(emb []float64, ids []int32) float64 {
	total := 0.0
	for d := range trueDim {
		sum, squares := 0.0, 0.0
		for _, id := range ids {
			e := emb[int(id)*trueDim+d]
			sum += e
			squares += e * e
		}
		total += (sum*sum - squares) / 2
	}
	return total
}

// label standardises the logits and draws the labels.
func (t *truth) label(seed uint64, logits []float64) {
	mean, squares := 0.0, 0.0
	for _, z := range logits {
		mean += z / rows
	}
	for _, z := range logits {
		squares += (z - mean) * (z - mean) / rows
	}
	sd := math.Sqrt(squares)
	for i, z := range logits {
		z = logitSD*(z-mean)/sd + logitMean
		t.logit = append(t.logit, float32(z))
		r := learn.NewRand(seed, "planted.label", i)
		y := float32(0)
		if r.Float64() < 1/(1+math.Exp(-z)) {
			y = 1
		}
		t.data.Labels = append(t.data.Labels, y)
	}
}

// without returns the data in which the values that are not kept are taken out of every row.
func (t *truth) without(keep []bool) features.Encoded {
	d := features.Encoded{Fields: fields, Labels: t.data.Labels, OOV: t.data.OOV, Offsets: []int32{0}}
	for _, id := range t.data.IDs {
		if keep[id] {
			d.IDs = append(d.IDs, id)
		}
		d.Offsets = append(d.Offsets, int32(len(d.IDs)))
	}
	return d
}
