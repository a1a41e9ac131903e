package arrowio

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/sluice-stream/sluice/flow"
)

// parquetBatch is how many rows are decoded at once: enough that the cost per batch vanishes, few enough that ten
// columns of them stay in the cache of a core.
const parquetBatch = 8192

// byteStreamSplit is the number that the format gives the encoding; arrow-go v17 has no name for it.
const byteStreamSplit = parquet.Encoding(9)

// parquetReader reads one file, a row group after the other. It asks for the columns one by one: arrow-go's record
// reader does so in a goroutine, where its panics on broken files would end the process.
type parquetReader struct {
	e     *fileEnv
	f     inputFile
	file  *file.Reader
	arrow *pqarrow.FileReader
	at    []int                   // columns of the schema among those of the file, -1 for none
	cols  []*pqarrow.ColumnReader // of the row group that is open, nil for a missing column

	group int   // row group that comes next
	left  int64 // rows to come of the group that is open
	row   int64 // file row that comes next
	skip  int64 // rows to drop first
}

func openParquet(ctx context.Context, e *fileEnv, f inputFile) (*parquetReader, error) {
	raw, err := e.store.openRandom(ctx, f)
	if err != nil {
		return nil, err
	}
	alloc := allocFor(e.alloc, f.size)
	pf, err := file.NewParquetReader(raw, file.WithReadProps(parquet.NewReaderProperties(alloc)))
	if err != nil {
		raw.Close()
		return nil, badFile(f.name, "a whole Parquet file", err)
	}
	fr, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: parquetBatch}, alloc)
	if err != nil {
		pf.Close()
		return nil, badFile(f.name, "a Parquet schema that Arrow can express", err)
	}
	return &parquetReader{e: e, f: f, file: pf, arrow: fr}, nil
}

// start maps the columns and skips to a row: whole row groups by their metadata, the rest by decoding.
func (r *parquetReader) start(row int64) error {
	schema, err := r.arrow.Schema()
	if err != nil {
		return badFile(r.f.name, "a Parquet schema that Arrow can express", err)
	}
	if r.at, err = conform(r.e.schema, schema, r.f.name, r.e); err != nil {
		return err
	}
	r.cols = make([]*pqarrow.ColumnReader, len(r.at))
	for r.group < r.file.NumRowGroups() {
		n := r.file.MetaData().RowGroup(r.group).NumRows()
		if r.row+n > row {
			break
		}
		r.row += n
		r.group++
	}
	r.skip = row - r.row
	return nil
}

func (r *parquetReader) next(ctx context.Context) (chunk, error) {
	for {
		if r.left == 0 {
			if err := r.openGroup(ctx); err != nil {
				return chunk{}, err
			}
		}
		rec, err := r.read(ctx, min(r.left, parquetBatch))
		if err != nil {
			return chunk{}, badFile(r.f.name, "a whole Parquet file", err)
		}
		first, n := r.row, rec.NumRows()
		r.row, r.left = r.row+n, r.left-n
		if rec = dropRows(rec, &r.skip); rec != nil {
			return chunk{rec: rec, first: first + n - rec.NumRows(), next: r.row}, nil
		}
	}
}

// read returns the next n rows of the open row group.
func (r *parquetReader) read(ctx context.Context, n int64) (arrow.Record, error) {
	cols := make([]arrow.Array, len(r.cols))
	defer func() {
		for _, c := range cols {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i, cr := range r.cols {
		if cr == nil {
			cols[i] = array.MakeArrayOfNull(r.e.alloc, r.e.schema.Field(i).Type, int(n))
			continue
		}
		col, err := r.readColumn(ctx, cr, n)
		if err != nil {
			return nil, err
		}
		cols[i] = col
	}
	return array.NewRecord(r.e.schema, cols, n), nil
}

func (r *parquetReader) readColumn(ctx context.Context, cr *pqarrow.ColumnReader, n int64) (arrow.Array, error) {
	data, err := cr.NextBatch(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	defer data.Release()
	if int64(data.Len()) != n {
		return nil, flow.Corruptf("%s: row group %d: column %s ends early; write the file again, or keep it out of path", r.f.name, r.group-1, cr.Field().Name)
	}
	whole := data.Chunk(0)
	if len(data.Chunks()) > 1 { // text beyond what one array can address comes in several
		if whole, err = array.Concatenate(data.Chunks(), r.e.alloc); err != nil {
			return nil, err
		}
		defer whole.Release()
	}
	return normalArray(ctx, r.e.alloc, whole)
}

// openGroup opens the next row group that has rows.
func (r *parquetReader) openGroup(ctx context.Context) error {
	r.closeGroup()
	for r.left == 0 {
		if r.group == r.file.NumRowGroups() {
			return io.EOF
		}
		r.left = r.file.MetaData().RowGroup(r.group).NumRows()
		r.group++
	}
	for i, at := range r.at {
		if at < 0 {
			continue
		}
		leafs := map[int]bool{}
		if err := r.leafs(leafs, &r.arrow.Manifest.Fields[at]); err != nil {
			return err
		}
		cr, err := r.arrow.GetFieldReader(ctx, at, leafs, []int{r.group - 1})
		if err != nil {
			return badFile(r.f.name, "a whole Parquet file", err)
		}
		r.cols[i] = cr
	}
	return nil
}

// leafs collects the stored columns of a field, and checks what arrow-go trusts: that they lie inside the file.
func (r *parquetReader) leafs(out map[int]bool, f *pqarrow.SchemaField) error {
	for i := range f.Children {
		if err := r.leafs(out, &f.Children[i]); err != nil {
			return err
		}
	}
	if !f.IsLeaf() {
		return nil
	}
	out[f.ColIndex] = true
	c, err := r.file.MetaData().RowGroup(r.group - 1).ColumnChunk(f.ColIndex)
	if err != nil {
		return badFile(r.f.name, "a whole Parquet file", err)
	}
	if slices.Contains(c.Encodings(), byteStreamSplit) {
		// arrow-go v17 reads such a column as empty, without an error.
		return flow.Configf("%s: column %s: want an encoding other than BYTE_STREAM_SPLIT, which cannot be read here; write the file with another one, or name the other columns in columns", r.f.name, f.Field.Name)
	}
	from, size := c.DataPageOffset(), c.TotalCompressedSize()
	if c.HasDictionaryPage() && c.DictionaryPageOffset() > 0 {
		from = min(from, c.DictionaryPageOffset())
	}
	if from < 0 || size < 0 || size > r.f.size || from > r.f.size-size {
		return flow.Corruptf("%s: row group %d: a column at byte %d of %d bytes lies outside of the file; write it again, or keep it out of path", r.f.name, r.group-1, from, size)
	}
	return nil
}

func (r *parquetReader) closeGroup() {
	for i, c := range r.cols {
		if c != nil {
			c.Release()
			r.cols[i] = nil
		}
	}
}

func (r *parquetReader) close() {
	r.closeGroup()
	_ = r.file.Close() // read only: nothing can be lost
}
