package sim

import (
	"fmt"
	"hash"
)

// kept is how many steps a trace shows.
const kept = 40

// trace remembers the newest steps, and a hash of all.
type trace struct {
	hash  hash.Hash64
	steps [kept]traced
	n     int
}

type traced struct {
	number int
	what   string
}

func (t *trace) add(number int, what string) {
	t.hash.Write([]byte(what))
	t.hash.Write([]byte{'\n'})
	t.steps[t.n%kept] = traced{number, what}
	t.n++
}

func (t *trace) last() []string {
	var out []string
	for i := max(0, t.n-kept); i < t.n; i++ {
		s := t.steps[i%kept]
		out = append(out, fmt.Sprintf("%4d %s", s.number, s.what))
	}
	return out
}
