package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/runtime"
)

func runCmd() *cobra.Command {
	var fresh bool
	var report string
	cmd := &cobra.Command{
		Use:   "run [FILE]",
		Short: "Run a pipeline (./pipeline.yaml when no file is named)",
		Long: "Runs a pipeline to the end of its input. A run that was stopped or killed goes on from its newest checkpoint\n" +
			"the next time; a bounded run that had finished says so and does nothing.",
		Example: "  sluice run\n  sluice run examples/hotel-bookings.yaml --report report.json\n  sluice run --fresh",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := "pipeline.yaml"
			if len(args) == 1 {
				file = args[0]
			}
			return run(cmd, file, fresh, report)
		},
	}
	cmd.Flags().BoolVar(&fresh, "fresh", false, "forget the checkpoints and start over")
	cmd.Flags().StringVar(&report, "report", "", "write what was found as one JSON object to this file")
	return cmd
}

func run(cmd *cobra.Command, file string, fresh bool, report string) error {
	p, err := runtime.Load(file)
	if err != nil {
		return err
	}
	if err := canReport(report); err != nil {
		return err
	}
	con := newConsole(cmd.OutOrStdout(), p)
	opts := runtime.Options{Fresh: fresh, Observer: con, Log: slog.New(slog.NewTextHandler(con, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if !con.live {
		opts.ProgressEvery = plainEvery
	}
	res, err := runtime.Run(cmd.Context(), p, opts)
	con.stop()
	if err != nil {
		return err
	}
	con.summary(res, file)
	if report == "" {
		return nil
	}
	return writeReport(report, res)
}

// canReport finds out before a long run whether its report can be written.
func canReport(path string) error {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return flow.Configf("--report: want a file in a folder that exists, got %s; make the folder %s first", path, dir)
	}
	return nil
}

func writeReport(path string, res *runtime.Result) error {
	b, err := json.MarshalIndent(res, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// isTerminal says whether w is a terminal that can redraw lines.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}
