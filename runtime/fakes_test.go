package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// Components whose every effect can be checked by hand: a source that counts, an operator that sums in batches, a
// sink that writes one text file a checkpoint.

var numberSchema = arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)

type countConfig struct {
	Rows    int64  `yaml:"rows" doc:"rows"`
	Bad     int64  `yaml:"bad" doc:"every bad-th row is rejected"`
	Piece   int64  `yaml:"piece" doc:"most rows of one record"`
	Flaky   int    `yaml:"flaky" doc:"transient failures before each record"`
	Broken  int64  `yaml:"broken" doc:"row at which the source breaks"`
	From    string `yaml:"from" doc:"says where it reads"`
	Endless bool   `yaml:"endless" doc:"says that it has no end"`
}

type counting struct {
	cfg   countConfig
	env   flow.Env
	at    int64
	fails int
}

func (s *counting) Schema() *arrow.Schema                      { return numberSchema }
func (s *counting) Open(_ context.Context, env flow.Env) error { s.env = env; return nil }
func (s *counting) Close() error                               { return nil }
func (s *counting) Rewind(context.Context) error               { s.at = 0; return nil }
func (s *counting) Place() string                              { return s.cfg.From }
func (s *counting) Bounded() bool                              { return !s.cfg.Endless }
func (s *counting) Walk(v flow.Visitor)                        { v.Visit("at", &s.at) }

func (s *counting) Next(_ context.Context, max int) (arrow.Record, error) {
	if s.at >= s.cfg.Rows {
		return nil, io.EOF
	}
	if s.fails < s.cfg.Flaky {
		s.fails++
		return nil, flow.Transientf("no answer")
	}
	s.fails = 0
	b := array.NewRecordBuilder(s.env.Alloc, numberSchema)
	defer b.Release()
	for n := int64(0); n < min(int64(max), s.cfg.Piece) && s.at < s.cfg.Rows; s.at++ {
		if s.cfg.Broken > 0 && s.at == s.cfg.Broken {
			return nil, errors.New("the disk is gone")
		}
		if s.cfg.Bad > 0 && s.at%s.cfg.Bad == s.cfg.Bad-1 {
			s.env.Reject(flow.Rejection{Reason: "bad row", Topic: "numbers", Partition: -1, Offset: s.at, Raw: []byte("x")})
			continue
		}
		b.Field(0).(*array.Int64Builder).Append(s.at)
		n++
	}
	return b.NewRecord(), nil
}

// forgetful is a source without state.
type forgetful struct{ c counting }

func (f *forgetful) Schema() *arrow.Schema { return numberSchema }
func (f *forgetful) Close() error          { return nil }
func (f *forgetful) Next(ctx context.Context, max int) (arrow.Record, error) {
	return f.c.Next(ctx, max)
}

type sumConfig struct {
	Batch  int `yaml:"batch" doc:"rows of a batch"`
	Epochs int `yaml:"epochs" doc:"work after the end of the input"`
}

// summing emits the running sum for each row, but only in whole batches; Flush emits what is left.
type summing struct {
	cfg    sumConfig
	env    flow.Env
	held   []int64
	sum    int64
	batch  int64
	epoch  int64
	replay bool
}

func (o *summing) Open(_ context.Context, env flow.Env) error { o.env = env; return nil }
func (o *summing) Bind(in *arrow.Schema) (*arrow.Schema, error) {
	return numberSchema, nil
}

func (o *summing) Process(_ context.Context, rec arrow.Record, emit flow.Emit) error {
	for _, n := range rec.Column(0).(*array.Int64).Int64Values() {
		o.held = append(o.held, n)
		if len(o.held) == o.cfg.Batch {
			if err := o.emit(emit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *summing) emit(emit flow.Emit) error {
	if len(o.held) == 0 {
		return nil
	}
	o.batch++
	b := array.NewRecordBuilder(o.env.Alloc, numberSchema)
	defer b.Release()
	for _, n := range o.held {
		o.sum += n * o.batch // depends on where batches are cut
		b.Field(0).(*array.Int64Builder).Append(o.sum)
	}
	o.held = o.held[:0]
	rec := b.NewRecord()
	defer rec.Release()
	if o.cfg.Epochs > 0 && !o.replay { // rows leave in the last pass
		return nil
	}
	return emit(rec)
}

func (o *summing) Flush(_ context.Context, emit flow.Emit) error { return o.emit(emit) }
func (o *summing) Replays() bool                                 { return o.cfg.Epochs > 0 }

func (o *summing) Advance(context.Context) (flow.Phase, error) {
	switch {
	case o.replay:
		return flow.Done, nil
	case o.epoch < int64(o.cfg.Epochs):
		o.epoch++
		o.sum *= 3
		return flow.Again, nil
	}
	o.replay = true
	return flow.Replay, nil
}

func (o *summing) Walk(v flow.Visitor) {
	v.Visit("sum", &o.sum)
	v.Visit("batch", &o.batch)
	v.Visit("epoch", &o.epoch)
	v.Visit("replay", &o.replay)
}

func (o *summing) Report() flow.Report {
	return flow.Report{Metrics: map[string]float64{"sum": float64(o.sum)}, Trained: o.batch}
}

func (o *summing) Outputs() []flow.Output {
	return []flow.Output{{Name: "totals", Schema: numberSchema}}
}

func (o *summing) Publish(_ context.Context, _ string, id flow.CheckpointID, emit flow.Emit) error {
	b := array.NewRecordBuilder(o.env.Alloc, numberSchema)
	defer b.Release()
	b.Field(0).(*array.Int64Builder).AppendValues([]int64{o.sum, int64(id)}, nil)
	rec := b.NewRecord()
	defer rec.Release()
	return emit(rec)
}

type textConfig struct {
	Path  string `yaml:"path" doc:"folder"`
	Table string `yaml:"from" doc:"output"`
}

// text stages lines in memory, makes them durable as .stage files and visible as .txt files.
type text struct {
	cfg   textConfig
	fs    vfs.FS
	lines strings.Builder
}

func (s *text) Open(_ context.Context, env flow.Env) error { s.fs = env.FS; return nil }
func (s *text) Bind(*arrow.Schema) error                   { return nil }
func (s *text) Place() string                              { return s.cfg.Path }
func (s *text) From() string                               { return s.cfg.Table }
func (s *text) Due(_ flow.CheckpointID, final bool) bool   { return final }
func (s *text) Close() error                               { return nil }
func (s *text) file(id flow.CheckpointID, ext string) string {
	return filepath.Join(s.cfg.Path, id.String()+ext)
}

func (s *text) Write(_ context.Context, rec arrow.Record) error {
	for i := range int(rec.NumRows()) {
		for c := range int(rec.NumCols()) {
			s.lines.WriteString(rec.Column(c).ValueStr(i) + " ")
		}
		s.lines.WriteString("\n")
	}
	return nil
}

func (s *text) Prepare(_ context.Context, id flow.CheckpointID) error {
	if s.lines.Len() == 0 {
		return nil
	}
	f, err := s.fs.Create(s.file(id, ".stage"))
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, s.lines.String())
	s.lines.Reset()
	return errors.Join(err, f.Sync(), f.Close())
}

func (s *text) Commit(_ context.Context, id flow.CheckpointID) error {
	err := s.fs.Rename(s.file(id, ".stage"), s.file(id, ".txt"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *text) Recover(_ context.Context, last flow.CheckpointID) error {
	ents, err := s.fs.ReadDir(s.cfg.Path)
	if err != nil {
		return err
	}
	for _, e := range ents {
		var id flow.CheckpointID
		if fmt.Sscanf(e.Name(), "%d", &id); id > last {
			if err := s.fs.Remove(filepath.Join(s.cfg.Path, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// channel and pour read and write one topic.
type channel struct{ counting }

func (*channel) Channel() ([]string, string) { return []string{"a:1", "b:2"}, "t" }

type pour struct{ text }

func (*pour) Place() string { return "spool" }

func (*pour) Channel() ([]string, string) { return []string{"b:2"}, "t" }

// picky rejects every third row.
type picky struct{ env flow.Env }

func (o *picky) Open(_ context.Context, env flow.Env) error   { o.env = env; return nil }
func (o *picky) Bind(in *arrow.Schema) (*arrow.Schema, error) { return in, nil }
func (o *picky) Process(_ context.Context, rec arrow.Record, emit flow.Emit) error {
	for i := range int(rec.NumRows()) / 3 {
		o.env.Reject(flow.RejectRow(rec, 3*i, "", "third"))
	}
	return emit(rec)
}

func init() {
	flow.Register(flow.Operators, flow.Entry[struct{}, flow.Operator]{
		Name: "touchy", Build: func(struct{}) (flow.Operator, error) {
			return nil, check.Violation{Want: "a better day", Got: "this one"}
		},
	})
	flow.Register(flow.Sources, flow.Entry[struct{}, flow.Source]{
		Name: "channel", Build: func(struct{}) (flow.Source, error) { return &channel{}, nil },
	})
	flow.Register(flow.Sinks, flow.Entry[struct{}, flow.Sink]{
		Name: "pour", Build: func(struct{}) (flow.Sink, error) { return &pour{}, nil },
	})
	flow.Register(flow.Operators, flow.Entry[struct{}, flow.Operator]{
		Name: "picky", Build: func(struct{}) (flow.Operator, error) { return &picky{}, nil },
	})
	flow.Register(flow.Sources, flow.Entry[countConfig, flow.Source]{
		Name: "forgetful", Build: func(countConfig) (flow.Source, error) { return &forgetful{}, nil },
	})
	flow.Register(flow.Sources, flow.Entry[countConfig, flow.Source]{
		Name: "count", Default: countConfig{Rows: 100, Piece: 1 << 30},
		Build: func(c countConfig) (flow.Source, error) { return &counting{cfg: c}, nil },
	})
	flow.Register(flow.Operators, flow.Entry[sumConfig, flow.Operator]{
		Name: "sum", Default: sumConfig{Batch: 7},
		Build: func(c sumConfig) (flow.Operator, error) { return &summing{cfg: c}, nil },
	})
	flow.Register(flow.Sinks, flow.Entry[textConfig, flow.Sink]{
		Name: "text", Build: func(c textConfig) (flow.Sink, error) { return &text{cfg: c}, nil },
	})
}

var errDead = errors.New("the process died here")

// quick is a file system without the waits for the disk: it survives a death of the process, not a power cut.
type quick struct{ vfs.OS }

type quickFile struct{ vfs.File }

func (quickFile) Sync() error { return nil }

func (q quick) Create(path string) (vfs.File, error) {
	f, err := q.OS.Create(path)
	return quickFile{f}, err
}

func (q quick) Rename(from, to string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Rename(from, to))
}

// mortal is a file system whose process dies at the n-th change.
type mortal struct {
	quick
	mu   sync.Mutex
	left int
}

func (m *mortal) step() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left--
	if m.left < 0 {
		return errDead
	}
	return nil
}

func (m *mortal) Create(path string) (vfs.File, error) {
	if err := m.step(); err != nil {
		return nil, err
	}
	f, err := m.quick.Create(path)
	return mortalFile{f, m}, err
}

func (m *mortal) Rename(from, to string) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.quick.Rename(from, to)
}

func (m *mortal) Remove(path string) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.quick.Remove(path)
}

type mortalFile struct {
	vfs.File
	m *mortal
}

func (f mortalFile) Write(b []byte) (int, error) {
	if f.m.step() != nil { // a torn write: half of it is on the disk
		n, _ := f.File.Write(b[:len(b)/2])
		return n, errDead
	}
	return f.File.Write(b)
}

// tree reads every file below dir but the checkpoints.
func tree(dir string) map[string]string {
	out := map[string]string{}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(path, "/checkpoint/") {
			b, _ := os.ReadFile(path)
			rel, _ := filepath.Rel(dir, path)
			out[rel] = string(b)
		}
		return nil
	})
	return out
}
