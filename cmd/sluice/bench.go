package main

import (
	"fmt"
	"io"
	"os"
	goruntime "runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/flow"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	rows     int64
	file     string
	label    string
	pipeline string
	peer     string
	repeat   int
}

// timing is one line of the table: rows a second of each run.
type timing struct {
	Case   string    `json:"case"`
	Rows   int64     `json:"rows"`
	Runs   []float64 `json:"rows_per_s"` // in the order of the runs
	Min    float64   `json:"min"`
	Median float64   `json:"median"`
	Max    float64   `json:"max"`
}

// benchResult is what `bench --json` prints.
type benchResult struct {
	File    string   `json:"file"`
	Columns int      `json:"columns"`
	Machine string   `json:"machine"`
	Timings []timing `json:"timings"`
	Ratio   *float64 `json:"ratio,omitempty"` // median of ours with training / median of the peer
}

func benchCmd() *cobra.Command {
	var o benchOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure rows a second: Kafka and Parquet, decode only and with training",
		Long: "Reads the same rows as JSON over an embedded Kafka broker, as Arrow IPC over it, and from Parquet, decode only and\n" +
			"with training (a DeepFM on the fields that `create` proposes, or the operators of --pipeline). Filling the broker is\n" +
			"not timed. --peer names a shell command that trains on the same file, whose path it finds in SLUICE_BENCH_FILE, and\n" +
			"prints a line of JSON with rows_per_s; it runs in turn with ours.",
		Example: "  sluice bench\n  sluice bench --file data.parquet --label click --repeat 5\n" +
			"  sluice bench --file data.parquet --pipeline train.yaml --peer 'python train.py $SLUICE_BENCH_FILE'",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.repeat < 1 || o.rows < 0 {
				return flow.Configf("want --repeat >= 1 and --rows >= 0, got %d and %d", o.repeat, o.rows)
			}
			res, err := bench(cmd.Context(), o, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), res)
			}
			showBench(cmd.OutOrStdout(), o, res)
			return nil
		},
	}
	f := cmd.Flags()
	f.Int64Var(&o.rows, "rows", 0, "rows to read (default: 200,000 generated clicks, or all rows of --file)")
	f.StringVar(&o.file, "file", "", "Parquet file (default: generated clicks of ten columns)")
	f.StringVar(&o.label, "label", "", "column to predict (default: the likeliest)")
	f.StringVar(&o.pipeline, "pipeline", "", "train with the operators of this pipeline file")
	f.StringVar(&o.peer, "peer", "", "shell command of another program to compare with")
	f.IntVar(&o.repeat, "repeat", 3, "runs of each case")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func (t *timing) summarize() {
	s := slices.Sorted(slices.Values(t.Runs))
	n := len(s)
	t.Min, t.Max = s[0], s[n-1]
	t.Median = (s[(n-1)/2] + s[n/2]) / 2
}

func machine() string {
	return fmt.Sprintf("%s/%s, %d processors, GOMAXPROCS %d", goruntime.GOOS, goruntime.GOARCH, goruntime.NumCPU(), goruntime.GOMAXPROCS(0))
}

func showBench(w io.Writer, o benchOptions, r *benchResult) {
	fmt.Fprintf(w, "%d runs each of %s (%d columns) on %s\n\n", o.repeat, r.File, r.Columns, r.Machine)
	t := newTable(w, "case", "rows", "min rows/s", "median rows/s", "max rows/s")
	t.SetColumnConfigs(right(2, 3, 4, 5))
	for _, m := range r.Timings {
		t.AppendRow([]any{m.Case, m.Rows, thousands(m.Min), thousands(m.Median), thousands(m.Max)})
	}
	t.Render()
	if r.Ratio != nil {
		fmt.Fprintf(w, "\nParquet with training is %.2f times as fast as the peer (medians)\n", *r.Ratio)
	}
}

// thousands writes a rate with separators.
func thousands(x float64) string {
	s := fmt.Sprintf("%.0f", x)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// tempDir makes a folder that done removes.
func tempDir() (dir string, done func(), err error) {
	dir, err = os.MkdirTemp("", "sluice-bench-*")
	return dir, func() { os.RemoveAll(dir) }, err
}
