package state

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// decoded is a part file. A base has all blocks of every value.
type decoded struct {
	delta    bool
	from, to string // content before and after, of a delta
	values   []change
}

// decode reads a part file. Numbers share its memory.
func decode(file []byte) (d *decoded, err error) {
	defer func() {
		if x := recover(); x != nil { // the Arrow library trusts what a file says
			d, err = nil, fmt.Errorf("%w: want an Arrow IPC file: %v", ErrCorrupt, x)
		}
	}()
	schema, cols, err := arrowFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	meta := schema.Metadata()
	d = &decoded{values: make([]change, len(cols))}
	if at := meta.FindKey(metaKind); at >= 0 {
		if d.delta = meta.Values()[at] == "delta"; !d.delta {
			return nil, fmt.Errorf("%w: want a base or a delta, got a part of kind %q", ErrCorrupt, meta.Values()[at])
		}
		d.from, _ = meta.GetValue(metaFrom)
		d.to, _ = meta.GetValue(metaTo)
	}
	for i, f := range schema.Fields() {
		if cols[i].Len() != 1 {
			return nil, fmt.Errorf("%w: %s: want one row, got %d", ErrCorrupt, f.Name, cols[i].Len())
		}
		if d.values[i], err = changeOf(f.Name, cols[i], d.delta); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func changeOf(name string, col arrow.Array, delta bool) (change, error) {
	if delta {
		switch a := col.(type) {
		case *array.Struct:
			return deltaOf(name, a)
		case *array.Null:
			return change{value: value{name: name}, same: true}, nil
		}
	}
	v, ok := valueOf(name, col)
	if !ok {
		return change{}, fmt.Errorf("%w: %s has type %s, which no part holds", ErrCorrupt, name, col.DataType())
	}
	return change{value: v, size: len(v.raw), runs: whole(blockCount(len(v.raw)))}, nil
}

// valueOf returns the single value of col. Numbers keep the memory of the array.
func valueOf(name string, col arrow.Array) (value, bool) {
	v := value{name: name}
	elements := col
	if l, ok := col.(*array.LargeList); ok {
		v.list = true
		elements = l.ListValues()
	}
	switch a := elements.(type) {
	case *array.Boolean:
		v.kind, v.raw = kindBool, make([]byte, a.Len())
		for i := range v.raw {
			if a.Value(i) {
				v.raw[i] = 1
			}
		}
		return v, true
	case *array.String:
		v.kind, v.text = kindString, ownStrings(a.Len(), a.Value)
		return v, true
	case *array.LargeString:
		v.kind, v.text = kindString, ownStrings(a.Len(), a.Value)
		return v, true
	}
	for k := kindInt64; k < kindString; k++ {
		if k.arrowType().ID() == elements.DataType().ID() {
			v.kind = k
			n := elements.Len() * k.width()
			v.raw = elements.Data().Buffers()[1].Bytes()[:n:n]
			return v, true
		}
	}
	return v, false
}

// ownStrings copies strings out of an array, one by one, so that none keeps the others alive.
func ownStrings(n int, at func(int) string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = string([]byte(at(i)))
	}
	return out
}

func deltaOf(name string, s *array.Struct) (change, error) {
	bad := func(what string) (change, error) {
		return change{}, fmt.Errorf("%w: %s: %s", ErrCorrupt, name, what)
	}
	var names []string
	for _, f := range s.DataType().(*arrow.StructType).Fields() {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, deltaFields) {
		return bad(fmt.Sprintf("want the fields %v of a delta, got %v", deltaFields, names))
	}
	var in [4]value
	for i := range in {
		v, ok := valueOf(names[i], s.Field(i))
		if !ok || v.kind != kindInt64 || v.list != (i >= 2) {
			return bad("its " + names[i] + " has the wrong type")
		}
		in[i] = v
	}
	data, ok := valueOf(name, s.Field(4))
	if !ok || !data.cut() {
		return bad("its data has the wrong type")
	}
	length, block := sliceOf[int64](in[0].raw)[0], sliceOf[int64](in[1].raw)[0]
	starts, counts := sliceOf[int64](in[2].raw), sliceOf[int64](in[3].raw)
	if width := int64(data.kind.width()); block*width != blockBytes || len(starts) != len(counts) || length < 0 {
		return bad("its blocks cannot be read")
	}
	c := change{value: data, size: int(length) * data.kind.width(), runs: make([]run, len(starts))}
	for i := range starts {
		c.runs[i] = run{starts[i], counts[i]}
	}
	if !c.fits() {
		return bad("its blocks do not fit its length")
	}
	return c, nil
}

// fits says that the runs are in order, within the list, and as long as the data.
func (c *change) fits() bool {
	end, bytes, n := int64(0), 0, int64(blockCount(c.size))
	for _, r := range c.runs {
		if r.start < end || r.count <= 0 || r.count > n || r.start > n-r.count {
			return false
		}
		end = r.start + r.count
		from, to := r.span(c.size)
		bytes += to - from
	}
	return bytes == len(c.raw)
}

// assemble returns the whole values of a part from its files, the base first. They have memory of their own, each
// its own, so that a list that a component lets go does not stay for the others.
func assemble(p Part, files [][]byte) ([]value, error) {
	parts := make([]*decoded, len(files))
	most := map[string]int{} // bytes that each list needs along the way
	for i := range files {
		d, err := decode(files[i])
		if err != nil {
			return nil, err
		}
		if d.delta != (i > 0) || i > 1 && d.from != parts[i-1].to {
			return nil, fmt.Errorf("%w: %s does not follow on the file before it", ErrCorrupt, p.Files()[i].File)
		}
		for k := range d.values {
			c := &d.values[k]
			most[c.name] = max(most[c.name], c.size)
		}
		parts[i] = d
	}
	var values []value
	for _, d := range parts {
		var err error
		if values, err = overlay(values, d.values, most); err != nil {
			return nil, err
		}
	}
	own(values)
	return values, nil
}

// own gives every list memory of its own.
func own(values []value) {
	for i := range values {
		v := &values[i]
		if len(v.raw) > 0 && !v.own {
			raw := make([]byte, len(v.raw))
			copyOne(raw, v.raw)
			v.raw, v.own = raw, true
		}
	}
}

// overlay returns the values that changes lead to. The memory of before is used again where it is large enough; else
// the list gets room for the most bytes that it will have.
func overlay(before []value, changes []change, most map[string]int) ([]value, error) {
	at := make(map[string]*value, len(before))
	for i := range before {
		at[before[i].name] = &before[i]
	}
	out := make([]value, len(changes))
	for i := range changes {
		c := &changes[i]
		out[i] = c.value
		if c.all() {
			continue
		}
		b := at[c.name]
		if b == nil || !c.same && (b.kind != c.kind || b.list != c.list) {
			return nil, fmt.Errorf("%w: %s is missing in the base", ErrCorrupt, c.name)
		}
		if c.same {
			out[i] = *b
			continue
		}
		out[i].raw, out[i].own = b.raw, b.own
		if !c.over(&out[i], most[c.name]) {
			return nil, fmt.Errorf("%w: %s is too short in the base", ErrCorrupt, c.name)
		}
	}
	return out, nil
}

// over writes the runs over v, which moves to memory of its own when it has to grow. It fails when v lacks blocks that
// are not among the runs.
func (c *change) over(v *value, most int) bool {
	had := len(v.raw)
	if c.size > cap(v.raw) {
		raw := make([]byte, had, max(most, c.size))
		copyOne(raw, v.raw)
		v.raw, v.own = raw, true
	}
	v.raw = v.raw[:c.size]
	at, end := 0, 0
	for _, r := range c.runs {
		from, to := r.span(c.size)
		if end < from && from > had {
			return false
		}
		at += copy(v.raw[from:to], c.raw[at:])
		end = to
	}
	return end >= c.size || c.size <= had
}
