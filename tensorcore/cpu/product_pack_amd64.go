package cpu

import "unsafe"

// packPanels copies panels from .. to-1 of part s of b so that a step of k is a step of one tile's columns.
func (p *product[T]) packPanels(s section, packed []T, from, to int) {
	if !p.packB {
		return
	}
	start, _, _ := p.panel(s.first)
	for q := s.first + from; q < s.first+to; q++ {
		j, vectors, cols := p.panel(q)
		dst, width := packed[(j-start)*s.depth:], max(vectors, 1)*p.width
		b := p.b[s.n*p.K*p.J : (s.n+1)*p.K*p.J]
		switch {
		case p.TransB:
			transpose(dst, b[j*p.K+s.from:], width, p.K, cols, s.depth)
		case vectors > 0:
			packRuns(bytesOf(dst), width*p.size, bytesOf(b[s.from*p.J+j:]), p.J*p.size, s.depth, width*p.size/32)
		default:
			for k := range s.depth {
				copy(dst[k*width:k*width+cols], b[(s.from+k)*p.J+j:])
			}
		}
	}
}

// packTile copies rows i .. i+rows-1 of a so that a step of k is a step of one tile's rows. dst has room for a vector
// more than that, which may be written.
func (p *product[T]) packTile(dst []T, s section, i, rows int) {
	a := p.a[s.n*p.I*p.K : (s.n+1)*p.I*p.K]
	if !p.TransA {
		transpose(dst, a[i*p.K+s.from:], p.tileRows, p.K, rows, s.depth)
		return
	}
	pieces := (rows*p.size + 31) / 32
	if i+pieces*32/p.size > p.I { // whole pieces would reach beyond a
		for k := range s.depth {
			copy(dst[k*p.tileRows:k*p.tileRows+rows], a[(s.from+k)*p.I+i:])
		}
		return
	}
	packRuns(bytesOf(dst), p.tileRows*p.size, bytesOf(a[s.from*p.I+i:]), p.I*p.size, s.depth, pieces)
}

func bytesOf[T float](s []T) *byte { return (*byte)(unsafe.Pointer(&s[0])) }

// transpose sets dst[k*width+c] = src[c*step+k] for cols rows c and depth positions k.
func transpose[T float](dst, src []T, width, step, cols, depth int) {
	if unsafe.Sizeof(T(0)) != 4 || depth < 8 || len(dst) < (depth-1)*width+(cols+7)&^7 {
		transposeAny(dst, src, width, step, cols, depth)
		return
	}
	for c := (cols - 1) &^ 7; c >= 0; c -= 8 { // from the last on, since whole blocks are written
		rows, whole := min(8, cols-c), depth/8
		d, s := (*float32)(unsafe.Pointer(&dst[c])), (*float32)(unsafe.Pointer(&src[c*step]))
		transpose8(d, width*4, s, step*4, rows, whole)
		if k := depth - 8; depth&7 > 0 {
			d, s = (*float32)(unsafe.Pointer(&dst[k*width+c])), (*float32)(unsafe.Pointer(&src[c*step+k]))
			transpose8(d, width*4, s, step*4, rows, 1)
		}
	}
}

func transposeAny[T float](dst, src []T, width, step, cols, depth int) {
	for c := range cols {
		for k, v := range src[c*step : c*step+depth] {
			dst[k*width+c] = v
		}
	}
}
