package optim

import (
	"maps"
	"slices"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

// Shared is the settings that every optimizer has.
type Shared struct {
	Schedule learn.Choice[learn.Schedule] `yaml:"schedule" doc:"changes the learning rate with the updates that a parameter has had; constant when not given"`
	Clip     learn.Clip                   `yaml:"clip" doc:"bounds the gradients of a step"`
	Groups   map[string]Group             `yaml:"groups" doc:"own lr and weight_decay of groups of parameters: {NAME: {lr: ..., weight_decay: ...}}; the groups are bias, norm (scales and shifts of normalising layers), gate (of gates without an optimizer of their own) and what a method names"`
}

// Group is the settings of the parameters of one group where they differ from the optimizer's.
type Group struct {
	Rate        *float64 `yaml:"lr" doc:"learning rate, > 0; the optimizer's when not given"`
	WeightDecay *float64 `yaml:"weight_decay" doc:"weight decay, >= 0; the optimizer's when not given, but 0 for gates"`
}

// validate checks the ranges; decays says that the optimizer has a weight decay.
func (s Shared) validate(decays bool) error {
	errs := []error{check.Under("clip", s.Clip.Validate())}
	for _, name := range slices.Sorted(maps.Keys(s.Groups)) {
		g := s.Groups[name]
		key := "groups." + name + "."
		if g.Rate != nil {
			errs = append(errs, check.Positive(key+"lr", *g.Rate))
		}
		if g.WeightDecay != nil {
			errs = append(errs, check.NotNegative(key+"weight_decay", *g.WeightDecay),
				check.That(decays, key+"weight_decay", "none, as this optimizer has no weight decay", *g.WeightDecay))
		}
	}
	return check.All(errs...)
}

// core does for every optimizer what does not depend on its formulas: rates, clipping, rows and step counts.
type core struct {
	name        string
	rate, decay float64
	shared      Shared
	schedule    learn.Schedule // nil for a constant rate
	cut         []float32      // clipped gradient
	wide        widen
}

func newCore(name string, rate, decay float64, s Shared) (core, error) {
	c := core{name: name, rate: rate, decay: decay, shared: s}
	if s.Schedule.IsZero() {
		return c, nil
	}
	var err error
	c.schedule, err = s.Schedule.Build()
	return c, err
}

// LR returns the learning rate before schedule and groups.
func (c *core) LR() float64 { return c.rate }

// Walk visits nothing: memory and step counts live with the parameters.
func (c *core) Walk(learn.Visitor) {}

// update is one parameter's part of a step, ready to be applied.
type update struct {
	learn.Update         // Rows and Grad as they are to be used
	rate, decay  float64 // of this parameter at this step
}

// each prepares every update and hands it to f. dense says that a table is updated whole, also where it has no
// gradient. Param.Updates counts the update already.
func (c *core) each(updates []learn.Update, dense bool, f func(u update)) error {
	scale := c.shared.Clip.Scale(updates)
	for _, u := range updates {
		if err := checkUpdate(c.name, u); err != nil {
			return err
		}
		if scale < 1 || c.shared.Clip.Value > 0 {
			u.Grad = c.clipped(u.Grad, scale)
		}
		given, widened := u, u.Param.Penalty != nil || dense && u.Rows != nil
		if widened {
			u.Grad, u.Rows = c.wide.whole(u), nil
		}
		u.Param.Updates++
		f(update{u, c.rateAt(u.Param, u.Param.Updates-1), c.decayOf(u.Param)})
		if widened {
			c.wide.done(given)
		}
	}
	return nil
}

func (c *core) clipped(g []float32, scale float64) []float32 {
	if cap(c.cut) < len(g) {
		c.cut = make([]float32, len(g), len(g)+len(g)/4)
	}
	c.cut = c.cut[:len(g)]
	c.shared.Clip.Apply(c.cut, g, scale)
	return c.cut
}

// rateAt is the learning rate of the update of p that follows n earlier ones.
func (c *core) rateAt(p *learn.Param, n int64) float64 {
	rate := c.rate
	if len(c.shared.Groups) > 0 {
		if g := c.shared.Groups[p.Group]; g.Rate != nil {
			rate = *g.Rate
		}
	}
	if c.schedule != nil {
		rate *= c.schedule.Factor(int(n))
	}
	return rate
}

// decayOf is the weight decay of p; gates have none unless their group asks for it.
func (c *core) decayOf(p *learn.Param) float64 {
	if len(c.shared.Groups) > 0 {
		if g := c.shared.Groups[p.Group]; g.WeightDecay != nil {
			return *g.WeightDecay
		}
	}
	if p.Group == learn.GateGroup {
		return 0
	}
	return c.decay
}

// spans calls f for each stretch of memory that u touches: the whole, or one row after the other. d is the offset
// of the stretch in the parameter and its slots.
func (u update) spans(f func(d int, g []float32)) {
	if u.Rows == nil {
		f(0, u.Grad)
		return
	}
	w := u.Param.Width()
	for i, r := range u.Rows {
		f(int(r)*w, u.Grad[i*w:(i+1)*w])
	}
}
