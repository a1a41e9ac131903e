package arrowio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/flow"
)

// sampler reads the first messages of each partition to learn their columns. They are read again later.
type sampler struct {
	c        *kafkaClient
	maxBytes int32
	skip     bool          // gaps
	wait     time.Duration // for the first message of a partition
}

// infer returns the columns of the topic, nil for an empty bounded one. An unbounded topic without messages is
// waited for.
func (k *Kafka) infer(ctx context.Context, log *slog.Logger) (*arrow.Schema, error) {
	s := sampler{c: k.client, maxBytes: int32(min(k.cfg.MaxBytes, 1<<20)), skip: k.cfg.OnGap == onGapSkip}
	quota := k.cfg.InferRows
	if k.cfg.Format == formatArrow {
		quota = 1
	}
	bounded := k.cfg.Until == untilEnd
	for round := 0; ; round++ {
		samples, err := s.collect(ctx, k.parts, quota)
		if err != nil {
			return nil, err
		}
		if len(samples) > 0 {
			return k.schemaOf(samples)
		}
		if bounded {
			log.Warn("topic has no messages between its start and its end, so its columns are not known; declare schema to run anyway", "topic", k.cfg.Topic)
			return arrow.NewSchema(nil, nil), nil
		}
		if round == 0 {
			log.Info("waiting for the first message, to learn the columns", "topic", k.cfg.Topic)
		}
		s.wait = waitForRows
	}
}

func (k *Kafka) schemaOf(samples [][]byte) (*arrow.Schema, error) {
	if k.cfg.Format == formatJSON {
		return inferJSON(samples)
	}
	var first error
	for _, v := range samples {
		s, err := messageSchema(v)
		if err == nil {
			return s, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, flow.Configf("kafka: topic %q: want Arrow IPC streams: %w; set format: json, or declare schema", k.cfg.Topic, first)
}

// collect takes about quota values in all, an equal share from each partition, in the order of partitions.
func (s *sampler) collect(ctx context.Context, parts []*partition, quota int) ([][]byte, error) {
	var out [][]byte
	share := (quota + len(parts) - 1) / len(parts)
	for _, p := range parts {
		values, err := s.values(ctx, p, share)
		if err != nil {
			return nil, err
		}
		out = append(out, values...)
	}
	return out, nil
}

// values returns up to n values of p from its start.
func (s *sampler) values(ctx context.Context, p *partition, n int) ([][]byte, error) {
	var out [][]byte
	probe := &partition{id: p.id, next: p.next, end: p.end, lane: &lane{partition: p.id, pos: p.next, end: p.end, epoch: noEpoch, limit: s.maxBytes}}
	probe.box = newInbox([]*lane{probe.lane})
	defer probe.box.packers.Wait()
	for len(out) < n {
		switch state, err := probe.peek(); {
		case err != nil:
			return nil, err
		case state == finished:
			return out, nil
		case state == waiting:
			more, err := s.more(ctx, probe)
			if err != nil || !more {
				return out, err
			}
		default:
			if probe.head.value != nil {
				out = append(out, probe.head.value)
			}
			probe.took(0, true)
		}
	}
	return out, nil
}

// more fetches once; false when nothing came.
func (s *sampler) more(ctx context.Context, p *partition) (bool, error) {
	before := p.lane.pos
	err := s.c.retry(ctx, func() error {
		leaders, err := s.c.describe(ctx)
		if err != nil {
			return err
		}
		req := wantedRows{partition: p.id, offset: before, epoch: s.c.epoch(p.id), limit: p.lane.limit}
		wait := s.wait
		if p.end >= 0 {
			wait = waitForRows
		}
		answer, _, err := s.c.fetch(ctx, leaders[p.id], []wantedRows{req}, wait, p.lane.limit)
		if err != nil {
			return err
		}
		for _, f := range answer {
			again, err := p.box.take(s.c.topic, p.lane, f)
			if errors.Is(again, errOutOfRange) {
				g, err := s.c.outOfRange(ctx, p.lane)
				if err != nil {
					return err
				}
				return p.box.miss(s.c.topic, s.skip, p.lane, g)
			}
			if err != nil || again != nil {
				return fmt.Errorf("sample: %w", firstOf(err, again))
			}
		}
		return nil
	})
	return p.lane.pos != before || p.end >= 0, err
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
