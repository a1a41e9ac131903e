package operators

import (
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

func namesOf(s *arrow.Schema) string {
	var names []string
	for _, f := range s.Fields() {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}

func selectOf(c SelectConfig) func(any) {
	return func(s any) { *s.(*SelectConfig) = c }
}

func renameOf(pairs ...string) func(any) {
	return func(s any) {
		o := s.(*flow.Ordered[string])
		for i := 0; i < len(pairs); i += 2 {
			o.Append(pairs[i], pairs[i+1])
		}
	}
}

func TestSelectAndRename(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	for _, rows := range []int{0, 1, 10} {
		rec := clicks(alloc, rows)
		for _, c := range []struct {
			op   flow.Operator
			want string
		}{
			{build(t, "select", selectOf(SelectConfig{Keep: []string{"price", "user"}})), "price user"},
			{build(t, "select", selectOf(SelectConfig{Drop: []string{"at", "item", "click"}})), "user city price"},
			{build(t, "rename", renameOf("cost", "price", "who", "user")), "who item city cost at click"},
			{build(t, "rename", renameOf("city", "item", "item", "city")), "user city item price at click"},
		} {
			out := through(t, alloc, c.op, rec)
			if len(out) != 1 || out[0].NumRows() != int64(rows) || namesOf(out[0].Schema()) != c.want {
				t.Fatalf("want one record of %d rows with %s, got %v", rows, c.want, out)
			}
			for i, f := range out[0].Schema().Fields() {
				if !arrow.TypeEqual(f.Type, out[0].Column(i).DataType()) {
					t.Errorf("%s: want %s, got %s", f.Name, f.Type, out[0].Column(i).DataType())
				}
			}
			out[0].Release()
		}
		rec.Release()
	}
}

func TestSelectErrors(t *testing.T) {
	rec := clicks(memory.DefaultAllocator, 0)
	defer rec.Release()
	for _, c := range []SelectConfig{{}, {Keep: []string{"a"}, Drop: []string{"b"}}} {
		wantViolation(t, c.Validate(), "", "one of keep and drop")
	}
	wantViolation(t, SelectConfig{Keep: []string{"a", "b", "a"}}.Validate(), "keep", `"a" twice`)
	_, err := build(t, "select", selectOf(SelectConfig{Keep: []string{"usr", "itm", "zzzzzz"}})).Bind(rec.Schema())
	wantViolation(t, err, "keep", `did you mean "user"?`)
	wantViolation(t, err, "keep", `did you mean "item"?`)
	wantViolation(t, err, "keep", "columns: user, item")
	_, err = build(t, "select", selectOf(SelectConfig{Drop: strings.Fields(namesOf(rec.Schema()))})).Bind(rec.Schema())
	wantViolation(t, err, "drop", "at least one column left")
}

func TestRenameErrors(t *testing.T) {
	rec := clicks(memory.DefaultAllocator, 0)
	defer rec.Release()
	_, err := tryBuild("rename", renameOf())
	wantViolation(t, err, "", "at least one new: old")
	_, err = tryBuild("rename", renameOf("a", "user", "a", "item", "b", "user", "c", ""))
	wantViolation(t, err, "a", `"a" twice`)
	wantViolation(t, err, "b", `"user" twice`)
	wantViolation(t, err, "c", "a value, got nothing")
	_, err = build(t, "rename", renameOf("a", "usr", "item", "user")).Bind(rec.Schema())
	wantViolation(t, err, "a", `did you mean "user"?`)
	wantViolation(t, err, "item", "a column that stays")
}
