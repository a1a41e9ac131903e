package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/runtime"
)

// drillOptions are the flags of drill.
type drillOptions struct {
	file    string
	rows    int64
	brokers []string
	faults  []string
	keep    string
}

// drillReport is what `drill --json` prints.
type drillReport struct {
	Pipeline    string    `json:"pipeline"`
	Rows        int64     `json:"rows"`     // of the copy that each run reads
	Rejected    int64     `json:"rejected"` // of them, by the undisturbed run
	Unread      int64     `json:"unread"`   // rows that could not be copied
	Checkpoints int64     `json:"checkpoints"`
	Seconds     float64   `json:"seconds"` // that the undisturbed run takes
	Notes       []string  `json:"notes,omitempty"`
	Faults      []verdict `json:"faults"`
	Failed      int       `json:"failed"` // faults that were not survived
}

func drillCmd() *cobra.Command {
	var o drillOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "drill [FILE]",
		Short: "Break a copy of a pipeline in every way and compare with a run that was left alone",
		Long: "Copies the first rows of the pipeline's input into a temporary folder (or a topic of a broker of its own), redirects\n" +
			"every output there, and runs the pipeline again and again, each time under another fault. The result of each is\n" +
			"compared with that of a run that was left alone: rows lost or duplicated, other weights, other files. Your topics,\n" +
			"outputs and checkpoints are not touched.\n\nFaults:\n" + faultList() +
			"\nExit code 0: every fault was survived; 1: one was not; the other codes are those of `run`.",
		Example: "  sluice drill\n  sluice drill pipeline.yaml --rows 5000 --faults kill,disk_full\n  sluice drill pipeline.yaml --keep drilled --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = "pipeline.yaml"
			if len(args) == 1 {
				o.file = args[0]
			}
			rep, err := drillAll(cmd.Context(), o, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				if err := printJSON(cmd.OutOrStdout(), rep); err != nil {
					return err
				}
			} else {
				rep.show(cmd.OutOrStdout())
			}
			if rep.Failed > 0 {
				return fmt.Errorf("drill: %d of %d faults were not survived; --keep DIR keeps the files of every run", rep.Failed, len(rep.Faults))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.Int64Var(&o.rows, "rows", 20_000, "rows to copy from the input")
	f.StringSliceVar(&o.brokers, "brokers", nil, "put the copy into a topic of these brokers, deleted afterwards (default: an embedded broker)")
	f.StringSliceVar(&o.faults, "faults", nil, "faults to try (default: all)")
	f.StringVar(&o.keep, "keep", "", "keep the copy and the files of every run in this new folder")
	f.BoolVar(&asJSON, "json", false, "print the verdicts as JSON")
	cmd.AddCommand(drillChildCmd())
	return cmd
}

func faultList() string {
	var b strings.Builder
	for _, f := range allFaults {
		fmt.Fprintf(&b, "  %-19s %s\n", f.name, f.doc)
	}
	return b.String()
}

// chosenFaults are those of the flag, in the order of the list; all of them without the flag.
func chosenFaults(names []string) ([]fault, error) {
	if len(names) == 0 {
		return allFaults, nil
	}
	wanted, known := map[string]bool{}, []string{}
	for _, f := range allFaults {
		known = append(known, f.name)
	}
	for _, n := range names {
		if err := check.OneOf("--faults", n, known...); err != nil {
			return nil, flow.Classify(flow.ErrConfig, err)
		}
		wanted[n] = true
	}
	var out []fault
	for _, f := range allFaults {
		if wanted[f.name] {
			out = append(out, f)
		}
	}
	return out, nil
}

// drillAll copies, runs once undisturbed, and then once or more under each fault.
func drillAll(ctx context.Context, o drillOptions, log io.Writer) (rep *drillReport, err error) {
	faults, err := chosenFaults(o.faults)
	if err != nil {
		return nil, err
	}
	if o.rows < 1 {
		return nil, flow.Configf("--rows: want >= 1, got %d", o.rows)
	}
	p, err := runtime.Load(o.file)
	if err != nil {
		return nil, err
	}
	dir, done, err := drillDir(o.keep)
	if err != nil {
		return nil, err
	}
	defer done()
	d := &drill{dir: dir, pipeline: p, log: log, options: o, topics: map[string]bool{}, report: &drillReport{Pipeline: p.Name}}
	defer d.close()
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	if err := d.reference(ctx); err != nil {
		return nil, err
	}
	for _, f := range faults {
		v, err := d.try(ctx, f)
		if err != nil {
			return nil, err
		}
		d.report.Faults = append(d.report.Faults, v)
		if v.Failed {
			d.report.Failed++
		}
	}
	return d.report, nil
}

// drillDir is the folder of a drill: the user's, which stays, or one that done removes.
func drillDir(keep string) (dir string, done func(), err error) {
	if keep == "" {
		dir, err = os.MkdirTemp("", "sluice-drill-*")
		return dir, func() { os.RemoveAll(dir) }, err
	}
	if ents, err := os.ReadDir(keep); err == nil && len(ents) > 0 {
		return "", nil, flow.Configf("--keep: want a new or empty folder, got %s with %d entries", keep, len(ents))
	}
	if err := os.MkdirAll(keep, 0o755); err != nil {
		return "", nil, flow.Disk("--keep: cannot make", keep, err)
	}
	dir, err = filepath.Abs(keep)
	return dir, func() {}, err
}
