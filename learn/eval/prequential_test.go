package eval

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/sluice-stream/sluice/internal/state"
)

// store is a Visitor over a map.
type store struct {
	values  map[string]any
	prefix  string
	restore bool
	err     *error
}

func newStore() store { return store{values: map[string]any{}, err: new(error)} }

func (m store) Visit(name string, ptr any) {
	v, key := reflect.ValueOf(ptr).Elem(), m.prefix+name
	if m.restore {
		v.Set(copied(reflect.ValueOf(m.values[key])))
		return
	}
	m.values[key] = copied(v).Interface()
}

func copied(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Slice {
		return v
	}
	return reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), v)
}

func (m store) Scope(name string) state.Visitor { m.prefix += name + "/"; return m }
func (m store) Restoring() bool                 { return m.restore }
func (m store) Fail(err error)                  { *m.err = err }

// draws makes n rows of a model that is right on average, around the given base logit.
func draws(seed uint64, n int, base, spread float64) (y, p []float32) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		q := 1 / (1 + math.Exp(-base-spread*r.NormFloat64()))
		label := float32(0)
		if r.Float64() < q {
			label = 1
		}
		y, p = append(y, label), append(p, float32(q))
	}
	return y, p
}

func TestHistogramStaysNearTheExactScores(t *testing.T) {
	for _, c := range []struct{ base, spread float64 }{{0, 1}, {-3, .5}, {-6, 2}, {2, 4}, {-1, .1}} {
		y, p := draws(3, 50000, c.base, c.spread)
		q := NewPrequential(len(y))
		q.Add(y, p)
		got, want := q.Scores(), Exact(y, p)
		near(t, "auc", got.AUC, want.AUC, 1e-4)
		near(t, "logloss", got.LogLoss, want.LogLoss, 1e-12)
		near(t, "ne", got.NE, want.NE, 1e-12)
		near(t, "ece", got.ECE, want.ECE, 3e-4)
		if w := q.Window(); w != want {
			t.Errorf("window over all rows: want %v, got %v", want, w)
		}
	}
}

func TestWindowHoldsTheNewestRows(t *testing.T) {
	y, p := draws(4, 1000, 0, 1)
	q := NewPrequential(300)
	for i := 0; i < len(y); i += 7 {
		to := min(i+7, len(y))
		q.Add(y[i:to], p[i:to])
	}
	got, want := q.Window(), Exact(y[700:], p[700:])
	near(t, "auc", got.AUC, want.AUC, 0)
	near(t, "logloss", got.LogLoss, want.LogLoss, 1e-12)
}

func TestMergeEqualsOneStream(t *testing.T) {
	y, p := draws(5, 3000, -1, 1)
	a, b, all := NewPrequential(500), NewPrequential(500), NewPrequential(500)
	a.Add(y[:1200], p[:1200])
	b.Add(y[1200:], p[1200:])
	all.Add(y, p)
	if err := a.Merge(b); err != nil {
		t.Fatal(err)
	}
	got, want := a.Scores(), all.Scores()
	near(t, "auc", got.AUC, want.AUC, 0)
	near(t, "ece", got.ECE, want.ECE, 0)
	near(t, "logloss", got.LogLoss, want.LogLoss, 1e-12)
	near(t, "window", a.Window().AUC, all.Window().AUC, 0)
	if err := a.Merge(NewPrequential(9)); err == nil {
		t.Error("merge of windows of two sizes: want an error")
	}
}

func TestPrequentialSurvivesARestart(t *testing.T) {
	y, p := draws(6, 2000, -1, 1)
	whole, first := NewPrequential(300), NewPrequential(300)
	whole.Add(y, p)
	first.Add(y[:901], p[:901])
	m := newStore()
	first.Walk(m)
	m.restore = true
	second := NewPrequential(300)
	second.Add(y[:50], p[:50]) // what stood there before must go
	second.Walk(m)
	second.Add(y[901:], p[901:])
	if *m.err != nil || !reflect.DeepEqual(whole, second) {
		t.Errorf("restored state differs from the uninterrupted one (%v)", *m.err)
	}
	other := NewPrequential(3)
	if other.Walk(m); *m.err == nil {
		t.Error("restore into another window: want an error")
	}
}

// TestBaselines checks against a row-by-row twin scored exactly.
func TestBaselines(t *testing.T) {
	y, _ := draws(7, 20000, -1, 1)
	b := NewBaselines()
	var prior, last []float32
	s, n, l := .5, 1., .5
	for _, v := range y {
		prior, last = append(prior, float32(s/n)), append(last, float32(l))
		if p, q := b.Next(); p != prior[len(prior)-1] || q != last[len(last)-1] {
			t.Fatalf("row %d: want %v and %v, got %v and %v", len(prior), s/n, l, p, q)
		}
		b.Add(v)
		s, n, l = s+float64(v), n+1, .1+.8*float64(v)
	}
	gp, gl := b.Scores()
	wp, wl := Exact(y, prior), Exact(y, last)
	near(t, "prior auc", gp.AUC, wp.AUC, 1e-4)
	near(t, "prior logloss", gp.LogLoss, wp.LogLoss, 1e-6)
	near(t, "last auc", gl.AUC, wl.AUC, 1e-9)
	near(t, "last logloss", gl.LogLoss, wl.LogLoss, 1e-6)
	near(t, "last ece", gl.ECE, wl.ECE, 1e-4)
	if note := b.LeakNote(); note != "" {
		t.Errorf("independent labels: want no note, got %q", note)
	}
}

// TestLateLabels checks the baselines against a twin in which each label is told some rows after its row.
func TestLateLabels(t *testing.T) {
	const late = 37
	y, p := draws(8, 20000, -1, 1)
	q := NewPrequential(500)
	var prior, last, wantPrior, wantLast []float32
	s, n, l := .5, 1., .5
	for i := range y {
		if i >= late {
			q.Baselines().Show(y[i-late])
			s, n, l = s+float64(y[i-late]), n+1, .1+.8*float64(y[i-late])
		}
		a, b := q.Baselines().Next()
		prior, last = append(prior, a), append(last, b)
		wantPrior, wantLast = append(wantPrior, float32(s/n)), append(wantLast, float32(l))
	}
	q.AddLate(y, p, prior, last)
	gp, gl := q.Baselines().Scores()
	near(t, "model auc", q.Scores().AUC, AUC(y, p), 1e-4)
	near(t, "prior logloss", gp.LogLoss, Exact(y, wantPrior).LogLoss, 1e-6)
	near(t, "prior auc", gp.AUC, AUC(y, wantPrior), 1e-4)
	near(t, "last auc", gl.AUC, AUC(y, wantLast), 1e-9)
	near(t, "window auc", q.Window().AUC, AUC(y[19500:], p[19500:]), 0)
}

func TestSortedLabelsAreReported(t *testing.T) {
	b := NewBaselines()
	for i := range 2000 {
		b.Add(float32(i / 100 % 2))
		if i == 999 && b.LeakNote() != "" {
			t.Error("a note before 1,000 rows")
		}
	}
	if b.LeakNote() == "" {
		t.Error("labels in runs of 100: want a note")
	}
}

func BenchmarkPrequentialAdd(b *testing.B) {
	y, p := draws(1, 4096, -1, 1)
	q := NewPrequential(10000)
	b.ReportAllocs()
	for b.Loop() {
		q.Add(y, p)
	}
	b.ReportMetric(float64(len(y))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
