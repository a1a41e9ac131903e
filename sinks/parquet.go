package sinks

import (
	"encoding/base64"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Sinks, flow.Entry[ParquetConfig, flow.Sink]{
		Name:    "parquet",
		Summary: "Parquet files that rotate and appear whole or not at all.",
		Example: "{path: out/rows}",
		Default: ParquetConfig{Compression: "zstd", RowGroup: 122_880, Rotate: Rotate{Rows: 5_000_000, Bytes: 512 << 20}},
		Build:   func(c ParquetConfig) (flow.Sink, error) { return newParquet(c) },
	})
}

// ParquetConfig is what the parquet sink can be told.
type ParquetConfig struct {
	Path        string `yaml:"path" doc:"folder of the files part-<checkpoint>-<number>.parquet; made when absent"`
	From        string `yaml:"from" doc:"table of an operator, such as embeddings, written once at the end; empty: the rows of the stream"`
	Compression string `yaml:"compression" doc:"zstd, snappy, gzip or none"`
	RowGroup    int    `yaml:"row_group" doc:"rows of a row group, at most"`
	Rotate      Rotate `yaml:"rotate" doc:"when a file is full and the next one begins"`
}

var parquetCodecs = map[string]compress.Compression{
	"zstd": compress.Codecs.Zstd, "snappy": compress.Codecs.Snappy, "gzip": compress.Codecs.Gzip, "none": compress.Codecs.Uncompressed,
}

// Validate reports every setting that cannot be used.
func (c ParquetConfig) Validate() error {
	return check.All(
		check.Required("path", c.Path),
		check.OneOf("compression", c.Compression, "zstd", "snappy", "gzip", "none"),
		check.Between("row_group", c.RowGroup, 1, maxRowGroup),
		check.Under("rotate", c.Rotate.Validate()),
	)
}

// maxRowGroup bounds the rows that wait in memory.
const maxRowGroup = 10_000_000

// Parquet writes rows, or a table of an operator, to Parquet files.
type Parquet struct {
	table
	from string
}

func newParquet(c ParquetConfig) (*Parquet, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := &Parquet{from: c.From, table: table{
		staging: staging{dir: c.Path, prefix: "part", ext: ".parquet"},
		name:    "parquet", format: parquetFormat(c.Compression, c.RowGroup), rotate: c.Rotate, rowGroup: int64(c.RowGroup),
	}}
	if c.From != "" {
		p.keep = 1 // each time the whole table: the newest replaces the one before
	}
	return p, nil
}

// From is the name of the operator's table, "" for the rows of the stream.
func (p *Parquet) From() string { return p.from }

// Due says that a table is written once, at the end.
func (p *Parquet) Due(_ flow.CheckpointID, final bool) bool { return final }

func parquetFormat(compression string, rowGroup int) format {
	f := parquetFile{codec: parquetCodecs[compression], rowGroup: int64(rowGroup)}
	return format{accepts: f.accepts, begin: f.begin}
}

type parquetFile struct {
	codec    compress.Compression
	rowGroup int64
}

// accepts asks the encoder itself, which panics on some types.
func (p parquetFile) accepts(f arrow.Field) (err error) {
	if err := canHold(f.Type); err != nil {
		return err
	}
	if nullableFixedInside(f.Type) {
		return fmt.Errorf("a list of fixed size that may be null inside another type")
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	_, err = pqarrow.ToParquet(listed(arrow.NewSchema([]arrow.Field{f}, nil)), nil, pqarrow.DefaultWriterProps())
	return err
}

// begin writes the Arrow schema itself into the metadata, because the encoder is given another one: lists of
// fixed size go in as lists.
func (p parquetFile) begin(w io.Writer, schema *arrow.Schema, mem memory.Allocator) (encoder, error) {
	origin := base64.StdEncoding.EncodeToString(flight.SerializeSchema(schema, mem))
	own := schema.Metadata()
	meta := arrow.NewMetadata(append(slices.Clone(own.Keys()), arrowSchemaKey), append(slices.Clone(own.Values()), origin))
	stored := arrow.NewSchema(listed(schema).Fields(), &meta)
	wr, err := pqarrow.NewFileWriter(stored, w, p.properties(stored, mem), pqarrow.NewArrowWriterProperties(pqarrow.WithAllocator(mem)))
	if err != nil {
		return nil, err
	}
	return &parquetEncoder{FileWriter: wr, schema: stored, mem: mem}, nil
}

func (p parquetFile) properties(schema *arrow.Schema, mem memory.Allocator) *parquet.WriterProperties {
	opts := []parquet.WriterProperty{parquet.WithAllocator(mem), parquet.WithCompression(p.codec), parquet.WithMaxRowGroupLength(p.rowGroup)}
	for _, f := range schema.Fields() { // a dictionary of floats costs time and, as values seldom repeat, space
		if path, ok := floatLeaf(f); ok {
			opts = append(opts, parquet.WithDictionaryFor(path, false))
		}
	}
	return parquet.NewWriterProperties(opts...)
}

func floatLeaf(f arrow.Field) (path string, ok bool) {
	switch t := f.Type.(type) {
	case *arrow.Float32Type, *arrow.Float64Type:
		return f.Name, true
	case *arrow.ListType:
		_, ok := floatLeaf(arrow.Field{Type: t.Elem()})
		return f.Name + ".list.element", ok
	}
	return "", false
}

type parquetEncoder struct {
	*pqarrow.FileWriter
	schema *arrow.Schema
	mem    memory.Allocator
}

func (p *parquetEncoder) Write(rec arrow.Record) error {
	out, err := listedRecord(p.mem, rec, p.schema)
	if err != nil {
		return err
	}
	defer out.Release()
	return p.FileWriter.Write(out)
}
