package cpu

import (
	"math"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// golden is the step of splitmix64 (Steele, Lea, Flood 2014), whose state is a counter: any element can be computed
// alone, so the result does not depend on how the work is cut.
const golden = 0x9e3779b97f4a7c15

func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit is number i of the stream of key, in [0, 1).
func unit(key, i uint64) float64 { return float64(mix64(key+(i+1)*golden)>>11) / (1 << 53) }

// Random sets element i of dst from (key, i).
func (e *Engine) Random(dst *tensor.Dense, d tc.Distribution, key uint64, p float64) {
	if is32(dst) {
		random(e, dst.Float32s(), d, key, p)
		return
	}
	random(e, dst.Float64s(), d, key, p)
}

func random[T float](e *Engine, dst []T, d tc.Distribution, key uint64, p float64) {
	const grain = 1 << 13
	if e.serial(len(dst), grain) {
		randomRun(dst, d, key, p, 0)
		return
	}
	e.split(len(dst), grain, func(from, to int) { randomRun(dst[from:to], d, key, p, from) })
}

func randomRun[T float](dst []T, d tc.Distribution, key uint64, p float64, from int) {
	for i := range dst {
		at := uint64(from + i)
		switch d {
		case tc.Uniform:
			dst[i] = T(mix64(key+(at+1)*golden)>>40) / (1 << 24) // 24 bits: below 1 in float32 too
		case tc.Normal:
			u, v := unit(key, 2*at), unit(key, 2*at+1)
			dst[i] = T(math.Sqrt(-2*math.Log(1-u)) * math.Cos(2*math.Pi*v))
		case tc.Bernoulli:
			dst[i] = T(indicator(unit(key, at) < p))
		}
	}
}
