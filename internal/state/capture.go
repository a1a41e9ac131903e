package state

import (
	"bytes"
	"fmt"
	"slices"
)

// Captured is the state of one component at a barrier, or what has changed of it since the last published
// checkpoint. It shares no memory with the component, except strings, which do not change.
type Captured struct {
	name    string
	store   *Store
	from    *image // the checkpoint that it was compared with, nil for none
	now     *image // without the files of its part
	values  []change
	bytes   int64
	content string
}

// change is a value of which only some blocks may be at hand.
type change struct {
	value       // raw holds the runs, one after the other
	size  int   // bytes of the whole list
	runs  []run // in blocks; unused for values that are not cut
	same  bool  // nothing has changed: only the name counts
}

// all says that every block is at hand.
func (c *change) all() bool { return !c.same && (!c.cut() || len(c.raw) == c.size) }

// Name returns the name of the part.
func (c *Captured) Name() string { return c.name }

// Bytes returns how many bytes were copied.
func (c *Captured) Bytes() int64 { return c.bytes }

// Capture copies what has changed of c since the last published checkpoint, or since it was restored; afterwards
// c may go on. Any goroutine may call it, one at a time for a name.
func (s *Store) Capture(name string, c Stateful) (*Captured, error) {
	values, err := viewOf(c)
	if err != nil {
		return nil, fmt.Errorf("checkpoint part %s: %w", name, err)
	}
	of := hashBlocks(values)
	out := &Captured{name: name, store: s, from: s.published(name), content: contentHash(values, of)}
	out.now = imageOf(Part{Name: name, Content: out.content}, values, of)
	if out.unchanged() {
		return out, nil
	}
	out.values = make([]change, len(values))
	for i, v := range values {
		out.values[i] = out.copied(v, of[i].hashes)
		out.bytes += int64(len(out.values[i].raw))
	}
	return out, nil
}

// Describe returns the name and the content of the part that c would be.
func Describe(name string, c Stateful) (Part, error) {
	values, err := viewOf(c)
	if err != nil {
		return Part{}, fmt.Errorf("state of %s: %w", name, err)
	}
	return Part{Name: name, Content: contentHash(values, hashBlocks(values))}, nil
}

func (c *Captured) unchanged() bool { return c.from != nil && c.from.part.Content == c.content }

// copied copies the blocks of v that the checkpoint before does not have. Where almost all have changed it copies
// the rest too: nothing has to be read back then when a new base is written.
func (c *Captured) copied(v value, hashes []uint64) change {
	out := change{value: v, size: len(v.raw)}
	switch {
	case v.kind == kindString:
		out.text = slices.Clone(v.text)
		for _, s := range v.text {
			c.bytes += int64(len(s))
		}
		return out
	case !v.list:
		return out // view has copied it
	}
	out.runs = whole(len(hashes))
	if before, ok := c.from.before(v.name, v.kind); ok {
		some := changed(before, hashes)
		n := int64(0)
		for _, r := range some {
			n += r.count
		}
		if n < int64(len(hashes))*7/8 {
			out.runs = some
		}
		out.same = n == 0 && len(before) == len(hashes) && len(hashes) > 0
	}
	out.raw = copyRuns(v.raw, out.runs)
	return out
}

// all says that nothing of an earlier checkpoint is needed to know the whole.
func (c *Captured) all() bool {
	for i := range c.values {
		if !c.values[i].all() {
			return false
		}
	}
	return !c.unchanged()
}

// merged returns the whole values: what was captured, over what the checkpoint before holds of the rest.
func (c *Captured) merged() ([]value, error) {
	var before []value
	if !c.all() {
		files, err := c.store.readFiles(c.from.part)
		if err != nil {
			return nil, err
		}
		if before, err = assemble(c.from.part, files); err != nil {
			return nil, err
		}
	}
	if c.unchanged() {
		return before, nil
	}
	return overlay(before, c.values, nil)
}

// Whole returns the state as an encoded base part, which ReadPart reads.
func (c *Captured) Whole() ([]byte, error) {
	values, err := c.merged()
	if err != nil {
		return nil, fmt.Errorf("checkpoint part %s: %w", c.name, err)
	}
	var buf bytes.Buffer
	if err := encodeBase(&buf, values); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
