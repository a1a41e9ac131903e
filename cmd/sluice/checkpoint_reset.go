package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

const resetLong = `Moves the offsets of a Kafka source in the newest checkpoint, on purpose. What the operators have learned stays; the
next run reads from the new offsets: rows that were read before are read again, or rows are passed over. The offsets
before are printed as the flags that put them back.

--offset sets one partition, --to all of them: earliest, latest, or the first row at or behind a time (RFC 3339). --to
asks the brokers, so PATH must be the pipeline file. A run that uses the checkpoints must be stopped first; in an
object store, where there is no lock, it stops at its next checkpoint.`

// move is what a reset is asked to do.
type move struct {
	to      string
	offsets []string // topic/partition=N
}

func checkpointResetCmd() *cobra.Command {
	var mv move
	cmd := &cobra.Command{
		Use:     "reset PATH",
		Short:   "Move the Kafka offsets of the newest checkpoint",
		Long:    resetLong,
		Example: "  sluice checkpoint reset pipeline.yaml --to earliest\n  sluice checkpoint reset out/checkpoint --offset clicks/0=1200 --offset clicks/1=900",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return reset(cmd.Context(), cmd.OutOrStdout(), args[0], mv)
		},
	}
	cmd.Flags().StringVar(&mv.to, "to", "", "earliest, latest, or a time such as 2026-01-31T00:00:00Z, for all partitions")
	cmd.Flags().StringArrayVar(&mv.offsets, "offset", nil, "topic/partition=N, for one partition; may be repeated")
	return cmd
}

func reset(ctx context.Context, w io.Writer, path string, mv move) error {
	if (mv.to == "") == (len(mv.offsets) == 0) {
		return flow.Configf("want either --to or --offset, got %s", map[bool]string{true: "neither", false: "both"}[mv.to == ""])
	}
	c, err := openCheckpoints(path)
	if err != nil {
		return err
	}
	if _, err := c.some(); err != nil { // the lock would make the folder
		return err
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.store.Claim(); err != nil {
		return flow.Disk("cannot write a checkpoint to", c.path, err)
	}
	from, err := c.load(0)
	if err != nil {
		return err
	}
	o, err := offsetsIn(from)
	if err != nil {
		return fmt.Errorf("%s: %w", c.path, err)
	}
	want, err := mv.wanted(ctx, c, o)
	if err != nil {
		return err
	}
	before := slices.Clone(o.next)
	if err := o.set(want); err != nil {
		return err
	}
	if err := c.replaceSource(ctx, from, o.raw); err != nil {
		return err
	}
	o.show(w, from.Checkpoint, before, path)
	return nil
}

// wanted returns the new offset of each partition that is to move.
func (mv move) wanted(ctx context.Context, c *checkpoints, o *offsets) (map[int32]int64, error) {
	if mv.to != "" {
		return askedOffsets(ctx, c, o, mv.to)
	}
	out := map[int32]int64{}
	for _, text := range mv.offsets {
		left, number, _ := strings.Cut(text, "=")
		at := strings.LastIndex(left, "/")
		n, nerr := strconv.ParseInt(number, 10, 64)
		if at < 0 || nerr != nil || n < 0 {
			return nil, flow.Configf("--offset: want topic/partition=N with N >= 0, got %s", text)
		}
		p, err := strconv.ParseInt(left[at+1:], 10, 32)
		switch _, twice := out[int32(p)]; {
		case err != nil || p < 0:
			return nil, flow.Configf("--offset: want topic/partition=N with N >= 0, got %s", text)
		case left[:at] != o.topic:
			return nil, flow.Configf("--offset: want topic %s, which the source has read, got %s", o.topic, left[:at])
		case twice:
			return nil, flow.Configf("--offset: want each partition once, got %d twice", p)
		}
		out[int32(p)] = n
	}
	return out, nil
}

// offsets is the state of a Kafka source as far as its place in the topic goes. The lists are those of raw.
type offsets struct {
	raw              *state.Raw
	topic            string
	parts, epoch     []int32
	first, next, end []int64
	row              []int64
}

func offsetsIn(c *state.Checkpoint) (*offsets, error) {
	if grouped(c.Identity) {
		return nil, flow.Configf("want a source with assign: all or static, got assign: group; stop its members and move the offsets of the group with kafka-consumer-groups --reset-offsets")
	}
	if !c.Has(sourcePart) {
		return nil, flow.Configf("want a checkpoint that holds the place of its source, got a fork that has not run yet; set `start` of the source instead")
	}
	raw, err := c.Raw(sourcePart)
	if err != nil {
		return nil, err
	}
	o := &offsets{raw: raw}
	ok := raw.Get("topic", &o.topic) && raw.Get("partition", &o.parts) && raw.Get("first", &o.first) && raw.Get("next", &o.next) &&
		raw.Get("row", &o.row) && raw.Get("end", &o.end)
	if !ok {
		return nil, flow.Configf("want the checkpoint of a pipeline with a kafka source, got another source; only Kafka offsets can be moved")
	}
	raw.Get("epoch", &o.epoch) // not in the oldest checkpoints
	n := len(o.parts)
	if len(o.first) != n || len(o.next) != n || len(o.row) != n || len(o.end) != n || o.epoch != nil && len(o.epoch) != n {
		return nil, flow.Corruptf("the state of %d partitions has lists of other lengths", n)
	}
	return o, nil
}

// set moves partitions. A first offset is never behind the next one, and a source that has an end stays within it.
func (o *offsets) set(want map[int32]int64) error {
	for p, n := range want {
		i := slices.Index(o.parts, p)
		if i < 0 {
			return flow.Configf("--offset: want one of partitions %s of topic %s, got %d", strings.Trim(fmt.Sprint(o.parts), "[]"), o.topic, p)
		}
		if o.end[i] >= 0 && n > o.end[i] {
			return flow.Configf("partition %d: want an offset up to %d, where this input ends, got %d", p, o.end[i], n)
		}
		if n == o.next[i] && o.row[i] == 0 {
			continue
		}
		o.next[i], o.row[i], o.first[i] = n, 0, min(o.first[i], n)
		if o.epoch != nil {
			o.epoch[i] = -1 // of the leader of the last row read: there is none
		}
	}
	return nil
}

// replaceSource puts the checkpoint in its own place with another source part. It keeps its number: sinks make visible
// what a checkpoint up to the newest had prepared, and what a run that died had prepared for the next one must not be.
func (c *checkpoints) replaceSource(ctx context.Context, from *state.Checkpoint, source *state.Raw) error {
	captured, err := c.store.Capture(sourcePart, source)
	if err != nil {
		return err
	}
	parts, err := c.store.Write(ctx, []*state.Captured{captured})
	if err != nil {
		return flow.Disk("cannot write a checkpoint to", c.path, err)
	}
	m := *from.Manifest
	m.Parts, m.Final = slices.Clone(m.Parts), false
	m.Parts[slices.IndexFunc(m.Parts, isSource)] = parts[0]
	if err := c.store.Replace(&m); err != nil {
		return flow.Disk("cannot write a checkpoint to", c.path, err)
	}
	return nil
}

func (o *offsets) show(w io.Writer, id uint64, before []int64, path string) {
	t := newTable(w, "topic", "partition", "offset before", "offset now")
	t.SetColumnConfigs(right(2, 3, 4))
	back := ""
	for i, p := range o.parts {
		t.AppendRow([]any{o.topic, p, before[i], o.next[i]})
		if before[i] != o.next[i] {
			back += fmt.Sprintf(" --offset %s/%d=%d", o.topic, p, before[i])
		}
	}
	t.Render()
	if back == "" {
		fmt.Fprintf(w, "\nnothing moved\n")
		return
	}
	fmt.Fprintf(w, "\ncheckpoint %d goes on from there; to undo this: sluice checkpoint reset %s%s\n", id, path, back)
}
