package arrowio

import (
	"math"
	"sort"
)

// dice is a small random generator (splitmix64): its start is a hash, so that a row is drawn without its
// predecessors, and its bits are the same on every machine.
type dice uint64

// mix64 is the finaliser of splitmix64.
func mix64(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	return mix64(uint64(*d))
}

// float is uniform in [0, 1).
func (d *dice) float() float64 { return float64(d.next()>>11) / (1 << 53) }

func (d *dice) sign() float64 { return 1 - 2*float64(d.next()>>63) }

// normal is standard normal, by Box and Muller.
func (d *dice) normal() float64 {
	u, v := d.float(), d.float()
	return math.Sqrt(-2*math.Log(1-u)) * math.Cos(2*math.Pi*v)
}

// shuffle returns the numbers below n in random order.
func (d *dice) shuffle(n int) []int {
	out := make([]int, n)
	for i := range out {
		j := int(d.float() * float64(i+1))
		out[i], out[j] = out[j], i
	}
	return out
}

// pick returns the rank that u in [0, 1) falls on.
func (f *clicksField) pick(u float64) int {
	return min(sort.SearchFloat64s(f.upTo, u), len(f.upTo)-1)
}
