//go:build kafka && slow && linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/internal/realkafka"
)

// soakFor is how long the soak takes; SLUICE_SOAK gives another time, such as 1m.
const soakFor = 10 * time.Minute

const soakPipeline = `
name: soak
source: {kafka: {brokers: [%q], topic: soak}}
operators: [{derive: {hour: hour(at)}}]
sinks: [{parquet: {path: out/rows}}]
checkpoint: {path: out/checkpoint, every: {seconds: 2}}
`

// TestRealSoakWithSlowSink lets a producer run ahead of a sink that cannot follow, and looks at the memory of the
// process: rows that wait must wait in Kafka.
func TestRealSoakWithSlowSink(t *testing.T) {
	length := soakFor
	if s := os.Getenv("SLUICE_SOAK"); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	addr := realkafka.Start(t)
	stop := make(chan struct{})
	sent := soakProducer(t, addr, stop)
	bin, dir := filepath.Join(t.TempDir(), "sluice"), t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "pipeline.yaml"), fmt.Appendf(nil, soakPipeline, addr), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "drill", "child", "pipeline.yaml", "--fault", "slow_sink:400ms")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var megabytes []int
	for began := time.Now(); time.Since(began) < length; time.Sleep(time.Second) {
		megabytes = append(megabytes, resident(t, cmd.Process.Pid))
	}
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	close(stop)
	n := len(megabytes)
	early, late := slices.Max(megabytes[n/4:n/2]), slices.Max(megabytes[3*n/4:])
	t.Logf("%s, %d rows sent: at most %d MB in the second quarter, %d MB in the last", length, <-sent, early, late)
	if late > early*6/5+32 {
		t.Errorf("memory grows: %v", megabytes)
	}
}

// soakProducer writes about 30,000 rows a second to three partitions until stop is closed, then tells how many.
func soakProducer(t *testing.T, addr string, stop chan struct{}) <-chan int {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("soak"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 3, 1, nil, "soak"); err != nil {
		t.Fatal(err)
	}
	done := make(chan int, 1)
	rng := rand.New(rand.NewPCG(1, 2))
	batch := func() error {
		var recs []*kgo.Record
		for range 3000 {
			recs = append(recs, &kgo.Record{Value: fmt.Appendf(nil, `{"user":"u%d","price":%.3f,"at":%q}`,
				rng.IntN(1e6), 100*rng.Float64(), time.Now().UTC().Format(time.RFC3339Nano))})
		}
		return cl.ProduceSync(t.Context(), recs...).FirstErr()
	}
	if err := batch(); err != nil { // the columns are inferred from what is there
		t.Fatal(err)
	}
	go func() {
		defer cl.Close()
		n := 3000
		for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C {
			select {
			case <-stop:
				done <- n
				return
			default:
			}
			if err := batch(); err != nil {
				t.Error(err)
				done <- n
				return
			}
			n += 3000
		}
	}()
	return done
}

// resident is the memory of a process in megabytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kb := 0
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		t.Fatal("the process has ended: ", err)
	}
	return kb / 1024
}
