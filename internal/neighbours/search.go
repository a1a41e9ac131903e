package neighbours

import (
	"container/heap"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sluice-stream/sluice/check"
)

// Query asks for the features nearest to one.
type Query struct {
	Field string
	Value string
	Null  bool   // the null value of the field; Value is not looked at
	Of    string // field of the answers; "" is Field
	K     int    // answers at most, > 0
	By    string // cosine or dot
}

// Neighbour is one answer.
type Neighbour struct {
	Field string
	Value string
	Null  bool // the null value
	Count int64
	Gate  float32
	Kept  bool
	Score float64 // cosine in [-1, 1], or the inner product
}

// Nearest returns the feature that was asked about and its K nearest, best first, itself left out. Equal scores
// are ordered by value. The cosine with a zero vector is 0; a score that is not a number is left out. Its errors
// are check.Violations whose keys are field, value, of, k and by.
func (t *Table) Nearest(q Query) (self Neighbour, near []Neighbour, err error) {
	if q.Of == "" {
		q.Of = q.Field
	}
	row, of, err := t.resolve(q)
	if err != nil {
		return Neighbour{}, nil, err
	}
	score := t.scorer(row, q.By)
	best := &top{t: t}
	for i, id := range t.fieldID {
		if id != of || i == row {
			continue
		}
		s := score(i)
		if math.IsNaN(s) {
			continue
		}
		best.offer(hit{i, s}, q.K)
	}
	slices.SortFunc(best.hits, func(a, b hit) int {
		if best.worse(b, a) {
			return -1
		}
		return 1
	})
	for _, h := range best.hits {
		near = append(near, t.at(h.row, h.score))
	}
	return t.at(row, score(row)), near, nil
}

func (t *Table) at(i int, score float64) Neighbour {
	return Neighbour{t.fields[t.fieldID[i]], t.values[i], t.null[i], t.count[i], t.gate[i], t.kept[i], score}
}

// resolve finds the row that is asked about and the field of the answers.
func (t *Table) resolve(q Query) (row int, of int32, err error) {
	field := slices.Index(t.fields, q.Field)
	err = check.All(
		check.Positive("k", q.K),
		check.OneOf("by", q.By, "cosine", "dot"),
		check.OneOf("field", q.Field, t.fields...),
		check.OneOf("of", q.Of, t.fields...),
	)
	if err != nil {
		return 0, 0, err
	}
	of = int32(slices.Index(t.fields, q.Of))
	for i, id := range t.fieldID {
		if id == int32(field) && t.null[i] == q.Null && (q.Null || t.values[i] == q.Value) {
			return i, of, nil
		}
	}
	return 0, 0, check.Violations{t.unknown(q, int32(field))}
}

// unknown says that there is no such value, and what may have been meant.
func (t *Table) unknown(q Query, field int32) check.Violation {
	v := check.Violation{Key: "value", Want: fmt.Sprintf("a value of field %q that the model has seen", q.Field), Got: fmt.Sprintf("%q", q.Value)}
	if q.Null {
		v.Got = "null"
		return v
	}
	var own, elsewhere []string
	for i, id := range t.fieldID {
		switch {
		case t.null[i]:
		case id == field:
			own = append(own, t.values[i])
		case t.values[i] == q.Value:
			elsewhere = append(elsewhere, fmt.Sprintf("%q", t.fields[id]))
		}
	}
	if v.Hint = check.DidYouMean(q.Value, own); v.Hint == "" && len(elsewhere) > 0 {
		v.Hint = "it is a value of field " + strings.Join(elsewhere, ", ")
	}
	return v
}

// scorer returns the similarity of row to row i, accumulated in float64.
func (t *Table) scorer(row int, by string) func(i int) float64 {
	q := t.vector(row)
	if by == "dot" {
		return func(i int) float64 { return dot(q, t.vector(i)) }
	}
	norm := math.Sqrt(dot(q, q))
	return func(i int) float64 {
		v := t.vector(i)
		if d := norm * math.Sqrt(dot(v, v)); d != 0 {
			return min(1, max(-1, dot(q, v)/d)) // rounding can leave the interval
		}
		return 0
	}
}

func (t *Table) vector(i int) []float32 { return t.vectors[i*t.Dim : (i+1)*t.Dim] }

func dot(a, b []float32) float64 {
	s := 0.0
	for i, x := range a {
		s += float64(x) * float64(b[i])
	}
	return s
}

type hit struct {
	row   int
	score float64
}

// top keeps the best hits; the worst of them is first.
type top struct {
	t    *Table
	hits []hit
}

func (p *top) offer(h hit, k int) {
	if len(p.hits) < k {
		heap.Push(p, h)
	} else if p.worse(p.hits[0], h) {
		p.hits[0] = h
		heap.Fix(p, 0)
	}
}

// worse says that a ranks behind b: a lower score, then a later value, then a later row.
func (p *top) worse(a, b hit) bool {
	if a.score != b.score {
		return a.score < b.score
	}
	if c := strings.Compare(p.t.values[a.row], p.t.values[b.row]); c != 0 {
		return c > 0
	}
	return a.row > b.row
}

func (p *top) Len() int           { return len(p.hits) }
func (p *top) Less(i, j int) bool { return p.worse(p.hits[i], p.hits[j]) }
func (p *top) Swap(i, j int)      { p.hits[i], p.hits[j] = p.hits[j], p.hits[i] }
func (p *top) Push(h any)         { p.hits = append(p.hits, h.(hit)) }
func (p *top) Pop() any {
	last := p.hits[len(p.hits)-1]
	p.hits = p.hits[:len(p.hits)-1]
	return last
}
