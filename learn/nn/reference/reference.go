// Package reference reads the values that scripts in experiments/reference computed with PyTorch, for tests.
//
// A file is lines of `name shape values`: the shape is extents joined by x, - for a scalar; values are row by row,
// with nine digits, enough for a float32. Lines that begin with # say what made the file.
package reference

import (
	"bufio"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore"
)

// Value is one tensor of a file.
type Value struct {
	Shape []int
	Data  []float32
}

// File is the values of a file by name.
type File struct {
	t      testing.TB
	path   string
	values map[string]Value
	used   map[string]bool
}

// Read reads a file of the package's testdata; at the end of the test it complains of values that nobody asked for.
func Read(t testing.TB, name string) *File {
	t.Helper()
	f := &File{t: t, path: "testdata/" + name, values: map[string]Value{}, used: map[string]bool{}}
	file, err := os.Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	s.Buffer(nil, 1<<20)
	for line := 1; s.Scan(); line++ {
		if words := strings.Fields(s.Text()); len(words) > 0 && words[0] != "#" {
			f.line(line, words)
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for name := range f.values {
			if !f.used[name] && !t.Failed() {
				t.Errorf("%s: %s was not compared", f.path, name)
			}
		}
	})
	return f
}

func (f *File) line(n int, words []string) {
	f.t.Helper()
	var v Value
	if len(words) > 1 && words[1] != "-" {
		for _, d := range strings.Split(words[1], "x") {
			k, err := strconv.Atoi(d)
			if err != nil {
				f.t.Fatalf("%s:%d: want a shape, got %q", f.path, n, words[1])
			}
			v.Shape = append(v.Shape, k)
		}
	}
	for _, w := range words[2:] {
		x, err := strconv.ParseFloat(w, 32)
		if err != nil {
			f.t.Fatalf("%s:%d: want numbers, got %q", f.path, n, w)
		}
		v.Data = append(v.Data, float32(x))
	}
	if len(v.Data) != tensorcore.Size(v.Shape) {
		f.t.Fatalf("%s:%d: want %d values for shape %v, got %d", f.path, n, tensorcore.Size(v.Shape), v.Shape, len(v.Data))
	}
	f.values[words[0]] = v
}

// Get returns a value; the test ends when there is none.
func (f *File) Get(name string) Value {
	f.t.Helper()
	v, ok := f.values[name]
	if !ok {
		f.t.Fatalf("%s: want a value called %s", f.path, name)
	}
	f.used[name] = true
	return v
}

// Load puts values into params: that of NAME is prefix + NAME.
func (f *File) Load(prefix string, params []*learn.Param) {
	f.t.Helper()
	for _, p := range params {
		v := f.Get(prefix + p.Name)
		if !tensorcore.SameShape(v.Shape, p.Shape()) {
			f.t.Fatalf("%s: %s: want shape %v, got %v", f.path, p.Name, p.Shape(), v.Shape)
		}
		copy(p.Data(), v.Data)
	}
}

// Compare complains where got is farther from the value than tol, or tol times the value where that is above 1.
func (f *File) Compare(name string, got []float32, tol float64) {
	f.t.Helper()
	want := f.Get(name).Data
	if len(got) != len(want) {
		f.t.Errorf("%s: want %d values of %s, got %d", f.path, len(want), name, len(got))
		return
	}
	worst, at := 0.0, 0
	for i, w := range want {
		d := math.Abs(float64(got[i])-float64(w)) / math.Max(1, math.Abs(float64(w)))
		if d > worst || d != d {
			worst, at = d, i
		}
		if d != d {
			break
		}
	}
	if !(worst <= tol) {
		f.t.Errorf("%s: %s differs by %.2g at %d: want %.9g, got %.9g", f.path, name, worst, at, want[at], got[at])
	}
}
