package check

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAllCollectsEveryViolation(t *testing.T) {
	err := All(
		Positive("lr", 0.0), Positive("rows", 3), NotNegative("lambda", -1.0), AtLeast("dim", 0, 1), Between("share", 1.5, 0.0, 1.0),
		Required("topic", ""), Required("name", "x"), That(false, "", "an even number", 3), Under("search", Positive("epochs", 0)),
	)
	want := `lr: want > 0, got 0
lambda: want >= 0, got -1
dim: want >= 1, got 0
share: want 0 to 1, got 1.5
topic: want a value, got nothing
want an even number, got 3
search.epochs: want > 0, got 0`
	if d := cmp.Diff(want, err.Error()); d != "" {
		t.Error(d)
	}
	if All(nil, Positive("x", 1)) != nil || Under("a", nil) != nil {
		t.Error("want nil when every check holds")
	}
	if got := Of(errors.New("boom")).Error(); got != "want valid settings, got boom" {
		t.Errorf("got %q", got)
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"t_jepa", "deepfm", "adam", "fm", "hour"}
	for v, want := range map[string]string{
		"tjepa": "t_jepa", "deep_fm": "deepfm", "Adam": "adam", "fn": "fm", "houre": "hour", "completely": "", "": "",
	} {
		got := DidYouMean(v, names)
		if (want == "") != (got == "") || want != "" && got != `did you mean "`+want+`"?` {
			t.Errorf("%q: want %q, got %q", v, want, got)
		}
	}
	if err := OneOf("model", "deepfn", names...); err.Error() != `model: want one of t_jepa, deepfm, adam, fm, hour, got "deepfn"; did you mean "deepfm"?` {
		t.Error(err)
	}
}
