package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/registry"
	"github.com/sluice-stream/sluice/runtime"
)

// benchCase is one source, with or without training.
type benchCase struct {
	name   string
	source string
	train  bool
}

const peerCase = "peer"

// bench prepares the data, then runs every case in turn, as often as asked.
func bench(ctx context.Context, o benchOptions, log io.Writer) (*benchResult, error) {
	dir, done, err := tempDir()
	if err != nil {
		return nil, err
	}
	defer done()
	data, err := benchData(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	broker, addr, err := benchBroker(ctx, data)
	if err != nil {
		return nil, err
	}
	defer broker.Close()
	operators, err := benchOperators(ctx, o, data)
	if err != nil {
		return nil, err
	}
	cases := benchCases(addr, data.path)
	res := &benchResult{File: data.shown, Columns: data.columns, Machine: machine()}
	for _, c := range cases {
		res.Timings = append(res.Timings, timing{Case: c.name})
	}
	if o.peer != "" {
		res.Timings = append(res.Timings, timing{Case: peerCase, Rows: data.rows})
	}
	for turn := range o.repeat {
		fmt.Fprintf(log, "turn %d of %d\n", turn+1, o.repeat)
		for i, c := range cases {
			if err := res.Timings[i].run(ctx, c, operators, data, dir); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
		if o.peer != "" {
			rate, err := runPeer(ctx, o.peer, data.path)
			if err != nil {
				return nil, err
			}
			last := &res.Timings[len(cases)]
			last.Runs = append(last.Runs, rate)
		}
	}
	res.finish()
	return res, nil
}

func benchCases(addr, file string) []benchCase {
	var out []benchCase
	for _, train := range []bool{false, true} {
		what := "decode only"
		if train {
			what = "with training"
		}
		kafka := func(topic, format string) string {
			return fmt.Sprintf("{kafka: {brokers: [%q], topic: %s, format: %s, until: end, meta: []}}", addr, topic, format)
		}
		out = append(out,
			benchCase{"JSON over Kafka, " + what, kafka(topicJSON, "json"), train},
			benchCase{"Arrow IPC over Kafka, " + what, kafka(topicArrow, "arrow_ipc"), train},
			benchCase{"Parquet, " + what, fmt.Sprintf("{parquet: {path: %q}}", file), train},
		)
	}
	return out
}

// run runs a case once. The time is that of the runtime, from the open source to the last row.
func (t *timing) run(ctx context.Context, c benchCase, operators []flow.Choice[flow.Operator], data *benchSet, dir string) error {
	text := fmt.Appendf(nil, "name: bench\nsource: %s\ndead_letter: {parquet: {path: %q}}\n", c.source, dir+"/rejected")
	p, err := runtime.Parse("bench", text, os.LookupEnv)
	if err != nil {
		return err
	}
	if c.train {
		p.Operators = operators
	}
	res, err := runtime.Run(ctx, p, runtime.Options{})
	if err != nil {
		return err
	}
	if res.Rows+res.Rejected != data.rows {
		return fmt.Errorf("want %d rows, got %d and %d rejected", data.rows, res.Rows, res.Rejected)
	}
	t.Rows = res.Rows
	t.Runs = append(t.Runs, res.RowsPerS)
	return nil
}

func (r *benchResult) finish() {
	var ours, peer *timing
	for i := range r.Timings {
		t := &r.Timings[i]
		t.summarize()
		switch t.Case {
		case "Parquet, with training":
			ours = t
		case peerCase:
			peer = t
		}
	}
	if peer != nil && peer.Median > 0 {
		ratio := ours.Median / peer.Median
		r.Ratio = &ratio
	}
}

// runPeer runs the command and reads rows_per_s from the last line of its output that is JSON.
func runPeer(ctx context.Context, command, file string) (float64, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Env = append(os.Environ(), "SLUICE_BENCH_FILE="+file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("peer: %w: %s", err, lastLine(stderr.String()))
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		var answer struct {
			RowsPerS *float64 `json:"rows_per_s"`
		}
		if json.Unmarshal([]byte(lines[i]), &answer) == nil && answer.RowsPerS != nil {
			return *answer.RowsPerS, nil
		}
	}
	return 0, fmt.Errorf("peer: want a line of JSON with rows_per_s, got %q", lastLine(string(out)))
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

const (
	topicJSON  = "bench_json"
	topicArrow = "bench_arrow"
)

// benchBroker starts an embedded broker and fills both topics, untimed.
func benchBroker(ctx context.Context, data *benchSet) (flow.Broker, string, error) {
	broker, err := registry.Make[flow.Broker](flow.EmbeddedBroker)
	if err != nil {
		return nil, "", err
	}
	addr, err := broker.Start(ctx)
	if err != nil {
		return nil, "", err
	}
	for topic, format := range map[string]string{topicJSON: "json", topicArrow: "arrow_ipc"} {
		if err := fillTopic(ctx, broker, flow.Feed{Topic: topic, Partitions: 1, Format: format}, data.path); err != nil {
			return nil, "", errors.Join(fmt.Errorf("fill %s: %w", topic, err), broker.Close())
		}
	}
	return broker, addr, nil
}

func fillTopic(ctx context.Context, broker flow.Broker, feed flow.Feed, file string) error {
	src, err := openRows(ctx, fmt.Sprintf("{parquet: {path: %q}}", file), "")
	if err != nil {
		return err
	}
	defer src.Close()
	_, err = broker.Fill(ctx, feed, src)
	return err
}
