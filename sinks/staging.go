package sinks

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// stagingDir lies below the sink's path; the leading dot hides it from pyarrow's dataset discovery and from
// globs of one level. stageExt hides the files in it from **/*.parquet in DuckDB and Polars; a Polars scan of
// the folder itself says that extensions differ while stages exist, instead of reading rows that may yet go.
const (
	stagingDir = ".staging"
	stageExt   = ".stage"
)

// staging is a set of files of one prefix and extension that become visible by checkpoints.
type staging struct {
	fs     vfs.FS
	fresh  bool // what an earlier run left may be removed
	dir    string
	prefix string // "part"
	ext    string // ".parquet"
	single bool   // one file a checkpoint: its name holds no number
	keep   int    // newest versions that stay visible; 0: all, a checkpoint adds rows and replaces none

	prepared map[flow.CheckpointID]int // files of a checkpoint that this process has prepared
}

// name is that of file n of checkpoint id: part-00000007-0000.parquet, or embeddings-00000007.parquet.
func (s *staging) name(id flow.CheckpointID, n int) string {
	if s.single {
		return fmt.Sprintf("%s-%s%s", s.prefix, id, s.ext)
	}
	return fmt.Sprintf("%s-%s-%04d%s", s.prefix, id, n, s.ext)
}

// parse takes the checkpoint out of a name; ok is false for every file that is not of this set.
func (s *staging) parse(name string) (id flow.CheckpointID, ok bool) {
	rest, ok := strings.CutPrefix(name, s.prefix+"-")
	if !ok {
		return 0, false
	}
	if rest, ok = strings.CutSuffix(rest, s.ext); !ok {
		return 0, false
	}
	first, number, has := strings.Cut(rest, "-")
	v, err := strconv.ParseUint(first, 10, 64)
	if err != nil || has == s.single {
		return 0, false
	}
	n := 0
	if has {
		if n, err = strconv.Atoi(number); err != nil {
			return 0, false
		}
	}
	return flow.CheckpointID(v), s.name(flow.CheckpointID(v), n) == name
}

type named struct {
	id   flow.CheckpointID
	name string
}

// list returns the files of this set in dir whose names end with ext behind their own, in order; name is
// without ext.
func (s *staging) list(dir, ext string) ([]named, error) {
	ents, err := s.fs.ReadDir(dir)
	if err != nil {
		return nil, flow.Disk("cannot list", dir, err)
	}
	var out []named
	for _, e := range ents {
		name, ok := strings.CutSuffix(e.Name(), ext)
		if !ok || e.IsDir() {
			continue
		}
		if id, ok := s.parse(name); ok {
			out = append(out, named{id, name})
		}
	}
	return out, nil
}

// Place is the folder that the sink has for itself.
func (s *staging) Place() string { return s.dir }

func (s *staging) stages() string { return filepath.Join(s.dir, stagingDir) }

// stage is where the file called name is written.
func (s *staging) stage(name string) string { return filepath.Join(s.stages(), name+stageExt) }

// probe finds out early whether files can be made below the path at all.
func (s *staging) probe() error {
	path := filepath.Join(s.stages(), s.prefix+s.ext+".probe")
	f, err := s.fs.Create(path)
	if err != nil {
		return flow.Disk("cannot write to", s.dir, err)
	}
	if err := f.Close(); err != nil {
		return flow.Disk("cannot write to", s.dir, err)
	}
	if err := s.fs.Remove(path); err != nil {
		return flow.Disk("cannot write to", s.dir, err)
	}
	return nil
}

// prepare remembers that checkpoint id has n files.
func (s *staging) prepare(id flow.CheckpointID, n int) {
	if s.prepared == nil {
		s.prepared = map[flow.CheckpointID]int{}
	}
	maps.DeleteFunc(s.prepared, func(old flow.CheckpointID, _ int) bool { return old+1 < id }) // committed long since
	s.prepared[id] = n
}

// commit makes the stages of id visible and drops versions that are too old. It may be repeated. A file that this
// process has prepared and that is neither staged nor visible is an error.
func (s *staging) commit(id flow.CheckpointID) error {
	done, err := s.publish(func(f named) bool { return f.id == id })
	if err == nil && done < s.prepared[id] { // a repetition, or they are gone
		err = s.complete(id)
	}
	if err != nil {
		return err
	}
	return s.prune(id)
}

// complete wants every file of id to be visible.
func (s *staging) complete(id flow.CheckpointID) error {
	visible, err := s.list(s.dir, "")
	if err != nil {
		return err
	}
	for n := range s.prepared[id] {
		name := s.name(id, n)
		if !slices.Contains(visible, named{id, name}) {
			return flow.Corruptf("%s: want the file %s, which was prepared, got none: another program has removed it; keep others out of this folder, and "+
				"remove the newest manifest of the checkpoints to write its rows again, or start over with --fresh", s.dir, name)
		}
	}
	return nil
}

// recover removes what is beyond last and makes visible what a checkpoint up to last had prepared.
func (s *staging) recover(last flow.CheckpointID) error {
	staged, err := s.list(s.stages(), stageExt)
	if err != nil {
		return err
	}
	visible, err := s.list(s.dir, "")
	if err != nil {
		return err
	}
	if last == 0 && len(visible) > 0 && !s.fresh {
		return flow.Classify(flow.ErrConfig, check.Violation{Key: "path", Want: "a folder without files of another run", Got: visible[0].name + " in " + s.dir,
			Hint: "choose another path, or start over with --fresh, which replaces what is there"})
	}
	for _, f := range staged {
		if f.id > last {
			if err := s.remove(s.stage(f.name)); err != nil {
				return err
			}
		}
	}
	for _, f := range visible {
		if f.id > last {
			if err := s.remove(filepath.Join(s.dir, f.name)); err != nil {
				return err
			}
		}
	}
	clear(s.prepared)
	if _, err := s.publish(func(f named) bool { return f.id <= last }); err != nil {
		return err
	}
	return s.prune(last)
}

// publish makes stages visible and says how many.
func (s *staging) publish(want func(named) bool) (done int, err error) {
	files, err := s.list(s.stages(), stageExt)
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		if !want(f) {
			continue
		}
		to := filepath.Join(s.dir, f.name)
		if err := s.fs.Rename(s.stage(f.name), to); err != nil {
			return done, flow.Disk("cannot make visible", to, err)
		}
		done++
	}
	return done, nil
}

// prune removes all but the newest versions up to id. New ones are visible before old ones go.
func (s *staging) prune(id flow.CheckpointID) error {
	if s.keep == 0 {
		return nil
	}
	files, err := s.list(s.dir, "")
	if err != nil {
		return err
	}
	var ids []flow.CheckpointID
	for _, f := range files {
		if f.id <= id && !slices.Contains(ids, f.id) {
			ids = append(ids, f.id)
		}
	}
	slices.Sort(ids)
	if len(ids) <= s.keep {
		return nil
	}
	oldest := ids[len(ids)-s.keep]
	for _, f := range files {
		if f.id < oldest {
			if err := s.remove(filepath.Join(s.dir, f.name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *staging) remove(path string) error {
	if err := s.fs.Remove(path); err != nil {
		return flow.Disk("cannot remove", path, err)
	}
	return nil
}

// tidy removes the staging folder when nothing is left in it.
func (s *staging) tidy() {
	if ents, err := s.fs.ReadDir(s.stages()); err == nil && len(ents) == 0 {
		_ = s.fs.Remove(s.stages()) // an empty hidden folder harms no one
	}
}
