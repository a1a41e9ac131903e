package learn

import "math"

// Rand is a stream of random numbers that is fixed by what it was keyed with and by nothing else: no shared
// state, so values do not depend on the order in which streams are made or read. The generator is splitmix64
// (Steele, Lea, Flood 2014), whose state is a counter.
type Rand struct{ state uint64 }

const golden = 0x9e3779b97f4a7c15

// NewRand returns the stream of the key (seed, name, row).
func NewRand(seed uint64, name string, row int) Rand {
	h := mix64(seed + golden)
	for i := range len(name) {
		h = mix64((h ^ uint64(name[i])) + golden)
	}
	return Rand{mix64(mix64(h+golden) ^ uint64(row))}
}

func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Uint64 returns 64 random bits.
func (r *Rand) Uint64() uint64 {
	r.state += golden
	return mix64(r.state)
}

// Float64 returns a number in [0, 1).
func (r *Rand) Float64() float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// Normal returns a standard normal number, by Box and Muller.
func (r *Rand) Normal() float64 {
	u, v := r.Float64(), r.Float64()
	return math.Sqrt(-2*math.Log(1-u)) * math.Cos(2*math.Pi*v)
}

// IntN returns a number in [0, n), n >= 1, by rejection, so that all are equally likely.
func (r *Rand) IntN(n int) int {
	m := uint64(n)
	limit := -m % m // 2^64 mod n
	for {
		if x := r.Uint64(); x >= limit {
			return int(x % m)
		}
	}
}

// Shuffle puts order into a random order (Fisher and Yates).
func (r *Rand) Shuffle(order []int32) {
	for i := len(order) - 1; i > 0; i-- {
		j := r.IntN(i + 1)
		order[i], order[j] = order[j], order[i]
	}
}

// Constant starts every element at v.
func Constant(v float32) Init {
	return func(_ int, dst []float32) { fill(dst, v) }
}

// Uniform starts elements evenly in [-bound, bound).
func Uniform(seed uint64, name string, bound float64) Init {
	return func(row int, dst []float32) {
		r := NewRand(seed, name, row)
		for i := range dst {
			dst[i] = float32((2*r.Float64() - 1) * bound)
		}
	}
}

// Normal starts elements at normal numbers of mean 0 and deviation sd.
func Normal(seed uint64, name string, sd float64) Init {
	return func(row int, dst []float32) {
		r := NewRand(seed, name, row)
		for i := range dst {
			dst[i] = float32(r.Normal() * sd)
		}
	}
}
