package arrowio

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Sources, flow.Entry[ParquetConfig, flow.Source]{
		Name:    "parquet",
		Summary: "Reads Parquet files in the order of their names.",
		Example: "{path: data/*.parquet, columns: [user, item, click]}",
		Build: func(c ParquetConfig) (flow.Source, error) {
			return &fileSource{format: parquetFormat{}, path: c.Path, columns: c.Columns, meta: c.Meta}, c.Validate()
		},
	})
}

// ParquetConfig are the settings of the source parquet.
type ParquetConfig struct {
	Path    string   `yaml:"path" doc:"a file, a folder or a glob; a local path or the URL of an object store (s3://bucket/path/*)"`
	Columns []string `yaml:"columns" doc:"columns to read, in this order; none: all"`
	Meta    []string `yaml:"meta" doc:"columns that say where a row came from: file (_file), row (_row, from 0 in its file)"`
}

// Validate checks the settings.
func (c ParquetConfig) Validate() error { return checkFiles(c.Path, c.Columns, c.Meta) }

type parquetFormat struct{}

func (parquetFormat) name() string      { return "parquet" }
func (parquetFormat) endings() []string { return []string{".parquet", ".pq"} }

func (p parquetFormat) settle(ctx context.Context, e *fileEnv) (*arrow.Schema, error) {
	return settleHeads(ctx, e, func(ctx context.Context, f inputFile) (*arrow.Schema, error) {
		r, err := openParquet(ctx, e, f)
		if err != nil {
			return nil, err
		}
		defer r.close()
		return r.arrow.Schema()
	})
}

func (p parquetFormat) open(ctx context.Context, e *fileEnv, f inputFile, row int64) (chunkReader, error) {
	r, err := openParquet(ctx, e, f)
	if err != nil {
		return nil, err
	}
	if err := r.start(row); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// countRows adds up what the files say of themselves.
func (parquetFormat) countRows(ctx context.Context, e *fileEnv) (rows int64, err error) {
	for _, f := range e.files {
		n, err := safely(f.name, func() (int64, error) {
			r, err := openParquet(ctx, e, f)
			if err != nil {
				return 0, err
			}
			defer r.close()
			return r.file.NumRows(), nil
		})
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, nil
}
