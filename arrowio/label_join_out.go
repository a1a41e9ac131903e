package arrowio

import (
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// joinRef is one row that leaves: where its values stand, and what is added to them.
type joinRef struct {
	seg, at                    int32
	row                        int64
	label, elapsed             float64 // NaN for null
	matured, final, correction bool
	missing                    bool // it matured without its label
}

// joinOut is the rows that leave next.
type joinOut struct {
	refs []joinRef
}

func (o *joinOut) add(r joinRef)    { o.refs = append(o.refs, r) }
func (o *joinOut) rows() int        { return len(o.refs) }
func (o *joinOut) newest() *joinRef { return &o.refs[len(o.refs)-1] }
func (o *joinOut) drop()            { o.refs = o.refs[:0] }

// assemble makes the record of the rows that leave.
func (j *LabelJoin) assemble() (arrow.Record, error) {
	refs := j.out.refs
	defer j.out.drop()
	if len(refs) == 0 {
		return emptyRecord(j.alloc, j.schema), nil
	}
	var cols []arrow.Array
	defer func() { releaseArrays(cols) }()
	plan := j.plan(refs)
	own := j.labels == nil
	for c := range j.rows.src.Schema().NumFields() {
		if own && c == j.columns.label {
			cols = append(cols, labelColumn(j.alloc, j.columns.labelType, refs))
			continue
		}
		col, err := plan.column(c)
		if err == nil && own && c == j.columns.labelTime && c != j.columns.time {
			col = hidden(j.alloc, col, refs)
		}
		if err != nil {
			return nil, err
		}
		cols = append(cols, col)
	}
	if !own {
		cols = append(cols, labelColumn(j.alloc, j.columns.labelType, refs))
	}
	cols = append(cols, j.added(refs)...)
	return array.NewRecord(j.schema, cols, int64(len(refs))), nil
}

// added makes the columns behind the label.
func (j *LabelJoin) added(refs []joinRef) []arrow.Array {
	flags := func(of func(r joinRef) bool) arrow.Array {
		b := array.NewBooleanBuilder(j.alloc)
		defer b.Release()
		b.Reserve(len(refs))
		for _, r := range refs {
			b.UnsafeAppend(of(r))
		}
		return b.NewArray()
	}
	elapsed := array.NewFloat64Builder(j.alloc)
	defer elapsed.Release()
	numbers := make([]int64, len(refs))
	for i, r := range refs {
		numbers[i] = r.row
		if math.IsNaN(r.elapsed) {
			elapsed.AppendNull()
		} else {
			elapsed.Append(r.elapsed)
		}
	}
	out := []arrow.Array{flags(func(r joinRef) bool { return r.matured }), elapsed.NewArray(), flags(func(r joinRef) bool { return r.final })}
	if j.cfg.Corrections {
		out = append(out, flags(func(r joinRef) bool { return r.correction }))
	}
	return append(out, int64Array(j.alloc, numbers))
}

// plan says where each row that leaves stands.
func (j *LabelJoin) plan(refs []joinRef) *joinGather {
	g := &joinGather{alloc: j.alloc, part: make([]int32, len(refs)), at: make([]int32, len(refs))}
	nth := map[int32]int32{}
	last, part := int32(-1), int32(0)
	for i, r := range refs {
		if r.seg != last {
			k, seen := nth[r.seg]
			if !seen {
				k = int32(len(g.recs))
				nth[r.seg] = k
				g.recs = append(g.recs, j.store.segments[r.seg].rec)
			}
			last, part = r.seg, k
		}
		g.part[i], g.at[i] = part, r.at
	}
	return g
}

// hidden returns a, which it takes over, with null in the rows whose label is not known.
func hidden(alloc memory.Allocator, a arrow.Array, refs []joinRef) arrow.Array {
	defer a.Release()
	if !slices.ContainsFunc(refs, func(r joinRef) bool { return !r.matured || r.missing }) {
		a.Retain()
		return a
	}
	old := a.Data()
	valid := memory.NewResizableBuffer(alloc)
	defer valid.Release()
	valid.Resize(int(bitutil.BytesForBits(int64(old.Offset() + a.Len()))))
	clear(valid.Bytes())
	nulls := 0
	for i, r := range refs {
		if r.matured && !r.missing && a.IsValid(i) {
			bitutil.SetBit(valid.Bytes(), old.Offset()+i)
		} else {
			nulls++
		}
	}
	buffers := slices.Clone(old.Buffers())
	buffers[0] = valid
	data := array.NewData(old.DataType(), a.Len(), buffers, old.Children(), nulls, old.Offset())
	defer data.Release()
	return array.MakeFromData(data)
}
