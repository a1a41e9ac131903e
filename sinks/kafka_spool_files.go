package sinks

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// spoolFile is one sealed file.
type spoolFile struct {
	id   flow.CheckpointID
	path string
}

// files returns the spool files, in order.
func (s *spool) files() ([]spoolFile, error) {
	names, err := s.list(s.stages(), stageExt)
	if err != nil {
		return nil, err
	}
	out := make([]spoolFile, len(names))
	for i, n := range names {
		out[i] = spoolFile{n.id, s.stage(n.name)}
	}
	slices.SortStableFunc(out, func(a, b spoolFile) int { return cmp.Compare(a.id, b.id) })
	return out, nil
}

// of returns the files of one checkpoint.
func (s *spool) of(id flow.CheckpointID) ([]spoolFile, error) {
	all, err := s.files()
	return slices.DeleteFunc(all, func(f spoolFile) bool { return f.id != id }), err
}

// removeBeyond removes the files behind checkpoint last.
func (s *spool) removeBeyond(last flow.CheckpointID) error {
	all, err := s.files()
	if err != nil {
		return err
	}
	return s.removeFiles(slices.DeleteFunc(all, func(f spoolFile) bool { return f.id <= last }))
}

func (s *spool) removeFiles(files []spoolFile) error {
	for _, f := range files {
		if err := s.remove(f.path); err != nil {
			return err
		}
	}
	return nil
}

// read calls each with every batch of a file, and returns the token. The batches' memory is Go's own: what was cut
// from it stays valid as long as it is referred to.
func (s *spool) read(f spoolFile, each func(arrow.Record) error) (token string, err error) {
	data, err := s.fs.ReadFile(f.path)
	if err != nil {
		return "", flow.Disk("cannot read", f.path, err)
	}
	defer func() {
		if p := recover(); p != nil { // the decoder of broken bytes
			err = s.corrupt(f, fmt.Errorf("%v", p))
		}
	}()
	rd, err := ipc.NewFileReader(bytes.NewReader(data), ipc.WithAllocator(memory.NewGoAllocator()))
	if err != nil {
		return "", s.corrupt(f, err)
	}
	defer rd.Close()
	at := rd.Schema().Metadata().FindKey(spoolToken)
	if at < 0 {
		return "", s.corrupt(f, fmt.Errorf("it has no token"))
	}
	token = rd.Schema().Metadata().Values()[at]
	for i := 0; each != nil && i < rd.NumRecords(); i++ {
		rec, err := rd.RecordAt(i)
		if err != nil {
			return "", s.corrupt(f, err)
		}
		err = each(rec)
		rec.Release()
		if err != nil {
			return token, err
		}
	}
	return token, nil
}

func (s *spool) corrupt(f spoolFile, err error) error {
	return flow.Corruptf("%s, which holds messages of checkpoint %d, cannot be read: %w; restore it, or start over with --fresh", f.path, f.id, err)
}

// mark leaves a note that the spool with the token is sent, and removes older notes.
func (s *spool) mark(id flow.CheckpointID, token string) error {
	path := filepath.Join(s.stages(), strings.TrimSuffix(s.name(id, 0), s.ext)+sentExt)
	f, err := s.fs.Create(path)
	if err != nil {
		return flow.Disk("cannot create", path, err)
	}
	_, err = io.WriteString(f, token)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return flow.Disk("cannot write", path, err)
	}
	return s.removeMarks(path)
}

// marked says whether a note tells that the spool with the token is sent.
func (s *spool) marked(token string) (bool, error) {
	marks, err := s.marks()
	if err != nil {
		return false, err
	}
	for _, path := range marks {
		b, err := s.fs.ReadFile(path)
		if err != nil {
			return false, flow.Disk("cannot read", path, err)
		}
		if string(b) == token {
			return true, nil
		}
	}
	return false, nil
}

func (s *spool) removeMarks(but string) error {
	marks, err := s.marks()
	if err != nil {
		return err
	}
	for _, path := range marks {
		if path != but {
			if err := s.remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *spool) marks() ([]string, error) {
	ents, err := s.fs.ReadDir(s.stages())
	if err != nil {
		return nil, flow.Disk("cannot list", s.stages(), err)
	}
	var out []string
	for _, e := range ents {
		if strings.HasPrefix(e.Name(), s.prefix+"-") && strings.HasSuffix(e.Name(), sentExt) {
			out = append(out, filepath.Join(s.stages(), e.Name()))
		}
	}
	return out, nil
}
