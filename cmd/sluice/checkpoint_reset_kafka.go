package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/arrowio"
	"github.com/sluice-stream/sluice/flow"
)

// askedOffsets asks the brokers for the offset of each partition at `to`. The latest is the last stable one; with an
// end, it is that end.
func askedOffsets(ctx context.Context, c *checkpoints, o *offsets, to string) (map[int32]int64, error) {
	var at time.Time
	if to != "earliest" && to != "latest" {
		var err error
		if at, err = time.Parse(time.RFC3339, to); err != nil {
			return nil, flow.Configf("--to: want earliest, latest or a time such as 2026-01-31T00:00:00Z, got %s", to)
		}
	}
	if c.pipeline == nil {
		return nil, flow.Configf("--to: want the pipeline file, which names the brokers to ask, got %s; or set each partition with --offset", c.path)
	}
	cfg, ok := c.pipeline.Source.Settings().(*arrowio.KafkaConfig)
	if !ok || slices.Contains(cfg.Brokers, flow.EmbeddedBroker) {
		return nil, flow.Configf("--to: want a kafka source with brokers that can be asked, got another; set each partition with --offset")
	}
	if cfg.Topic != o.topic {
		return nil, flow.Configf("--to: want topic %s, which the checkpoint has read, got %s in the pipeline file", o.topic, cfg.Topic)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(cfg.RetrySeconds)*time.Second)
	defer cancel()
	dialer, err := cfg.Security.Dialer(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	if err := dialer.Check(ctx, cfg.Brokers); err != nil {
		return nil, flow.Transientf("kafka: %w", err)
	}
	cl, err := kgo.NewClient(append(dialer.Options(), kgo.SeedBrokers(cfg.Brokers...))...)
	if err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	defer cl.Close()
	found, err := list(ctx, kadm.NewClient(cl), o.topic, to, at)
	if err != nil {
		return nil, flow.Transientf("kafka: topic %q: %w", o.topic, err)
	}
	return o.within(found)
}

func list(ctx context.Context, a *kadm.Client, topic, to string, at time.Time) (kadm.ListedOffsets, error) {
	var out kadm.ListedOffsets
	var err error
	switch to {
	case "earliest":
		out, err = a.ListStartOffsets(ctx, topic)
	case "latest":
		out, err = a.ListCommittedOffsets(ctx, topic)
	default:
		out, err = a.ListOffsetsAfterMilli(ctx, at.UnixMilli(), topic)
	}
	return out, errors.Join(err, out.Error())
}

// within takes the offsets of the partitions that the source has, none of them behind the end of its input.
func (o *offsets) within(found kadm.ListedOffsets) (map[int32]int64, error) {
	out := map[int32]int64{}
	for i, p := range o.parts {
		l, ok := found.Lookup(o.topic, p)
		if !ok {
			return nil, flow.Configf("topic %s has no partition %d any more, which the checkpoint has read", o.topic, p)
		}
		out[p] = l.Offset
		if o.end[i] >= 0 {
			out[p] = min(l.Offset, o.end[i])
		}
	}
	return out, nil
}
