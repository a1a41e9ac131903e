//go:build kafka && unix

package main

import (
	"fmt"
	"testing"

	"github.com/sluice-stream/sluice/internal/realkafka"
)

// A drill of a topic on a real broker, with aborted transactions among its rows: on a copy in an embedded broker, and
// on one in the real broker.
func TestRealKafkaDrill(t *testing.T) {
	addr := realkafka.Start(t)
	fillReal(t, addr, "drilled", 12_000)
	for _, extra := range [][]string{nil, {"--brokers", addr, "--faults", "none,kill,stop"}} {
		rep, code, log := drillProcess(t, fmt.Sprintf(realPipeline, addr, "drilled"), append([]string{"--rows", "6000"}, extra...)...)
		if code != 0 || rep.Failed != 0 || rep.Rows != 6000 || rep.Rejected != 0 {
			t.Errorf("%v: want 6000 rows and no fault, got %d: %+v\n%s", extra, code, rep, log)
		}
	}
}
