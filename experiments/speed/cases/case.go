// Package cases holds the work that Sluice's speed is measured on: matrix products, vector functions, embedding
// tables, optimizers, training steps and whole streams. A case prepares its data once and then runs as often as
// asked. What it is compared with stands in package speed.
package cases

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Case is one piece of work.
type Case struct {
	Name string
	Work float64 // of one run, in units
	Unit string  // of a rate: what Work counts, per second
	// Prepare makes the data, for runs with at most `threads` threads: GOMAXPROCS is set to it.
	Prepare func(ctx context.Context, env Env, threads int) (Run, error)
}

// Run does the work of a case once.
type Run func() error

// Env is where cases find data files.
type Env struct {
	Data string // folder with prepared/hotel-bookings.parquet and flights-3m/flights-3m.parquet
}

// Operations are the cases of single operations, which need no data files.
func Operations() []Case { return slices.Concat(products(), tables(), optimizers(), vectors()) }

// Training are training steps, and passes over the files of Env.
func Training() []Case { return slices.Concat(steps(), streams()) }

// All returns every case.
func All() []Case { return append(Operations(), Training()...) }

// Find returns the case of that name.
func Find(name string) (Case, error) {
	for _, c := range All() {
		if c.Name == name {
			return c, nil
		}
	}
	return Case{}, fmt.Errorf("want the name of a case, got %q", name)
}

// Sizes of the embedding cases, as in the peers' script.
const (
	batchRows = 4096
	fields    = 39
	dim       = 16
	tableRows = 1_000_000
)

// drawIDs are the table rows of a batch: evenly drawn, but those of the first 8 fields fall on 100 rows.
func drawIDs(rows int) []int32 {
	r := rand.New(rand.NewPCG(1, 5))
	ids := make([]int32, rows*fields)
	for i := range ids {
		n := int32(tableRows)
		if i%fields < 8 {
			n = 100
		}
		ids[i] = r.Int32N(n)
	}
	return ids
}

// normal returns n values of a normal distribution.
func normal(n int) []float32 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64())
	}
	return out
}

func random(shape ...int) *tensor.Dense { return tc.NewFloat32(shape, normal(tc.Size(shape))) }
