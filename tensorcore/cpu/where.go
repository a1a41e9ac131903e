package cpu

import (
	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

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
		expandRuns(e.vectors(), newWalk(0, dst.Shape(), x.Shape(), nil, nil), d, s)
		return
	}
	e.split(n, grain, func(from, to int) {
		w := newWalk(from, dst.Shape(), x.Shape(), nil, nil)
		expandRuns(e.vectors(), w, d[from*w.run:to*w.run], s)
	})
}

func expandRuns[T float](v *vectors, w walk, d, s []T) {
	for at := 0; at < len(d); {
		n, steps := w.rows()
		n = min(n, (len(d)-at)/w.run)
		part, from := d[at:at+n*w.run], w.src[0].pos
		switch {
		case !w.src[0].whole && columns(v, part, s[from:], steps[0], w.run):
		case !w.src[0].whole:
			for i := range n {
				fill(part[i*w.run:(i+1)*w.run], s[from+i*steps[0]])
			}
		case steps[0] == 0:
			repeat(part, s[from:from+w.run])
		default:
			for i := range n {
				copy(part[i*w.run:(i+1)*w.run], s[from+i*steps[0]:])
			}
		}
		w.skip(n)
		at += len(part)
	}
}

// noughts are -0, which added to x is x, whatever its sign.
var noughts = func() (s [64]float32) {
	for i := range s {
		s[i] = negativeZero
	}
	return s
}()

// columns fills short rows with one element of s each; false where there is no assembly for it.
func columns[T float](v *vectors, dst, s []T, step, width int) bool {
	d, ok := any(dst).([]float32)
	if !ok || v == nil || width > len(noughts) {
		return false
	}
	v.columns[tc.Add](&d[0], &noughts[0], &any(s).([]float32)[0], len(dst)/width, 0, 4*step, width)
	return true
}

// repeat fills dst with copies of s, each twice as long as the one before, up to what a cache holds.
func repeat[T float](dst, s []T) {
	for n := copy(dst, s); n < len(dst); {
		n += copy(dst[n:], dst[:min(n, max(1<<12, len(s))/len(s)*len(s))])
	}
}
