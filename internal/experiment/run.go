package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Options of a run.
type Options struct {
	Seeds int    // 0: the experiment's own number
	Cache *Cache // nil: none
	// Pipeline runs the text of a pipeline file and returns its report as JSON. The runtime is above this package.
	Pipeline func(ctx context.Context, name string, text []byte) (report []byte, err error)
	// Progress is told of every run that ends; cached says that it was not run at all. It may be nil.
	Progress func(arm string, seed uint64, f Figures, took time.Duration, cached bool)
}

// Result is what an experiment found. Its JSON form is that of `experiment run --json`.
type Result struct {
	Name       string                        `json:"name"`
	Seeds      int                           `json:"seeds"`
	Verdict    string                        `json:"verdict"` // holds or fails
	Figures    map[string]map[string]Summary `json:"figures"` // by arm, then by figure
	Falsifiers []Outcome                     `json:"falsifiers"`
}

// Outcome is one falsifier after the runs.
type Outcome struct {
	Condition string `json:"condition"`
	Holds     bool   `json:"holds"`
}

// The verdicts.
const (
	Holds = "holds"
	Fails = "fails"
)

// Run runs every arm once a seed and judges the falsifiers by the means.
func (s *Spec) Run(ctx context.Context, o Options) (*Result, error) {
	seeds := s.Seeds
	if o.Seeds > 0 {
		seeds = o.Seeds
	}
	values := map[string]map[string][]float64{}
	for _, a := range s.arms {
		values[a.name] = map[string][]float64{}
		run, settings, err := s.runner(a, o)
		if err != nil {
			return nil, fmt.Errorf("%s: arm %s: %w", s.Name, a.name, err)
		}
		for seed := uint64(1); seed <= uint64(seeds); seed++ {
			f, err := s.one(ctx, o, a, seed, settings, run)
			if err != nil {
				return nil, fmt.Errorf("%s: arm %s, seed %d: %w", s.Name, a.name, seed, err)
			}
			for _, fig := range s.figures {
				if v, ok := f[fig.name]; ok {
					values[a.name][fig.name] = append(values[a.name][fig.name], v)
				}
			}
		}
	}
	return s.judge(seeds, values)
}

// runner returns what runs the arm, and the settings that identify it.
func (s *Spec) runner(a arm, o Options) (func(context.Context, uint64) (Figures, error), []byte, error) {
	if s.Program == "" {
		run := func(ctx context.Context, seed uint64) (Figures, error) { return s.pipeline(ctx, a, seed, o) }
		text, err := override(s.text, a.settings, 0)
		return run, append(text, fmt.Sprint(s.figures)...), err
	}
	p, err := findProgram(s.Program)
	if err != nil {
		return nil, nil, err
	}
	settings, err := yaml.Marshal(a.settings)
	if err != nil {
		return nil, nil, err
	}
	inner, err := p.prepare(a.settings)
	if err != nil {
		return nil, nil, err
	}
	run := func(ctx context.Context, seed uint64) (Figures, error) {
		found, err := inner(ctx, seed)
		return s.pick(found), err
	}
	return run, append(settings, fmt.Sprint(s.figures)...), nil
}

// pick renames a program's figures to the experiment's.
func (s *Spec) pick(found Figures) Figures {
	out := Figures{}
	for _, f := range s.figures {
		if v, ok := found[f.path]; ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[f.name] = v
		}
	}
	return out
}

func (s *Spec) one(ctx context.Context, o Options, a arm, seed uint64, settings []byte, run func(context.Context, uint64) (Figures, error)) (Figures, error) {
	file := ""
	if o.Cache != nil {
		var err error
		if file, err = o.Cache.file(s.Name, a.name, settings, seed); err != nil {
			return nil, err
		}
		if f := o.Cache.load(file); f != nil {
			o.tell(a.name, seed, f, 0, true)
			return f, nil
		}
	}
	began := time.Now()
	f, err := run(ctx, seed)
	if err != nil {
		return nil, err
	}
	o.tell(a.name, seed, f, time.Since(began), false)
	if o.Cache == nil {
		return f, nil
	}
	return f, o.Cache.save(file, f)
}

func (o Options) tell(arm string, seed uint64, f Figures, took time.Duration, cached bool) {
	if o.Progress != nil {
		o.Progress(arm, seed, f, took, cached)
	}
}

// pipeline runs one arm of a pipeline and collects the figures from its report.
func (s *Spec) pipeline(ctx context.Context, a arm, seed uint64, o Options) (Figures, error) {
	text, err := override(s.text, a.settings, seed)
	if err != nil {
		return nil, err
	}
	b, err := o.Pipeline(ctx, s.Pipeline+" ("+a.name+")", text)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	var report any
	if err := dec.Decode(&report); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	out := Figures{}
	for _, f := range s.figures {
		if v, ok := at(report, f.path); ok {
			out[f.name] = v
		}
	}
	return out, nil
}

// at finds a number by its dotted path.
func at(v any, path string) (float64, bool) {
	for _, key := range strings.Split(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return 0, false
		}
		v = m[key]
	}
	f, ok := v.(float64)
	return f, ok
}

func (s *Spec) judge(seeds int, values map[string]map[string][]float64) (*Result, error) {
	r := &Result{Name: s.Name, Seeds: seeds, Verdict: Holds, Figures: map[string]map[string]Summary{}, Falsifiers: []Outcome{}}
	for name, figures := range values {
		r.Figures[name] = map[string]Summary{}
		for f, v := range figures {
			r.Figures[name][f] = summarize(v)
		}
	}
	env := environment(s.arms, s.figures, func(arm, figure string) float64 {
		if f, ok := r.Figures[arm][figure]; ok {
			return f.Mean
		}
		return math.NaN()
	})
	for _, c := range s.conditions {
		ok, err := c.holds(env)
		if err != nil {
			return nil, err
		}
		if !ok {
			r.Verdict = Fails
		}
		r.Falsifiers = append(r.Falsifiers, Outcome{c.text, ok})
	}
	return r, nil
}
