package arrowio

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// Open finds the partitions, the offsets and the schema, and starts to fetch. What fails to open is closed.
func (k *Kafka) Open(ctx context.Context, env flow.Env) error {
	if err := k.open(ctx, env); err != nil {
		k.Close()
		return err
	}
	return nil
}

func (k *Kafka) open(ctx context.Context, env flow.Env) error {
	if err := k.contact(env); err != nil {
		return err
	}
	leaders, err := k.client.leaders(ctx)
	if err != nil {
		return err
	}
	k.gaps, k.lag.log = newGapLog(k.cfg.Topic, env.Log, k.saved.gaps), env.Log
	if err := k.place(ctx, env, slices.Sorted(maps.Keys(leaders))); err != nil {
		return err
	}
	k.rows = &rowMaker{
		topic: k.cfg.Topic, schema: k.schema, data: newPayloads(env.Alloc, k.cfg.Format, k.data),
		meta: newMetaColumns(env.Alloc, k.cfg.Meta, k.cfg.Topic), reject: env.Reject,
	}
	k.order = k.newOrder(k.saved.turn, k.saved.left)
	if k.cfg.shared() {
		if err := k.join(ctx, env); err != nil {
			return err
		}
	}
	k.start()
	return nil
}

// contact makes the client, unless it is there, and tells it which topic was read before.
func (k *Kafka) contact(env flow.Env) (err error) {
	if k.client != nil {
		return nil
	}
	if k.client, err = k.connect(env); err != nil || k.embedded() { // which makes its topics anew in each process, with the same rows
		return err
	}
	k.client.id, err = parseTopicID(k.saved.id)
	return err
}

// place finds out where reading begins in the partitions of the topic, and the schema. A member of a group learns
// its partitions later.
func (k *Kafka) place(ctx context.Context, env flow.Env, ids []int32) (err error) {
	if ids, err = k.chosen(ids); err != nil {
		return err
	}
	switch {
	case k.cfg.shared():
		if k.parts, err = k.sampled(ctx, ids); err != nil {
			return err
		}
		defer func() { k.parts = nil }()
	case k.saved.restored:
		err = k.resume(ctx, ids)
	default:
		err = k.begin(ctx, env.Log, ids)
	}
	if err != nil {
		return err
	}
	return k.findSchema(ctx, env)
}

func (k *Kafka) embedded() bool { return slices.Contains(k.cfg.Brokers, flow.EmbeddedBroker) }

func (k *Kafka) brokers(env flow.Env) ([]string, error) {
	out := slices.Clone(k.cfg.Brokers)
	for i, b := range out {
		if b != flow.EmbeddedBroker {
			continue
		}
		if env.Embedded == "" {
			return nil, flow.Classify(flow.ErrConfig, check.Violation{Key: "brokers", Want: "a feed that fills the embedded broker, or a broker's address", Got: b})
		}
		out[i] = env.Embedded
	}
	return out, nil
}

// begin sets the offsets of a first start.
func (k *Kafka) begin(ctx context.Context, log *slog.Logger, ids []int32) error {
	first, err := k.firstOffsets(ctx, log, ids)
	if err != nil {
		return err
	}
	ends := map[int32]int64{}
	if k.cfg.Until == untilEnd {
		if ends, err = k.client.offsets(ctx, ids, atLatest); err != nil {
			return err
		}
	}
	for _, id := range ids {
		p := &partition{id: id, first: first[id], next: first[id], end: noEnd, epoch: noEpoch, known: k.client.epoch(id), gaps: k.gaps}
		if end, ok := ends[id]; ok {
			p.end = end
		}
		k.parts = append(k.parts, p)
	}
	return nil
}

func (k *Kafka) firstOffsets(ctx context.Context, log *slog.Logger, ids []int32) (map[int32]int64, error) {
	switch k.cfg.Start {
	case startEarliest:
		return k.client.offsets(ctx, ids, atEarliest)
	case startLatest:
		return k.client.offsets(ctx, ids, atLatest)
	case startCommitted:
		first, missing, err := k.client.groupOffsets(ctx, ids, k.cfg.Group)
		if missing > 0 {
			log.Warn("the group has committed no offset for some partitions; they start at the earliest", "group", k.cfg.Group, "partitions", missing)
		}
		return first, err
	}
	at, err := time.Parse(time.RFC3339, k.cfg.Start)
	if err != nil {
		return nil, err
	}
	return k.client.offsetsAt(ctx, ids, at)
}

// resume goes on from the checkpoint. A partition that is new since then is read from its first row in a live
// run, and is beyond the end of a bounded one.
func (k *Kafka) resume(ctx context.Context, ids []int32) error {
	s := &k.saved
	if s.topic != k.cfg.Topic {
		return flow.Configf("kafka: the checkpoint is of topic %q, the settings say %q; start over with --fresh", s.topic, k.cfg.Topic)
	}
	for i, id := range s.parts {
		if !slices.Contains(ids, id) {
			return flow.Configf("kafka: topic %q has no partition %d any more, which the checkpoint has read; start over with --fresh", s.topic, id)
		}
		k.parts = append(k.parts, &partition{
			id: id, first: s.first[i], next: s.next[i], row: s.row[i], end: s.end[i], epoch: s.epoch[i], known: noEpoch, gaps: k.gaps,
		})
	}
	fresh := slices.DeleteFunc(ids, func(id int32) bool { return slices.Contains(s.parts, id) })
	if len(fresh) == 0 || k.cfg.Until == untilEnd {
		return nil
	}
	first, err := k.client.offsets(ctx, fresh, atEarliest)
	for _, id := range fresh {
		k.parts = append(k.parts, &partition{id: id, first: first[id], next: first[id], end: noEnd, epoch: noEpoch, known: noEpoch, gaps: k.gaps})
	}
	return err
}

// findSchema takes the schema of the checkpoint, of the settings, or of the first messages.
func (k *Kafka) findSchema(ctx context.Context, env flow.Env) error {
	var err error
	if k.data, err = unpackSchema(k.saved.schema); err != nil {
		return err
	}
	if k.data == nil {
		if k.data, err = declaredSchema("schema", k.cfg.Schema); err != nil {
			return err
		}
	}
	if k.data == nil {
		if k.data, err = k.infer(ctx, env.Log); err != nil {
			return err
		}
	}
	if k.saved.schema, err = packSchema(k.data); err != nil {
		return fmt.Errorf("kafka: schema: %w", err)
	}
	fields := k.data.Fields()
	for _, m := range k.cfg.Meta {
		f := messageMeta[m]
		if k.data.HasField(f.Name) {
			return flow.Classify(flow.ErrConfig, check.Violation{Key: "meta", Want: "columns that the messages do not have themselves", Got: f.Name})
		}
		fields = append(fields, f)
	}
	k.schema = arrow.NewSchema(fields, nil)
	return nil
}

func (k *Kafka) newOrder(turn, left int) order {
	if k.cfg.Merge == mergeTimestamp {
		return &merge{parts: k.parts}
	}
	t := &turns{parts: k.parts, length: 1024, bounded: k.cfg.Until == untilEnd, at: turn, left: left}
	if k.cfg.Format == formatArrow {
		t.length = 1 // a message is many rows
	}
	if left <= 0 || turn >= len(k.parts) {
		t.at, t.left = 0, t.length
	}
	if k.cfg.shared() {
		return &sharedTurns{*t}
	}
	return t
}

// start gives every partition a lane and fetches from where the partitions stand.
func (k *Kafka) start() {
	lanes := make([]*lane, len(k.parts))
	for i, p := range k.parts {
		lanes[i] = k.newLane(p)
	}
	k.box = newInbox(lanes)
	for i, p := range k.parts {
		p.box, p.lane, p.batch, p.held, p.err = k.box, lanes[i], nil, false, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	whole := int32(k.cfg.MaxBytes)
	if k.embedded() {
		whole = unlimited // see fetchRequest
	}
	f := &fetchers{c: k.client, box: k.box, maxBytes: whole, live: k.cfg.Until == "" && (k.cfg.Assign == assignAll || k.cfg.Assign == ""), skip: k.cfg.OnGap == onGapSkip}
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		if k.cfg.shared() {
			f.runShared(ctx)
			return
		}
		f.run(ctx)
	}()
	box := k.box
	k.halt = func() {
		cancel()
		wg.Wait()
		box.packers.Wait()
	}
	if k.group != nil {
		k.group.attach(box.signal)
	}
}

// again starts to fetch anew when Next has returned an error that may pass: from where the partitions stand.
func (k *Kafka) again() {
	if !k.failed {
		return
	}
	k.failed = false
	k.halt()
	if t, ok := k.order.(*turns); ok {
		k.order = k.newOrder(t.at, t.left)
	} else {
		k.order = k.newOrder(0, 0)
	}
	k.start()
}

// Rewind goes back to where the source first started.
func (k *Kafka) Rewind(context.Context) error {
	k.halt()
	for _, p := range k.parts {
		p.next, p.row, p.epoch = p.first, 0, noEpoch
	}
	k.order = k.newOrder(0, 0)
	k.start()
	return nil
}
