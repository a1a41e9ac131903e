//go:build kafka && unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/internal/realkafka"
)

const groupPipeline = `
name: share
source: {kafka: {brokers: [%q], topic: %s, assign: group, group: %[2]s, session_seconds: 6}}
operators:
  - derive: {twice: 2 * n}
  - filter: {where: n >= 0}
sinks:
  - parquet: {path: out/scored}
checkpoint: {path: out/checkpoint, every: {rows: 500, seconds: 0.3}}
`

// groupRun is a topic that is written to all the time, and the processes that share it.
type groupRun struct {
	t          *testing.T
	bin, topic string
	text       string
	written    atomic.Int64
	stop       func() // ends the writing
	members    []*groupProcess
}

type groupProcess struct {
	dir string
	cmd *exec.Cmd
}

func newGroupRun(t *testing.T, topic string, members int) *groupRun {
	t.Helper()
	addr := realkafka.Start(t)
	g := &groupRun{t: t, topic: topic, bin: filepath.Join(t.TempDir(), "sluice"), text: fmt.Sprintf(groupPipeline, addr, topic)}
	if out, err := exec.Command("go", "build", "-o", g.bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 4, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cl.Close()
		for ctx.Err() == nil {
			g.write(cl, 200)
			time.Sleep(50 * time.Millisecond)
		}
	}()
	g.stop = func() { cancel(); <-done }
	t.Cleanup(g.stop)
	for range members {
		g.members = append(g.members, &groupProcess{dir: t.TempDir()})
	}
	t.Cleanup(func() {
		for _, p := range g.members {
			if p.cmd != nil {
				p.cmd.Process.Kill()
			}
		}
	})
	return g
}

func (g *groupRun) write(cl *kgo.Client, rows int) {
	var recs []*kgo.Record
	for i := range rows {
		n := int(g.written.Load()) + i
		recs = append(recs, &kgo.Record{Partition: int32(n % 4), Value: fmt.Appendf(nil, `{"n":%d}`, n)})
	}
	if err := cl.ProduceSync(context.Background(), recs...).FirstErr(); err != nil {
		g.t.Error(err)
	}
	g.written.Add(int64(rows))
}

func (g *groupRun) start(members ...int) {
	for _, i := range members {
		p := g.members[i]
		p.cmd = start(g.t, g.bin, p.dir, g.text)
	}
}

// end sends a signal and waits; it returns what the process said.
func (g *groupRun) end(i int, s syscall.Signal) string {
	p := g.members[i]
	p.cmd.Process.Signal(s)
	p.cmd.Wait()
	said := p.cmd.Stderr.(*bytes.Buffer).String()
	p.cmd = nil
	return said
}

// grows waits until member i has made n more rows visible.
func (g *groupRun) grows(i, n int) {
	g.t.Helper()
	before := len(g.visible(i))
	began := time.Now()
	for len(g.visible(i)) < before+n {
		if time.Since(began) > time.Minute {
			g.t.Fatalf("member %d shows no %d more rows within a minute: %s", i, n, g.members[i].cmd.Stderr)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// visible are the rows in the files of member i.
func (g *groupRun) visible(i int) (rows []int64) {
	g.t.Helper()
	files, err := filepath.Glob(filepath.Join(g.members[i].dir, "out", "scored", "*.parquet"))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, path := range files {
		rows = append(rows, columnN(g.t, path)...)
	}
	return rows
}

func columnN(t *testing.T, path string) (out []int64) {
	t.Helper()
	pf, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer pf.Close()
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 1000}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	for _, chunk := range table.Column(table.Schema().FieldIndices("n")[0]).Data().Chunks() {
		out = append(out, chunk.(*array.Int64).Int64Values()...)
	}
	return out
}

// finish ends the writing, waits until every row is visible, and wants each of them once.
func (g *groupRun) finish() {
	g.t.Helper()
	g.stop()
	want := int(g.written.Load())
	began, count := time.Now(), 0
	for ; count < want && time.Since(began) < 90*time.Second; time.Sleep(200 * time.Millisecond) {
		count = 0
		for i := range g.members {
			count += len(g.visible(i))
		}
	}
	for i, p := range g.members {
		if p.cmd != nil {
			g.end(i, syscall.SIGTERM)
		}
	}
	times := map[int64]int{}
	for i := range g.members {
		rows := g.visible(i)
		g.t.Logf("member %d: %d rows", i, len(rows))
		for _, n := range rows {
			times[n]++
		}
	}
	lost, twice := 0, 0
	for n := range int64(want) {
		switch times[n] {
		case 0:
			lost++
		case 1:
		default:
			twice++
		}
	}
	if lost+twice > 0 || len(times) != want {
		g.t.Errorf("of %d rows %d are lost and %d are there twice", want, lost, twice)
	}
	g.t.Logf("%d rows", want)
}

// A member that is killed with SIGKILL, and started again at once or when others have taken its partitions, at any
// moment and again and again: every row is visible once.
func TestRealGroupMemberKilled(t *testing.T) {
	g := newGroupRun(t, "group-killed", 2)
	g.start(0, 1)
	g.grows(0, 500)
	g.grows(1, 500)
	own := len(g.visible(0)) - len(g.visible(1))
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 1))
	const kills = 8
	for i := range kills {
		victim := i % 2
		time.Sleep(time.Duration(rng.Int64N(int64(700 * time.Millisecond))))
		g.end(victim, syscall.SIGKILL)
		if i%3 == 1 { // its session ends, and the other one reads on in its place
			time.Sleep(8 * time.Second)
			g.grows(1-victim, 1000)
		}
		began := time.Now()
		g.start(victim)
		g.grows(victim, 1)
		t.Logf("seed %d: member %d shows rows again after %s", seed, victim, time.Since(began))
	}
	g.finish()
	if len(g.visible(0))-len(g.visible(1)) == own {
		t.Error("no member has read in the place of the other")
	}
}

// Members come and go while rows flow, one of them by SIGTERM: every row is visible once.
func TestRealGroupOfThree(t *testing.T) {
	g := newGroupRun(t, "group-three", 3)
	g.start(0)
	g.grows(0, 1000)
	g.start(1, 2)
	g.grows(1, 500)
	g.grows(2, 500)
	began := time.Now()
	g.end(0, syscall.SIGTERM)
	t.Logf("member 0 ended in %s", time.Since(began))
	g.grows(1, 500)
	g.start(0)
	g.grows(0, 500)
	g.end(2, syscall.SIGTERM)
	g.finish()
}

// A member that is paused for longer than its session, and goes on, can neither commit nor publish: it ends, and
// says why. Started again, it goes on.
func TestRealGroupZombie(t *testing.T) {
	g := newGroupRun(t, "group-zombie", 2)
	g.start(0, 1)
	g.grows(0, 500)
	g.grows(1, 500)
	zombie := g.members[0].cmd
	zombie.Process.Signal(syscall.SIGSTOP)
	before := len(g.visible(0))
	time.Sleep(8 * time.Second)
	g.grows(1, 1000)
	zombie.Process.Signal(syscall.SIGCONT)
	ended := make(chan error, 1)
	go func() { ended <- zombie.Wait() }()
	select {
	case err := <-ended:
		said := zombie.Stderr.(*bytes.Buffer).String()
		if err == nil || !strings.Contains(said, "fenced off") && !strings.Contains(said, "lost") {
			t.Errorf("want it to say that it was fenced off, got %v: %s", err, said)
		}
		t.Log(said)
	case <-time.After(30 * time.Second):
		t.Error("the zombie goes on")
		zombie.Process.Kill()
	}
	if after := len(g.visible(0)); after != before {
		t.Logf("a checkpoint that was decided before the pause became visible: %d rows", after-before)
	}
	g.members[0].cmd = nil
	g.start(0)
	g.grows(0, 500)
	g.finish()
}
