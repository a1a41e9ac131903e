package cpu

import (
	"cmp"
	"slices"

	"gorgonia.org/tensor"
)

// Order writes the positions of the k best elements along the middle axis of [outer, n, inner].
func (e *Engine) Order(idx []int32, x *tensor.Dense, outer, n, inner, k int, largest bool) {
	if is32(x) {
		order(e, idx, x.Float32s(), outer, n, inner, k, largest)
		return
	}
	order(e, idx, x.Float64s(), outer, n, inner, k, largest)
}

func order[T float](e *Engine, idx []int32, x []T, outer, n, inner, k int, largest bool) {
	if k == 0 {
		return
	}
	e.split(outer*inner, max(1, 1<<13/n), func(from, to int) {
		lane := make([]int32, n)
		for l := from; l < to; l++ {
			at := l/inner*n*inner + l%inner
			best := orderLane(lane, x[at:], inner, k, largest)
			for j, p := range best {
				idx[(l/inner*k+j)*inner+l%inner] = p
			}
		}
	})
}

// orderLane returns the best k positions of the elements x[i*step]. Few of many are kept by insertion.
func orderLane[T float](lane []int32, x []T, step, k int, largest bool) []int32 {
	less := func(a, b int32) int {
		u, v := x[int(a)*step], x[int(b)*step]
		switch {
		case u == v:
		case u != u && v != v:
		case u != u:
			return 1
		case v != v:
			return -1
		case (u > v) == largest:
			return -1
		default:
			return 1
		}
		return cmp.Compare(a, b)
	}
	if k > 16 || k > len(lane)/4 {
		for i := range lane {
			lane[i] = int32(i)
		}
		slices.SortFunc(lane, less)
		return lane[:k]
	}
	best := lane[:0]
	for i := range int32(len(lane)) {
		if len(best) == k && less(i, best[k-1]) > 0 {
			continue
		}
		if len(best) < k {
			best = append(best, i)
		} else {
			best[k-1] = i
		}
		for j := len(best) - 1; j > 0 && less(best[j], best[j-1]) < 0; j-- {
			best[j], best[j-1] = best[j-1], best[j]
		}
	}
	return best
}
