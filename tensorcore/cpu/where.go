package cpu

import "gorgonia.org/tensor"

// Where sets dst = a where cond != 0, else b, broadcast.
func (e *Engine) Where(dst, cond, a, b *tensor.Dense) {
	if is32(dst) {
		whereND(e, dst, cond, a, b, dst.Float32s(), cond.Float32s(), a.Float32s(), b.Float32s())
		return
	}
	whereND(e, dst, cond, a, b, dst.Float64s(), cond.Float64s(), a.Float64s(), b.Float64s())
}

func whereND[T float](e *Engine, dst, cond, a, b *tensor.Dense, d, c, x, y []T) {
	if len(d) == 0 {
		return
	}
	n := len(d) / runLength(dst.Shape(), cond.Shape(), a.Shape(), b.Shape())
	e.split(n, max(1, binaryGrain*n/len(d)), func(from, to int) {
		w := newWalk(from, dst.Shape(), cond.Shape(), a.Shape(), b.Shape())
		for d := d[from*w.run : to*w.run]; len(d) > 0; d = d[w.run:] {
			whereRun(d[:w.run], part(&w, 0, c), part(&w, 1, x), part(&w, 2, y))
			w.next()
		}
	})
}

// whereRun computes a run; a source of one element stands for all.
func whereRun[T float](dst, c, x, y []T) {
	sc, sx, sy := step(c, dst), step(x, dst), step(y, dst)
	for i := range dst {
		dst[i] = where(c[i*sc] != 0, x[i*sx], y[i*sy])
	}
}

func where[T float](c bool, a, b T) T {
	if c {
		return a
	}
	return b
}

// Expand sets dst = x, broadcast.
func (e *Engine) Expand(dst, x *tensor.Dense) {
	if is32(dst) {
		expand(e, dst, x, dst.Float32s(), x.Float32s())
		return
	}
	expand(e, dst, x, dst.Float64s(), x.Float64s())
}

func expand[T float](e *Engine, dst, x *tensor.Dense, d, s []T) {
	if len(d) == 0 {
		return
	}
	n := len(d) / runLength(dst.Shape(), x.Shape(), nil, nil)
	grain := max(1, moveGrain*n/len(d))
	if e.serial(n, grain) {
		expandRuns(newWalk(0, dst.Shape(), x.Shape(), nil, nil), d, s)
		return
	}
	e.split(n, grain, func(from, to int) {
		w := newWalk(from, dst.Shape(), x.Shape(), nil, nil)
		expandRuns(w, d[from*w.run:to*w.run], s)
	})
}

func expandRuns[T float](w walk, d, s []T) {
	for ; len(d) > 0; d = d[w.run:] {
		if w.src[0].whole {
			copy(d[:w.run], part(&w, 0, s))
		} else {
			fill(d[:w.run], s[w.src[0].pos])
		}
		w.next()
	}
}
