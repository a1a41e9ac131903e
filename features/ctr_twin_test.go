package features

import (
	"math"

	"github.com/sluice-stream/sluice/learn"
)

// modelTwin is the models again, in float64, with plain loops over rows and pairs: the oracle of values and, by central
// differences, of gradients. Parameters are addressed by name.
type modelTwin struct {
	kind  string
	p     map[string][]float64
	dim   int
	cross int
	gate  func(row int32) float64 // 1 without a gate
}

func newModelTwin(kind string, m *CTR) *modelTwin {
	w := &modelTwin{kind: kind, p: map[string][]float64{}, dim: m.needs.Dim, gate: func(int32) float64 { return 1 }}
	for _, p := range m.params {
		for _, x := range p.Data() {
			w.p[p.Name] = append(w.p[p.Name], float64(x))
		}
	}
	for w.p[crossName(w.cross)] != nil {
		w.cross++
	}
	return w
}

func crossName(i int) string { return "cross." + string(rune('0'+i)) + ".weight" }

// pooled is field k's embedding (or first-order weight, width 1) in a row: the sum or mean of gated values.
func (w *modelTwin) pooled(table string, width int, b *learn.Batch, row, k int) []float64 {
	from, to := row*b.Fields+k, row*b.Fields+k+1
	if b.Offsets != nil {
		from, to = int(b.Offsets[from]), int(b.Offsets[to])
	}
	out := make([]float64, width)
	for _, id := range b.IDs[from:to] {
		for j := range out {
			x := w.p[table][int(id)*width+j] * w.gate(id)
			if b.Mean != nil && b.Mean[k] {
				x /= float64(to - from)
			}
			out[j] += x
		}
	}
	return out
}

func (w *modelTwin) logit(b *learn.Batch, row int) float64 {
	z := 0.0
	if bias := w.p["bias"]; bias != nil {
		z = bias[0]
	}
	var v [][]float64
	for k := range b.Fields {
		if w.p["linear"] != nil {
			z += w.pooled("linear", 1, b, row, k)[0]
		}
		if w.dim > 0 {
			v = append(v, w.pooled("emb", w.dim, b, row, k))
		}
	}
	switch w.kind {
	case "fm":
		z += pairSum(v)
	case "deepfm":
		z += pairSum(v) + w.dense("out", w.mlp(flat(v)))[0]
	case "dcn":
		x0 := flat(v)
		x := append([]float64{}, x0...)
		for i := range w.cross {
			s := 0.0
			for j := range x {
				s += x[j] * w.p[crossName(i)][j]
			}
			next := make([]float64, len(x))
			for j := range x {
				next[j] = x0[j]*s + w.p["cross."+string(rune('0'+i))+".bias"][j] + x[j]
			}
			x = next
		}
		z += w.dense("out", append(x, w.mlp(x0)...))[0]
	}
	return z
}

func pairSum(v [][]float64) (z float64) {
	for f := range v {
		for g := range f {
			for j := range v[f] {
				z += v[f][j] * v[g][j]
			}
		}
	}
	return z
}

func flat(v [][]float64) (out []float64) {
	for _, x := range v {
		out = append(out, x...)
	}
	return out
}

func (w *modelTwin) dense(name string, x []float64) []float64 {
	wt := w.p[name+".weight"]
	out := make([]float64, len(wt)/len(x))
	for j := range out {
		if b := w.p[name+".bias"]; b != nil {
			out[j] = b[j]
		}
		for i := range x {
			out[j] += x[i] * wt[i*len(out)+j]
		}
	}
	return out
}

func (w *modelTwin) mlp(x []float64) []float64 {
	for i := 0; ; i++ {
		name := "mlp." + string(rune('0'+i))
		if w.p[name+".weight"] == nil {
			return x
		}
		x = w.dense(name, x)
		for j := range x {
			x[j] = math.Max(x[j], 0)
		}
	}
}

// loss is the weighted mean logistic loss.
func (w *modelTwin) loss(b *learn.Batch) float64 {
	var sum, weights float64
	for row := range b.Rows {
		c := 1.0
		if b.Weights != nil {
			c = float64(b.Weights[row])
		}
		p := 1 / (1 + math.Exp(-w.logit(b, row)))
		y := float64(b.Labels[row])
		sum -= c * (y*math.Log(p) + (1-y)*math.Log(1-p))
		weights += c
	}
	return sum / weights
}

// slope is the derivative of f by x, by central differences.
func (w *modelTwin) slope(x *float64, f func() float64) float64 {
	const h = 1e-5
	at := *x
	*x = at + h
	up := f()
	*x = at - h
	down := f()
	*x = at
	return (up - down) / (2 * h)
}
