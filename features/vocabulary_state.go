package features

import (
	"fmt"
	"slices"

	"github.com/sluice-stream/sluice/learn"
)

// Walk saves and restores the values; the table that finds them is built again.
func (v *vocabulary) Walk(w learn.Visitor) {
	w.Visit("class", &v.class)
	w.Visit("keys", &v.keys)
	w.Visit("ends", &v.ends)
	w.Visit("text", &v.arena)
	w.Visit("counts", &v.counts)
	w.Visit("rows", &v.rows)
	if !w.Restoring() {
		return
	}
	if err := v.sound(); err != nil {
		w.Fail(err)
		return
	}
	v.rehash(16)
}

func (v *vocabulary) sound() error {
	n, keys, ends := v.len(), v.len(), 0
	if v.text {
		keys, ends = 0, n
	}
	if len(v.keys) != keys || len(v.ends) != ends || len(v.counts) != n || len(v.rows) != n {
		return fmt.Errorf("vocabulary: want %d values, got %d keys, %d texts, %d counts, %d rows", n, len(v.keys), len(v.ends), len(v.counts), len(v.rows))
	}
	if !slices.IsSorted(v.ends) || (ends > 0 && (v.ends[0] < 0 || v.ends[ends-1] != int64(len(v.arena)))) {
		return fmt.Errorf("vocabulary: the texts do not end where they should")
	}
	return nil
}
