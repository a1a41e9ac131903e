package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/experiment"
	"github.com/sluice-stream/sluice/runtime"
)

func experimentCmd() *cobra.Command {
	root := ""
	cmd := &cobra.Command{
		Use:   "experiment",
		Short: "Run the experiments that prove the methods",
		Long: "Each folder under experiments/ states a claim, the arms that are compared, and the conditions under which the\n" +
			"claim fails. `run` runs every arm once a seed and prints means, spread and a verdict.",
		Example: "  sluice experiment list\n  sluice experiment run optfs-planted --seeds 5",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&root, "dir", "experiments", "folder of the experiments")
	cmd.AddCommand(experimentListCmd(&root), experimentRunCmd(&root))
	return cmd
}

func experimentListCmd(root *string) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Show the experiments, their papers and claims",
		Long:    "Reads and checks every experiment.yaml, and shows what each claims and compares.",
		Example: "  sluice experiment list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := experiment.List(*root)
			if err != nil {
				return flow.Classify(flow.ErrConfig, err)
			}
			if len(all) == 0 {
				return flow.Configf("%s: no experiments here; run in the root of the repository, or name the folder with --dir", *root)
			}
			t := newTable(cmd.OutOrStdout(), "name", "paper", "arms", "seeds", "claim")
			t.SetColumnConfigs(append(right(4), wrap(2, 24), wrap(3, 24), wrap(5, 48)))
			for _, s := range all {
				t.AppendRow([]any{s.Name, s.Paper, strings.Join(s.ArmNames(), ", "), s.Seeds, s.Claim})
			}
			t.Render()
			return nil
		},
	}
}

func experimentRunCmd(root *string) *cobra.Command {
	var seeds int
	var asJSON, noCache bool
	cmd := &cobra.Command{
		Use:   "run NAME",
		Short: "Run one experiment: every arm, every seed, then the verdict",
		Long: "Runs an experiment, a folder under experiments/ or a path to one. Runs are cached by program, settings and seed\n" +
			"under the user's cache folder; data files are not part of the key, so use --no-cache after changing one.\n" +
			"A claim that fails is a result, not an error: the exit status is 0, and the verdict says it.",
		Example: "  sluice experiment run optfs-planted\n  sluice experiment run optfs-planted --seeds 2 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("seeds") && seeds < 1 {
				return flow.Configf("--seeds: want >= 1, got %d", seeds)
			}
			s, err := findExperiment(*root, args[0])
			if err != nil {
				return err
			}
			o := experiment.Options{Seeds: seeds, Pipeline: runQuietly, Progress: progressTo(cmd.ErrOrStderr(), s.FigureNames()[0])}
			if !noCache {
				if o.Cache, err = experiment.NewCache(); err != nil {
					return err
				}
			}
			res, err := s.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(res)
			}
			showExperiment(cmd.OutOrStdout(), s, res)
			return nil
		},
	}
	cmd.Flags().IntVar(&seeds, "seeds", 0, "how many seeds, 1, 2, ... (default: the experiment's own number)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "end with one line of JSON instead of a table")
	cmd.Flags().BoolVar(&noCache, "no-cache", false, "run everything again and remember nothing")
	return cmd
}

func findExperiment(root, name string) (*experiment.Spec, error) {
	dir := filepath.Join(root, name)
	if strings.ContainsRune(name, filepath.Separator) {
		dir = filepath.Clean(name)
	}
	s, err := experiment.Load(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, flow.Classify(flow.ErrConfig, err)
	}
	var names []string
	found, _ := filepath.Glob(filepath.Join(root, "*", experiment.FileName)) // the pattern is well formed
	for _, f := range found {
		names = append(names, filepath.Base(filepath.Dir(f)))
	}
	hint := check.DidYouMean(name, names)
	if hint == "" {
		hint = "`sluice experiment list` shows them; --dir names their folder"
	}
	return nil, flow.Configf("experiment %s: want a folder with an %s, found none at %s; %s", name, experiment.FileName, dir, hint)
}

// runQuietly runs a pipeline for an experiment. Its rejected rows are counted in the report and kept nowhere else.
func runQuietly(ctx context.Context, name string, text []byte) ([]byte, error) {
	dir, err := os.MkdirTemp("", "sluice-experiment-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	p, err := runtime.Parse(name, fmt.Appendf(text, "\ndead_letter: {parquet: {path: %q}}\n", dir), os.LookupEnv)
	if err != nil {
		return nil, err
	}
	res, err := runtime.Run(ctx, p, runtime.Options{})
	if err != nil {
		return nil, err
	}
	return json.Marshal(res)
}

// progressTo writes one line a run, with one of its figures.
func progressTo(w io.Writer, figure string) func(string, uint64, experiment.Figures, time.Duration, bool) {
	return func(arm string, seed uint64, f experiment.Figures, took time.Duration, cached bool) {
		how := fmt.Sprintf("%.1f s", took.Seconds())
		if cached {
			how = "cached"
		}
		value := "not measured"
		if v, ok := f[figure]; ok {
			value = fmt.Sprintf("%.4f", v)
		}
		fmt.Fprintf(w, "%s, seed %d: %s %s (%s)\n", arm, seed, figure, value, how)
	}
}

func showExperiment(w io.Writer, s *experiment.Spec, r *experiment.Result) {
	if s.Paper != "" {
		fmt.Fprintf(w, "%s (%s)\n", s.Name, s.Paper)
	} else {
		fmt.Fprintln(w, s.Name)
	}
	fmt.Fprintln(w, paragraph("claim: "+s.Claim, "", pageWidth))
	fmt.Fprintf(w, "mean ± standard deviation over %d seeds:\n\n", r.Seeds)
	header, columns := []any{"arm"}, []int{}
	for i, f := range s.FigureNames() {
		header, columns = append(header, f), append(columns, i+2)
	}
	t := newTable(w, header...)
	t.SetColumnConfigs(right(columns...))
	for _, a := range s.ArmNames() {
		row := []any{a}
		for _, f := range s.FigureNames() {
			row = append(row, meanAndSpread(r.Figures[a][f]))
		}
		t.AppendRow(row)
	}
	t.Render()
	fmt.Fprintln(w)
	for _, o := range r.Falsifiers {
		mark := "holds"
		if !o.Holds {
			mark = "FAILS"
		}
		fmt.Fprintf(w, "%s  %s\n", mark, o.Condition)
	}
	fmt.Fprintf(w, "\nverdict: %s\n", r.Verdict)
}

func meanAndSpread(s experiment.Summary) string {
	switch len(s.Values) {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf("%.4f", s.Mean)
	}
	return fmt.Sprintf("%.4f ± %.4f", s.Mean, s.SD)
}
