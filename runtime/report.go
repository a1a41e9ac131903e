package runtime

import (
	"time"

	"github.com/sluice-stream/sluice/flow"
)

// Result is what a run found. It is the JSON object of `run --report`.
type Result struct {
	Pipeline    string                        `json:"pipeline"`
	Rows        int64                         `json:"rows"`
	Rejected    int64                         `json:"rejected"`
	Trained     int64                         `json:"trained"`
	Seconds     float64                       `json:"seconds"`
	RowsPerS    float64                       `json:"rows_per_s"`
	Metrics     map[string]float64            `json:"metrics"`
	Window      map[string]float64            `json:"window,omitempty"` // the newest rows
	Valid       map[string]float64            `json:"valid,omitempty"`
	Baselines   map[string]map[string]float64 `json:"baselines"`
	Gate        map[string]float64            `json:"gate,omitempty"`
	Notes       []string                      `json:"notes,omitempty"`
	Checkpoints int64                         `json:"checkpoints"`     // taken by this run
	Pause       float64                       `json:"longest_pause_s"` // of the rows, for a checkpoint
	ResumedFrom uint64                        `json:"resumed_from"`    // 0: from the start
	StateHash   string                        `json:"state_hash"`      // of the operators' state at the end
	Finished    bool                          `json:"finished"`        // an earlier run had finished: this one did nothing
}

func (r *Result) fill(rows, rejected int64, rep flow.Report) {
	r.Rows, r.Rejected, r.Trained = rows, rejected, rep.Trained
	r.Metrics, r.Window, r.Valid, r.Baselines, r.Gate, r.Notes = rep.Metrics, rep.Window, rep.Valid, rep.Baselines, rep.Gate, rep.Notes
}

// Progress is a snapshot of a running pipeline.
type Progress struct {
	Rows, Total int64 // Total is 0 when the source does not know
	Rejected    int64
	Seconds     float64
	RowsPerS    float64 // of this run
	Pass        int
	Report      flow.Report
}

// Observer is told how a run goes, from the goroutine of the chain: it must return fast.
type Observer interface {
	Resumed(id flow.CheckpointID, rows int64)
	Filled(topic string, rows int64, took time.Duration)
	Progress(p Progress)
	Checkpoint(id flow.CheckpointID, rows int64, took time.Duration)
}

// watcher limits how often the observer is asked to look.
type watcher struct {
	obs   Observer
	began time.Time
	from  int64
	last  time.Time
	every time.Duration
}

func (w *watcher) progress(c *chain, now bool) {
	if w.obs == nil || (!now && time.Since(w.last) < w.every) {
		return
	}
	w.last = time.Now()
	s := time.Since(w.began).Seconds()
	p := Progress{Rows: c.rows, Rejected: c.reject.total, Seconds: s, Pass: c.pass, Report: c.report()}
	if s > 0 {
		p.RowsPerS = float64(c.rows-w.from) / s
	}
	if sized, ok := c.g.source.(flow.Sized); ok {
		p.Total = sized.Rows()
	}
	w.obs.Progress(p)
}

func (w *watcher) checkpoint(id flow.CheckpointID, rows int64, took time.Duration) {
	if w.obs != nil {
		w.obs.Checkpoint(id, rows, took)
	}
}
