package features

import (
	"math"

	"github.com/sluice-stream/sluice/learn"
)

// optfsStage is where the search stands.
type optfsStage struct {
	epoch   int64 // of the search
	batches int64 // in an epoch of the search
	steps   int64 // batches trained on in this epoch, on a stream
	hard    bool
	known   int64 // rows when the mask was fixed; later ones are provisional
}

// Plan returns how the stages are to be run.
func (g *OptFS) Plan() learn.Plan {
	s, r := g.cfg.Search, g.cfg.Retrain
	return learn.Plan{
		Epochs: s.Epochs, RewindEpoch: s.RewindEpoch, Schedule: s.Schedule, StepsPerEpoch: s.StepsPerEpoch,
		RetrainEpochs: r.Epochs, Patience: r.Patience, Retrain: r.Init,
	}
}

// Search begins search epoch `epoch` of `batches` batches.
func (g *OptFS) Search(epoch, batches int) {
	g.optfsStage = optfsStage{epoch: int64(epoch), batches: int64(batches)}
	g.gc.Penalty = g.penalize
}

// Harden fixes the mask: gc > 0 stays.
func (g *OptFS) Harden() {
	g.hard, g.known = true, int64(g.gc.Rows())
	g.gc.Penalty = nil
	g.gc.ForgetSlots() // gates are not trained any more
}

// Hard says whether the mask is fixed.
func (g *OptFS) Hard() bool { return g.hard }

// Trained counts a batch of a stream: after steps_per_epoch of them the next epoch begins, after the last the mask
// is fixed.
func (g *OptFS) Trained() {
	if g.hard {
		return
	}
	g.steps++
	if g.steps < int64(g.cfg.Search.StepsPerEpoch) {
		return
	}
	if next := int(g.epoch) + 1; next < g.cfg.Search.Epochs {
		g.Search(next, g.cfg.Search.StepsPerEpoch)
	} else {
		g.Harden()
	}
}

// Provisional says that the row came after the mask was fixed; it is kept, untested.
func (g *OptFS) Provisional(row int32) bool { return g.hard && int64(row) >= g.known }

// Tau returns the temperature: final_temp^(t/(T-1)) in search epoch t, as in the official code.
func (g *OptFS) Tau() float64 {
	return math.Pow(g.cfg.FinalTemp, float64(g.epoch)/float64(g.cfg.Search.Epochs-1))
}

// Walk saves and restores the stage; the gates themselves are a parameter.
func (g *OptFS) Walk(v learn.Visitor) {
	v.Visit("epoch", &g.epoch)
	v.Visit("batches", &g.batches)
	v.Visit("steps", &g.steps)
	v.Visit("hard", &g.hard)
	v.Visit("known", &g.known)
	if v.Restoring() {
		g.gc.Penalty = g.penalize
		if g.hard {
			g.gc.Penalty = nil
		}
	}
}
