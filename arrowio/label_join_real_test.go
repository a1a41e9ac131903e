package arrowio

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/flow"
)

// hotelFile finds the rows; they are replayed by booking date.
func hotelFile(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SLUICE_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	path, err := filepath.Abs(filepath.Join(dir, "prepared", "hotel-bookings.parquet"))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Skipf("no data: %v; set SLUICE_DATA", err)
	}
	return path
}

// hotelRows reads event times and the times at which a label is known.
func hotelRows(t testing.TB, path, known string) (d joinRows) {
	t.Helper()
	s := must(t)(newParquet(path, []string{"event_time", known, "label"}, nil))
	defer s.Close()
	mustOpen(t, s, flow.Env{})
	for {
		rec, err := s.Next(context.Background(), 1<<16)
		if err == io.EOF {
			return d
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(rec.NumRows()) {
			d.event = append(d.event, int64(rec.Column(0).(*array.Timestamp).Value(i)))
			d.known = append(d.known, int64(rec.Column(1).(*array.Timestamp).Value(i)))
			d.label = append(d.label, int(rec.Column(2).(*array.Int8).Value(i)))
		}
		rec.Release()
	}
}

// The order on hotel-bookings is that of `ctr.py --known label-time` and `--known outcome-time`.
func TestLabelJoinOrderOnHotelBookings(t *testing.T) {
	path := hotelFile(t)
	if testing.Short() {
		t.Skip("a whole file")
	}
	for wait, known := range map[string]string{"label": "label_time", "outcome": "outcome_time"} {
		d := hotelRows(t, path, known)
		text := fmt.Sprintf("{rows: {parquet: {path: %s, columns: [hotel, lead_time, event_time, label_time, outcome_time, label]}}, "+
			"time: event_time, label_time: label_time, outcome_time: outcome_time, label: label, wait: %s}", path, wait)
		got := runJoin(t, text, func(int) int { return 8192 }, func(call int) bool { return call%9 == 0 })
		if len(got.rows) != 2*len(d.event) {
			t.Fatalf("want each of %d rows twice, got %d", len(d.event), len(got.rows))
		}
		for _, batch := range []int{1, 16, 64} {
			if !slices.Equal(batched(got.rows, batch), d.stream(batch)) {
				t.Errorf("%s, batch %d: another order than the twin's", known, batch)
			}
		}
		for _, r := range got.rows {
			if r.matured && r.label != float64(d.label[r.row]) {
				t.Fatalf("row %d: want label %d, got %v", r.row, d.label[r.row], r.label)
			}
		}
	}
}

// BenchmarkLabelJoin counts rows of the input.
func BenchmarkLabelJoin(b *testing.B) {
	path := hotelFile(b)
	text := fmt.Sprintf("{rows: {parquet: {path: %s}}, time: event_time, label_time: label_time, outcome_time: outcome_time, label: label, wait: outcome}", path)
	rows := int64(0)
	for b.Loop() {
		s := joinSource(b, text)
		mustOpen(b, s, flow.Env{})
		for {
			rec, err := s.Next(context.Background(), 8192)
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			rec.Release()
		}
		rows += s.counts.rows.Load()
		s.Close()
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
