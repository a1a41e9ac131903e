package arrowio

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/sluice-stream/sluice/flow"
)

// gap is a piece of a partition that cannot be read, or that was read and is no longer in the log.
type gap struct {
	kind  gapKind
	from  int64 // where reading stood
	to    int64 // where it goes on
	epoch int32 // of the log before to, noEpoch where it is not known
	end   int64 // of what is wanted, where that was lost too; -1 for as before
}

type gapKind int64

const (
	removed   gapKind = iota // by retention, before it was read: from < to
	truncated                // a leader that was not in sync was chosen: what was read behind to is void
)

// refusal is the error that ends the input where on_gap is stop.
func (g gap) refusal(topic string, l *lane) error {
	if g.kind == removed {
		return flow.Configf("kafka: topic %q partition %d: offset %d is not there any more (the log starts at %d): %d offsets were deleted before they were read; start over with --fresh, keep the topic longer, or set on_gap: skip to go on at %d",
			topic, l.partition, g.from, g.to, g.to-g.from, g.to)
	}
	return flow.Configf("kafka: topic %q partition %d: the log was truncated to offset %d, below %d, up to which rows were read or wanted: its end was lost, by the choice of a leader that was not in sync; start over with --fresh, or set on_gap: skip to go on without it",
		topic, l.partition, max(g.end, g.to), max(g.from, l.end))
}

// miss ends the input at g, or goes on behind it where gaps are skipped.
func (x *inbox) miss(topic string, skip bool, l *lane, g gap) error {
	if !skip {
		return g.refusal(topic, l)
	}
	x.jump(l, g)
	return nil
}

// jump makes l go on behind g. The reader crosses it when it has taken what was fetched before.
func (x *inbox) jump(l *lane, g gap) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if l.end >= 0 && g.kind == removed {
		g.to = min(g.to, l.end)
	}
	if g.end >= 0 {
		l.end = g.end
	}
	l.pos, l.epoch = g.to, g.epoch
	l.queue = append(l.queue, &kbatch{gap: &g, ready: make(chan struct{})})
	if len(l.queue) == 1 {
		x.unpack(l.queue[0])
	}
	x.signal()
}

// cross moves the reader to where g ends, and counts what is missing. From here the state has it.
func (p *partition) cross(g gap) {
	wanted := int64(-1)
	if g.end >= 0 {
		wanted, p.end = p.end, g.end
	}
	lost := gapCount{partition: p.id, kind: g.kind, times: 1, from: g.from, to: g.to}
	if g.kind == truncated {
		if lost.from = g.to; p.seen() <= g.to && g.end >= 0 {
			lost.from = g.end // nothing that was read is void
		}
		lost.to = max(p.seen(), wanted)
	}
	if p.seen() > g.to || g.kind == removed {
		p.next, p.row, p.epoch = g.to, 0, g.epoch
	}
	if lost.offsets = lost.to - lost.from; lost.offsets > 0 && p.gaps != nil {
		p.gaps.add(lost)
	}
}

// seen is the offset behind the last message of which anything was returned.
func (p *partition) seen() int64 {
	if p.row > 0 {
		return p.next + 1
	}
	return p.next
}

// gapCount is what is missing of one partition for one reason.
type gapCount struct {
	partition      int32
	kind           gapKind
	offsets, times int64
	from, to       int64 // around all of it
}

func (c gapCount) String() string {
	where := fmt.Sprintf("from %d to %d", c.from, c.to)
	if c.times > 1 {
		where = fmt.Sprintf("in %d gaps between %d and %d", c.times, c.from, c.to)
	}
	if c.kind == removed {
		return fmt.Sprintf("partition %d: %d offsets were removed by retention before they were read (%s)", c.partition, c.offsets, where)
	}
	return fmt.Sprintf("partition %d: %d offsets that were read or wanted are no longer in the log, which was truncated (%s)", c.partition, c.offsets, where)
}

// gapLog counts the gaps of a source. It is safe for use by several goroutines.
type gapLog struct {
	mu    sync.Mutex
	total map[gapKey]gapCount
	log   *slog.Logger
	topic string
}

type gapKey struct {
	partition int32
	kind      gapKind
}

// newGapLog starts from what a checkpoint has counted.
func newGapLog(topic string, log *slog.Logger, counted []gapCount) *gapLog {
	g := &gapLog{total: map[gapKey]gapCount{}, log: log, topic: topic}
	for _, c := range counted {
		g.total[gapKey{c.partition, c.kind}] = c
	}
	return g
}

func (g *gapLog) add(c gapCount) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := gapKey{c.partition, c.kind}
	sum, again := g.total[key]
	if !again {
		sum = gapCount{partition: c.partition, kind: c.kind, from: c.from}
	}
	sum.offsets, sum.times = sum.offsets+c.offsets, sum.times+c.times
	sum.from, sum.to = min(sum.from, c.from), max(sum.to, c.to)
	g.total[key] = sum
	what := "offsets were removed by retention before they were read; reading goes on behind them"
	if c.kind == truncated {
		what = "the log was truncated: offsets that were read or wanted are no longer in it; reading goes on where it was"
	}
	g.log.Warn(what, "topic", g.topic, "partition", c.partition, "from", c.from, "to", c.to, "offsets", c.offsets, "total", sum.offsets)
}

// counts returns the counts by partition.
func (g *gapLog) counts() []gapCount {
	if g == nil {
		return nil // not open yet
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []gapCount
	for _, c := range g.total {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b gapCount) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.kind, b.kind))
	})
	return out
}

// Report lists the gaps since the first start, those of earlier runs included. It may be called at any time.
func (k *Kafka) Report() flow.Report {
	var r flow.Report
	for _, c := range k.gaps.counts() {
		r.Notes = append(r.Notes, c.String())
	}
	return r
}

// walkGaps saves and restores the counts.
func walkGaps(v flow.Visitor, gaps []gapCount) []gapCount {
	var parts []int32
	var lists [5][]int64
	for _, c := range gaps {
		parts = append(parts, c.partition)
		for i, n := range [5]int64{int64(c.kind), c.offsets, c.times, c.from, c.to} {
			lists[i] = append(lists[i], n)
		}
	}
	v.Visit("gap_partition", &parts)
	for i, name := range [5]string{"gap_kind", "gap_offsets", "gap_times", "gap_from", "gap_to"} {
		v.Visit(name, &lists[i])
	}
	if !v.Restoring() {
		return gaps
	}
	gaps = nil
	for i, p := range parts {
		for _, l := range lists {
			if len(l) != len(parts) {
				v.Fail(flow.Corruptf("kafka: the state has %d gaps in lists of other lengths; use an older checkpoint, or start over with --fresh", len(parts)))
				return nil
			}
		}
		gaps = append(gaps, gapCount{p, gapKind(lists[0][i]), lists[1][i], lists[2][i], lists[3][i], lists[4][i]})
	}
	return gaps
}
