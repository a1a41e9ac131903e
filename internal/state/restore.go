package state

import "fmt"

// ReadPart restores c from the bytes of a base part.
func ReadPart(part []byte, c Stateful) error {
	d, err := decode(part)
	if err != nil {
		return err
	}
	if d.delta {
		return fmt.Errorf("%w: want a base, got a delta", ErrCorrupt)
	}
	values, err := overlay(nil, d.values, nil)
	if err != nil {
		return err
	}
	own(values)
	return restore(values, c)
}

// restore hands the values to c, which owns them afterwards.
func restore(values []value, c Stateful) error {
	in := &loaded{at: make(map[string]*value, len(values))}
	for i := range values {
		in.at[values[i].name] = &values[i]
	}
	c.Walk(loader{in, ""})
	return in.err
}

type loaded struct {
	at  map[string]*value
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
	v := l.at[name]
	if v == nil {
		l.Fail(fmt.Errorf("%w: %s is missing; the checkpoint is of another version or another pipeline", ErrCorrupt, name))
		return
	}
	if !assign(v, ptr) {
		l.Fail(fmt.Errorf("%w: %s has type %s, want one for %T", ErrCorrupt, name, v.typeName(), ptr))
	}
}

// assign gives v to what ptr points to.
func assign(v *value, ptr any) bool {
	switch p := ptr.(type) {
	case *bool:
		return scalar(v, kindBool, p)
	case *int64:
		return scalar(v, kindInt64, p)
	case *int:
		var x int64
		ok := scalar(v, kindInt64, &x)
		*p = int(x)
		return ok
	case *uint64:
		return scalar(v, kindUint64, p)
	case *float64:
		return scalar(v, kindFloat64, p)
	case *string:
		if v.list || v.kind != kindString {
			return false
		}
		*p = v.text[0]
		return true
	case *[]string:
		if !v.list || v.kind != kindString {
			return false
		}
		*p = v.text
		return true
	case *[]bool:
		return elements(v, kindBool, p)
	case *[]uint8:
		return elements(v, kindUint8, p)
	case *[]int32:
		return elements(v, kindInt32, p)
	case *[]int64:
		return elements(v, kindInt64, p)
	case *[]uint32:
		return elements(v, kindUint32, p)
	case *[]uint64:
		return elements(v, kindUint64, p)
	case *[]float32:
		return elements(v, kindFloat32, p)
	case *[]float64:
		return elements(v, kindFloat64, p)
	}
	panic(fmt.Sprintf("state: %T cannot be kept", ptr))
}

func scalar[T any](v *value, k kind, p *T) bool {
	if v.list || v.kind != k {
		return false
	}
	*p = sliceOf[T](v.raw)[0]
	return true
}

func elements[T any](v *value, k kind, p *[]T) bool {
	if !v.list || v.kind != k {
		return false
	}
	*p = sliceOf[T](v.raw)
	return true
}
