package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/runtime"
)

// benchSet is the one Parquet file that every case reads.
type benchSet struct {
	path    string
	shown   string
	rows    int64
	columns int
}

const generatedRows = 200_000

// benchData returns the file to read: the user's, a copy of its first rows, or generated clicks.
func benchData(ctx context.Context, o benchOptions, dir string) (*benchSet, error) {
	set := &benchSet{path: o.file, shown: o.file}
	switch {
	case o.file == "":
		rows := o.rows
		if rows == 0 {
			rows = generatedRows
		}
		set.path, set.shown = filepath.Join(dir, "clicks"), "generated clicks"
		if err := generateClicks(ctx, rows, set.path); err != nil {
			return nil, err
		}
	case o.rows > 0:
		set.path = filepath.Join(dir, "first.parquet")
		if err := copyFirst(ctx, o.file, set.path, o.rows); err != nil {
			return nil, err
		}
	}
	return set, set.count()
}

// count reads how many rows and columns the file, or the one file of the folder, has.
func (s *benchSet) count() error {
	if found, err := filepath.Glob(filepath.Join(s.path, "*.parquet")); err == nil && len(found) == 1 {
		s.path = found[0]
	}
	r, err := file.OpenParquetFile(s.path, false)
	if err != nil {
		return flow.Configf("--file: want a Parquet file: %s: %w", s.path, err)
	}
	s.rows, s.columns = r.NumRows(), r.MetaData().Schema.NumColumns()
	if s.rows == 0 {
		err = flow.Dataf("%s: want rows to read, got none", s.path)
	}
	return errors.Join(err, r.Close())
}

// generateClicks writes clicks of ten columns as one Parquet file in folder path.
func generateClicks(ctx context.Context, rows int64, path string) error {
	text := fmt.Appendf(nil, `name: clicks
seed: 7
source: {clicks: {rows: %d}}
operators:
  - derive: {hour: hour(at), weekday: weekday(at), minute: minute(at), bucket: "bucket(price, 10)"}
sinks:
  - parquet: {path: %q}
`, rows, path)
	p, err := runtime.Parse("bench", text, os.LookupEnv)
	if err != nil {
		return err
	}
	_, err = runtime.Run(ctx, p, runtime.Options{})
	return err
}

// copyFirst writes the first rows of a Parquet file to another.
func copyFirst(ctx context.Context, from, to string, rows int64) error {
	src, err := openRows(ctx, fmt.Sprintf("{parquet: {path: %q}}", from), "")
	if err != nil {
		return err
	}
	defer src.Close()
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd))
	w, err := pqarrow.NewFileWriter(src.Schema(), f, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return errors.Join(err, f.Close())
	}
	err = src.read(ctx, rows, func(rec arrow.Record) error { return w.WriteBuffered(rec) })
	return errors.Join(err, w.Close()) // closes the file too
}

// benchOperators are what trains: those of the pipeline file, or what create would propose.
func benchOperators(ctx context.Context, o benchOptions, data *benchSet) ([]flow.Choice[flow.Operator], error) {
	if o.pipeline != "" {
		p, err := runtime.Load(o.pipeline)
		if err != nil {
			return nil, err
		}
		return p.Operators, nil
	}
	settings := fmt.Sprintf("{parquet: {path: %q}}", data.path)
	s, err := takeSample(ctx, settings, generatedRows/10)
	if err != nil {
		return nil, err
	}
	pl, err := s.propose(o.label)
	if err != nil {
		return nil, err
	}
	text := pl.yaml(written{name: "bench", source: settings[1 : len(settings)-1], rows: s.rows, columns: len(s.columns)})
	p, err := runtime.Parse("bench", []byte(text), os.LookupEnv)
	if err != nil {
		return nil, err
	}
	return p.Operators, nil
}
