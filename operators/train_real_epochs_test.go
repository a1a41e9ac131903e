package operators

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// hotelSafe is hotel without the columns that are written after booking.
var hotelSafe = strings.NewReplacer("assigned_room_type, ", "", "country, ", "", "booking_changes: log2floor,", "",
	"required_car_parking_spaces: log2floor, ", "").Replace(hotel)

// fitted runs train in batch mode over a prepared file and returns its report.
func fitted(t testing.TB, name, text string, seed uint64) flow.Report {
	t.Helper()
	op, err := NewTrain(trainConfig(t, text))
	if err != nil {
		t.Fatal(err)
	}
	env := flow.Env{Seed: seed, Alloc: memory.DefaultAllocator, Reject: func(r flow.Rejection) { t.Error(r.Reason) }}
	if err := op.Open(context.Background(), env); err != nil {
		t.Fatal(err)
	}
	bound, phase := false, flow.Replay
	for phase == flow.Replay {
		eachRecord(t, name, 8192, func(rec arrow.Record) {
			if !bound {
				bound = true
				if _, err := op.Bind(rec.Schema()); err != nil {
					t.Fatal(err)
				}
			}
			if err := op.Process(context.Background(), rec, func(arrow.Record) error { return nil }); err != nil {
				t.Fatal(err)
			}
		})
		began := time.Now()
		for phase = flow.Again; phase == flow.Again; {
			if phase, err = op.Advance(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if s := time.Since(began).Seconds(); phase == flow.Replay && s > .2 {
			t.Logf("%.0f rows/s in epochs", float64(op.trained)/s)
		}
	}
	return op.Report()
}

// TestFitAgainstPeers prints figures to set beside torch_ctr.py --mode batch --safe; SLUICE_PEERS=1 runs it.
func TestFitAgainstPeers(t *testing.T) {
	if os.Getenv("SLUICE_PEERS") == "" {
		t.Skip("set SLUICE_PEERS=1 to print figures")
	}
	for _, split := range []string{"time", "random"} {
		for _, more := range []string{`model: lr, optimizer: {adam: {lr: 0.003}}`, `model: {deepfm: {dim: 16, mlp: [256, 128]}}, optimizer: {adam: {lr: 0.001}}`} {
			rep := fitted(t, "hotel-bookings.parquet", hotelSafe+more+", batch: 512, epochs: {max: 10, patience: 2, split: "+split+"}}", 1)
			fmt.Printf("%s %s: test %v valid %v\n", split, more, rep.Metrics, rep.Valid)
		}
	}
}
