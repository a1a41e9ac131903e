package cases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow/memory"

	_ "github.com/sluice-stream/sluice/arrowio" // the Parquet source
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
	"github.com/sluice-stream/sluice/learn"
	_ "github.com/sluice-stream/sluice/operators" // train
	"github.com/sluice-stream/sluice/runtime"
)

const (
	hotelRows  = 119_390
	flightRows = 3_000_000

	deepFM = "model: {deepfm: {dim: 16, mlp: [256, 128]}}, optimizer: {adagrad: {lr: 0.03}}"
	linear = "model: lr, optimizer: {adagrad: {lr: 0.3}}"
)

// streams are one pass over real rows, each predicted before it is learned: training alone, on rows that were read
// and encoded before, and end to end from the Parquet file. The last only reads.
func streams() []Case {
	return []Case{
		{"online:deepfm:16", hotelRows, "rows/s", pass(deepFM, 16)},
		{"online:lr:row", hotelRows, "rows/s", pass(linear, 0)},
		{"online:lr:row:parquet", hotelRows, "rows/s", endToEnd(linear + ", update: row")},
		{"online:deepfm:512:parquet", hotelRows, "rows/s", endToEnd(deepFM + ", batch: 512")},
		{"scan", flightRows, "rows/s", scan},
	}
}

func hotelFile(env Env) string { return filepath.Join(env.Data, "prepared", "hotel-bookings.parquet") }

// pass learns the hotel bookings in batches of `batch` rows, 0: row by row.
func pass(settings string, batch int) func(context.Context, Env, int) (Run, error) {
	return func(ctx context.Context, env Env, _ int) (Run, error) {
		data, err := encodeHotel(ctx, hotelFile(env))
		if err != nil {
			return nil, err
		}
		var b learn.Batch
		out := make([]float32, hotelRows)
		return func() error {
			m, err := newModel("{"+settings+"}", data.Fields)
			if err != nil {
				return err
			}
			m.Grow(data.table)
			learnSome, n := m.Learn, batch
			if batch == 0 {
				learnSome, n = m.LearnRows, 512
			}
			for at := 0; at < data.Rows; at += n {
				to := min(at+n, data.Rows)
				b.Reset()
				b.Rows, b.Fields = to-at, data.Fields
				b.IDs = append(b.IDs, data.IDs[at*b.Fields:to*b.Fields]...)
				b.Labels = append(b.Labels, data.Labels[at:to]...)
				if err := learnSome(&b, out[at:to]); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
}

// endToEnd runs a pipeline that trains on the hotel bookings, without sinks and checkpoints.
func endToEnd(settings string) func(context.Context, Env, int) (Run, error) {
	return func(ctx context.Context, env Env, _ int) (Run, error) {
		text := fmt.Appendf(nil, "name: speed\nsource: {parquet: {path: %q}}\noperators:\n  - train: {label: label, fields: %s, %s}\n",
			hotelFile(env), hotelFields, settings)
		return func() error {
			p, err := runtime.Parse("speed", text, os.LookupEnv)
			if err != nil {
				return err
			}
			res, err := runtime.Run(ctx, p, runtime.Options{})
			if err == nil && res.Trained != hotelRows {
				err = fmt.Errorf("want %d rows learned, got %d", hotelRows, res.Trained)
			}
			return err
		}, nil
	}
}

// scan reads every column of the flights into records.
func scan(ctx context.Context, env Env, _ int) (Run, error) {
	path := filepath.Join(env.Data, "flights-3m", "flights-3m.parquet")
	return func() error {
		src, err := openParquet(ctx, path)
		if err != nil {
			return err
		}
		rows := int64(0)
		for {
			rec, err := src.Next(ctx, 1<<16)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return errors.Join(err, src.Close())
			}
			rows += rec.NumRows()
			rec.Release()
		}
		if rows != flightRows {
			err = fmt.Errorf("want %d rows, got %d", flightRows, rows)
		}
		return errors.Join(err, src.Close())
	}, nil
}

// openParquet opens the source that a pipeline would use.
func openParquet(ctx context.Context, path string) (flow.Source, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("want the data: %w; name its folder with --data or SLUICE_DATA", err)
	}
	p, err := runtime.Parse("speed", fmt.Appendf(nil, "name: speed\nsource: {parquet: {path: %q}}\n", path), os.LookupEnv)
	if err != nil {
		return nil, err
	}
	src, err := p.Source.Build()
	if err != nil {
		return nil, err
	}
	if o, ok := src.(flow.Opener); ok {
		err = o.Open(ctx, flow.Env{Pipeline: p.Name, Alloc: memory.DefaultAllocator, FS: vfs.OS{}, Reject: func(flow.Rejection) {}})
		if err != nil {
			return nil, errors.Join(err, src.Close())
		}
	}
	return src, nil
}
