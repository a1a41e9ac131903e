package sinks

import (
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Sinks, flow.Entry[ArrowConfig, flow.Sink]{
		Name:    "arrow",
		Summary: "Arrow IPC files (Feather) that rotate and appear whole or not at all.",
		Example: "{path: out/rows}",
		Default: ArrowConfig{Compression: "zstd", RowGroup: 65_536, Rotate: Rotate{Rows: 5_000_000, Bytes: 512 << 20}},
		Build:   func(c ArrowConfig) (flow.Sink, error) { return newArrow(c) },
	})
}

// ArrowConfig is what the arrow sink can be told.
type ArrowConfig struct {
	Path        string `yaml:"path" doc:"folder of the files part-<checkpoint>-<number>.arrow; made when absent"`
	From        string `yaml:"from" doc:"table of an operator, such as embeddings, written once at the end; empty: the rows of the stream"`
	Compression string `yaml:"compression" doc:"zstd, lz4 or none; none can be mapped into memory as it is"`
	RowGroup    int    `yaml:"row_group" doc:"rows of a record batch, at most"`
	Rotate      Rotate `yaml:"rotate" doc:"when a file is full and the next one begins"`
}

// Validate reports every setting that cannot be used.
func (c ArrowConfig) Validate() error {
	return check.All(
		check.Required("path", c.Path),
		check.OneOf("compression", c.Compression, "zstd", "lz4", "none"),
		check.Between("row_group", c.RowGroup, 1, maxRowGroup),
		check.Under("rotate", c.Rotate.Validate()),
	)
}

// Arrow writes rows, or a table of an operator, to Arrow IPC files.
type Arrow struct {
	table
	from string
}

func newArrow(c ArrowConfig) (*Arrow, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a := &Arrow{from: c.From, table: table{
		staging: staging{dir: c.Path, prefix: "part", ext: ".arrow"},
		name:    "arrow", format: arrowFormat(c.Compression), rotate: c.Rotate, rowGroup: int64(c.RowGroup),
	}}
	if c.From != "" {
		a.keep = 1 // each time the whole table: the newest replaces the one before
	}
	return a, nil
}

// From is the name of the operator's table, "" for the rows of the stream.
func (a *Arrow) From() string { return a.from }

// Due says that a table is written once, at the end.
func (a *Arrow) Due(_ flow.CheckpointID, final bool) bool { return final }

func arrowFormat(compression string) format {
	return format{
		accepts: func(f arrow.Field) error { return canHold(f.Type) },
		begin: func(w io.Writer, schema *arrow.Schema, mem memory.Allocator) (encoder, error) {
			opts := []ipc.Option{ipc.WithSchema(schema), ipc.WithAllocator(mem)}
			switch compression {
			case "zstd":
				opts = append(opts, ipc.WithZstd())
			case "lz4":
				opts = append(opts, ipc.WithLZ4())
			}
			return ipc.NewFileWriter(w.(io.WriteSeeker), opts...)
		},
	}
}
