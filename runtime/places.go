package runtime

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/registry"
)

// bindError says where in the file the component stands whose settings do not fit its input.
func bindError[T any](c registry.Choice[T], err error) error {
	return flow.Classify(flow.ErrConfig, c.Locate(err))
}

// openError says where in the file the component stands that cannot be opened. Its class stays.
func openError[T any](c registry.Choice[T], err error) error {
	var vs check.Violations
	var v check.Violation
	switch {
	case !errors.Is(err, flow.ErrConfig):
		return c.Locate(err)
	case errors.As(err, &vs) && vs.Error() == err.Error(): // nothing was said around it
		err = vs
	case errors.As(err, &v) && v.Error() == err.Error():
		err = v
	}
	return bindError(c, err)
}

// sinkError is openError for the sink that stands at i among all of them, the dead letters last.
func (g *graph) sinkError(i int, err error) error {
	if i < len(g.Sinks) {
		return openError(g.Sinks[i], err)
	}
	return openError(g.DeadLetter, err)
}

// feedError says where in the file the feed stands whose settings do not fit its rows.
func (p *Pipeline) feedError(err error) error {
	var vs check.Violations
	if !errors.As(err, &vs) || vs.Error() != err.Error() {
		return fmt.Errorf("%s: %w", p.at("feed"), err)
	}
	out := slices.Clone(vs)
	for i := range out {
		out[i].Key = p.at("feed." + out[i].Key)
	}
	return flow.Classify(flow.ErrConfig, out)
}

// explain adds to an error of the first operators what is behind it when the input has no columns at all.
func (g *graph) explain(err error) error {
	for _, f := range g.source.Schema().Fields() {
		if !strings.HasPrefix(f.Name, "_") {
			return err
		}
	}
	return flow.Classify(flow.ErrConfig, fmt.Errorf("%w\n%w", err,
		g.Source.Locate(check.Violation{Want: "an input that shows its columns", Got: "none, as if it were empty", Hint: "declare them: schema: {name: type}"})))
}

// ownFolders reports sinks that would write into a folder that something else writes to, or that the source reads.
func (g *graph) ownFolders() (errs []error) {
	taken := map[string]string{}
	if g.Checkpoint != nil {
		taken[folder(g.Checkpoint.Path)] = "the checkpoints write there too"
	}
	for _, src := range inputs(g.source) {
		if s, ok := src.(flow.Placed); ok && s.Place() != "" && !strings.Contains(s.Place(), "://") {
			for _, at := range []string{s.Place(), filepath.Dir(s.Place())} { // a folder, or a file or pattern in it
				taken[folder(at)] = "the source reads there, and a fresh start removes what a sink wrote"
			}
		}
	}
	claim := func(sink flow.Sink, c registry.Choice[flow.Sink], owner string) {
		p, ok := sink.(flow.Placed)
		if !ok {
			return
		}
		at := folder(p.Place())
		if other, dup := taken[at]; dup {
			errs = append(errs, c.Locate(check.Violation{Key: "path", Want: "a folder of its own", Got: p.Place(),
				Hint: other + "; choose another path"}))
			return
		}
		taken[at] = owner
	}
	for i, o := range g.outlets {
		claim(o.sink, g.Sinks[i], fmt.Sprintf("the files of sink %d, %s, write there too", i+1, g.Sinks[i].Name()))
	}
	if g.dead != nil {
		claim(g.dead, g.DeadLetter, "the dead letters write there too")
	}
	return errs
}

// inputs are the sources that read, of which s may be made.
func inputs(s flow.Source) []flow.Source {
	c, ok := s.(flow.Composite)
	if !ok {
		return []flow.Source{s}
	}
	var out []flow.Source
	for _, part := range c.Sources() {
		out = append(out, inputs(part)...)
	}
	return out
}

// folder makes two ways of writing one path equal.
func folder(path string) string {
	if abs, err := filepath.Abs(path); err == nil && !strings.Contains(path, "://") {
		return abs
	}
	return path
}
