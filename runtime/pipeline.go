package runtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/config"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// Pipeline is a pipeline file.
type Pipeline struct {
	Name        string                       `yaml:"name" doc:"name of the pipeline; stands in its checkpoints"`
	Seed        uint64                       `yaml:"seed" doc:"fixes every random choice"`
	Feed        *flow.Feed                   `yaml:"feed" doc:"fills a topic of the embedded broker first, for demos and tests"`
	Source      flow.Choice[flow.Source]     `yaml:"source" doc:"where rows come from"`
	Operators   []flow.Choice[flow.Operator] `yaml:"operators" doc:"what is done to them, in order"`
	Sinks       []flow.Choice[flow.Sink]     `yaml:"sinks" doc:"where rows and tables go"`
	DeadLetter  flow.Choice[flow.Sink]       `yaml:"dead_letter" doc:"where rejected rows go; without it the first rejected row stops the run"`
	Checkpoint  *CheckpointSettings          `yaml:"checkpoint" doc:"how the run survives being killed; without it every run starts over"`
	MaxRejected float64                      `yaml:"max_rejected" resume:"free" doc:"share of rejected rows, over the last 10,000, that stops the run; 0 to 1"`

	file *config.File // nil for a pipeline that was made in Go
}

// at writes key with its place in the file.
func (p *Pipeline) at(key string) string {
	if p.file == nil {
		return key
	}
	return p.file.Locate(key)
}

// CheckpointSettings say where and how often state is saved.
type CheckpointSettings struct {
	Path  string `yaml:"path" resume:"free" doc:"folder of the checkpoints, or a place in an object store: s3://bucket/prefix"`
	Every Every  `yaml:"every" doc:"distance of barriers: {rows: N} or {seconds: T}"`
	Keep  int    `yaml:"keep" resume:"free" doc:"how many checkpoints are kept, >= 1"`
}

// Every is the distance between two barriers; of two distances the one that is reached first counts. Barriers by
// rows are part of the input order, barriers by time are not: two runs of the latter may cut training batches at
// other places.
type Every struct {
	Rows    int64   `yaml:"rows" doc:"rows between barriers; 0: none by rows"`
	Seconds float64 `yaml:"seconds" doc:"seconds between barriers; 0: none by time"`
}

const defaultEveryRows = 100_000

// Defaults keeps the newest checkpoint and the one before.
func (c *CheckpointSettings) Defaults() { c.Keep = 2 }

// Validate checks the distance.
func (e Every) Validate() error {
	return check.All(
		check.NotNegative("rows", e.Rows), check.NotNegative("seconds", e.Seconds),
	)
}

// Validate checks the folder and the count.
func (c CheckpointSettings) Validate() error {
	return check.All(check.Required("path", c.Path), check.Under("path", vfs.Written(c.Path)), check.AtLeast("keep", c.Keep, 1))
}

// Validate checks what concerns the file as a whole.
func (p *Pipeline) Validate() error {
	errs := []error{check.Required("name", p.Name), check.Between("max_rejected", p.MaxRejected, 0, 1)}
	if p.Source.IsZero() {
		errs = append(errs, check.Violation{Key: "source", Want: "a source", Got: "nothing", Hint: "`sluice list sources` shows them"})
	}
	if p.Feed != nil {
		errs = append(errs, check.Under("feed", check.All(
			check.Required("topic", p.Feed.Topic), check.AtLeast("partitions", p.Feed.Partitions, 1),
			check.OneOf("format", p.Feed.Format, "json", "arrow_ipc"),
			check.That(!p.Feed.Generate.IsZero(), "generate", "a source", "nothing"),
		)))
	}
	return check.All(errs...)
}

// Load reads the pipeline file at path. Its errors have class ErrConfig and name every violation of the file.
func Load(path string) (*Pipeline, error) {
	f, err := config.Load(path)
	if err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	return decode(f)
}

// Parse reads a pipeline from text; name stands in messages.
func Parse(name string, text []byte, getenv func(string) (string, bool)) (*Pipeline, error) {
	f, err := config.Parse(name, text, getenv)
	if err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	return decode(f)
}

func defaults() Pipeline { return Pipeline{MaxRejected: 0.05, Seed: 1} }

func decode(f *config.File) (*Pipeline, error) {
	p := defaults()
	p.file = f
	if err := f.Decode(&p); err != nil {
		return nil, flow.Classify(flow.ErrConfig, p.withBuild(err))
	}
	if c := p.Checkpoint; c != nil {
		if c.Every == (Every{}) {
			c.Every.Rows = defaultEveryRows
		}
	}
	return &p, nil
}

// withBuild adds to the problems of the file those that only building its components shows, such as a mistake in
// an expression, so that one run names them all.
func (p *Pipeline) withBuild(err error) error {
	_, more := p.build()
	var problems config.Problems
	if more == nil || !errors.As(err, &problems) {
		return err
	}
	return problems.With(strings.Split(more.Error(), "\n"))
}

// Lint builds every component without opening anything.
func (p *Pipeline) Lint() error {
	_, err := p.build()
	return err
}

// identity is what must not change between two runs of one checkpoint.
func (p *Pipeline) identity() (json.RawMessage, error) {
	b, err := config.Identity(p)
	return json.RawMessage(b), err
}

// sameIdentity explains how the pipeline differs from the one that wrote a checkpoint. A setting that the
// checkpoint does not name had its default: a newer version may have more settings.
func (p *Pipeline) sameIdentity(saved json.RawMessage) error {
	now, err := p.identity()
	if err != nil {
		return err
	}
	was := defaults()
	if err := config.DecodeSaved(saved, &was); err != nil {
		return flow.Configf("%s: the checkpoint in %s was written with settings that this version does not know: %v; use the version that wrote it, or start over with --fresh",
			p.Name, p.Checkpoint.Path, err)
	}
	then, err := was.identity()
	if err != nil {
		return err
	}
	var a, b map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(then, &a), json.Unmarshal(now, &b)); err != nil {
		return err
	}
	for _, key := range []string{"name", "seed", "feed", "source", "operators", "sinks", "dead_letter", "checkpoint"} {
		if was, is := compact(a[key]), compact(b[key]); was != is {
			return flow.Configf("%s: the checkpoint in %s is of another pipeline: want %s, got %s; restore the setting, or start over with --fresh, which replaces its outputs",
				p.at(key), p.Checkpoint.Path, brief(was, is), brief(is, was))
		}
	}
	return nil
}

// compact drops white space. The order of keys stays: that of columns and fields matters.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if len(raw) == 0 || string(raw) == "null" || json.Compact(&b, raw) != nil {
		return "nothing"
	}
	return b.String()
}

// brief cuts s to where it begins to differ from other.
func brief(s, other string) string {
	i := 0
	for i < len(s) && i < len(other) && s[i] == other[i] {
		i++
	}
	from, to := max(0, i-30), min(len(s), i+40)
	out := s[from:to]
	if from > 0 {
		out = "..." + out
	}
	if to < len(s) {
		out += "..."
	}
	return out
}
