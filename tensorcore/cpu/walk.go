package cpu

import "github.com/sluice-stream/sluice/tensorcore"

// walk maps positions of a broadcast result to positions of its two sources.
type walk struct {
	outer int                        // axes before the run
	dims  [tensorcore.MaxRank]int    // of the result
	step  [2][tensorcore.MaxRank]int // of each source; 0 where it repeats
	run   int                        // elements at the end over which each source is whole or one element
	whole [2]bool
}

func newWalk(shape, a, b []int) walk {
	w := walk{run: 1, outer: len(shape)}
	copy(w.dims[:], shape)
	for s, src := range [2][]int{a, b} {
		step := 1
		for i := len(shape) - 1; i >= 0; i-- {
			j := i - (len(shape) - len(src))
			if j < 0 || src[j] == 1 {
				continue // repeats: step 0
			}
			w.step[s][i] = step
			step *= src[j]
		}
	}
	w.findRun()
	return w
}

// findRun joins inner axes while each source keeps its kind.
func (w *walk) findRun() {
	known := false
	for w.outer > 0 {
		i := w.outer - 1
		if w.dims[i] != 1 {
			whole := [2]bool{w.step[0][i] != 0, w.step[1][i] != 0}
			if known && whole != w.whole {
				return
			}
			w.whole, known = whole, true
			w.run *= w.dims[i]
		}
		w.outer--
	}
}

// at returns where run r starts in each source.
func (w *walk) at(r int) (i, j int) {
	for ax := w.outer - 1; ax >= 0; ax-- {
		k := r % w.dims[ax]
		r /= w.dims[ax]
		i += k * w.step[0][ax]
		j += k * w.step[1][ax]
	}
	return i, j
}

// element returns the position in each source of result element k.
func (w *walk) element(k int) (i, j int) {
	i, j = w.at(k / w.run)
	if w.whole[0] {
		i += k % w.run
	}
	if w.whole[1] {
		j += k % w.run
	}
	return i, j
}
