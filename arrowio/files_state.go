package arrowio

import (
	"bytes"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"github.com/sluice-stream/sluice/flow"
)

// savedFiles is what a checkpoint knows of the files.
type savedFiles struct {
	names  []string
	sizes  []int64
	begun  int // files of which rows were read
	schema *arrow.Schema
}

// Walk saves the position, the files and the schema. It is restored before Open.
func (s *fileSource) Walk(v flow.Visitor) {
	f := savedFiles{schema: s.e.schema}
	for _, file := range s.e.files {
		f.names = append(f.names, file.name)
		f.sizes = append(f.sizes, file.size)
	}
	var schema []uint8
	if f.schema != nil {
		schema = encodeSchema(f.schema)
	}
	v.Visit("file", &s.file)
	v.Visit("row", &s.row)
	v.Visit("names", &f.names)
	v.Visit("sizes", &f.sizes)
	v.Visit("schema", &schema)
	if !v.Restoring() {
		return
	}
	var err error
	if len(schema) > 0 {
		f.schema, err = decodeSchema(schema)
	}
	if err != nil || len(f.sizes) != len(f.names) || s.file < 0 || s.row < 0 || s.file > len(f.names) {
		v.Fail(flow.Corruptf("%s: the saved position is not whole (file %d of %d, row %d, schema: %v)", s.format.name(), s.file, len(f.names), s.row, err))
		return
	}
	f.begun = s.file
	if s.row > 0 {
		f.begun++
	}
	s.saved = &f
	if len(f.names) == 0 { // saved before the first Open
		s.saved = nil
	}
}

// sameFiles says whether a position in the saved files is one in files too. One that was not begun may have been
// written anew.
func (f *savedFiles) sameFiles(files []inputFile) error {
	const advice = "start over with --fresh, or put the files back as they were"
	if f == nil {
		return nil
	}
	now := map[string]int64{}
	for _, file := range files {
		now[file.name] = file.size
	}
	for i, name := range f.names {
		size, ok := now[name]
		if !ok {
			return flow.Configf("path: the checkpoint has read %s, which is no longer there; %s", name, advice)
		}
		if size != f.sizes[i] && i < f.begun {
			return flow.Configf("path: %s has %d bytes, but %d in the checkpoint; %s", name, size, f.sizes[i], advice)
		}
		delete(now, name)
	}
	for _, file := range files {
		if _, added := now[file.name]; added {
			return flow.Configf("path: %s is not among the files of the checkpoint; %s", file.name, advice)
		}
	}
	return nil
}

// sameSchema says whether the schema of the checkpoint is what files and settings give now.
func (f *savedFiles) sameSchema(now *arrow.Schema) error {
	const advice = "start over with --fresh, or restore the settings"
	if f == nil || f.schema == nil {
		return nil
	}
	if now.NumFields() != f.schema.NumFields() {
		return flow.Configf("columns: the checkpoint has %d, files and settings now give %d; %s", f.schema.NumFields(), now.NumFields(), advice)
	}
	for i, was := range f.schema.Fields() {
		is := now.Field(i)
		if is.Name != was.Name || !arrow.TypeEqual(is.Type, was.Type) {
			return flow.Configf("columns: %s %s of the checkpoint is now %s %s; %s", was.Name, typeName(was.Type), is.Name, typeName(is.Type), advice)
		}
	}
	return nil
}

func encodeSchema(s *arrow.Schema) []byte {
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(s))
	_ = w.Close() // writing to memory cannot fail
	return buf.Bytes()
}

func decodeSchema(b []byte) (*arrow.Schema, error) {
	r, err := ipc.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	return r.Schema(), nil
}
