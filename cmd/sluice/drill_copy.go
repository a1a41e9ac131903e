package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/registry"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// prepare copies the first rows of the input and points the pipeline at the copy and at folders of the drill.
func (d *drill) prepare(ctx context.Context) error {
	if err := d.redirect(ctx); err != nil {
		return err
	}
	if err := d.copySource(ctx, &d.pipeline.Source, "copy"); err != nil {
		return err
	}
	d.pipeline.Feed = nil
	if err := d.columns(ctx); err != nil {
		return err
	}
	if d.report.Rows == 0 {
		return flow.Dataf("%s: want rows to drill with, got none from the source", d.options.file)
	}
	d.barriers()
	return nil
}

// open opens a source as the pipeline would.
func (d *drill) open(ctx context.Context, c flow.Choice[flow.Source]) (*rowSource, error) {
	src, err := c.Build()
	if err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	r := &rowSource{Source: src}
	if o, ok := src.(flow.Opener); ok {
		if err := o.Open(ctx, d.env(r.reject)); err != nil {
			return nil, errors.Join(c.Locate(err), src.Close())
		}
	}
	return r, nil
}

func (d *drill) env(reject func(flow.Rejection)) flow.Env {
	return flow.Env{
		Pipeline: d.pipeline.Name, Seed: d.pipeline.Seed, Alloc: memory.DefaultAllocator,
		Log: slog.New(slog.DiscardHandler), FS: vfs.OS{}, Reject: reject,
	}
}

// copySource copies the input of c and points c at the copy, called name. The sources within a source, such as those
// that label_join joins, are copied one by one: what stands between them is drilled too.
func (d *drill) copySource(ctx context.Context, c *flow.Choice[flow.Source], name string) error {
	if inner := sourcesWithin(c.Settings()); len(inner) > 0 {
		for i, in := range inner {
			if err := d.copySource(ctx, in, fmt.Sprintf("%s-%d", name, i)); err != nil {
				return err
			}
		}
		return nil
	}
	if c.Name() == "kafka" {
		return d.copyTopic(ctx, c)
	}
	return d.copyFiles(ctx, c, name)
}

// sourcesWithin are the settings of a source that are sources themselves.
func sourcesWithin(settings any) (out []*flow.Choice[flow.Source]) {
	v := reflect.Indirect(reflect.ValueOf(settings))
	if v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		if !v.Field(i).CanAddr() || !v.Type().Field(i).IsExported() {
			continue
		}
		if c, ok := v.Field(i).Addr().Interface().(*flow.Choice[flow.Source]); ok && !c.IsZero() {
			out = append(out, c)
		}
	}
	return out
}

// columns opens the source once, to know what its rows hold.
func (d *drill) columns(ctx context.Context) error {
	src, err := d.open(ctx, d.pipeline.Source)
	if err != nil {
		return err
	}
	for _, f := range src.Schema().Fields() {
		d.input = append(d.input, f.Name)
	}
	return src.Close()
}

// copyFiles writes the first rows of the source, whatever it is, to one Parquet file, and makes that the source.
// The columns that say where a row came from are made anew from the copy.
func (d *drill) copyFiles(ctx context.Context, from *flow.Choice[flow.Source], name string) error {
	src, err := d.open(ctx, *from)
	if err != nil {
		return err
	}
	defer src.Close()
	place := slices.DeleteFunc(getSetting[[]string](from.Settings(), "meta"), func(m string) bool { return m != "file" && m != "row" })
	folder := filepath.Join(d.dir, name)
	if err := d.writeRows(ctx, src, folder, place); err != nil {
		return err
	}
	d.unread(src)
	var c flow.Choice[flow.Source]
	settings, ok := c.Select("parquet")
	if !ok {
		return fmt.Errorf("drill: no source parquet is part of this program")
	}
	setSetting(settings, "path", folder)
	setSetting(settings, "meta", place)
	*from = c
	return nil
}

// writeRows writes up to the asked number of rows with the sink parquet, without the columns in place.
func (d *drill) writeRows(ctx context.Context, src *rowSource, folder string, place []string) error {
	var c flow.Choice[flow.Sink]
	settings, ok := c.Select("parquet")
	if !ok {
		return fmt.Errorf("drill: no sink parquet is part of this program")
	}
	setSetting(settings, "path", folder)
	sink, err := c.Build()
	if err != nil {
		return err
	}
	defer sink.Close()
	if o, ok := sink.(flow.Opener); ok {
		if err := o.Open(ctx, d.env(nil)); err != nil {
			return err
		}
	}
	keep, schema := without(src.Schema(), place)
	if err := errors.Join(sink.Bind(schema), sink.Recover(ctx, 0)); err != nil {
		return fmt.Errorf("drill: the rows of this source cannot be copied to Parquet: %w", err)
	}
	err = src.readIdle(ctx, d.options.rows, func(rec arrow.Record) error {
		d.report.Rows += rec.NumRows()
		cols := make([]arrow.Array, len(keep))
		for i, k := range keep {
			cols[i] = rec.Column(k)
		}
		kept := array.NewRecord(schema, cols, rec.NumRows())
		defer kept.Release()
		return sink.Write(ctx, kept)
	})
	return errors.Join(err, sink.Prepare(ctx, 1), sink.Commit(ctx, 1))
}

// without is the schema without the columns _file and _row that place asks for, and where the others stand.
func without(schema *arrow.Schema, place []string) (keep []int, out *arrow.Schema) {
	var fields []arrow.Field
	for i, f := range schema.Fields() {
		if !slices.Contains(place, strings.TrimPrefix(f.Name, "_")) || !strings.HasPrefix(f.Name, "_") {
			keep, fields = append(keep, i), append(fields, f)
		}
	}
	return keep, arrow.NewSchema(fields, nil)
}

// unread reports what could not be copied.
func (d *drill) unread(src *rowSource) {
	if src.rejected == 0 {
		return
	}
	d.report.Unread += src.rejected
	d.note("%s rows of the sample cannot be read and are not drilled; the first: %s", count(src.rejected), src.reason)
}

// quiet is how long a source without an end may be silent before a copy is made of what came.
const quiet = 5 * time.Second

// readIdle is read for sources that may have no end.
func (r *rowSource) readIdle(ctx context.Context, limit int64, do func(arrow.Record) error) error {
	last := time.Now()
	for left := limit; left > 0; {
		rec, err := r.Next(ctx, int(min(left, 8192)))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		n := rec.NumRows()
		if err := do(rec); err != nil {
			rec.Release()
			return err
		}
		rec.Release()
		if n > 0 {
			last = time.Now()
		} else if time.Since(last) > quiet {
			return nil
		}
		left -= n
	}
	return nil
}

// firstRows ends a source early.
type firstRows struct {
	flow.Source
	left int64
}

// Next returns rows until the limit is reached.
func (f *firstRows) Next(ctx context.Context, most int) (arrow.Record, error) {
	if f.left == 0 {
		return nil, io.EOF
	}
	rec, err := f.Source.Next(ctx, int(min(int64(most), f.left)))
	if err == nil {
		f.left -= rec.NumRows()
	}
	return rec, err
}

// feed fills the embedded broker with the first rows of the pipeline's feed and returns its address.
func (d *drill) feed(ctx context.Context) (addr string, done func(), err error) {
	f := *d.pipeline.Feed
	src, err := d.open(ctx, f.Generate)
	if err != nil {
		return "", nil, err
	}
	defer src.Close()
	broker, err := registry.Make[flow.Broker](flow.EmbeddedBroker)
	if err != nil {
		return "", nil, err
	}
	if addr, err = broker.Start(ctx); err != nil {
		return "", nil, err
	}
	if _, err := broker.Fill(ctx, f, &firstRows{src, d.options.rows}); err != nil {
		return "", nil, errors.Join(err, broker.Close())
	}
	d.unread(src)
	return addr, func() { broker.Close() }, nil
}
