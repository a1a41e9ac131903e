package expr

import (
	"fmt"
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Program is an expression compiled for one schema. It is not safe for concurrent use: it owns the blocks that
// its kernels write.
type Program struct {
	columns []*column
	steps   []func(n int)
	texts   []*vec // whose rows point into the buffers of a record
	root    *vec
	typ     typ
	bare    *column // the expression is this column and nothing else
}

// Field returns the field of the result: the column's own for a bare column, else a nullable one called name.
func (p *Program) Field(name string) arrow.Field {
	if p.bare != nil {
		f := p.bare.field
		f.Name = name
		return f
	}
	return arrow.Field{Name: name, Type: p.typ.arrow(), Nullable: true}
}

// IsBool says whether the result is true, false or null.
func (p *Program) IsBool() bool { return p.typ.kind == truth }

// TypeName returns the type of the result as the language calls it.
func (p *Program) TypeName() string { return p.typ.String() }

// Eval calculates n rows of cols, which stand in the order of the schema the program was compiled for.
//
//	result  array of the type of Field, n long; the caller releases it
//	errors  a column that is not of the schema's type; a text result above 2 GiB
func (p *Program) Eval(alloc memory.Allocator, cols []arrow.Array, n int) (arrow.Array, error) {
	if err := p.bind(cols); err != nil {
		return nil, err
	}
	defer p.unbind()
	if p.bare != nil {
		p.bare.arr.Retain()
		return p.bare.arr, nil
	}
	w := newWriter(alloc, p.typ, n)
	defer w.release()
	for lo := 0; lo < n; lo += block {
		m := min(block, n-lo)
		p.run(lo, m)
		if err := w.write(p.root, lo, m); err != nil {
			return nil, err
		}
	}
	return w.array(), nil
}

// True finds the rows for which a bool program is true; null is not true.
//
//	keep    bit i%64 of word i/64 is row i; dst is reused where it is large enough
//	count   number of bits that are set
func (p *Program) True(cols []arrow.Array, n int, dst []uint64) (keep []uint64, count int, err error) {
	if p.typ.kind != truth {
		return nil, 0, fmt.Errorf("want a bool expression, got %s", p.typ)
	}
	if err := p.bind(cols); err != nil {
		return nil, 0, err
	}
	defer p.unbind()
	keep = dst[:0]
	for lo := 0; lo < n; lo += block {
		m := min(block, n-lo)
		p.run(lo, m)
		for w := 0; w*64 < m; w++ {
			x := p.root.b[w] & wordMask(m, w)
			count += bits.OnesCount64(x)
			keep = append(keep, x)
		}
	}
	return keep, count, nil
}

func (p *Program) bind(cols []arrow.Array) error {
	for _, c := range p.columns {
		if c.index >= len(cols) {
			return fmt.Errorf("column %q: want column %d of the record, got %d columns", c.name, c.index, len(cols))
		}
		if err := c.bind(cols); err != nil {
			return err
		}
	}
	return nil
}

func (p *Program) run(lo, n int) {
	for _, c := range p.columns {
		c.load(lo, n)
	}
	for _, step := range p.steps {
		step(n)
	}
}

// unbind forgets the record, so that its memory does not live on in the blocks.
func (p *Program) unbind() {
	for _, c := range p.columns {
		c.arr, c.v.raw = nil, nil
		clear(c.parents[:cap(c.parents)])
		clear(c.v.s)
		if c.inPlace() {
			c.v.f, c.v.i = nil, nil
		}
	}
	for _, v := range p.texts {
		clear(v.s)
	}
}

// wordMask has the bits of word w that belong to n rows.
func wordMask(n, w int) uint64 {
	if left := n - w*64; left < 64 {
		return 1<<left - 1
	}
	return ^uint64(0)
}
