package sinks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	_ "github.com/sluice-stream/sluice/arrowio"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
	_ "github.com/sluice-stream/sluice/operators"
	"github.com/sluice-stream/sluice/runtime"
	_ "github.com/sluice-stream/sluice/sinks"
)

// given and taken are what the plug-ins of this test yield and collect.
var (
	given arrow.Record
	taken []string
)

type noSettings struct{}

type give struct{ done bool }

func (g *give) Schema() *arrow.Schema { return given.Schema() }
func (g *give) Close() error          { return nil }
func (g *give) Next(_ context.Context, _ int) (arrow.Record, error) {
	if g.done {
		return nil, io.EOF
	}
	g.done = true
	given.Retain()
	return given, nil
}

type take struct{}

func (take) Bind(*arrow.Schema) error                         { return nil }
func (take) Prepare(context.Context, flow.CheckpointID) error { return nil }
func (take) Commit(context.Context, flow.CheckpointID) error  { return nil }
func (take) Recover(context.Context, flow.CheckpointID) error { return nil }
func (take) Close() error                                     { return nil }
func (take) Write(_ context.Context, rec arrow.Record) error {
	for i := range rec.NumRows() {
		row := rec.NewSlice(i, i+1)
		b, err := row.MarshalJSON()
		row.Release()
		if err != nil {
			return err
		}
		taken = append(taken, strings.TrimSpace(string(b)))
	}
	return nil
}

func init() {
	flow.Register(flow.Sources, flow.Entry[noSettings, flow.Source]{Name: "give", Summary: "Yields a record of the test.", Example: "{}", Build: func(noSettings) (flow.Source, error) { return &give{}, nil }})
	flow.Register(flow.Sinks, flow.Entry[noSettings, flow.Sink]{Name: "take", Summary: "Collects the rows as JSON.", Example: "{}", Build: func(noSettings) (flow.Sink, error) { return take{}, nil }})
}

func runText(t *testing.T, text string, o runtime.Options) error {
	t.Helper()
	p, err := runtime.Parse("p.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = runtime.Run(ctx, p, o)
	return err
}

const everyType = `[
	{"b":true,"i":-5,"u":18446744073709551615,"f":1.5,"g":-2.25,"s":"a\"\n\u00e9\u2028","y":"AQI=","t":"2026-01-01 00:00:00.001","d":"2026-02-03","l":["x",null],"v":[1,2.5,-3]},
	{"b":null,"i":null,"u":null,"f":null,"g":null,"s":null,"y":null,"t":null,"d":null,"l":null,"v":null},
	{"b":false,"i":0,"u":0,"f":0,"g":1e300,"s":"","y":"","t":"1970-01-01 00:00:00","d":"1970-01-01","l":[],"v":[0,0,0]}]`

// TestKafkaRoundTrip sends every type through a topic and reads it back with the source, in both formats.
func TestKafkaRoundTrip(t *testing.T) {
	null := func(name string, dt arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: dt, Nullable: true}
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{
		null("b", arrow.FixedWidthTypes.Boolean), null("i", arrow.PrimitiveTypes.Int16), null("u", arrow.PrimitiveTypes.Uint64), null("f", arrow.PrimitiveTypes.Float32),
		null("g", arrow.PrimitiveTypes.Float64), null("s", arrow.BinaryTypes.String), null("y", arrow.BinaryTypes.Binary), null("t", arrow.FixedWidthTypes.Timestamp_ms),
		null("d", arrow.FixedWidthTypes.Date32), null("l", arrow.ListOf(arrow.BinaryTypes.String)), null("v", arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Float32)),
	}, nil)
	rec, _, err := array.RecordFromJSON(mem, schema, strings.NewReader(everyType))
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	given, taken = rec, nil
	if err := (take{}).Write(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	want := taken
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "json", "arrow_ipc"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for format, declared := range map[string]string{
		"json":      ", schema: {b: bool, i: int16, u: uint64, f: float32, g: float64, s: utf8, y: binary, t: timestamp, d: date, l: list<utf8>, v: list<float32>}",
		"arrow_ipc": "",
	} {
		out := fmt.Sprintf("name: there\nsource: give\nsinks: [{kafka: {brokers: [%q], topic: %s, format: %s, spool: %s}}]", c.ListenAddrs()[0], format, format, t.TempDir())
		if err := runText(t, out, runtime.Options{Alloc: mem}); err != nil {
			t.Fatal(err)
		}
		taken = nil
		back := fmt.Sprintf("name: back\nsource: {kafka: {brokers: [%q], topic: %s, format: %s, until: end, meta: []%s}}\nsinks: [take]", c.ListenAddrs()[0], format, format, declared)
		if err := runText(t, back, runtime.Options{Alloc: mem}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, taken); d != "" {
			t.Errorf("%s: %s", format, d)
		}
	}
}

// TestKafkaToKafkaKilledAnywhere runs a pipeline from one topic to another, and kills it at random operations of the
// disk and at random times, until it comes to its end: each row is in the output once.
func TestKafkaToKafkaKilledAnywhere(t *testing.T) {
	before := goleak.IgnoreCurrent()
	const rows, runs = 2000, 12
	for seed := range uint64(runs) {
		rng := rand.New(rand.NewPCG(seed, 9))
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "in"), kfake.SeedTopics(2, "out"))
		if err != nil {
			t.Fatal(err)
		}
		fill(t, c.ListenAddrs(), rows)
		dir := t.TempDir()
		text := fmt.Sprintf(`
name: copy
source: {kafka: {brokers: [%[1]q], topic: in, until: end, schema: {n: int64}}}
operators: [{derive: {twice: n * 2}}]
sinks: [{kafka: {brokers: [%[1]q], topic: out, spool: %[2]s, key: n}}]
checkpoint: {path: %[3]s, every: {rows: 300}}`, c.ListenAddrs()[0], filepath.Join(dir, "spool"), filepath.Join(dir, "checkpoint"))
		kills := 0
		for killed := true; killed; {
			killed = kill(t, text, rng, kills < 6)
			kills++
		}
		if kill(t, text, rng, false) { // a run that had ended is looked at once more
			t.Fatal("want the end again")
		}
		t.Logf("seed %d: %d kills", seed, kills-1)
		got := numbersIn(t, c.ListenAddrs(), "out", rows)
		for i := range rows {
			if got[i] != i {
				t.Fatalf("seed %d: after %d kills row %d is not there once: %v", seed, kills, i, got[max(0, i-2):min(len(got), i+3)])
			}
		}
		c.Close()
	}
	goleak.VerifyNone(t, before)
}

// kill runs the pipeline; where it may, it kills it, at an operation of the disk or after a while.
func kill(t *testing.T, text string, rng *rand.Rand, may bool) (killed bool) {
	t.Helper()
	p, err := runtime.Parse("p.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	ctx, o := t.Context(), runtime.Options{Alloc: mem}
	if may && rng.IntN(2) == 0 {
		o.FS = vfs.CrashAt(vfs.OS{}, 1+rng.IntN(60))
	} else if may {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(20+rng.IntN(150))*time.Millisecond)
		defer cancel()
	}
	_, err = runtime.Run(ctx, p, o)
	if err != nil && !errors.Is(err, vfs.ErrCrashed) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		t.Fatalf("want a kill or the end, got %v", err)
	}
	return err != nil
}

func fill(t *testing.T, addrs []string, rows int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.DefaultProduceTopic("in"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var recs []*kgo.Record
	for n := range rows {
		recs = append(recs, &kgo.Record{Partition: int32(n % 3), Value: fmt.Appendf(nil, `{"n":%d}`, n)})
	}
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// numbersIn reads committed rows until there are n of them and for a while longer, and returns their numbers, sorted.
func numbersIn(t *testing.T, addrs []string, topic string, n int) (out []int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if len(out) >= n { // what else there is comes soon
			ctx, cancel = context.WithTimeout(t.Context(), 150*time.Millisecond)
			defer cancel()
			n = 1 << 30
		}
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			var v, twice int
			if _, err := fmt.Sscanf(string(r.Value), `{"n":%d,`, &v); err != nil {
				t.Errorf("message %s: %v", r.Value, err)
			}
			if i := strings.Index(string(r.Value), `"twice":`); i < 0 {
				t.Errorf("message %s: no twice", r.Value)
			} else if fmt.Sscanf(string(r.Value)[i:], `"twice":%d`, &twice); twice != 2*v || string(r.Key) != fmt.Sprint(v) {
				t.Errorf("message %s with key %s is not whole", r.Value, r.Key)
			}
			out = append(out, v)
		})
	}
	slices.Sort(out)
	return out
}
