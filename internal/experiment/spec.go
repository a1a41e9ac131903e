package experiment

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/sluice-stream/sluice/check"
)

// FileName is the file that makes a folder an experiment.
const FileName = "experiment.yaml"

// Spec is an experiment.yaml.
type Spec struct {
	Name       string        `yaml:"name"`       // the folder's name
	Paper      string        `yaml:"paper"`      // what is tested
	Claim      string        `yaml:"claim"`      // what must show, one sentence
	Pipeline   string        `yaml:"pipeline"`   // pipeline file, relative to the folder; or
	Program    string        `yaml:"program"`    // a Go program of this name
	Seeds      int           `yaml:"seeds"`      // how many seeds by default; they are 1, 2, ...
	Arms       yaml.MapSlice `yaml:"arms"`       // name: settings; for a pipeline dotted path: value
	Figures    yaml.MapSlice `yaml:"figures"`    // name: dotted path in the run's report, or the program's name for it
	Falsifiers []string      `yaml:"falsifiers"` // conditions over means, as optfs.auc - fm.auc > 0; one that is false ends the claim

	dir        string
	arms       []arm
	figures    []figure
	conditions []condition
	text       []byte // of the pipeline
}

type arm struct {
	name     string
	settings yaml.MapSlice
}

type figure struct{ name, path string }

// identifier is what can stand in a falsifier.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Load reads and checks the experiment in folder dir. Its error names everything that is wrong.
func Load(dir string) (*Spec, error) {
	path := filepath.Join(dir, FileName)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &Spec{dir: dir, Seeds: 5}
	if err := yaml.UnmarshalWithOptions(text, s, yaml.Strict(), yaml.UseOrderedMap()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func (s *Spec) check() error {
	errs := []error{
		check.That(s.Name == filepath.Base(s.dir), "name", "the name of its folder, "+filepath.Base(s.dir), s.Name),
		check.Required("claim", s.Claim), check.AtLeast("seeds", s.Seeds, 1),
		check.That((s.Pipeline == "") != (s.Program == ""), "", "either pipeline or program", "both or none"),
		check.That(len(s.Arms) > 0, "arms", "at least one arm", "none"),
		check.That(len(s.Figures) > 0, "figures", "at least one figure", "none"),
		check.That(len(s.Falsifiers) > 0, "falsifiers", "at least one condition", "none"),
	}
	errs = append(errs, s.readArms()...)
	for _, it := range s.Figures {
		name, path := fmt.Sprint(it.Key), fmt.Sprint(it.Value)
		errs = append(errs, checkName("figures", name))
		s.figures = append(s.figures, figure{name, path})
	}
	if err := check.All(errs...); err != nil {
		return err
	}
	for i, text := range s.Falsifiers {
		c, err := compile(text, s.arms, s.figures)
		if err != nil {
			errs = append(errs, check.Violation{Key: fmt.Sprintf("falsifiers[%d]", i), Want: "a condition over ARM.FIGURE", Got: text, Hint: err.Error()})
			continue
		}
		s.conditions = append(s.conditions, c)
	}
	return check.All(append(errs, s.readPipeline())...)
}

func checkName(key, name string) error {
	return check.That(identifier.MatchString(name), key+"."+name, "a name of lower-case letters, digits and _", name)
}

func (s *Spec) readArms() []error {
	var errs []error
	for _, it := range s.Arms {
		a := arm{name: fmt.Sprint(it.Key)}
		errs = append(errs, checkName("arms", a.name))
		switch v := it.Value.(type) {
		case nil:
		case yaml.MapSlice:
			a.settings = v
		default:
			errs = append(errs, check.Violation{Key: "arms." + a.name, Want: "settings {key: value}", Got: fmt.Sprint(v)})
		}
		s.arms = append(s.arms, a)
	}
	return errs
}

func (s *Spec) readPipeline() error {
	if s.Pipeline == "" {
		return nil
	}
	var err error
	if s.text, err = os.ReadFile(filepath.Join(s.dir, s.Pipeline)); err != nil {
		return check.Violation{Key: "pipeline", Want: "a readable file", Got: err.Error()}
	}
	var errs []error
	for _, a := range s.arms { // a path that leads nowhere shows before hours are spent
		_, err := override(s.text, a.settings, 1)
		errs = append(errs, check.Under("arms."+a.name, err))
	}
	return check.All(errs...)
}

// List loads every experiment under root, sorted by name.
func List(root string) ([]*Spec, error) {
	found, err := filepath.Glob(filepath.Join(root, "*", FileName))
	if err != nil {
		return nil, err
	}
	slices.Sort(found)
	var out []*Spec
	for _, f := range found {
		s, err := Load(filepath.Dir(f))
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// ArmNames and FigureNames return the names in the order of the file.
func (s *Spec) ArmNames() []string {
	out := make([]string, len(s.arms))
	for i, a := range s.arms {
		out[i] = a.name
	}
	return out
}

// FigureNames returns the names of the figures in the order of the file.
func (s *Spec) FigureNames() []string {
	out := make([]string, len(s.figures))
	for i, f := range s.figures {
		out[i] = f.name
	}
	return out
}
