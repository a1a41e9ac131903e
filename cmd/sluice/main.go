// Command sluice turns event streams into learned, selected, cleaned embeddings.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	_ "github.com/sluice-stream/sluice/arrowio"
	_ "github.com/sluice-stream/sluice/features"
	"github.com/sluice-stream/sluice/flow"
	_ "github.com/sluice-stream/sluice/learn/optim"
	_ "github.com/sluice-stream/sluice/operators"
	_ "github.com/sluice-stream/sluice/sinks"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, message(err))
		os.Exit(exitCode(err))
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sluice",
		Short: "Learn from event streams: gated features, embeddings, exactly once",
		Long: "Sluice reads Kafka topics or files as Arrow records, learns from them while they pass, and writes\n" +
			"scored rows and embeddings to Parquet. One YAML file describes a pipeline.",
		Example:       "  sluice run                 run ./pipeline.yaml\n  sluice list sources        what can stand under `source:`\n  sluice create data.parquet print a pipeline for a file",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return flow.Configf("%v; see `%s --help`", err, c.CommandPath())
	})
	cmd.AddCommand(runCmd(), lintCmd(), listCmd(), inspectCmd(), queryCmd(), createCmd(), experimentCmd(), benchCmd(), drillCmd(), checkpointCmd())
	classifyArgs(cmd)
	return cmd
}

// classifyArgs gives what cobra says of wrong arguments the class of a mistake of the user.
func classifyArgs(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		if check := sub.Args; check != nil {
			sub.Args = func(c *cobra.Command, args []string) error {
				err := check(c, args)
				if err == nil || errors.Is(err, flow.ErrConfig) {
					return err
				}
				return flow.Configf("%v; see `%s --help`", err, c.CommandPath())
			}
		}
		classifyArgs(sub)
	}
}

const signalled = 130 // by a signal

// message is what a user reads of an error.
func message(err error) string {
	if exitCode(err) == signalled {
		return "stopped; run again to go on from the newest checkpoint"
	}
	return err.Error()
}

// exitCode tells scripts the class of an error: 2 configuration, 3 data, 4 passing, 5 damaged state, 130 stopped.
func exitCode(err error) int {
	for _, c := range []struct {
		class error
		code  int
	}{{flow.ErrConfig, 2}, {flow.ErrData, 3}, {flow.ErrTransient, 4}, {flow.ErrCorrupt, 5}, {context.Canceled, signalled}} {
		if errors.Is(err, c.class) {
			return c.code
		}
	}
	return 1
}
