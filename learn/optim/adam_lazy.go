package optim

import (
	"math"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

// lazyRanges is what `rows: lazy` asks for beside the ranges of Adam.
func lazyRanges(c AdamConfig) error {
	if c.Rows != "lazy" {
		return nil
	}
	errs := []error{
		check.That(c.WeightDecay == 0, "weight_decay", "0 with rows: lazy, as missed decay has no closed form; use rows: dense or adamw", c.WeightDecay),
		check.That(c.Beta1*c.Beta1 < c.Beta2, "beta2", "above beta1 squared with rows: lazy", c.Beta2),
	}
	for name, g := range c.Groups {
		if g.WeightDecay != nil {
			errs = append(errs, check.That(*g.WeightDecay == 0, "groups."+name+".weight_decay", "0 with rows: lazy", *g.WeightDecay))
		}
	}
	return check.All(errs...)
}

// missedBy remembers when each row of the tables was last updated, and makes up for the steps of dense Adam since
// then, in which its gradient was zero.
type missedBy struct {
	beta1, beta2, eps float64
	rate              func(p *learn.Param, n int64) float64
	tables            []*rowClock
}

// rowClock is the clock of one table.
type rowClock struct {
	name  string
	last  []uint32 // the step of each row's last update, modulo 2^32
	rules *tailRules
}

func (l *missedBy) clock(p *learn.Param) *rowClock {
	c := l.find(p.Name)
	for rows := p.Rows(); len(c.last) < rows; {
		c.last = append(c.last, make([]uint32, rows-len(c.last))...) // new rows have no averages: nothing to make up for
	}
	return c
}

func (l *missedBy) find(name string) *rowClock {
	for _, c := range l.tables {
		if c.name == name {
			return c
		}
	}
	c := &rowClock{name: name}
	l.tables = append(l.tables, c)
	return c
}

// touch readies the rows of u for the step that is being made, number Param.Updates.
func (l *missedBy) touch(u update) {
	p := u.Param
	if !p.Table {
		return
	}
	l.catchUp(p, u.Rows, p.Updates-1)
	last := l.clock(p).last
	now := uint32(p.Updates)
	if u.Rows == nil {
		for i := range last {
			last[i] = now
		}
		return
	}
	for _, r := range u.Rows {
		last[r] = now
	}
}

// catchUp makes up for the steps up to number now of rows of p, all of them for nil.
func (l *missedBy) catchUp(p *learn.Param, rows []int32, now int64) {
	if !p.Table || now < 1 {
		return
	}
	c := l.clock(p)
	if c.rules == nil {
		c.rules = newTailRules(l, p)
	}
	c.rules.now = now
	w, m, v := p.Data(), p.Slot("m", 0), p.Slot("v", 0)
	n := len(rows)
	if rows == nil {
		n = p.Rows()
	}
	width := p.Width()
	for i := range n {
		r := i
		if rows != nil {
			r = int(rows[i])
		}
		if missed := uint32(now) - c.last[r]; missed != 0 {
			d := r * width
			c.rules.rule(min(int64(missed), now)).run(w[d:d+width], m[d:d+width], v[d:d+width])
			c.last[r] = uint32(now)
		}
	}
}

// Walk saves and restores the clocks.
func (l *missedBy) Walk(v learn.Visitor) {
	names := make([]string, len(l.tables))
	for i, c := range l.tables {
		names[i] = c.name
	}
	v.Visit("lazy_tables", &names)
	if v.Restoring() {
		l.tables = nil
	}
	for _, name := range names {
		v.Visit("last_"+name, &l.find(name).last)
	}
}

// tail is n steps without gradient in one: averages shrink, and a weight moves by m * sum of a/(sqrt(v)+e).
type tail struct {
	a, e           [2]float32
	shrink1, root2 float32 // beta1^n; beta2^n
}

func (t *tail) run(w, m, v []float32) {
	m, v = m[:len(w)], v[:len(w)]
	for i, mi := range m {
		if mi != 0 {
			s := sqrt32(v[i])
			w[i] -= float32(mi * (t.a[0]/(s+t.e[0]) + t.a[1]/(s+t.e[1])))
			m[i] = mi * t.shrink1
		}
		v[i] *= t.root2
	}
}

// tailRules makes tails. Step j = t+k of a row last updated at step t moves a weight by
//
//	lr_j/(1-beta1^j) * m beta1^k / (sqrt(v) beta2^(k/2)/sqrt(1-beta2^j) + eps) = m * a_k q_k / (sqrt(v) + eps q_k)
//	a_k = lr_j beta1^k/(1-beta1^j);  q_k = sqrt(1-beta2^j)/beta2^(k/2)
//
// The sum over k = 1 .. n depends on the weight through sqrt(v) alone, and the q_k lie close together where a_k is
// not tiny. So the sum is replaced by the two-point Gauss rule of q under the weights a_k q_k, which has the same
// first four moments: exact for n <= 2, and for every n where eps is small beside sqrt(v). The rest is an error of
// the order of the fourth power of the spread of q; the test sees 4e-6 where dense Adam moves weights by 0.3.
type tailRules struct {
	l      *missedBy
	p      *learn.Param
	now    int64
	reach  int64  // steps after which the rest is below 1e-10 of the sum
	recent []kept // by age, for the step now
	old    []kept // by step of the last update, modulo their number
}

type kept struct {
	from, steps int64
	t           tail
}

const oldTails = 4096

func newTailRules(l *missedBy, p *learn.Param) *tailRules {
	ratio := l.beta1 / math.Sqrt(l.beta2)
	reach := int64(1)
	if ratio > 0 {
		reach = int64(math.Ceil(math.Log(1e-10) / math.Log(ratio)))
	}
	return &tailRules{l: l, p: p, reach: reach, recent: make([]kept, reach+1), old: make([]kept, oldTails)}
}

// rule returns the tail of n steps that ends at step now.
func (r *tailRules) rule(n int64) *tail {
	from := r.now - n
	k, steps := &r.recent[min(n, r.reach)], n
	if n > r.reach {
		k, steps = &r.old[from%oldTails], r.reach
	}
	if k.from != from || k.steps != steps {
		*k = kept{from, steps, r.sum(from, steps)}
	}
	k.t.shrink1, k.t.root2 = power(r.l.beta1, n), power(r.l.beta2, n)
	return &k.t
}

// power is b^n, without denormal results.
func power(b float64, n int64) float32 {
	if x := math.Pow(b, float64(n)); x > 1e-30 {
		return float32(x)
	}
	return 0
}

// sum makes the two-point rule of steps from+1 .. from+n.
func (r *tailRules) sum(from, n int64) (t tail) {
	pow1, pow2 := math.Pow(r.l.beta1, float64(from)), math.Pow(r.l.beta2, float64(from))
	b1, b2, root := 1.0, 1.0, math.Sqrt(r.l.beta2)
	var total, mean, m2, m3, base float64
	for k := int64(1); k <= n; k++ {
		b1, b2 = b1*r.l.beta1, b2*root
		q := math.Sqrt(1-pow2*b2*b2) / b2
		if k == 1 {
			base = q
		}
		a := r.l.rate(r.p, from+k-1) * b1 / (1 - pow1*b1) * q
		d := q - base
		total, mean, m2, m3 = total+a, mean+a*d, m2+a*d*d, m3+a*d*d*d
	}
	if total == 0 {
		return t
	}
	mean, m2, m3 = mean/total, m2/total, m3/total
	variance := m2 - mean*mean
	eps := r.l.eps
	if variance <= 1e-14*(base+mean)*(base+mean) { // one point
		t.a[0], t.e = float32(total), [2]float32{float32(eps * (base + mean)), 1}
		return t
	}
	sd := math.Sqrt(variance)
	skew := (m3 - 3*mean*m2 + 2*mean*mean*mean) / (sd * variance) / 2
	for i, z := range [2]float64{skew + math.Sqrt(1+skew*skew), skew - math.Sqrt(1+skew*skew)} {
		t.a[i], t.e[i] = float32(total/(1+z*z)), float32(eps*(base+mean+sd*z))
	}
	return t
}
