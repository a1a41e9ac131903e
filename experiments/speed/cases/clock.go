package cases

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"
)

// Clock tells what time of a run is measured.
type Clock string

// The clocks. Processor time of all threads says less about a user's wait, but other work on the machine hardly
// moves it.
const (
	Wall      Clock = "wall"
	Processor Clock = "cpu"
)

var began = time.Now()

// now reads a clock.
func now(clock Clock) (time.Duration, error) {
	if clock == Processor {
		return processorTime()
	}
	return time.Since(began), nil
}

// Validate checks the name.
func (c Clock) Validate() error {
	if c != Wall && c != Processor {
		return fmt.Errorf("want wall or cpu, got %q", string(c))
	}
	return nil
}

// Long is a time of one run from which one run a turn is enough.
const Long = 2 * time.Second

// Seconds returns the time of one run. It runs again and again for a turn, three times at least unless a run is long,
// after one run that does not count, and takes the lower quartile: other work on the machine only ever adds time. A
// turn by processor time is timed as a whole, since that clock is coarse.
func Seconds(run Run, clock Clock, turn time.Duration) (float64, error) {
	warm, err := timeOf(run, clock)
	if err != nil || warm > Long.Seconds() {
		return warm, err
	}
	if clock == Processor {
		return meanTime(run, clock, turn)
	}
	var times []float64
	for end := time.Now().Add(turn); len(times) < 3 || time.Now().Before(end); {
		t, err := timeOf(run, clock)
		if err != nil {
			return 0, err
		}
		times = append(times, t)
	}
	slices.Sort(times)
	return times[len(times)/4], nil
}

func meanTime(run Run, clock Clock, turn time.Duration) (float64, error) {
	n := 0
	total, err := timeOf(func() error {
		for end := time.Now().Add(turn); n < 3 || time.Now().Before(end); n++ {
			if err := run(); err != nil {
				return err
			}
		}
		return nil
	}, clock)
	return total / float64(max(n, 1)), err
}

// timeOf returns the seconds of one run.
func timeOf(run Run, clock Clock) (float64, error) {
	from, err := now(clock)
	if err != nil {
		return 0, err
	}
	if err := run(); err != nil {
		return 0, err
	}
	to, err := now(clock)
	return (to - from).Seconds(), err
}

// Allocations returns how many objects one run leaves on the heap in steady state. Of several counts the smallest
// stands, because the Go runtime allocates now and then as well.
func Allocations(run Run) (float64, error) {
	const runs = 10
	least := math.Inf(1)
	for i := range 4 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			if err := run(); err != nil {
				return 0, err
			}
		}
		runtime.ReadMemStats(&after)
		if i > 0 { // buffers find their size in the first
			least = min(least, math.Floor(float64(after.Mallocs-before.Mallocs)/runs))
		}
	}
	return least, nil
}
