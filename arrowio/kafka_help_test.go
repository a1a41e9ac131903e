package arrowio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
)

// fakeKafka starts a cluster with topics of the given partitions and returns its addresses.
func fakeKafka(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, []string) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, c.ListenAddrs()
}

// sendAll writes records in order, each batch of calls to flush one batch.
func sendAll(t testing.TB, addrs []string, opts []kgo.Opt, recs ...*kgo.Record) {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// numbered is a JSON message {"n": n} with time 1000+n.
func numbered(topic string, partition int32, n int) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Value: fmt.Appendf(nil, `{"n":%d}`, n), Timestamp: time.UnixMilli(int64(1000 + n))}
}

// kafkaConfig returns settings that tests start from.
func kafkaConfig(addrs []string, topic string) KafkaConfig {
	return KafkaConfig{
		Brokers: addrs, Topic: topic, Format: formatJSON, InferRows: 1000, Start: startEarliest, Until: untilEnd,
		Merge: mergeNone, Meta: []string{"partition", "offset"}, MaxBytes: 1 << 20, RetrySeconds: 5, OnGap: onGapStop,
	}
}

// kafkaRejects collects rejections.
type kafkaRejects []flow.Rejection

func kafkaEnv(t testing.TB, r *kafkaRejects) flow.Env {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	if b, ok := t.(*testing.T); ok {
		t.Cleanup(func() { alloc.AssertSize(b, 0) })
	}
	return flow.Env{
		Pipeline: "test", Seed: 7, Alloc: alloc, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Reject: func(x flow.Rejection) {
			if r != nil {
				*r = append(*r, x)
			}
		},
	}
}

// openKafka opens a source, restored from state where it is not nil, and closes it at the end.
func openKafka(t testing.TB, env flow.Env, c KafkaConfig, state *keptState) *Kafka {
	t.Helper()
	k, err := NewKafka(c)
	if err != nil {
		t.Fatal(err)
	}
	if state != nil {
		state.restore(t, k)
	}
	if err := k.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

// pollAll reads rows to the end as text, most at a time.
func pollAll(t testing.TB, src flow.Source, most int) []string {
	t.Helper()
	var out []string
	for {
		rows, err := poll(t.Context(), src, most)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rows...)
	}
}

func poll(ctx context.Context, src flow.Source, most int) ([]string, error) {
	rec, err := src.Next(ctx, most)
	if err != nil {
		return nil, err
	}
	defer rec.Release()
	if rec.NumRows() > int64(most) {
		return nil, fmt.Errorf("want at most %d rows, got %d", most, rec.NumRows())
	}
	if !rec.Schema().Equal(src.Schema()) {
		return nil, fmt.Errorf("schema of the record is %s, of the source %s", rec.Schema(), src.Schema())
	}
	return rowsAsText(rec), nil
}

// rowsAsText writes each row as its values with a space between.
func rowsAsText(rec arrow.Record) []string {
	out := make([]string, rec.NumRows())
	for i := range out {
		for c, col := range rec.Columns() {
			if c > 0 {
				out[i] += " "
			}
			out[i] += col.ValueStr(i)
		}
	}
	return out
}

// pollRows reads exactly n rows.
func pollRows(t testing.TB, src flow.Source, n int) []string {
	t.Helper()
	var out []string
	for len(out) < n {
		rows, err := poll(t.Context(), src, n-len(out))
		if err != nil {
			t.Fatalf("after %d of %d rows: %v", len(out), n, err)
		}
		out = append(out, rows...)
	}
	return out
}

// keptState is a checkpoint part in memory.
type keptState struct {
	values    map[string]any
	restoring bool
	failed    error
}

func keepState(c flow.Stateful) *keptState {
	m := &keptState{values: map[string]any{}}
	c.Walk(m)
	return m
}

func (m *keptState) restore(t testing.TB, c flow.Stateful) {
	t.Helper()
	m.restoring = true
	c.Walk(m)
	if m.failed != nil {
		t.Fatal(m.failed)
	}
}

func (m *keptState) Visit(name string, ptr any) {
	v := reflect.ValueOf(ptr).Elem()
	if m.restoring {
		v.Set(reflect.ValueOf(cloneOf(m.values[name])))
		return
	}
	m.values[name] = cloneOf(v.Interface())
}

func (m *keptState) Scope(string) flow.Visitor { return m }
func (m *keptState) Restoring() bool           { return m.restoring }
func (m *keptState) Fail(err error)            { m.failed = err }

func cloneOf(v any) any {
	r := reflect.ValueOf(v)
	if r.Kind() != reflect.Slice || r.IsNil() {
		return v
	}
	out := reflect.MakeSlice(r.Type(), r.Len(), r.Len())
	reflect.Copy(out, r)
	return out.Interface()
}

// equalRows compares two lists of rows.
func equalRows(t testing.TB, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("row %d of %d is %q, want %q of %d", i, len(got), got[i], want[i], len(want))
		}
	}
	t.Fatalf("want %d rows, got %d", len(want), len(got))
}

// tableSource yields the rows of one record.
type tableSource struct {
	rec arrow.Record
	at  int64
}

func (s *tableSource) Schema() *arrow.Schema { return s.rec.Schema() }
func (s *tableSource) Close() error          { return nil }
func (s *tableSource) Next(_ context.Context, most int) (arrow.Record, error) {
	to := min(s.at+int64(most), s.rec.NumRows())
	if s.at == to {
		return nil, io.EOF
	}
	defer func() { s.at = to }()
	return s.rec.NewSlice(s.at, to), nil
}

// tableOf builds a record from columns of values, in the order of names.
func tableOf(t testing.TB, alloc memory.Allocator, cols map[string]arrow.Array) arrow.Record {
	t.Helper()
	var fields []arrow.Field
	var arrs []arrow.Array
	for _, name := range slices.Sorted(maps.Keys(cols)) {
		fields = append(fields, arrow.Field{Name: name, Type: cols[name].DataType(), Nullable: true})
		arrs = append(arrs, cols[name])
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), arrs, int64(arrs[0].Len()))
	for _, a := range arrs {
		a.Release()
	}
	t.Cleanup(rec.Release)
	return rec
}

// commitOffset commits an offset of partition 0 for a group.
func commitOffset(t testing.TB, addrs []string, group, topic string, offset int64) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: topic, Partition: 0, At: offset, LeaderEpoch: -1})
	if err := kadm.NewClient(cl).CommitAllOffsets(t.Context(), group, o); err != nil {
		t.Fatal(err)
	}
}
