package state

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// ReadPart restores c from the bytes of a part.
func ReadPart(part []byte, c Stateful) error {
	r, err := ipc.NewFileReader(bytes.NewReader(part))
	if err != nil {
		return fmt.Errorf("%w: want an Arrow IPC file: %v", ErrCorrupt, err)
	}
	defer r.Close()
	if r.NumRecords() != 1 {
		return fmt.Errorf("%w: want one record, got %d", ErrCorrupt, r.NumRecords())
	}
	rec, err := r.RecordAt(0)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	defer rec.Release()
	in := &loaded{rec: rec, at: map[string]int{}}
	for i, f := range rec.Schema().Fields() {
		in.at[f.Name] = i
	}
	c.Walk(loader{in, ""})
	return in.err
}

type loaded struct {
	rec arrow.Record
	at  map[string]int
	err error
}

type loader struct {
	*loaded
	prefix string
}

func (l loader) Restoring() bool { return true }

func (l loader) Fail(err error) {
	if l.err == nil {
		l.loaded.err = err
	}
}

func (l loader) Scope(name string) Visitor { return loader{l.loaded, l.prefix + name + "."} }

func (l loader) Visit(name string, ptr any) {
	name = l.prefix + name
	i, ok := l.at[name]
	if !ok {
		l.Fail(fmt.Errorf("%w: %s is missing; the checkpoint is of another version or another pipeline", ErrCorrupt, name))
		return
	}
	if !assign(l.rec.Column(i), ptr) {
		l.Fail(fmt.Errorf("%w: %s has type %s, want one for %T", ErrCorrupt, name, l.rec.Column(i).DataType(), ptr))
	}
}

// assign copies the single value of col to what ptr points to.
func assign(col arrow.Array, ptr any) bool {
	switch p := ptr.(type) {
	case *bool:
		return scalar[bool](col, p)
	case *int64:
		return scalar[int64](col, p)
	case *int:
		var v int64
		ok := scalar[int64](col, &v)
		*p = int(v)
		return ok
	case *uint64:
		return scalar[uint64](col, p)
	case *float64:
		return scalar[float64](col, p)
	case *string:
		ok := scalar[string](col, p)
		*p = string(append([]byte(nil), *p...)) // the record's memory goes away
		return ok
	}
	l, ok := col.(*array.LargeList)
	if !ok {
		return false
	}
	switch p := ptr.(type) {
	case *[]string:
		v, ok := l.ListValues().(*array.LargeString)
		*p = make([]string, 0, l.ListValues().Len())
		for i := 0; ok && i < v.Len(); i++ {
			*p = append(*p, string(append([]byte(nil), v.Value(i)...)))
		}
		return ok
	case *[]bool:
		v, ok := l.ListValues().(*array.Boolean)
		*p = make([]bool, 0, l.ListValues().Len())
		for i := 0; ok && i < v.Len(); i++ {
			*p = append(*p, v.Value(i))
		}
		return ok
	case *[]uint8:
		return values(l, p, func(a *array.Uint8) []uint8 { return a.Uint8Values() })
	case *[]int32:
		return values(l, p, func(a *array.Int32) []int32 { return a.Int32Values() })
	case *[]int64:
		return values(l, p, func(a *array.Int64) []int64 { return a.Int64Values() })
	case *[]uint32:
		return values(l, p, func(a *array.Uint32) []uint32 { return a.Uint32Values() })
	case *[]uint64:
		return values(l, p, func(a *array.Uint64) []uint64 { return a.Uint64Values() })
	case *[]float32:
		return values(l, p, func(a *array.Float32) []float32 { return a.Float32Values() })
	case *[]float64:
		return values(l, p, func(a *array.Float64) []float64 { return a.Float64Values() })
	}
	panic(fmt.Sprintf("state: %T cannot be kept", ptr))
}

func scalar[T any](col arrow.Array, p *T) bool {
	a, ok := col.(interface{ Value(int) T })
	if ok {
		*p = a.Value(0)
	}
	return ok
}

func values[A arrow.Array, T any](l *array.LargeList, p *[]T, of func(A) []T) bool {
	a, ok := l.ListValues().(A)
	if ok {
		*p = append(make([]T, 0, a.Len()), of(a)...)
	}
	return ok
}
