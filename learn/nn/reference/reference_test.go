package reference

import (
	"os"
	"slices"
	"testing"

	"github.com/sluice-stream/sluice/learn"
)

func TestRead(t *testing.T) {
	t.Chdir(t.TempDir())
	text := "# made by hand\na.w 2x2 1 2.5 -3 4e-3\nb - 7\nnone 0x3\n"
	if err := os.Mkdir("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("testdata/x.txt", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	f := Read(t, "x.txt")
	p := learn.NewParam("w", learn.Constant(0), 2, 2)
	f.Load("a.", []*learn.Param{p})
	if want := []float32{1, 2.5, -3, 4e-3}; !slices.Equal(p.Data(), want) {
		t.Errorf("want %v, got %v", want, p.Data())
	}
	if v := f.Get("b"); len(v.Shape) != 0 || v.Data[0] != 7 {
		t.Errorf("want a scalar 7, got %v", v)
	}
	if v := f.Get("none"); !slices.Equal(v.Shape, []int{0, 3}) || len(v.Data) != 0 {
		t.Errorf("want nothing of shape 0x3, got %v", v)
	}
	f.Compare("a.w", []float32{1, 2.5 + 2e-7, -3, 4e-3}, 1e-6)
}
