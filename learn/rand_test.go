package learn

import (
	"math"
	"slices"
	"testing"
)

func TestRandIsSplitmix64(t *testing.T) {
	r := Rand{state: 1234567} // the published first outputs of splitmix64 for this seed
	want := []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821}
	for i, w := range want {
		if got := r.Uint64(); got != w {
			t.Fatalf("output %d: want %d, got %d", i, w, got)
		}
	}
}

func TestStreamsAreKeyedAndDistributed(t *testing.T) {
	seen := map[uint64]bool{}
	for _, name := range []string{"", "a", "b", "ab"} {
		for seed := range uint64(3) {
			for row := range 50 {
				r := NewRand(seed, name, row)
				again := NewRand(seed, name, row)
				x := r.Uint64()
				if x != again.Uint64() || seen[x] {
					t.Fatalf("stream (%d, %q, %d) is not its own", seed, name, row)
				}
				seen[x] = true
			}
		}
	}
	const n = 200000
	var sum, squares, u float64
	r := NewRand(1, "moments", 0)
	for range n {
		x := r.Normal()
		sum, squares, u = sum+x, squares+x*x, u+r.Float64()
	}
	if m, v := sum/n, squares/n; math.Abs(m) > 0.01 || math.Abs(v-1) > 0.02 || math.Abs(u/n-0.5) > 0.005 {
		t.Errorf("want normal mean 0, variance 1, uniform mean .5; got %v, %v, %v", m, v, u/n)
	}
}

func TestShuffleIsEven(t *testing.T) {
	count := map[[3]int32]int{}
	for i := range 6000 {
		o := []int32{0, 1, 2}
		r := NewRand(3, "shuffle", i)
		r.Shuffle(o)
		count[[3]int32(o)]++
		slices.Sort(o)
		if !slices.Equal(o, []int32{0, 1, 2}) {
			t.Fatal("a shuffle lost something")
		}
	}
	for o, n := range count {
		if n < 850 || n > 1150 {
			t.Errorf("order %v came %d times of 6000, want about 1000", o, n)
		}
	}
}

func TestInitsDoNotDependOnOrder(t *testing.T) {
	for name, init := range map[string]Init{"uniform": Uniform(7, "w", 0.25), "normal": Normal(7, "w", 0.01)} {
		a, b := NewTable("t", 4, init), NewTable("t", 4, init)
		for r := range 100 {
			a.Grow(r + 1)
		}
		b.Grow(100)
		if !slices.Equal(a.Data(), b.Data()) {
			t.Errorf("%s: a table grown row by row differs from one grown at once", name)
		}
		for _, x := range a.Data() {
			if math.Abs(float64(x)) > 0.25 || x == 0 {
				t.Errorf("%s: value %v", name, x)
			}
		}
	}
}
