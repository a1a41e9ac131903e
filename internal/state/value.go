package state

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
)

// kind is the type of an element. The numbers are part of the content hash and do not change.
type kind uint8

const (
	kindBool kind = iota + 1
	kindInt64
	kindUint64
	kindUint8
	kindInt32
	kindUint32
	kindFloat32
	kindFloat64
	kindString
)

// width is the bytes an element takes in memory, 0 for strings.
func (k kind) width() int { return [...]int{0, 1, 8, 8, 1, 4, 4, 4, 8, 0}[k] }

// arrowType is the type of a single value.
func (k kind) arrowType() arrow.DataType {
	return [...]arrow.DataType{nil, arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Float32,
		arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String}[k]
}

// elementType is the type of an element of a list: strings are large there.
func (k kind) elementType() arrow.DataType {
	if k == kindString {
		return arrow.BinaryTypes.LargeString
	}
	return k.arrowType()
}

// value is one visited value. raw holds its elements as they lie in memory, a bool in a byte; text holds strings.
type value struct {
	name string
	kind kind
	list bool
	raw  []byte
	text []string
	own  bool // raw is not that of a file
}

func (v *value) len() int {
	if v.kind == kindString {
		return len(v.text)
	}
	return len(v.raw) / v.kind.width()
}

// cut says that the value is kept in blocks, so that a delta can hold some of them.
func (v *value) cut() bool { return v.list && v.kind != kindString }

func (v *value) typeName() string {
	if v.list {
		return "list of " + v.kind.elementType().String()
	}
	return v.kind.arrowType().String()
}

// view returns what ptr points to, lists without a copy.
func view(name string, ptr any) value {
	switch p := ptr.(type) {
	case *bool:
		return single(name, kindBool, *p)
	case *int:
		return single(name, kindInt64, int64(*p))
	case *int64:
		return single(name, kindInt64, *p)
	case *uint64:
		return single(name, kindUint64, *p)
	case *float64:
		return single(name, kindFloat64, *p)
	case *string:
		return value{name: name, kind: kindString, text: []string{*p}}
	case *[]string:
		return value{name: name, kind: kindString, list: true, text: *p}
	case *[]bool:
		return many(name, kindBool, *p)
	case *[]uint8:
		return many(name, kindUint8, *p)
	case *[]int32:
		return many(name, kindInt32, *p)
	case *[]int64:
		return many(name, kindInt64, *p)
	case *[]uint32:
		return many(name, kindUint32, *p)
	case *[]uint64:
		return many(name, kindUint64, *p)
	case *[]float32:
		return many(name, kindFloat32, *p)
	case *[]float64:
		return many(name, kindFloat64, *p)
	}
	panic(fmt.Sprintf("state: %s has type %T, which cannot be kept", name, ptr))
}

func single[T any](name string, k kind, v T) value {
	return value{name: name, kind: k, raw: bytesOf([]T{v})}
}

func many[T any](name string, k kind, s []T) value {
	return value{name: name, kind: k, list: true, raw: bytesOf(s)}
}

func bytesOf[T any](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}

// sliceOf is the other way: the elements that raw holds, without a copy. raw must stand at a multiple of their size.
func sliceOf[T any](raw []byte) []T {
	var t T
	if len(raw) == 0 {
		return []T{}
	}
	n := len(raw) / int(unsafe.Sizeof(t))
	return unsafe.Slice((*T)(unsafe.Pointer(&raw[0])), n)[:n:n]
}

// viewer is the Visitor that collects values.
type viewer struct {
	*viewed
	prefix string
}

type viewed struct {
	values []value
	names  map[string]bool
	err    error
}

// viewOf returns the values of c, which still are those of c itself.
func viewOf(c Stateful) ([]value, error) {
	v := &viewed{names: map[string]bool{}}
	c.Walk(viewer{viewed: v})
	return v.values, v.err
}

func (v viewer) Restoring() bool { return false }

func (v viewer) Fail(err error) {
	if v.err == nil {
		v.viewed.err = err
	}
}

func (v viewer) Scope(name string) Visitor { return viewer{v.viewed, v.prefix + name + "."} }

func (v viewer) Visit(name string, ptr any) {
	name = v.prefix + name
	if v.names[name] {
		panic("state: " + name + " visited twice")
	}
	v.names[name] = true
	v.values = append(v.values, view(name, ptr))
}
