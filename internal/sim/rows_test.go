package sim_test

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// delivered checks that every row that should be in the output is there once, and that every other one was rejected
// or filtered out; it knows the rows by their definition alone.
func (w *world) delivered(out outcome) error {
	want, rejected := w.expected()
	if out.Rejected != rejected {
		return fmt.Errorf("want %d rejected rows, got %d", rejected, out.Rejected)
	}
	for i := range w.sinks {
		dir := fmt.Sprintf("rows%d/", i)
		var got []int64
		found := false
		files := w.outputs()
		for name, data := range files {
			if strings.HasPrefix(name, dir) {
				ids, err := idsOf(name, []byte(data))
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				got, found = append(got, ids...), true
			}
		}
		if slices.Sort(got); found && !slices.Equal(got, want) {
			return fmt.Errorf("%s: want the rows %v, got %v", dir, want, got)
		}
	}
	return nil
}

// expected is the numbers of the rows that reach the sinks, and how many rows are rejected.
func (w *world) expected() (ids []int64, rejected int64) {
	for p := range w.broker.Partitions() {
		rejected += w.broker.Bad(p)
	}
	for id := range w.shape.Rows {
		r := rowAt(w.seed, id, w.odd)
		switch {
		case w.over > 0 && r.price <= w.over:
		case w.train != "" && r.label == 2:
			rejected++
		default:
			ids = append(ids, id)
		}
	}
	return ids, rejected
}

func idsOf(name string, data []byte) (ids []int64, err error) {
	each := func(rec arrow.Record) {
		at := rec.Schema().FieldIndices("id")[0]
		ids = append(ids, rec.Column(at).(*array.Int64).Int64Values()...)
	}
	if path.Ext(name) == ".arrow" {
		r, err := ipc.NewFileReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		for i := range r.NumRecords() {
			rec, err := r.Record(i)
			if err != nil {
				return nil, err
			}
			each(rec)
		}
		return ids, nil
	}
	pf, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	defer pf.Close()
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 1 << 16}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	table, err := r.ReadTable(context.Background())
	if err != nil {
		return nil, err
	}
	defer table.Release()
	recs := array.NewTableReader(table, 1<<16)
	defer recs.Release()
	for recs.Next() {
		each(recs.Record())
	}
	return ids, recs.Err()
}

// sameRows wants two Arrow files to hold the same rows, in any order.
func sameRows(a, b string) error {
	var rows [2][]string
	for i, data := range []string{a, b} {
		r, err := ipc.NewFileReader(strings.NewReader(data))
		if err != nil {
			return err
		}
		defer r.Close()
		for n := range r.NumRecords() {
			rec, err := r.Record(n)
			if err != nil {
				return err
			}
			for at := range int(rec.NumRows()) {
				var text []string
				for _, c := range rec.Columns() {
					text = append(text, c.ValueStr(at))
				}
				rows[i] = append(rows[i], strings.Join(text, "\t"))
			}
		}
		slices.Sort(rows[i])
	}
	if !slices.Equal(rows[0], rows[1]) {
		return fmt.Errorf("want the rows\n%s\ngot\n%s", strings.Join(rows[0], "\n"), strings.Join(rows[1], "\n"))
	}
	return nil
}
