package arrowio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/config"
	"github.com/sluice-stream/sluice/internal/state"
)

// joinRows are made rows: when each happened, when its label is known, and the label.
type joinRows struct {
	event, known []int64
	label        []int
}

// randomRows makes n rows with many ties.
func randomRows(seed uint64, n int) joinRows {
	r := rand.New(rand.NewPCG(seed, 9))
	var d joinRows
	at := int64(0)
	for range n {
		if r.IntN(3) == 0 {
			at += r.Int64N(4)
		}
		d.event = append(d.event, at)
		d.known = append(d.known, at+r.Int64N(30))
		d.label = append(d.label, r.IntN(2))
	}
	return d
}

// stream is ctr.py's: which rows are predicted and which are learned, in the order in which a live system could do so.
func (d joinRows) stream(batch int) (out []string) {
	order := make([]int, len(d.event))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(d.known[a] - d.known[b]) })
	at := 0
	for i := 0; i < len(d.event); i += batch {
		ripe := sort.Search(len(order), func(k int) bool { return d.known[order[k]] >= d.event[i] })
		for ; at+batch <= ripe; at += batch {
			out = append(out, fmt.Sprint("learn ", order[at:at+batch]))
		}
		var rows []int
		for k := i; k < min(i+batch, len(d.event)); k++ {
			rows = append(rows, k)
		}
		out = append(out, fmt.Sprint("predict ", rows))
	}
	return out
}

// batched is what a trainer does with the rows of the join: at the start of each batch of predictions it learns the
// whole batches that have matured.
func batched(rows []sentRow, batch int) (out []string) {
	var ripe, block []int
	for _, r := range rows {
		if r.matured {
			ripe = append(ripe, int(r.row))
			continue
		}
		if len(block) == 0 {
			for ; len(ripe) >= batch; ripe = ripe[batch:] {
				out = append(out, fmt.Sprint("learn ", ripe[:batch]))
			}
		}
		if block = append(block, int(r.row)); len(block) == batch {
			out = append(out, fmt.Sprint("predict ", block))
			block = nil
		}
	}
	if len(block) > 0 {
		out = append(out, fmt.Sprint("predict ", block))
	}
	return out
}

// sentRow is a row as it left the join.
type sentRow struct {
	id, row                    int64
	label                      float64 // NaN for null
	matured, final, correction bool
	elapsed                    float64 // NaN for null
}

func (r sentRow) String() string {
	s := fmt.Sprintf("%d/%d", r.row, r.id)
	if r.matured {
		s += fmt.Sprintf(" = %v after %v", r.label, r.elapsed)
	}
	if r.final {
		s += " final"
	}
	if r.correction {
		s += " correction"
	}
	return s
}

func sentRows(t testing.TB, rec arrow.Record) (out []sentRow) {
	t.Helper()
	col := func(name string) arrow.Array {
		at := rec.Schema().FieldIndices(name)
		if len(at) == 0 {
			return nil
		}
		return rec.Column(at[0])
	}
	labels := labelValues(col("label"), nil)
	ids := col("id")
	if ids == nil { // real rows have none
		ids = col(flow.ColRow)
	}
	for i := range int(rec.NumRows()) {
		r := sentRow{id: ids.(*array.Int64).Value(i), row: col(flow.ColRow).(*array.Int64).Value(i), label: labels[i], elapsed: math.NaN(),
			matured: col(flow.ColMatured).(*array.Boolean).Value(i), final: col(flow.ColFinal).(*array.Boolean).Value(i)}
		if e := col(flow.ColElapsed); e.IsValid(i) {
			r.elapsed = e.(*array.Float64).Value(i)
		}
		if c := col(flow.ColCorrection); c != nil {
			r.correction = c.(*array.Boolean).Value(i)
		}
		out = append(out, r)
	}
	return out
}

// joinSource builds the source from settings as a pipeline file has them.
func joinSource(t testing.TB, text string) *LabelJoin {
	t.Helper()
	return buildJoin(t, text).(*LabelJoin)
}

func buildJoin(t testing.TB, text string) flow.Source {
	t.Helper()
	var c flow.Choice[flow.Source]
	cfg, _ := c.Select("label_join")
	if err := config.DecodeText([]byte(text), cfg); err != nil {
		t.Fatal(err)
	}
	s, err := c.Build()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func saveSource(t testing.TB, s *LabelJoin) []byte {
	t.Helper()
	var part bytes.Buffer
	if err := state.WritePart(&part, s); err != nil {
		t.Fatal(err)
	}
	return part.Bytes()
}

func restored(t testing.TB, text string, part []byte) *LabelJoin {
	t.Helper()
	s := joinSource(t, text)
	if err := state.ReadPart(part, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// joinRun reads a join to its end. max gives the most rows of each call; after each call for which stop says so the
// source is saved, closed, and made anew from what was saved.
type joinRun struct {
	rows     []sentRow
	rejected []string
	notes    []string
	calls    int
}

func runJoin(t testing.TB, text string, max func(call int) int, stop func(call int) bool) (out joinRun) {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	env := flow.Env{Alloc: alloc, Reject: func(r flow.Rejection) {
		out.rejected = append(out.rejected, fmt.Sprintf("%s: %s %s", r.Stage, r.Reason, r.Raw))
	}}
	s := joinSource(t, text)
	mustOpen(t, s, env)
	for {
		rec, err := s.Next(context.Background(), max(out.calls))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.NumRows() > int64(max(out.calls)) || !rec.Schema().Equal(s.Schema()) {
			t.Fatalf("want at most %d rows of %v, got %d of %v", max(out.calls), s.Schema(), rec.NumRows(), rec.Schema())
		}
		out.rows = append(out.rows, sentRows(t, rec)...)
		rec.Release()
		if out.calls++; stop != nil && stop(out.calls) {
			part := saveSource(t, s)
			s.Close()
			s = restored(t, text, part)
			mustOpen(t, s, env)
		}
	}
	out.notes = s.Report().Notes
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if tt, ok := t.(*testing.T); ok {
		alloc.AssertSize(tt, 0)
	}
	return out
}

func all(int) int { return 1 << 20 }

// jsonl writes lines to a file.
func jsonl(t testing.TB, lines ...string) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "x.jsonl"), []byte(strings.Join(lines, "\n")+"\n"))
}

const joinEpoch = 1_700_000_000

func stampAt(second int64) string {
	return arrow.Timestamp(joinEpoch + second).ToTime(arrow.Second).Format("2006-01-02T15:04:05Z")
}

// ownFile writes the rows with their labels as one file, and returns the settings of a source over it.
func (d joinRows) ownFile(t testing.TB) string {
	var lines []string
	for i := range d.event {
		lines = append(lines, fmt.Sprintf(`{"id":%d,"at":%q,"known":%q,"label":%d,"note":"row %d"}`, i, stampAt(d.event[i]), stampAt(d.known[i]), d.label[i], i))
	}
	return fmt.Sprintf("rows: {jsonl: {path: %s, schema: {id: int64, at: timestamp, known: timestamp, label: int8, note: utf8}}}, time: at, label_time: known, label: label", jsonl(t, lines...))
}

// apart returns rows and labels as lines.
func (d joinRows) apart() (rows, labels []string) {
	order := make([]int, len(d.event))
	for i := range d.event {
		order[i] = i
		rows = append(rows, fmt.Sprintf(`{"id":%d,"at":%q,"note":"row %d"}`, i, stampAt(d.event[i]), i))
	}
	slices.SortFunc(order, func(a, b int) int { // ties stand in no order that means anything
		if d.known[a] != d.known[b] {
			return int(d.known[a] - d.known[b])
		}
		return b - a
	})
	for _, i := range order {
		labels = append(labels, fmt.Sprintf(`{"id":%d,"known":%q,"label":%d}`, i, stampAt(d.known[i]), d.label[i]))
	}
	return rows, labels
}

// send writes rows and labels to the topics rows and labels.
func (d joinRows) send(t testing.TB, addrs []string) {
	t.Helper()
	rows, labels := d.apart()
	for topic, lines := range map[string][]string{"rows": rows, "labels": labels} {
		var msgs []*kgo.Record
		for _, l := range lines {
			msgs = append(msgs, &kgo.Record{Topic: topic, Value: []byte(l)})
		}
		sendAll(t, addrs, nil, msgs...)
	}
}

// twoFiles writes rows and labels apart, and returns the settings of a join of them.
func (d joinRows) twoFiles(t testing.TB) string {
	rows, labels := d.apart()
	return fmt.Sprintf("rows: {jsonl: {path: %s, schema: {id: int64, at: timestamp, note: utf8}}}, labels: {jsonl: {path: %s, schema: {id: int64, known: timestamp, label: int8}}}, "+
		"key: [id], time: at, label_time: known, label: label, window: 1h", jsonl(t, rows...), jsonl(t, labels...))
}
