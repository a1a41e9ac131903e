package arrowio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/flow"
)

// csvReader decodes the rows of one file.
type csvReader struct {
	e      *fileEnv
	nulls  csvNulls
	split  *csvSplitter
	width  int   // fields of a row
	at     []int // columns of the schema among the fields, -1 for none
	types  []arrow.DataType
	b      *array.RecordBuilder
	row    int64
	values []scalar
}

func (c csvFormat) open(ctx context.Context, e *fileEnv, f inputFile, row int64) (chunkReader, error) {
	lines, err := openLines(ctx, e, f)
	if err != nil {
		return nil, err
	}
	r := &csvReader{e: e, nulls: c.nulls, split: &csvSplitter{lines: lines, sep: c.sep}, row: row}
	if err := c.start(r, f, row); err != nil {
		lines.close()
		return nil, err
	}
	r.b = array.NewRecordBuilder(e.alloc, e.schema)
	r.values = make([]scalar, len(r.at))
	return r, nil
}

// start maps the columns of the file and skips to a row. An empty file has none.
func (c csvFormat) start(r *csvReader, f inputFile, row int64) error {
	names, err := c.names(r.split, f)
	if err != nil && err != io.EOF {
		return err
	}
	if c.declared != nil && !c.header {
		names = nil
		for _, f := range c.declared.Fields() {
			names = append(names, f.Name)
		}
	}
	r.width = len(names)
	where := map[string]int{}
	for i, n := range names {
		if _, dup := where[n]; dup {
			return flow.Configf("%s: want each column name once, got %q twice", f.name, n)
		}
		where[n] = i
	}
	var missing []string
	for _, f := range r.e.schema.Fields() {
		i, ok := where[f.Name]
		if !ok {
			i, missing = -1, append(missing, f.Name)
		}
		r.at, r.types = append(r.at, i), append(r.types, f.Type)
	}
	if len(missing) > 0 && len(names) > 0 {
		r.e.log.Warn("columns are missing and become null", "file", f.name, "columns", strings.Join(missing, ", "))
	}
	for range row {
		if _, err := r.split.next(); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (r *csvReader) next(context.Context) (chunk, error) {
	c := chunk{first: r.row}
	rows, size := 0, 0
	for rows+len(c.bad) < textRows && size < recordBytes {
		reason, err := r.split.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return chunk{}, err
		}
		if reason == "" {
			reason = r.convert()
		}
		if reason != "" {
			c.bad = append(c.bad, badRow{r.row, reason, bytes.Clone(r.split.raw)})
		} else {
			for i := range r.values {
				appendScalar(r.b.Field(i), &r.values[i])
			}
			rows++
		}
		size += len(r.split.raw)
		r.row++
	}
	if r.row == c.first {
		return chunk{}, io.EOF
	}
	c.next = r.row
	if rows > 0 {
		c.rec = r.rows(rows)
	}
	return c, nil
}

func (r *csvReader) rows(n int) arrow.Record {
	if len(r.values) == 0 {
		return array.NewRecord(r.e.schema, nil, int64(n))
	}
	return r.b.NewRecord()
}

// convert fills values from the record at hand; it returns why it cannot.
func (r *csvReader) convert() string {
	if len(r.split.fields) != r.width {
		return fmt.Sprintf("csv: want %d fields, got %d", r.width, len(r.split.fields))
	}
	for i, at := range r.at {
		if at < 0 {
			r.values[i].null = true
			continue
		}
		f := r.split.fields[at]
		if !csvScalar(&r.values[i], r.types[i], f, r.nulls) {
			return fmt.Sprintf("csv: %s: want %s, got %q", r.e.schema.Field(i).Name, typeName(r.types[i]), cut(f.text))
		}
	}
	return ""
}

// cut shortens a text for an error.
func cut(text []byte) string {
	const most = 48
	if len(text) > most {
		return strings.ToValidUTF8(string(text[:most]), "") + "..."
	}
	return string(text)
}

func (r *csvReader) close() {
	r.b.Release()
	r.split.lines.close()
}
