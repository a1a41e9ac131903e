package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/arrowio"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/runtime"
)

func createCmd() *cobra.Command {
	var label, out string
	var rows int64
	cmd := &cobra.Command{
		Use:   "create SOURCE",
		Short: "Look at data and print a pipeline for it",
		Long: "Reads the first rows of a file, a folder, a glob or a Kafka topic (kafka://host:port/topic), proposes a label and\n" +
			"fields, warns of columns that give the label away, and prints a commented pipeline that runs as it is.",
		Example: "  sluice create data.parquet --out pipeline.yaml\n  sluice create 'logs/*.csv.gz' --label clicked\n  sluice create kafka://localhost:9092/clicks",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if rows < 1 {
				return flow.Configf("--rows: want >= 1, got %d", rows)
			}
			text, err := create(cmd.Context(), args[0], label, rows)
			if err != nil {
				return err
			}
			if out == "" {
				_, err := fmt.Fprint(cmd.OutOrStdout(), text)
				return err
			}
			if err := writeNew(out, text); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; next: sluice lint %s, sluice run %s\n", out, out, out)
			return nil
		},
	}
	cmd.Flags().StringVar(&label, "label", "", "column to predict (default: the likeliest)")
	cmd.Flags().StringVar(&out, "out", "", "write the pipeline to this new file")
	cmd.Flags().Int64Var(&rows, "rows", 20_000, "how many rows to look at")
	return cmd
}

// writeNew writes text to a file that must not exist: a pipeline that somebody has edited is not lost.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return flow.Configf("--out: want the path of a new file: %w", err)
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func create(ctx context.Context, data, label string, rows int64) (string, error) {
	src, err := sourceFor(ctx, data)
	if err != nil {
		return "", err
	}
	s, err := takeSample(ctx, src.settings, rows)
	if err != nil {
		return "", err
	}
	if s.rows == 0 {
		return "", flow.Dataf("%s: want rows to look at, got none", data)
	}
	pl, err := s.propose(label)
	if err != nil {
		return "", err
	}
	text := pl.yaml(written{data: data, name: src.name, source: src.settings[1 : len(src.settings)-1], note: src.note, rows: s.rows, columns: len(s.columns)})
	p, err := runtime.Parse("proposal", []byte(text), os.LookupEnv)
	if err == nil {
		err = p.Lint()
	}
	if err != nil {
		return "", fmt.Errorf("the proposal is not valid, which is a mistake of this program: %w\n%s", err, text)
	}
	return text, nil
}

func takeSample(ctx context.Context, settings string, rows int64) (*sample, error) {
	src, err := openRows(ctx, settings, "")
	if err != nil {
		return nil, err
	}
	defer src.Close()
	s := newSample(src.Schema())
	err = src.read(ctx, rows, func(rec arrow.Record) error {
		s.add(rec)
		return nil
	})
	if err == nil && s.rows == 0 && src.rejected > 0 {
		err = flow.Dataf("every row was rejected: %s", src.reason)
	}
	return s, err
}

// proposedSource is what stands under `source:`.
type proposedSource struct {
	settings string // in flow form, {parquet: {path: x}}
	name     string // for the pipeline
	note     string
}

// sourceFor finds the source that reads data.
func sourceFor(ctx context.Context, data string) (proposedSource, error) {
	if rest, ok := strings.CutPrefix(data, "kafka://"); ok {
		return kafkaFor(ctx, data, rest)
	}
	found, err := arrowio.Describe(ctx, memory.DefaultAllocator, data, 1)
	if err != nil {
		return proposedSource{}, err
	}
	more := ""
	if found.Separator != "" && found.Separator != "," {
		more = fmt.Sprintf(", separator: %q", found.Separator)
	}
	base, _, _ := strings.Cut(filepath.Base(data), ".")
	return proposedSource{settings: fmt.Sprintf("{%s: {path: %s%s}}", found.Format, quoted(data), more), name: plainName(base, "data")}, nil
}

// kafkaFor tries the formats of messages on the topic.
func kafkaFor(ctx context.Context, data, rest string) (proposedSource, error) {
	brokers, topic, ok := strings.Cut(rest, "/")
	if !ok || brokers == "" || topic == "" || strings.Contains(topic, "/") {
		return proposedSource{}, flow.Configf("%s: want kafka://host:port/topic", data)
	}
	var list []string
	for _, b := range strings.Split(brokers, ",") {
		list = append(list, quoted(b))
	}
	var first error
	for _, format := range []string{"json", "arrow_ipc"} {
		settings := fmt.Sprintf("{kafka: {brokers: [%s], topic: %s, format: %s, until: end}}", strings.Join(list, ", "), quoted(topic), format)
		_, err := takeSample(ctx, settings, 1)
		if err == nil {
			note := "remove `until: end` to go on with what arrives later"
			return proposedSource{settings: settings, name: plainName(topic, "topic"), note: note}, nil
		}
		if first == nil {
			first = err
		}
	}
	return proposedSource{}, first
}
