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
	if err := New(1).Err(); err != nil {
		t.Error(err)
	}
	t.Setenv(Variable, "sse9")
	if err := New(1).Err(); err == nil || !strings.Contains(err.Error(), `SLUICE_KERNELS: kernels: want one of ["go"`) {
		t.Errorf("unknown kernels: want an error that names the variable, got %v", err)
	}
	if _, err := NewWith(1, Auto); err == nil || !strings.Contains(err.Error(), `got "sse9"`) {
		t.Errorf("want an error that names sse9, got %v", err)
	}
}
