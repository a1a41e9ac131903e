package operators

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/features"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/config"
	"github.com/sluice-stream/sluice/learn"
)

// learner is what train, score and embed share: the vocabulary and the model, with the settings they are made of.
type learner struct {
	cfg    TrainConfig
	seed   uint64
	enc    *features.Encoder
	ctr    *features.CTR
	folded []bool // batch mode: table rows that share their field's row for unknown values
	ready  bool   // the model can be used: always online, after the epochs in batch mode
}

// build makes a new encoder and model of the settings and the seed.
func (l *learner) build() (err error) {
	fields := l.cfg.Fields
	if l.cfg.batchMode() {
		fields.MinCount = 1 // values are counted on the training rows, once these are known
	}
	if l.enc, err = features.NewEncoder(fields); err != nil {
		return err
	}
	if l.ctr, err = features.NewCTR(l.cfg.model(), l.enc.Fields(), l.seed); err != nil {
		return err
	}
	l.ctr.Grow(l.enc.Rows())
	l.ready = !l.cfg.batchMode()
	return nil
}

// walkVocabulary visits everything but the model.
func (l *learner) walkVocabulary(v flow.Visitor) {
	v.Visit("seed", &l.seed)
	v.Visit("ready", &l.ready)
	v.Visit("folded", &l.folded)
	l.enc.Walk(v.Scope("fields"))
}

// The names under which the model stands in the state; in batch mode a features.Fit visits it there too.
const (
	learnScope = "learn"
	modelScope = "model"
)

func (l *learner) walkModel(v flow.Visitor) { l.ctr.Walk(v.Scope(learnScope).Scope(modelScope)) }

// walkSettings visits the settings as text, so that a saved model can be built again from its state alone.
func (l *learner) walkSettings(v flow.Visitor) (text string) {
	if !v.Restoring() {
		b, err := config.Canonical(l.cfg)
		if err != nil {
			v.Fail(err)
		}
		text = string(b)
	}
	v.Visit("settings", &text)
	return text
}

// saved is a learner that is made from the state that train saved.
type saved struct{ learner }

// Walk restores settings, vocabulary and model, in this order.
func (s *saved) Walk(v flow.Visitor) {
	text := s.walkSettings(v)
	if err := s.rebuild(text); err != nil {
		v.Fail(err)
		return
	}
	s.walkVocabulary(v)
	s.walkModel(v)
	if !s.ready {
		v.Fail(errors.New("the training that wrote this checkpoint has not ended; let it finish first"))
	}
}

func (s *saved) rebuild(text string) error {
	s.cfg = DefaultTrain()
	if err := config.DecodeText([]byte(text), &s.cfg); err != nil {
		return fmt.Errorf("settings of the model: %w", err)
	}
	if err := s.cfg.Validate(); err != nil {
		return fmt.Errorf("settings of the model: %w", err)
	}
	return s.build()
}

// predictRows bounds what is encoded at once.
const predictRows = 8192

// predict writes the probability of each row of rec into out, by the model and the vocabulary as they are.
func (l *learner) predict(rec arrow.Record, b *learn.Batch, out []float32) error {
	for at := 0; at < len(out); at += predictRows {
		to := min(at+predictRows, len(out))
		b.Reset()
		if err := l.enc.Encode(rec, at, to, b, false); err != nil {
			return err
		}
		if err := l.ctr.Predict(b, out[at:to]); err != nil {
			return err
		}
	}
	return nil
}

// load reads the model that a train operator left in a folder of checkpoints. part names it where the pipeline has
// several.
func (s *saved) load(dir, part string) (origin, error) {
	c, from, err := openModel(dir)
	if err != nil {
		return from, err
	}
	name, err := partOf(c.Names(), part)
	if err != nil {
		return from, flow.Classify(flow.ErrConfig, check.Under("operator", err))
	}
	if err := c.Restore(name, s); err != nil {
		return from, fmt.Errorf("model %s: %w", dir, err)
	}
	s.enc.Freeze()
	return from, nil
}

func partOf(names []string, want string) (string, error) {
	var trains []string
	for _, n := range names {
		if strings.HasSuffix(n, ".train") {
			trains = append(trains, n)
		}
	}
	list := strings.Join(trains, ", ")
	switch {
	case len(trains) == 0:
		return "", check.Violation{Want: "a checkpoint of a pipeline that trains", Got: "one of " + strings.Join(names, ", ")}
	case want == "" && len(trains) == 1:
		return trains[0], nil
	case want == "":
		return "", check.Violation{Want: "the name of one of several train operators: " + list, Got: "nothing"}
	}
	return want, check.OneOf("", want, trains...)
}
