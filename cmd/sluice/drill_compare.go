package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/zeebo/xxh3"

	"github.com/sluice-stream/sluice/runtime"
)

// difference is how a run differs from the undisturbed one.
type difference struct {
	Lost       int64 `json:"lost"`       // rows of the undisturbed run that are not there
	Duplicated int64 `json:"duplicated"` // rows that are there once more than they should be
	Changed    int64 `json:"changed"`    // rows that are there, with other values behind the input's
	Weights    bool  `json:"different_weights"`
	Files      int   `json:"different_files"`
}

func (d difference) equal() bool { return d == difference{} }

// output is what a run left where readers look: every file by its name, and its content's hash. A topic counts as
// one file.
type output struct {
	*trialRun
	files []map[string][32]byte // of each sink
	bytes int64
}

// read finds the visible output of every sink.
func (d *drill) read(ctx context.Context, r *trialRun) (*output, error) {
	o := &output{trialRun: r}
	for i, s := range d.sinks {
		find := func() (map[string][32]byte, error) { return o.visible(filepath.Join(r.dir, s.sub)) }
		if s.topic != "" {
			find = func() (map[string][32]byte, error) { return o.published(ctx, i) }
		}
		found, err := find()
		if err != nil {
			return nil, err
		}
		o.files = append(o.files, found)
	}
	return o, nil
}

// visible are the files in a folder, without those that wait to be published.
func (o *output) visible(root string) (map[string][32]byte, error) {
	found := map[string][32]byte{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case e.IsDir() && strings.HasPrefix(e.Name(), ".") && path != root:
			return fs.SkipDir
		case e.IsDir() || strings.HasPrefix(e.Name(), "."):
			return nil
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		found[name] = sha256.Sum256(b)
		o.bytes += int64(len(b))
		return err
	})
	return found, err
}

// compare sets the files, the rows in them and the state against those of the undisturbed run. Rows are looked
// into only where files differ.
func (d *drill) compare(ctx context.Context, r *trialRun) (difference, error) {
	var diff difference
	got, err := d.read(ctx, r)
	if err != nil {
		return diff, err
	}
	for i, s := range d.sinks {
		files := unlike(d.left.files[i], got.files[i])
		if !r.rows {
			diff.Files += files
		}
		if files == 0 || !s.rows {
			continue
		}
		rows, err := d.compareRows(ctx, i, got)
		if err != nil {
			return diff, err
		}
		diff.Lost += rows.Lost
		diff.Duplicated += rows.Duplicated
		if !r.rows {
			diff.Changed += rows.Changed
		}
	}
	if r.rows {
		return diff, nil
	}
	var res *runtime.Result
	if res, err = r.result(); err == nil {
		diff.Weights = res.StateHash != d.calm.StateHash
	}
	return diff, err
}

// unlike counts files that only one side has, or that differ.
func unlike(a, b map[string][32]byte) (n int) {
	for name, hash := range a {
		if b[name] != hash {
			n++
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			n++
		}
	}
	return n
}

// compareRows counts the rows of sink i as two multisets: by the columns that came in, and by all of them.
func (d *drill) compareRows(ctx context.Context, i int, got *output) (diff difference, err error) {
	a, err := d.left.rowsOf(ctx, i)
	if err != nil {
		return diff, err
	}
	b, err := got.rowsOf(ctx, i)
	if err != nil {
		return diff, err
	}
	return between(a, b), nil
}

// between counts how got differs from want.
func between(want, got rowSets) difference {
	lost := want.key.minus(got.key)
	return difference{Lost: lost, Duplicated: got.key.minus(want.key), Changed: max(0, want.whole.minus(got.whole)-lost)}
}

// rowsOf reads every row of sink i.
func (o *output) rowsOf(ctx context.Context, i int) (rowSets, error) {
	s, sets := o.sinks[i], rowSets{multiset{}, multiset{}}
	key := o.input
	if s.dead {
		key = nil // the whole row: a reason is part of it
	}
	if s.topic != "" {
		return sets, o.topicRows(ctx, i, key, sets)
	}
	return sets, sets.addFolder(ctx, filepath.Join(o.dir, s.sub), key)
}

// multiset counts equal rows.
type multiset map[[16]byte]int64

// minus counts what other lacks of m.
func (m multiset) minus(other multiset) (n int64) {
	for k, c := range m {
		n += max(0, c-other[k])
	}
	return n
}

type rowSets struct{ key, whole multiset }

// rowFormats are the sources that read what sinks with a path write.
var rowFormats = map[string]string{".parquet": "parquet", ".arrow": "arrow", ".jsonl": "jsonl", ".csv": "csv"}

// addFolder adds every row in a folder; key are the columns that tell one from another, where there are such.
func (s rowSets) addFolder(ctx context.Context, dir string, key []string) error {
	for ext, source := range rowFormats {
		if found, err := filepath.Glob(filepath.Join(dir, "*"+ext)); err != nil || len(found) == 0 {
			continue
		}
		src, err := openRows(ctx, fmt.Sprintf("{%s: {path: %q}}", source, dir), "")
		if err != nil {
			return err
		}
		err = src.read(ctx, 1<<62, func(rec arrow.Record) error {
			s.add(rec, key)
			return nil
		})
		src.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s rowSets) add(rec arrow.Record, columns []string) {
	var key, rest []arrow.Array
	for i, f := range rec.Schema().Fields() {
		if slices.Contains(columns, f.Name) {
			key = append(key, rec.Column(i))
		} else {
			rest = append(rest, rec.Column(i))
		}
	}
	if len(key) == 0 {
		key, rest = rest, nil
	}
	var b []byte
	for i := range int(rec.NumRows()) {
		b = appendCells(b[:0], key, i)
		s.key[xxh3.Hash128(b).Bytes()]++
		b = appendCells(b, rest, i)
		s.whole[xxh3.Hash128(b).Bytes()]++
	}
}

func appendCells(b []byte, cols []arrow.Array, i int) []byte {
	for _, c := range cols {
		if c.IsNull(i) {
			b = append(b, 0, 0)
			continue
		}
		b = append(b, c.ValueStr(i)...)
		b = append(b, 0, 1)
	}
	return b
}
