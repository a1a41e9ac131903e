package cpu

import (
	"strings"
	"testing"
)

func TestKernelsAreChosen(t *testing.T) {
	for _, k := range Available() {
		t.Setenv(Variable, string(k))
		if got := New(1).Kernels(); got != k {
			t.Errorf("%s=%s: got %s", Variable, k, got)
		}
	}
	t.Setenv(Variable, "")
	have := Available()
	if got := New(1).Kernels(); got != have[len(have)-1] {
		t.Errorf("want the best of %v, got %s", have, got)
	}
	t.Setenv(Variable, "sse9")
	if got := New(1).Kernels(); got != Go {
		t.Errorf("unknown kernels: want the portable ones, got %s", got)
	}
	if _, err := NewWith(1, Auto); err == nil || !strings.Contains(err.Error(), `got "sse9"`) {
		t.Errorf("want an error that names sse9, got %v", err)
	}
}
