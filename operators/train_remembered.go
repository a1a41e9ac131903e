package operators

import (
	"fmt"
	"slices"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/learn"
)

// remembered is rows by their number, encoded, with the scores that they got, in order of arrival. One that was
// forgotten keeps its place until closeUp.
type remembered struct {
	numbers []int64 // ascending
	gone    []bool
	scores  []float32 // the newest rows may have none yet
	prior   []float32 // what the baselines said when the row came
	last    []float32
	rows    learn.Batch
	live    int
}

// mostValues bounds the encoded values of all rows, whose places are int32.
const mostValues = 1 << 30

// add makes room for a row; its values are appended to rows next. It refuses a number that does not rise.
func (r *remembered) add(number int64, prior, last float32) bool {
	if n := len(r.numbers); n > 0 && number <= r.numbers[n-1] {
		return false
	}
	r.numbers, r.gone = append(r.numbers, number), append(r.gone, false)
	r.prior, r.last = append(r.prior, prior), append(r.last, last)
	r.live++
	return true
}

func (r *remembered) newest() int64 { return r.numbers[len(r.numbers)-1] }

// find returns the place of a row, -1 for one that is not remembered. Where no row was left out it is found at once.
func (r *remembered) find(number int64) int {
	if len(r.numbers) == 0 || number < r.numbers[0] || number > r.newest() {
		return -1
	}
	at := int(number - r.numbers[0])
	if at >= len(r.numbers) || r.numbers[at] != number {
		var found bool
		if at, found = slices.BinarySearch(r.numbers, number); !found {
			return -1
		}
	}
	if r.gone[at] {
		return -1
	}
	return at
}

func (r *remembered) forget(at int) {
	r.gone[at] = true
	r.live--
}

func (r *remembered) copyTo(dst *learn.Batch, at int) { appendRow(dst, &r.rows, at) }

// trim forgets the oldest rows beyond most and returns how many those were.
func (r *remembered) trim(most int) (cut int) {
	for at := 0; (r.live > most || r.live > 0 && len(r.rows.IDs) > mostValues) && at < len(r.gone); at++ {
		if !r.gone[at] {
			r.forget(at)
			cut++
		}
		if len(r.rows.IDs) > mostValues && r.live < len(r.gone)/2 {
			r.closeUp()
			at = -1
		}
	}
	if dead := len(r.gone) - r.live; dead > mostRows && dead > r.live {
		r.closeUp()
	}
	return cut
}

// closeUp drops the rows that were forgotten.
func (r *remembered) closeUp() {
	out := remembered{live: r.live, rows: learn.Batch{Fields: r.rows.Fields, Mean: r.rows.Mean}}
	for at, gone := range r.gone {
		if gone {
			continue
		}
		out.numbers, out.gone = append(out.numbers, r.numbers[at]), append(out.gone, false)
		out.scores, out.prior, out.last = append(out.scores, r.scores[at]), append(out.prior, r.prior[at]), append(out.last, r.last[at])
		r.copyTo(&out.rows, at)
	}
	*r = out
}

func (r *remembered) walk(v flow.Visitor, fields int, mean []bool) {
	v.Visit("number", &r.numbers)
	v.Visit("score", &r.scores)
	v.Visit("prior", &r.prior)
	v.Visit("last_label", &r.last)
	v.Visit("ids", &r.rows.IDs)
	v.Visit("offsets", &r.rows.Offsets)
	if !v.Restoring() {
		return
	}
	r.live, r.gone = len(r.numbers), make([]bool, len(r.numbers))
	r.rows.Rows, r.rows.Fields, r.rows.Mean = len(r.numbers), fields, mean
	if n := len(r.numbers); len(r.scores) != n || len(r.prior) != n || len(r.last) != n || !slices.IsSorted(r.numbers) {
		v.Fail(fmt.Errorf("rows that wait for labels: want %d in order, each with its score, got %d scores", len(r.numbers), len(r.scores)))
	}
}

// appendRow adds row i of src to dst.
func appendRow(dst, src *learn.Batch, i int) {
	dst.Fields, dst.Mean = src.Fields, src.Mean
	from, to := i*src.Fields, (i+1)*src.Fields
	if len(src.Offsets) > 0 {
		if len(dst.Offsets) == 0 {
			dst.Offsets = append(dst.Offsets, 0)
		}
		shift := dst.Offsets[len(dst.Offsets)-1] - src.Offsets[from]
		for _, o := range src.Offsets[from+1 : to+1] {
			dst.Offsets = append(dst.Offsets, o+shift)
		}
		from, to = int(src.Offsets[from]), int(src.Offsets[to])
	}
	dst.IDs = append(dst.IDs, src.IDs[from:to]...)
	dst.Rows++
}
