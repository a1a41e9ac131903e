package cpu

import tc "github.com/sluice-stream/sluice/tensorcore"

// walk goes over a broadcast result in runs at the end of its shape, over which each source is either whole or one
// element, and tells where each source stands.
type walk struct {
	outer int             // axes before the run
	dims  [tc.MaxRank]int // of the result
	run   int             // elements of a run
	src   [3]walkSource
	at    [tc.MaxRank]int // the present run's place on the outer axes
}

type walkSource struct {
	step  [tc.MaxRank]int // 0 where it repeats
	whole bool            // over the run
	pos   int             // of the present run
}

// newWalk starts at run `from`. The unused sources of a walk over fewer than three are scalars: nil.
func newWalk(from int, shape, a, b, c []int) walk {
	w := walk{run: 1, outer: len(shape)}
	copy(w.dims[:], shape)
	for s, extents := range [3][]int{a, b, c} {
		step := 1
		for i := len(shape) - 1; i >= 0; i-- {
			j := i - (len(shape) - len(extents))
			if j < 0 || extents[j] == 1 {
				continue // repeats: step 0
			}
			w.src[s].step[i] = step
			step *= extents[j]
		}
	}
	w.join()
	w.takeRun()
	w.seek(from)
	return w
}

// join drops axes of size 1 and makes one of neighbouring axes over which every source goes on evenly.
func (w *walk) join() {
	n := 0
	for i := range w.outer {
		if w.dims[i] == 1 {
			continue
		}
		if n > 0 && w.even(n-1, i) {
			n--
			w.dims[i] *= w.dims[n]
		}
		w.dims[n] = w.dims[i]
		for s := range w.src {
			w.src[s].step[n] = w.src[s].step[i]
		}
		n++
	}
	w.outer = n
}

func (w *walk) even(i, j int) bool {
	for s := range w.src {
		if w.src[s].step[i] != w.src[s].step[j]*w.dims[j] {
			return false
		}
	}
	return true
}

// takeRun makes the innermost axis the run.
func (w *walk) takeRun() {
	if w.outer == 0 {
		return
	}
	w.outer--
	w.run = w.dims[w.outer]
	for s := range w.src {
		w.src[s].whole = w.src[s].step[w.outer] != 0
	}
}

// rows is how many runs, from the present one on, lie evenly one after the other; steps are between them.
func (w *walk) rows() (n int, steps [3]int) {
	if w.outer == 0 {
		return 1, steps
	}
	ax := w.outer - 1
	for s := range w.src {
		steps[s] = w.src[s].step[ax]
	}
	return w.dims[ax] - w.at[ax], steps
}

// skip goes n runs on, no more than rows.
func (w *walk) skip(n int) {
	if w.outer == 0 {
		return
	}
	ax := w.outer - 1
	w.at[ax] += n - 1
	for s := range w.src {
		w.src[s].pos += (n - 1) * w.src[s].step[ax]
	}
	w.next()
}

func (w *walk) seek(run int) {
	for ax := w.outer - 1; ax >= 0; ax-- {
		w.at[ax] = run % w.dims[ax]
		run /= w.dims[ax]
		for s := range w.src {
			w.src[s].pos += w.at[ax] * w.src[s].step[ax]
		}
	}
}

// next goes to the following run; after the last one it is at the first again.
func (w *walk) next() {
	for ax := w.outer - 1; ax >= 0; ax-- {
		w.at[ax]++
		for s := range w.src {
			w.src[s].pos += w.src[s].step[ax]
		}
		if w.at[ax] < w.dims[ax] {
			return
		}
		w.at[ax] = 0
		for s := range w.src {
			w.src[s].pos -= w.dims[ax] * w.src[s].step[ax]
		}
	}
}

// part is source s's part of the present run: all of it, or the one element that stands for it.
func part[T float](w *walk, s int, x []T) []T {
	n := 1
	if w.src[s].whole {
		n = w.run
	}
	return x[w.src[s].pos : w.src[s].pos+n]
}

// runLength is the length of a walk's runs.
func runLength(shape, a, b, c []int) int {
	w := newWalk(0, shape, a, b, c)
	return w.run
}
