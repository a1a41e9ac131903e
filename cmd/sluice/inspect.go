package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/flow"
)

func inspectCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect PATH",
		Short: "Show what is in a checkpoint, a data file or folder, or embeddings",
		Long: "Looks at PATH and says what it holds. A folder of checkpoints, or one manifest: position, metrics, parts, and\n" +
			"whether every hash is right. One part: each saved value. An embeddings folder: fields, kept share, vector norms.\n" +
			"Parquet, Arrow IPC, CSV or JSON lines, a file, a folder or a glob: schema, rows and statistics of each column.",
		Example: "  sluice inspect out/checkpoint\n  sluice inspect out/embeddings\n  sluice inspect 'data/*.parquet' --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := inspect(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), found)
			}
			return found.show(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was found as JSON")
	return cmd
}

// inspection is what one kind of path holds; its exported fields are the JSON form.
type inspection interface{ show(w io.Writer) error }

var (
	manifestName   = regexp.MustCompile(`^manifest-(\d+)\.json$`)
	partName       = regexp.MustCompile(`^(.+)-[0-9a-f]{16}\.arrow$`)
	embeddingsName = regexp.MustCompile(`^embeddings-\d+\.parquet$`)
)

// inspect decides by what stands at path. A path that is no file may still be a glob or an address.
func inspect(ctx context.Context, path string) (inspection, error) {
	info, err := os.Stat(path)
	switch base := filepath.Base(path); {
	case errors.Is(err, fs.ErrNotExist):
		return inspectData(ctx, path)
	case err != nil:
		return nil, flow.Classify(flow.ErrConfig, err)
	case info.IsDir():
		return inspectFolder(ctx, path)
	case manifestName.MatchString(base):
		return inspectManifest(filepath.Dir(path), manifestName.FindStringSubmatch(base)[1])
	case partName.MatchString(base):
		return inspectPart(path)
	case embeddingsName.MatchString(base):
		return inspectEmbeddings(path)
	}
	return inspectData(ctx, path)
}

func inspectFolder(ctx context.Context, dir string) (inspection, error) {
	ents, err := os.ReadDir(dir)
	if err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	for _, e := range ents {
		switch {
		case manifestName.MatchString(e.Name()):
			return inspectManifest(dir, "")
		case embeddingsName.MatchString(e.Name()):
			return inspectEmbeddings(dir)
		}
	}
	return inspectData(ctx, dir)
}
