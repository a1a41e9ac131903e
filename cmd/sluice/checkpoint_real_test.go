//go:build kafka && unix

package main

import (
	"fmt"
	"testing"

	"github.com/sluice-stream/sluice/internal/realkafka"
)

// On a real broker, with aborted transactions among the rows: offsets are moved to both ends of the log and to a time,
// and exactly the committed rows behind them are read.
func TestRealCheckpointReset(t *testing.T) {
	addr := realkafka.Start(t)
	rows := fillReal(t, addr, "moved", 6_000)
	b := newTrial(t)
	text := fmt.Sprintf("name: moved\nsource: {kafka: {brokers: [%q], topic: moved, until: end}}\nsinks: [{parquet: {path: DIR/rows}}]\n"+
		"checkpoint: {path: DIR/checkpoint, every: {rows: 1000}}\n", addr)
	file := b.file("p.yaml", text)
	b.mustRun(text)
	want := int64(rows)
	for to, more := range map[string]int64{"earliest": want, "latest": 0, "2001-01-01T00:00:00Z": want, "2999-01-01T00:00:00Z": 0} {
		must(t, "checkpoint", "reset", file, "--to", to)
		b.mustRun(text)
		want += more
		if got := decode[dataFound](t, b.path("rows")).Rows; got != want {
			t.Fatalf("--to %s: want %d rows in all, got %d", to, want, got)
		}
	}
	must(t, "checkpoint", "verify", file)
}
