//go:build kafka && unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/internal/realkafka"
)

func TestMain(m *testing.M) { os.Exit(realkafka.Main(m)) }

const realPipeline = `
name: kill
seed: 3
source: {kafka: {brokers: [%q], topic: %s, until: end, merge: timestamp}}
operators:
  - derive: {hour: hour(at)}
  - train:
      label: click
      fields: {categorical: [user, item, hour], numeric: {price: log2floor}}
      model: {deepfm: {dim: 4, mlp: [16]}}
      gate: {optfs: {lambda: 1e-4, final_temp: 200}}
      batch: 100
sinks:
  - parquet: {path: out/scored}
  - embeddings: {path: out/embeddings}
dead_letter: {parquet: {path: out/rejected}}
checkpoint: {path: out/checkpoint, every: {rows: 1000}}
`

// On a real broker, with aborted transactions among the rows of three partitions: a process that is killed with
// SIGKILL fifty times, and whose broker is killed in between, ends with the same bytes in every file as one that was
// left alone.
func TestRealKafkaKilledAnywhereEndsEqual(t *testing.T) {
	addr := realkafka.Start(t)
	rows := fillReal(t, addr, "killed", 120_000)
	bin := filepath.Join(t.TempDir(), "sluice")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text := fmt.Sprintf(realPipeline, addr, "killed")
	calm := t.TempDir()
	began := time.Now()
	want := runHere(t, bin, calm, text)
	whole := time.Since(began)
	if want.Rows != int64(rows) {
		t.Fatalf("want the %d committed rows, got %d", rows, want.Rows)
	}
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 1))
	const goal = 50
	for round, kills := 1, 0; kills < goal; round++ {
		dir := t.TempDir()
		for kills < goal {
			cmd := start(t, bin, dir, text)
			time.Sleep(time.Duration(rng.Int64N(int64(whole) / 8)))
			if kills == goal/2 {
				realkafka.Bounce(t, 100*time.Millisecond, true)
			}
			cmd.Process.Kill()
			if cmd.Wait() == nil {
				break // it had finished
			}
			kills++
		}
		got := runHere(t, bin, dir, text)
		if got.StateHash != want.StateHash || got.Rows != want.Rows {
			t.Fatalf("seed %d, round %d, %d kills: want %+v, got %+v", seed, round, kills, want, got)
		}
		if d := cmp.Diff(outputs(t, calm), outputs(t, dir)); d != "" {
			t.Fatalf("seed %d, round %d, %d kills: %s", seed, round, kills, d)
		}
		t.Logf("round %d, %d kills so far: %d rows, resumed from %d at last, an undisturbed run takes %s", round, kills, got.Rows, got.ResumedFrom, whole)
	}
}

// fillReal writes n clicks to a new topic of three partitions, in transactions of which every fourth is aborted,
// and returns how many rows were committed.
func fillReal(t *testing.T, addr, topic string, n int) (committed int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 3, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := 0; i < n; i += 500 {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		var recs []*kgo.Record
		for j := i; j < i+500; j++ {
			user, item := rng.IntN(300), rng.IntN(80)
			at := base.Add(time.Duration(j) * time.Second)
			value := fmt.Appendf(nil, `{"user":"u%d","item":"i%d","price":%.2f,"at":%q,"click":%d}`,
				user, item, 100*rng.Float64(), at.Format(time.RFC3339), (user+item+rng.IntN(20))%3/2)
			recs = append(recs, &kgo.Record{Partition: int32(j % 7 % 3), Value: value, Timestamp: at})
		}
		if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		end := kgo.TransactionEndTry(i/500%4 != 3)
		if err := cl.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
		if end == kgo.TryCommit {
			committed += len(recs)
		}
	}
	return committed
}
