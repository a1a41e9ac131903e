package features

import (
	"errors"
	"fmt"

	"github.com/sluice-stream/sluice/learn"
)

const (
	partTrain = iota
	partValid
	partTest
)

var partNames = [...]string{"train", "valid", "test"}

// checkData looks at sizes and ids once, so that no epoch meets a bad one.
func (f *Fit) checkData() error {
	d := &f.data
	if d.Fields != f.m.fields || len(d.OOV) != d.Fields {
		return fmt.Errorf("fit: want %d fields with a row for unknown values each, got %d with %d", f.m.fields, d.Fields, len(d.OOV))
	}
	if len(d.Labels) == 0 {
		return errors.New("fit: want rows to train on, got none")
	}
	if int64(len(d.Labels)) >= 1<<31 {
		return fmt.Errorf("fit: want fewer than 2^31 rows, got %d", len(d.Labels))
	}
	all := learn.Batch{Rows: len(d.Labels), Fields: d.Fields, IDs: d.IDs, Offsets: d.Offsets, Labels: d.Labels}
	if err := all.Check(f.m.Rows()); err != nil {
		return fmt.Errorf("fit: %w", err)
	}
	for _, r := range d.OOV {
		if int(r) >= f.m.Rows() || r < 0 {
			return fmt.Errorf("fit: row %d for unknown values is outside the table of %d rows", r, f.m.Rows())
		}
	}
	return nil
}

// divide puts each row into train, valid or test. Rows without a label have a part too, but are in no list.
func (f *Fit) divide() {
	n := len(f.data.Labels)
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	if f.cfg.Split == "random" {
		r := learn.NewRand(f.seed, "split", 0)
		r.Shuffle(order)
	}
	a, b := int(float64(n)*(1-f.cfg.Valid-f.cfg.Test)+1e-6), int(float64(n)*(1-f.cfg.Test)+1e-6)
	f.part = make([]uint8, n)
	lists := [...]*[]int32{&f.train, &f.valid, &f.test}
	for i, r := range order {
		p := partTrain
		if i >= b {
			p = partTest
		} else if i >= a {
			p = partValid
		}
		f.part[r] = uint8(p)
		if y := f.data.Labels[r]; y == y {
			*lists[p] = append(*lists[p], r)
		}
	}
}

func (f *Fit) checkParts() error {
	if len(f.train) == 0 {
		return fmt.Errorf("fit: want training rows with a label, got none of %d rows", len(f.data.Labels))
	}
	pos := 0
	for _, r := range f.valid {
		if f.data.Labels[r] > 0.5 {
			pos++
		}
	}
	if pos == 0 || pos == len(f.valid) {
		return fmt.Errorf("fit: want validation rows of both classes, got %d of label 1 among %d; give more rows, a larger valid share, or split: random", pos, len(f.valid))
	}
	return nil
}

// refit keeps the values that the training rows hold min_count times; the others share their field's row for
// unknown values, in every part.
func (f *Fit) refit() error {
	d := &f.data
	counts, field := make([]int32, f.m.Rows()), make([]int32, f.m.Rows())
	f.eachID(func(row, k int, id int32) {
		field[id] = int32(k)
		if f.part[row] == partTrain {
			counts[id]++
		}
	})
	for k, r := range d.OOV {
		field[r], counts[r] = int32(k), int32(max(f.cfg.MinCount, 1))
	}
	f.alias = make([]int32, len(counts))
	known := int64(0)
	for r, n := range counts {
		f.alias[r] = int32(r)
		if int(n) < f.cfg.MinCount {
			f.alias[r] = d.OOV[field[r]]
		} else {
			known++
		}
	}
	if known == int64(d.Fields) {
		return fmt.Errorf("fit: no value stands %d times in the %d training rows; lower min_count", f.cfg.MinCount, len(f.train))
	}
	f.m.tables.vocab = known
	if f.m.needs.Xavier {
		f.m.tables.emb.Reinit() // its first values depend on the size
	}
	return nil
}

// eachID calls do for every value of the data.
func (f *Fit) eachID(do func(row, field int, id int32)) {
	d := &f.data
	for row := range d.Labels {
		for k := range d.Fields {
			p := row*d.Fields + k
			if len(d.Offsets) == 0 {
				do(row, k, d.IDs[p])
				continue
			}
			for _, id := range d.IDs[d.Offsets[p]:d.Offsets[p+1]] {
				do(row, k, id)
			}
		}
	}
}

// mirror gives each row that its field's row for unknown values stands for the values of that row, so that the
// model answers alike for data that was not refitted.
func (f *Fit) mirror() {
	for _, p := range f.m.params {
		if !p.Table {
			continue
		}
		for r, a := range f.alias {
			if int32(r) != a {
				copy(p.Row(int32(r)), p.Row(a))
			}
		}
	}
}
