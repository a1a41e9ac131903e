package sim_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/sluice-stream/sluice/internal/sim"
)

// scenario is a pipeline with its input, drawn from a seed.
type scenario struct {
	seed    uint64
	shape   sim.Shape
	short   bool // records end where the broker had no more
	odd     bool // labels that are missing or cannot be used
	rows    int  // between barriers
	seconds float64
	keep    int
	over    float64 // a filter's lower bound of price, 0: no filter
	derive  bool
	embed   bool
	train   string // settings, "" for none
	tally   int    // entries of the table of tally, 0: without
	mask    bool   // the model has a gate, whose table is written
	epochs  bool
	sinks   []string
	dead    bool // dead letters
	source  string
}

// draw makes the scenario of a seed.
func draw(seed uint64) scenario {
	r := rand.New(rand.NewPCG(seed, 1))
	s := scenario{
		seed: seed, short: r.IntN(2) == 0, keep: 1 + r.IntN(3), source: "sim",
		shape: sim.Shape{Rows: int64(20 + r.IntN(90)), Partitions: 1 + r.IntN(4), Message: 1 + r.IntN(6)},
		rows:  8 + r.IntN(40),
	}
	if r.IntN(2) == 0 {
		s.dead, s.odd, s.shape.Bad = true, r.IntN(2) == 0, 0.15*r.Float64()
	}
	if r.IntN(3) == 0 {
		s.over = float64(100+r.IntN(1000)) / 1000
	}
	s.derive, s.embed = r.IntN(4) == 0, r.IntN(6) == 0
	switch kind := r.IntN(10); {
	case s.odd || kind < 5:
		s.drawTrain(r)
	case kind < 9:
		s.tally = 1 << (5 + r.IntN(6))
	}
	if r.IntN(8) == 0 && !s.epochs {
		s.rows, s.seconds = 0, 0.1+2*r.Float64()
	}
	s.drawSinks(r)
	return s
}

func (s *scenario) drawTrain(r *rand.Rand) {
	model := []string{"lr: {}", "fm: {dim: 2}", "deepfm: {dim: 2, mlp: [4]}"}[r.IntN(3)]
	s.train = fmt.Sprintf("label: label, fields: {categorical: [user, item], numeric: {price: log2floor}}, model: {%s}, batch: %d",
		model, 3+r.IntN(20))
	if r.IntN(3) == 0 {
		s.mask = true
		s.train += ", gate: {optfs: {lambda: 1e-3, lr: 0.05, search: {epochs: 2, steps_per_epoch: 3}}}"
	}
	if r.IntN(8) == 0 {
		s.epochs, s.over = true, 0 // enough rows of both classes
		s.shape.Rows += 60
		s.train += fmt.Sprintf(", epochs: {max: %d, patience: 1, valid: 0.3, test: 0.2}", 1+r.IntN(3))
	}
}

func (s *scenario) drawSinks(r *rand.Rand) {
	file := func(kind string, n int) string {
		return fmt.Sprintf("%s: {path: ROOT/rows%d, compression: %s, row_group: %d, rotate: {rows: %d}}",
			kind, n, []string{"none", "none", "zstd"}[r.IntN(3)], 1+r.IntN(40), r.IntN(3)*8)
	}
	s.sinks = append(s.sinks, file([]string{"parquet", "arrow"}[r.IntN(2)], 0))
	if r.IntN(4) == 0 {
		s.sinks = append(s.sinks, file([]string{"parquet", "arrow"}[r.IntN(2)], 1))
	}
	if s.train == "" || r.IntN(2) == 0 {
		return
	}
	s.sinks = append(s.sinks, fmt.Sprintf("embeddings: {path: ROOT/embeddings, every: %d, keep: %d}", r.IntN(3), 1+r.IntN(3)))
	if s.mask && len(s.sinks) < 3 {
		s.sinks = append(s.sinks, "arrow: {path: ROOT/mask, from: feature_mask, compression: none}")
	}
}

// name is that of the pipeline, by which its source finds the world.
func (s *scenario) name() string { return fmt.Sprintf("sim-%d", s.seed) }

// mixed says that both the source and the trainer reject rows. Which of two such rows comes first in the dead letters
// depends on where records end; all else does not.
func (s *scenario) mixed() bool { return s.shape.Bad > 0 && s.odd && s.train != "" }

// text is the pipeline file. Its files stand below root; model is the folder of a trained model.
func (s *scenario) text(root, model string) string {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	line("name: %s\nseed: %d\nmax_rejected: 1\nsource: %s\noperators:", s.name(), s.seed+1, s.source)
	if s.over > 0 {
		line("  - filter: {where: 'price > %g'}", s.over)
	}
	if s.derive {
		line("  - derive: {half: price / 2}")
	}
	if s.embed {
		line("  - embed: {model: %s, pool: sum}", model)
	}
	switch {
	case s.train != "":
		line("  - train: {%s}", s.train)
	case s.tally > 0:
		line("  - tally: {size: %d}", s.tally)
	default:
		line("  - derive: {twice: 2 * price}")
	}
	line("sinks:")
	for _, sink := range s.sinks {
		line("  - %s", sink)
	}
	if s.dead {
		line("dead_letter: {arrow: {path: ROOT/rejected, compression: none, row_group: 4}}")
	}
	every := fmt.Sprintf("rows: %d", s.rows)
	if s.seconds > 0 {
		every = fmt.Sprintf("seconds: %.3f", s.seconds)
	}
	line("checkpoint: {path: ROOT/checkpoint, every: {%s}, keep: %d}", every, s.keep)
	return strings.ReplaceAll(b.String(), "ROOT", root)
}
