package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func checkpointVerifyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "verify PATH",
		Short: "Check every byte of the checkpoints that are kept",
		Long: "Reads every file that a kept checkpoint names, checks its hash, puts bases and deltas together as a restore would,\n" +
			"and checks what they say. It stops at the first fault, names it, and exits with code 5.",
		Example: "  sluice checkpoint verify out/checkpoint\n  sluice checkpoint verify s3://bucket/runs/clicks",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := openCheckpoints(args[0])
			if err != nil {
				return err
			}
			ids, err := c.some()
			if err != nil {
				return err
			}
			for _, id := range ids {
				found, err := c.store.Load(id)
				if err != nil {
					return c.unread(err)
				}
				parts, err := found.Verify()
				if err != nil {
					return err
				}
				files, bytes := 0, int64(0)
				for _, p := range parts {
					for _, f := range p.Files() {
						files, bytes = files+1, bytes+f.Bytes
					}
				}
				fmt.Fprintf(cmd.OutOrStdout(), "checkpoint %d: %d parts in %d files, %d bytes: every one is right\n", id, len(parts), files, bytes)
			}
			return nil
		},
	}
}
