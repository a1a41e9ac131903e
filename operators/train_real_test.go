package operators

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/sluice-stream/sluice/flow"
)

// hotel names the columns as the peers treat them: text and numbers that are names are categories, other numbers
// are bucketised.
const hotel = `{label: label, fields: {
  categorical: [hotel, arrival_date_year, arrival_date_month, arrival_date_week_number, arrival_date_day_of_month, meal, country, market_segment,
    distribution_channel, is_repeated_guest, reserved_room_type, assigned_room_type, deposit_type, agent, company, customer_type],
  numeric: {lead_time: log2floor, stays_in_weekend_nights: log2floor, stays_in_week_nights: log2floor, adults: log2floor, children: log2floor,
    babies: log2floor, previous_cancellations: log2floor, previous_bookings_not_canceled: log2floor, booking_changes: log2floor,
    days_in_waiting_list: log2floor, adr: log2floor, required_car_parking_spaces: log2floor, total_of_special_requests: log2floor}}, `

// eachRecord calls do for every record of a prepared file.
func eachRecord(t testing.TB, name string, rows int64, do func(rec arrow.Record)) {
	t.Helper()
	dir := os.Getenv("SLUICE_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	f, err := os.Open(filepath.Join(dir, "prepared", name))
	if err != nil {
		t.Skipf("no data: %v; set SLUICE_DATA", err)
	}
	defer f.Close()
	pf, err := file.NewParquetReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: rows}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	rr, err := r.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rr.Release()
	for rr.Next() {
		do(rr.Record())
	}
}

// streamed runs train over a prepared file and returns its report.
func streamed(t testing.TB, name, text string, seed uint64) flow.Report {
	t.Helper()
	op, err := NewTrain(trainConfig(t, text))
	if err != nil {
		t.Fatal(err)
	}
	env := flow.Env{Seed: seed, Alloc: memory.DefaultAllocator, Reject: func(r flow.Rejection) { t.Error(r.Reason) }}
	if err := op.Open(context.Background(), env); err != nil {
		t.Fatal(err)
	}
	drop := func(arrow.Record) error { return nil }
	bound, spent := false, time.Duration(0)
	eachRecord(t, name, 8192, func(rec arrow.Record) {
		began := time.Now()
		if !bound {
			bound = true
			if _, err := op.Bind(rec.Schema()); err != nil {
				t.Fatal(err)
			}
		}
		if err := op.Process(context.Background(), rec, drop); err != nil {
			t.Fatal(err)
		}
		spent += time.Since(began)
	})
	if err := op.Flush(context.Background(), drop); err != nil {
		t.Fatal(err)
	}
	rep := op.Report()
	t.Logf("%s: %.0f rows/s, %v", text[max(0, len(text)-90):], float64(rep.Trained)/spent.Seconds(), rep.Metrics)
	return rep
}

// TestTrainOnHotelBookings holds the figures of the peers on the same rows: their baselines, and Vowpal Wabbit's
// league for a linear model that is updated after every row.
func TestTrainOnHotelBookings(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole file")
	}
	rep := streamed(t, "hotel-bookings.parquet", hotel+`model: lr, optimizer: {adagrad: {lr: 0.3}}, update: row}`, 1)
	if rep.Metrics["auc"] < .920 {
		t.Errorf("want AUC >= .920, got %v", rep.Metrics)
	}
	for name, auc := range map[string]float64{"prior": .55276, "last_label": .55961} {
		if got := rep.Baselines[name]["auc"]; math.Abs(got-auc) > 1e-4 {
			t.Errorf("%s: want AUC %v, got %v", name, auc, got)
		}
	}
	if rep.Trained != 119390 || len(rep.Notes) != 0 {
		t.Errorf("want 119390 rows and no notes, got %d and %v", rep.Trained, rep.Notes)
	}
}

// TestTrainOnFlights holds the same on the Houston flights, where Vowpal Wabbit has .6958 and River .6999.
func TestTrainOnFlights(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole file")
	}
	rep := streamed(t, "hflights.parquet", `{label: label, fields: {categorical: [Month, DayofMonth, DayOfWeek, UniqueCarrier, FlightNum, TailNum, Origin, Dest, sched_hour],
		numeric: {Distance: log2floor}}, model: lr, optimizer: {sgd: {lr: 0.02}}, update: row}`, 1)
	if rep.Metrics["auc"] < .72 {
		t.Errorf("want AUC >= .72, got %v", rep.Metrics)
	}
}

// TestTrainAgainstPeers prints figures to set beside those of the peers' scripts; SLUICE_PEERS=1 runs it.
func TestTrainAgainstPeers(t *testing.T) {
	if os.Getenv("SLUICE_PEERS") == "" {
		t.Skip("set SLUICE_PEERS=1 to print figures")
	}
	for _, more := range []string{
		`model: lr, optimizer: {adagrad: {lr: 0.3}}, batch: 512}`,
		`model: {deepfm: {dim: 16, mlp: [256, 128]}}, optimizer: {adagrad: {lr: 0.03}}, batch: 512}`,
	} {
		for seed := range uint64(3) {
			rep := streamed(t, "hotel-bookings.parquet", hotel+more, seed+1)
			fmt.Printf("%s seed %d: %v\n", more, seed+1, rep.Metrics)
		}
	}
}
