package features

import (
	"math"
	"testing"
)

func buckets(x []float64) []int64 {
	out := make([]int64, len(x))
	log2floor{}.Bucketize(x, out)
	return out
}

func TestLog2FloorKnownValues(t *testing.T) {
	x := []float64{3, 10, 100, 1000, 65535, 2, 1, 0, -1, -7.9, 2.5, 1.9, -1e300, math.MaxFloat64}
	want := []int64{1, 5, 21, 47, 122, 2, 1, 0, -1, -7, 0, 1, -1 << 53, 503791}
	for i, got := range buckets(x) {
		if got != want[i] {
			t.Errorf("%v: want %d, got %d", x[i], want[i], got)
		}
	}
}

// The sums are numpy's: the same formula in float64 over the same numbers.
func TestLog2FloorEqualsNumpy(t *testing.T) {
	for _, c := range []struct {
		from, to      int
		step          float64
		sum, weighted int64
	}{{-1000, 1000001, 1, 164235952, 7884043692}, {-400, 400000, 7, 39814702, 1911158906}} {
		var x []float64
		for i := c.from; i < c.to; i++ {
			x = append(x, float64(i)/c.step)
		}
		var sum, weighted int64
		for i, b := range buckets(x) {
			sum, weighted = sum+b, weighted+b*int64(i%97)
		}
		if sum != c.sum || weighted != c.weighted {
			t.Errorf("from %d: want sums %d and %d, got %d and %d", c.from, c.sum, c.weighted, sum, weighted)
		}
	}
}
