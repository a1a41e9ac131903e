package runtime

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// council is what the members of a group would agree on.
type council struct {
	sync.Mutex
	decided map[flow.CheckpointID]int64 // checkpoint: bytes of the source's part
	newest  flow.CheckpointID
	fenced  flow.CheckpointID // this one is refused
	asked   int
}

var theCouncil *council // of the test under way

// shared is a counting source whose checkpoints the council decides; it demands a barrier at row 33.
type shared struct {
	counting
	demand bool
}

func (s *shared) Next(ctx context.Context, max int) (arrow.Record, error) {
	before := s.at
	rec, err := s.counting.Next(ctx, max)
	if before <= 33 && s.at > 33 {
		s.demand = true
	}
	return rec, err
}

func (s *shared) Shares() bool { return true }

func (s *shared) BarrierDue() bool {
	due := s.demand
	s.demand = false
	return due
}

func (s *shared) Decide(_ context.Context, id flow.CheckpointID, saved []byte) error {
	c := theCouncil
	c.Lock()
	defer c.Unlock()
	if id == c.fenced {
		return flow.Transientf("fenced")
	}
	c.decided[id], c.newest = int64(len(saved)), id
	return nil
}

func (s *shared) Decided(_ context.Context, _ flow.Env, newest flow.CheckpointID) (flow.CheckpointID, error) {
	c := theCouncil
	c.Lock()
	defer c.Unlock()
	c.asked++
	return min(newest, c.newest), nil
}

func init() {
	flow.Register(flow.Sources, flow.Entry[countConfig, flow.Source]{
		Name: "shared", Default: countConfig{Rows: 100, Piece: 5},
		Build: func(c countConfig) (flow.Source, error) { return &shared{counting: counting{cfg: c}}, nil },
	})
}

func TestDecidedCheckpointsCount(t *testing.T) {
	theCouncil = &council{decided: map[flow.CheckpointID]int64{}, fenced: 3}
	dir := t.TempDir()
	text := strings.Replace(file(dir, "{rows: 100, piece: 5}", "{}"), "count:", "shared:", 1)
	_, err := Run(context.Background(), pipeline(t, text), Options{FS: quick{}})
	if !errors.Is(err, flow.ErrTransient) || !strings.Contains(err.Error(), "fenced") {
		t.Fatalf("want it fenced, got %v", err)
	}
	files := tree(dir)
	if files["rows/00000002.txt"] == "" || files["rows/00000003.txt"] != "" {
		t.Errorf("want checkpoint 2 visible and 3 not, got %v", files)
	}
	theCouncil.fenced = 0
	res, err := Run(context.Background(), pipeline(t, text), Options{FS: quick{}})
	if err != nil || res.ResumedFrom != 2 || theCouncil.asked != 1 {
		t.Fatalf("want it to go on from 2, got %+v, %v", res, err)
	}
	for id, n := range theCouncil.decided {
		if n == 0 {
			t.Errorf("checkpoint %d came without the source's part", id)
		}
	}
	// barriers at 20, 35 (asked for), 55, 75, 95 and the end: the sums of the rows are those of such a run
	var got []string
	for id := range flow.CheckpointID(7) {
		got = append(got, strings.Fields(tree(dir)["rows/"+id.String()+".txt"])...)
	}
	if len(got) != 100 || res.Rows != 100 || len(theCouncil.decided) != 6 {
		t.Errorf("want 100 rows in 6 checkpoints, got %d, %+v, %v", len(got), res, theCouncil.decided)
	}
}

// slowDisk holds back the first part of a checkpoint until it is told to go on.
type slowDisk struct {
	quick
	mu   sync.Mutex
	gate chan struct{}
	held bool
}

func (d *slowDisk) Create(path string) (vfs.File, error) {
	d.mu.Lock()
	wait := !d.held && strings.Contains(path, "/parts/")
	d.held = d.held || wait
	d.mu.Unlock()
	if wait {
		<-d.gate
	}
	return d.quick.Create(path)
}

// passing opens the gate when rows of the next checkpoint are on their way.
type passing struct {
	stopper
	gate chan struct{}
	once sync.Once
}

func (p *passing) Progress(s Progress) {
	if s.Rows > 30 {
		p.once.Do(func() { close(p.gate) })
	}
}

// A run that waited for its checkpoint to be written would wait here for ever.
func TestRowsGoOnWhileACheckpointIsWritten(t *testing.T) {
	dir := t.TempDir()
	d := &slowDisk{gate: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	res, err := Run(ctx, pipeline(t, file(dir, "{rows: 100, piece: 5}", "{}")), Options{
		FS: d, Observer: &passing{gate: d.gate, stopper: stopper{func() {}}}, ProgressEvery: time.Nanosecond,
	})
	if err != nil || res.Rows != 100 || res.Checkpoints != 6 {
		t.Fatalf("got %+v, %v", res, err)
	}
	if !d.held {
		t.Fatal("no part was written")
	}
}

// stuckDisk takes six seconds for each block of a part.
type stuckDisk struct {
	quick
	stuck chan struct{}
	once  sync.Once
}

type stuckFile struct {
	vfs.File
	d *stuckDisk
}

func (f stuckFile) Write(b []byte) (int, error) {
	f.d.once.Do(func() { close(f.d.stuck) })
	time.Sleep(6 * time.Second) // as slow as a bad line: each block takes long, none is refused
	return f.File.Write(b)
}

func (d *stuckDisk) Create(path string) (vfs.File, error) {
	f, err := d.quick.Create(path)
	if err == nil && strings.Contains(path, "/parts/") {
		return stuckFile{f, d}, nil
	}
	return f, err
}

// A run that is stopped does not wait for a disk that is too slow.
func TestAStopIsBounded(t *testing.T) {
	finishing = 200 * time.Millisecond
	defer func() { finishing = 10 * time.Second }()
	d := &stuckDisk{stuck: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-d.stuck; cancel() }()
	done := make(chan error, 1)
	go func() {
		_, err := Run(ctx, pipeline(t, file(t.TempDir(), "{rows: 100000, piece: 5}", "{}")), Options{FS: d})
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("want it stopped, got %v", err)
		}
	case <-time.After(11 * time.Second): // two blocks take longer
		t.Fatal("the run goes on after it was stopped")
	}
}
