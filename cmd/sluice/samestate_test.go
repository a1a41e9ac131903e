package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/sluice-stream/sluice/runtime"
)

// sameRows is more than the 2,640 rows in which hotel-bookings has no value of company at all.
const sameRows = 8000

// The example pipelines over Parquet, over JSON messages and over Arrow messages see the same values in the same
// order, and so end in the same state.
func TestSameStateFromEverySource(t *testing.T) {
	data := os.Getenv("SLUICE_DATA")
	if data == "" {
		data = "../../../shared/data"
	}
	whole := filepath.Join(data, "prepared", "hotel-bookings.parquet")
	if _, err := os.Stat(whole); err != nil {
		t.Skipf("no data: %v; set SLUICE_DATA", err)
	}
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	first := t.TempDir()
	if err := os.Mkdir(filepath.Join(first, "prepared"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := copyFirst(t.Context(), whole, filepath.Join(first, "prepared", "hotel-bookings.parquet"), sameRows); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLUICE_DATA", first)
	t.Chdir(t.TempDir())
	for _, env := range []map[string]string{
		{"MODEL": "lr", "LR": "0.3", "BATCH": "512"},
		{"MODEL": "lr", "LR": "0.3", "UPDATE": "row"},
		{"MODEL": "deepfm", "BATCH": "64", "UPDATE": "batch"},
	} {
		for k, v := range env {
			t.Setenv(k, v)
		}
		want := stateOf(t, filepath.Join(examples, "hotel-bookings.yaml"))
		for _, format := range []string{"json", "arrow_ipc"} {
			t.Setenv("FORMAT", format)
			got := stateOf(t, filepath.Join(examples, "hotel-bookings-kafka.yaml"))
			if got.StateHash != want.StateHash || got.Rows != sameRows {
				t.Errorf("%v: %s over Kafka: want %d rows and state %s as over Parquet, got %d and %s", env, format, sameRows, want.StateHash, got.Rows, got.StateHash)
			}
		}
	}
}

func stateOf(t *testing.T, pipeline string) (res runtime.Result) {
	t.Helper()
	must(t, "run", pipeline, "--fresh", "--report", "report.json")
	b, err := os.ReadFile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &res); err != nil {
		t.Fatal(err)
	}
	return res
}
