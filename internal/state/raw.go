package state

import (
	"fmt"
	"slices"
)

// Raw is the state of a component without the component: what is edited by hand. Captured, it is a part as that of
// the component itself.
type Raw struct{ values []value }

// Raw returns the part called name.
func (c *Checkpoint) Raw(name string) (*Raw, error) {
	at := slices.Index(c.Names(), name)
	if at < 0 {
		return nil, fmt.Errorf("%w: checkpoint %d has no part %s", ErrCorrupt, c.Checkpoint, name)
	}
	values, _, err := c.values(c.Parts[at])
	if err != nil {
		return nil, fmt.Errorf("checkpoint %d, part %s: %w", c.Checkpoint, name, err)
	}
	return &Raw{values}, nil
}

// Has says whether there is a value of that name.
func (r *Raw) Has(name string) bool { return r.at(name) != nil }

func (r *Raw) at(name string) *value {
	at := slices.IndexFunc(r.values, func(v value) bool { return v.name == name })
	if at < 0 {
		return nil
	}
	return &r.values[at]
}

// Get reads a value into what ptr points to, of the types that Visit takes, and says whether there is one of that
// name and type. The elements of a list are those of r: a change of them changes r.
func (r *Raw) Get(name string, ptr any) bool {
	v := r.at(name)
	return v != nil && assign(v, ptr)
}

// Walk visits every value, for saving.
func (r *Raw) Walk(v Visitor) {
	for i := range r.values {
		x := &r.values[i]
		ptr := x.pointer()
		if !assign(x, ptr) {
			v.Fail(fmt.Errorf("%w: %s has type %s", ErrCorrupt, x.name, x.typeName()))
			return
		}
		v.Visit(x.name, ptr)
	}
}

// pointer returns a pointer that the value can be assigned to.
func (v *value) pointer() any {
	single := [...]any{nil, new(bool), new(int64), new(uint64), nil, nil, nil, nil, new(float64), new(string)}
	list := [...]any{nil, new([]bool), new([]int64), new([]uint64), new([]uint8), new([]int32), new([]uint32), new([]float32), new([]float64), new([]string)}
	if v.list {
		return list[v.kind]
	}
	return single[v.kind]
}
