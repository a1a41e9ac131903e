package arrowio

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Sources, flow.Entry[LabelJoinConfig, flow.Source]{
		Name: "label_join",
		Summary: "Joins rows with labels that come later: each row comes when it happens, and again with its label as soon as " +
			"that is known, in the order in which a live system would learn of both.",
		Example: "{rows: {parquet: {path: shown/*.parquet}}, labels: {parquet: {path: clicks/*.parquet}}, key: [id], time: at, label_time: clicked_at, label: click, window: 1d, missing: negative}",
		Default: LabelJoinConfig{Wait: waitLabel, Late: lateDrop, Missing: missingKeep, OnFull: fullStop, Memory: 256 << 20},
		Build:   buildLabelJoin,
	})
}

// LabelJoinConfig are the settings of the source label_join.
type LabelJoinConfig struct {
	Rows        flow.Choice[flow.Source] `yaml:"rows" doc:"source of the rows"`
	Labels      flow.Choice[flow.Source] `yaml:"labels" doc:"source of the labels; none: each row holds its own, which is hidden until it is known"`
	Key         []string                 `yaml:"key" doc:"columns of both sources that say which label belongs to which row"`
	Time        string                   `yaml:"time" doc:"column of the rows: when they happened, a timestamp or date"`
	LabelTime   string                   `yaml:"label_time" doc:"column of the labels: when they were recorded"`
	Label       string                   `yaml:"label" doc:"column of the labels: bool or a number"`
	Window      string                   `yaml:"window" doc:"how long after a row its label counts, such as 30d, 36h or 90s; none: to the outcome, or to the end of the input"`
	Wait        string                   `yaml:"wait" doc:"label: a row matures when its label was recorded; outcome: at outcome_time, when either label would be known"`
	OutcomeTime string                   `yaml:"outcome_time" doc:"column of the rows: when either label would be known; ends the row's window in place of window"`
	Late        string                   `yaml:"late" doc:"a label behind its row's window, or without a row once rows are older than two windows and no longer told from none: drop, or reject to the dead letters; it is counted"`
	Missing     string                   `yaml:"missing" doc:"a row whose window ends without a label: unlabelled (it matures without one), negative (it matures with label 0) or drop (it does not mature)"`
	Corrections bool                     `yaml:"corrections" doc:"another label within the window is sent as one more matured row, _correction true; false: the first label stands and the other is rejected"`
	Memory      int64                    `yaml:"memory" resume:"free" doc:"bytes that waiting rows and labels may take"`
	OnFull      string                   `yaml:"on_full" resume:"free" doc:"over memory: stop, or oldest (the oldest row matures at once, as missing where its label is not known)"`
}

// Values of the settings.
const (
	waitLabel       = "label"
	waitOutcome     = "outcome"
	lateDrop        = "drop"
	lateReject      = "reject"
	missingDrop     = "drop"
	missingNegative = "negative"
	missingKeep     = "unlabelled"
	fullStop        = "stop"
	fullOldest      = "oldest"
)

// Validate checks what can be known without the sources.
func (c LabelJoinConfig) Validate() error {
	_, err := parseWindow(c.Window)
	checks := []error{
		check.That(!c.Rows.IsZero(), "rows", "a source", "nothing"),
		check.Required("time", c.Time), check.Required("label_time", c.LabelTime), check.Required("label", c.Label),
		check.OneOf("wait", c.Wait, waitLabel, waitOutcome),
		check.OneOf("late", c.Late, lateDrop, lateReject),
		check.OneOf("missing", c.Missing, missingDrop, missingNegative, missingKeep),
		check.OneOf("on_full", c.OnFull, fullStop, fullOldest),
		check.AtLeast("memory", c.Memory, 1<<10),
		check.That(err == nil, "window", "a length of time such as 30d, 36h or 90s, more than 0", c.Window),
		check.That(c.Wait != waitOutcome || c.OutcomeTime != "", "outcome_time", "a column of the rows, as wait is outcome", "nothing"),
	}
	if c.Labels.IsZero() {
		checks = append(checks,
			check.That(len(c.Key) == 0, "key", "labels beside it, or none", strings.Join(c.Key, ", ")),
			check.That(!c.Corrections, "corrections", "labels beside it, as a row's own label comes once", "true"))
	} else {
		checks = append(checks,
			check.That(len(c.Key) > 0, "key", "at least one column of both sources", "none"),
			check.That(c.Window != "", "window", "a length of time, as labels without a row must end somewhere", "nothing"))
	}
	return check.All(checks...)
}

// parseWindow reads a length of time in which d is 24 hours; "" is 0, which means none.
func parseWindow(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n > 0) || n > 36500 {
			return 0, strconv.ErrRange
		}
		s = strconv.FormatInt(int64(math.Round(n*float64(24*time.Hour))), 10) + "ns"
	}
	w, err := time.ParseDuration(s)
	if err == nil && w <= 0 {
		err = strconv.ErrRange
	}
	return w, err
}

// LabelJoin is the source. Each row of `rows` leaves it when it happens (_matured false, the label null), and once
// more when its label is known (_matured true), before the first row that happened later than that, ordered by the
// time it was known and then by arrival. Time is that of the rows and never runs back: a row out of order is taken as
// it comes.
//
// Between two bounded sources the order of all rows is fixed by their content. A source without an end is not
// waited for while it is idle, so there the order is that of arrival.
type LabelJoin struct {
	cfg     LabelJoinConfig
	window  int64          // in unit, 0 for none
	unit    arrow.TimeUnit // of all times: the finest of the columns and of the window
	alloc   memory.Allocator
	env     flow.Env
	schema  *arrow.Schema
	columns joinColumns

	rows      joinSide
	labels    *joinSide // nil: each row holds its own label
	store     joinStore
	wait      joinWait
	out       joinOut
	now       int64 // the time of the newest row
	next      int64 // number of the next row
	forgotten int64 // the earliest end of a window whose row is no longer told by its key; farthest while there is none
	counts    joinCounts
	saved     *joinSaved

	headSegment int32     // holds what was read ahead of the rows, -1 for none
	costs       []int64   // bytes of each of these
	outcomes    []int64   // when the outcome of each is known
	labelTimes  []int64   // when the label that each holds was recorded
	values      []float64 // the labels that were read ahead, NaN for none
}

// NewLabelJoin builds both sources.
func NewLabelJoin(c LabelJoinConfig) (*LabelJoin, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	j := &LabelJoin{cfg: c, alloc: memory.DefaultAllocator, now: math.MinInt64, forgotten: math.MaxInt64, wait: newJoinWait(), headSegment: -1}
	var err error
	if j.rows.src, err = c.Rows.Build(); err != nil {
		return nil, err
	}
	j.rows.name, j.rows.key = "rows", "rows."+c.Rows.Name()
	if !c.Labels.IsZero() {
		j.labels = &joinSide{name: "labels", key: "labels." + c.Labels.Name()}
		if j.labels.src, err = c.Labels.Build(); err != nil {
			return nil, err
		}
	}
	return j, j.unshared()
}

// unshared refuses partitions that a group shares out: when one moved to another member, the rows that wait for the
// labels of its keys would stay behind.
func (j *LabelJoin) unshared() error {
	var errs []error
	for _, s := range j.sides() {
		if k, ok := s.src.(*Kafka); ok && k.cfg.shared() {
			errs = append(errs, check.Violation{Key: s.key + ".assign", Want: assignAll + " or " + assignStatic, Got: k.cfg.Assign,
				Hint: "for several processes, send the keys of each to partitions of their own and name these"})
		}
	}
	return check.All(errs...)
}

// sides returns the sources that there are.
func (j *LabelJoin) sides() []*joinSide {
	if j.labels == nil {
		return []*joinSide{&j.rows}
	}
	return []*joinSide{&j.rows, j.labels}
}

// Sources are the ones that are joined.
func (j *LabelJoin) Sources() []flow.Source {
	var out []flow.Source
	for _, s := range j.sides() {
		out = append(out, s.src)
	}
	return out
}

// Open opens both sources, finds their columns, and takes back what a checkpoint held.
func (j *LabelJoin) Open(ctx context.Context, env flow.Env) error {
	j.env = env
	if env.Alloc != nil {
		j.alloc = env.Alloc
	}
	if j.env.Reject == nil {
		j.env.Reject = func(flow.Rejection) {}
	}
	for _, s := range j.sides() {
		if err := s.open(ctx, j.env); err != nil {
			return err
		}
	}
	if err := j.bind(); err != nil {
		return flow.Classify(flow.ErrConfig, err)
	}
	return j.takeBack()
}

// Schema is the columns of the rows with the label among them, and those that package flow names.
func (j *LabelJoin) Schema() *arrow.Schema { return j.schema }

// Bounded says whether both sources end.
func (j *LabelJoin) Bounded() bool {
	for _, s := range j.sides() {
		if !s.bounded() {
			return false
		}
	}
	return true
}

// Retries says whether both sources repeat what fails for a passing reason.
func (j *LabelJoin) Retries() bool {
	for _, s := range j.sides() {
		if r, ok := s.src.(flow.Retrier); !ok || !r.Retries() {
			return false
		}
	}
	return true
}

// Origin is that of the rows.
func (j *LabelJoin) Origin() string {
	if o, ok := j.rows.src.(flow.Originator); ok {
		return o.Origin()
	}
	return ""
}

// Rows returns twice the rows of the first source, as each comes twice; 0 where it does not know.
func (j *LabelJoin) Rows() int64 {
	if s, ok := j.rows.src.(flow.Sized); ok {
		return 2 * s.Rows()
	}
	return 0
}

// Rewind starts over with both sources.
func (j *LabelJoin) Rewind(ctx context.Context) error {
	j.release()
	for _, s := range j.sides() {
		r, ok := s.src.(flow.Rewinder)
		if !ok {
			return flow.Configf("%s: want a source that can be read again, got one that cannot", s.name)
		}
		if err := r.Rewind(ctx); err != nil {
			return err
		}
	}
	return nil
}

// release forgets every row and label.
func (j *LabelJoin) release() {
	for _, s := range j.sides() {
		s.drop()
	}
	j.out.drop()
	j.store.release()
	j.wait = newJoinWait()
	j.now, j.next, j.headSegment, j.forgotten = math.MinInt64, 0, -1, math.MaxInt64
	j.counts.reset()
}

// Close closes both sources.
func (j *LabelJoin) Close() error {
	j.release()
	var first error
	for _, s := range j.sides() {
		if err := s.src.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
