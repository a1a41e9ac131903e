package operators

import (
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/learn"
)

// stepDelayed predicts what is pending, measures what has matured, and emits the records that are complete. It may
// come anywhere within a batch of predictions: nothing is learned in between.
func (t *Train) stepDelayed(emit flow.Emit) error {
	d, o := t.delayed, &t.online
	if err := t.predictPending(); err != nil {
		return err
	}
	d.y, d.p, d.base[0], d.base[1] = d.y[:0], d.p[:0], d.base[0][:0], d.base[1][:0]
	for _, a := range d.again {
		h, score := &o.queue[a.record], unscored
		if a.entry >= 0 {
			score = d.past.scores[a.entry]
			if a.label >= 0 {
				d.y, d.p = append(d.y, a.label), append(d.p, score)
				d.base[0], d.base[1] = append(d.base[0], d.past.prior[a.entry]), append(d.base[1], d.past.last[a.entry])
			}
		}
		h.scores[a.row] = score
		h.done++
	}
	t.metrics.AddLate(d.y, d.p, d.base[0], d.base[1])
	d.again, o.places, d.placed = d.again[:0], o.places[:0], 0
	d.cut += int64(d.past.trim(d.remember))
	if t.cfg.Update == "row" { // by batches, the next batch of predictions says when
		if err := t.learnRipe(); err != nil {
			return err
		}
	}
	return t.emitDone(emit)
}

// predictPending predicts the rows that have not been, by the model as it is.
func (t *Train) predictPending() error {
	d, o := t.delayed, &t.online
	if d.pending == 0 {
		return nil
	}
	d.scratch.Reset()
	from := d.past.rows.Rows - d.pending
	for i := range d.pending {
		d.past.copyTo(&d.scratch, from+i)
	}
	d.scores = room(d.scores, d.pending)
	t.ctr.Grow(t.enc.Rows())
	if err := t.ctr.Predict(&d.scratch, d.scores); err != nil {
		return err
	}
	d.past.scores = append(d.past.scores, d.scores...)
	next := 0
	for _, p := range o.places[d.placed:] {
		next += copy(o.queue[p.record].scores[p.from:p.to], d.scores[next:])
		o.queue[p.record].done += p.to - p.from
	}
	d.placed = len(o.places)
	d.done += d.pending
	if t.cfg.Update == "row" || d.done == t.cfg.Batch {
		d.done = 0
	}
	d.pending = 0
	return nil
}

// learnRipe learns the whole batches that wait; by rows, all that wait.
func (t *Train) learnRipe() error {
	d := t.delayed
	least := t.cfg.Batch
	if t.cfg.Update == "row" {
		least = 1
	}
	for d.ripe.Rows-d.at >= least {
		n := least
		if t.cfg.Update == "row" {
			n = min(d.ripe.Rows-d.at, mostRows)
		}
		d.scratch.Reset()
		for i := d.at; i < d.at+n; i++ {
			appendRow(&d.scratch, &d.ripe, i)
		}
		d.scratch.Labels = append(d.scratch.Labels, d.ripe.Labels[d.at:d.at+n]...)
		err := error(nil)
		if t.cfg.Update == "row" {
			err = t.ctr.LearnRows(&d.scratch, nil)
		} else {
			err = t.ctr.Learn(&d.scratch, nil)
		}
		if err != nil {
			return err
		}
		d.at += n
		t.trained += int64(n)
	}
	switch {
	case d.at == d.ripe.Rows:
		d.ripe.Reset()
		d.at = 0
	case 2*d.at >= d.ripe.Rows:
		d.closeUp()
	}
	return nil
}

// closeUp drops from the rows that wait those that were learned.
func (d *delayed) closeUp() {
	rest := learn.Batch{Fields: d.ripe.Fields, Mean: d.ripe.Mean}
	for i := d.at; i < d.ripe.Rows; i++ {
		appendRow(&rest, &d.ripe, i)
	}
	rest.Labels = append(rest.Labels, d.ripe.Labels[d.at:]...)
	d.ripe, d.at = rest, 0
}

// walkDelayed saves and restores the rows that wait; a flush has left nothing pending.
func (t *Train) walkDelayed(v flow.Visitor) {
	d := t.delayed
	if !v.Restoring() {
		d.past.closeUp()
		d.closeUp()
	} else {
		*d = delayed{matured: d.matured, row: d.row, remember: d.remember}
	}
	v.Visit("done", &d.done)
	v.Visit("forgotten", &d.forgotten)
	v.Visit("let_go", &d.cut)
	v.Visit("never_known", &d.neverKnew)
	d.past.walk(v.Scope("past"), t.enc.Fields(), t.enc.Mean())
	r := v.Scope("ripe")
	r.Visit("ids", &d.ripe.IDs)
	r.Visit("offsets", &d.ripe.Offsets)
	r.Visit("labels", &d.ripe.Labels)
	if v.Restoring() {
		d.ripe.Rows, d.ripe.Fields, d.ripe.Mean = len(d.ripe.Labels), t.enc.Fields(), t.enc.Mean()
		if err := d.ripe.Check(t.enc.Rows()); err != nil {
			v.Fail(err)
		}
	}
}
