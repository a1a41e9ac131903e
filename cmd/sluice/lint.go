package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/runtime"
)

func lintCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "lint FILE...",
		Short: "Check pipeline files without running them",
		Long: "Reads each file, checks every setting and builds every component, without opening a file or a connection.\n" +
			"All violations are printed, one a line, as file:line:column: key: wanted, got.",
		Example: "  sluice lint pipeline.yaml examples/*.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			var first error
			for _, f := range files {
				err := lint(f)
				switch {
				case err == nil:
					fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", f)
				case first == nil:
					first = err
				default:
					first = fmt.Errorf("%w\n%w", first, err)
				}
			}
			return first
		},
	}
}

func lint(file string) error {
	p, err := runtime.Load(file)
	if err != nil {
		return err
	}
	return p.Lint()
}
