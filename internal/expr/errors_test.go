package expr

import (
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
)

func TestErrors(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"", "at character 1: want an expression, got nothing"},
		{"f +", "at character 3: want an expression, got unexpected token EOF"},
		{"f > 1 and (", "want an expression, got unexpected token EOF"},
		{"prise + 1", `at character 1: want a column, got "prise"; columns: f, g, i, j`},
		{"geo.citi == 'x'", `at character 5: want a column, got "geo.citi"; did you mean "geo.city"?`},
		{"st.nme == 'x'", `want a column, got "st.nme"; did you mean "st.name"?`},
		{"1 + lowr(s)", `at character 5: want a function of this language, got lowr; did you mean "lower"?`},
		{"hour(s)", "at character 6: want timestamp as argument 1 of hour, got string; parse it with ts(x)"},
		{"hour()", "at character 1: want hour(at), got 0 arguments"},
		{"s + 1", "at character 3: want two numbers or two strings around +, got string and int; convert with int(x), float(x), string(x) or ts(x)"},
		{"at - 1", "want two numbers or two timestamps around -, got timestamp and int"},
		{"at > '2026-01-01'", `want two values of one ordered type around >, got timestamp and string; write ts("2026-01-31") for a time`},
		{"i == nil", "at character 6: want a value beside ==, got nil; a comparison with nil is always null; use is_null(x) or not is_null(x)"},
		{"b < c", "want two values of one ordered type around <, got bool and bool"},
		{"f and b", "at character 3: want two bools around and, got float and bool; compare each side with something"},
		{"not i == 1", "at character 1: want a bool after not, got int; put what is negated in parentheses"},
		{"-s", "at character 1: want a number after -, got string"},
		{"b ? 1 : 'x'", "want two values of one type around :, got int and string"},
		{"i ? 1 : 2", "at character 1: want a bool before ?, got int"},
		{"i in [j]", "at character 7: want literals in the list after in, got a column or nil"},
		{"i in ['a']", "want a list of the type of its left side: int, got a list of other types"},
		{"i in 1..3", "want a list after in"},
		{"s matches s", "want a literal pattern after matches"},
		{"s matches '('", "at character 11: want a regular expression (RE2), got error parsing regexp"},
		{"tags + 1", "want two numbers or two strings around +, got list<item: utf8, nullable> and int"},
		{"coalesce(i, s)", "want values of one type in coalesce, got int, string"},
		{"min(i, s)", "want numbers or timestamps in min, got int, string"},
		{"hash(s, 0)", "want a literal int > 0 as argument 2 of hash"},
		{"bucket(i, 0)", "at character 11: want a width > 0, got 0"},
		{"ts(i)", `want ts(x, "s"), "ms", "us" or "ns" for an int, got no unit`},
		{"ts('soon')", `want a time such as 2026-01-31 or 2026-01-31T12:00:00Z, got "soon"`},
		{"int(at)", "want a number, string or bool in int, got timestamp; use epoch(x)"},
		{"f ^ 2", "want an operator of this language, got ^; write ** for a power"},
		{"s.lower()", "write lower(x), not x.lower()"},
		{"let x = 1; x", "want one expression, got let"},
		{"[1, 2]", "want a value, got a list"},
		{"s[1:2]", "use substr(x, start, count)"},
		{"i[0]", `write col("name") for a column`},
		{"nil", "want a value of a known type, got nil"},
		{"col(s)", `want col("name")`},
		{"filter(tags, {# == 'x'})", "want a function of this language, got filter"},
		{"st.x + twice", `"twice", which stands 2 times; rename one of them first`},
		{strings.Repeat("(", maxSource+1), "want at most 65536 bytes"},
	} {
		schema := arrow.NewSchema(append(testSchema.Fields(), arrow.Field{Name: "twice", Type: arrow.Null}, arrow.Field{Name: "twice", Type: arrow.Null}), nil)
		_, err := Compile(c.src, schema)
		var es Errors
		if !errors.As(err, &es) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40s:\nwant %s\ngot  %v", c.src, c.want, err)
		}
	}
}

// TestEveryFault wants all faults of an expression at once, and none that only follow from another.
func TestEveryFault(t *testing.T) {
	_, err := Compile("nope + lower(missing) > hour(s) and 1", testSchema)
	var es Errors
	if !errors.As(err, &es) || len(es) != 3 || es[0].Pos != 1 || es[1].Pos != 14 || es[2].Pos != 30 {
		t.Errorf("want three faults at 1, 14 and 30, got %v", err)
	}
}

func TestColumnChangesType(t *testing.T) {
	p, err := Compile("i + 1", testSchema)
	if err != nil {
		t.Fatal(err)
	}
	rec := floatRecord(t)
	defer rec.Release()
	if _, err := p.Eval(goAlloc, rec.Columns(), 1); err == nil || !strings.Contains(err.Error(), `column "i": want`) {
		t.Errorf("want a complaint about column i, got %v", err)
	}
}
