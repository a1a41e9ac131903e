package operators

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/learn"
)

// DelayedConfig is the settings for rows that come twice.
type DelayedConfig struct {
	Remember int `yaml:"remember" doc:"rows whose encoding and score are kept until their label comes, >= 1; older ones are encoded anew, learned, and not measured"`
}

// Defaults remembers a million rows.
func (c *DelayedConfig) Defaults() { c.Remember = 1_000_000 }

// Validate checks the range.
func (c DelayedConfig) Validate() error { return check.AtLeast("remember", c.Remember, 1) }

// delayed is the state for rows that come twice. A row is encoded, counted and predicted when it happens. When it has
// matured, the same encoding is learned: a value below min_count then, or in another bucket, stays what it was for the
// prediction, as a system that logs its features would have it.
type delayed struct {
	matured, row int // columns
	remember     int

	past    remembered  // rows that were predicted, and behind them those of this step that will be
	pending int         // how many those are
	placed  int         // places of the step whose rows have their score
	done    int         // rows of the present batch of predictions that were predicted
	ripe    learn.Batch // matured rows that wait to be learned; those before at were
	at      int
	again   []again // matured rows of this step
	scratch learn.Batch
	scores  []float32
	y, p    []float32 // measured in this step, with what the baselines said
	base    [2][]float32

	forgotten int64 // rows that matured after they were forgotten
	cut       int64 // rows that were forgotten for lack of room
	neverKnew int64 // rows that matured without a label
}

// again is a matured row whose score is still to be put beside it.
type again struct {
	record, row int
	entry       int     // among the remembered, -1 for none
	label       float32 // noLabel for none
}

// bindDelayed finds the columns of rows that come twice.
func (t *Train) bindDelayed(in *arrow.Schema) error {
	t.delayed = nil
	at := in.FieldIndices(flow.ColMatured)
	if len(at) == 0 || t.cfg.batchMode() {
		return check.That(t.cfg.Delayed == nil || t.cfg.batchMode(), "delayed", "a column "+flow.ColMatured+" in the input, as from label_join", "none")
	}
	c := DelayedConfig{}
	c.Defaults()
	if t.cfg.Delayed != nil {
		c = *t.cfg.Delayed
	}
	d := &delayed{matured: at[0], row: -1, remember: c.Remember}
	if rows := in.FieldIndices(flow.ColRow); len(rows) > 0 {
		d.row = rows[0]
	}
	t.delayed = d
	return check.All(
		check.That(in.Field(d.matured).Type.ID() == arrow.BOOL, "", flow.ColMatured+" of type bool", in.Field(d.matured).Type),
		check.That(d.row >= 0 && in.Field(max(d.row, 0)).Type.ID() == arrow.INT64, "", "a column "+flow.ColRow+" of int64 beside "+flow.ColMatured+", the number of the row both times", "none"))
}

// feedDelayed takes rows as they happen and rows that have matured, in their order.
func (t *Train) feedDelayed(rec arrow.Record, labels []float32, emit flow.Emit) error {
	d := t.delayed
	matured, numbers := rec.Column(d.matured).(*array.Boolean), rec.Column(d.row).(*array.Int64)
	if matured.NullN() > 0 || numbers.NullN() > 0 {
		return flow.Dataf("want no null in %s and %s, got one", flow.ColMatured, flow.ColRow)
	}
	t.online.hold(rec)
	for at := 0; at < len(labels); {
		ripe, to := matured.Value(at), at+1
		room := t.roomFor(ripe)
		for to < len(labels) && to-at < room && matured.Value(to) == ripe {
			to++
		}
		var err error
		if ripe {
			err = t.takeRipe(rec, numbers.Int64Values(), labels, at, to)
		} else {
			err = t.takeNew(rec, numbers.Int64Values(), at, to)
		}
		if err == nil && t.stepDue() {
			err = t.stepDelayed(emit)
		}
		if err != nil {
			return err
		}
		at = to
	}
	return nil
}

// roomFor is how many rows of a kind may come before the next step. It depends on the rows alone, not on records.
func (t *Train) roomFor(ripe bool) int {
	d := t.delayed
	room := mostRows - d.pending - len(d.again)
	if !ripe && t.cfg.Update == "batch" {
		room = min(room, t.cfg.Batch-d.done-d.pending)
	}
	return room
}

func (t *Train) stepDue() bool {
	d := t.delayed
	return d.pending+len(d.again) >= mostRows || t.cfg.Update == "batch" && d.done+d.pending == t.cfg.Batch
}

// takeNew encodes rows that happen. Before the first row of a batch, the whole batches that have matured are learned.
func (t *Train) takeNew(rec arrow.Record, numbers []int64, from, to int) error {
	d := t.delayed
	if d.pending == 0 && d.done == 0 {
		if err := t.learnRipe(); err != nil {
			return err
		}
	}
	prior, last := t.metrics.Baselines().Next()
	for i := from; i < to; i++ {
		if !d.past.add(numbers[i], prior, last) {
			return flow.Dataf("%s: want it to rise from row to row, got %d behind %d", flow.ColRow, numbers[i], d.past.newest())
		}
	}
	if err := t.enc.Encode(rec, from, to, &d.past.rows, true); err != nil {
		return err
	}
	d.pending += to - from
	t.online.places = append(t.online.places, place{record: len(t.online.queue) - 1, from: from, to: to})
	return nil
}

// takeRipe puts matured rows behind those that wait to be learned.
func (t *Train) takeRipe(rec arrow.Record, numbers []int64, labels []float32, from, to int) error {
	d := t.delayed
	if t.cfg.Update == "row" && d.pending > 0 { // they happened before these matured
		if err := t.predictPending(); err != nil {
			return err
		}
	}
	for i := from; i < to; i++ {
		a := again{record: len(t.online.queue) - 1, row: i, entry: d.past.find(numbers[i]), label: labels[i]}
		d.again = append(d.again, a)
		if a.label >= 0 {
			t.metrics.Baselines().Show(a.label)
		}
		switch {
		case a.label < 0:
			d.neverKnew++
		case a.entry >= 0:
			d.past.copyTo(&d.ripe, a.entry)
			d.ripe.Labels = append(d.ripe.Labels, a.label)
		default:
			d.forgotten++
			if err := t.enc.Encode(rec, i, i+1, &d.ripe, false); err != nil {
				return err
			}
			d.ripe.Labels = append(d.ripe.Labels, a.label)
		}
		if a.entry >= 0 {
			d.past.forget(a.entry)
		}
	}
	return nil
}

// forget drops a row whose label cannot be used.
func (d *delayed) forget(rec arrow.Record, row int) {
	if entry := d.past.find(rec.Column(d.row).(*array.Int64).Value(row)); entry >= 0 {
		d.past.forget(entry)
	}
}

// report says what waits, and what could not be measured.
func (d *delayed) report(r *flow.Report) {
	for _, n := range []struct {
		n    int64
		text string
	}{
		{int64(d.past.live), "%d rows were predicted and wait for their labels"},
		{int64(d.ripe.Rows - d.at), "%d rows have their labels and wait for a whole batch to be learned"},
		{d.neverKnew, "%d rows matured without a label and were not learned"},
		{d.forgotten, "%d rows came with a label once more, or after delayed.remember let go of them: learned, not measured"},
		{d.cut, "%d rows were let go before their labels came; raise delayed.remember"},
	} {
		if n.n > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf(n.text, n.n))
		}
	}
}

// unscored stands for the score of a row that was forgotten.
var unscored = float32(math.NaN())
