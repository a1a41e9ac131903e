package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/internal/registry"
)

type shape interface{ area() float64 }

type square struct{ cfg squareConfig }

func (s square) area() float64 { return s.cfg.Side * s.cfg.Side }

type squareConfig struct {
	Side  float64                                  `yaml:"side"`
	Names []string                                 `yaml:"names"`
	Map   registry.Ordered[string]                 `yaml:"map"`
	Wait  time.Duration                            `yaml:"wait" resume:"free"`
	Inner registry.Choice[shape]                   `yaml:"inner"`
	Many  registry.Ordered[registry.Choice[shape]] `yaml:"many"`
}

func (c squareConfig) Validate() error {
	return check.All(check.Positive("side", c.Side), check.NotNegative("wait", int64(c.Wait)))
}

func init() {
	shapes := registry.NewRole[shape]("shapes", "Plane figures.")
	registry.Register(shapes, registry.Entry[squareConfig, shape]{
		Name: "square", Default: squareConfig{Side: 1},
		Build: func(c squareConfig) (shape, error) { return square{c}, nil },
	})
}

type pipe struct {
	Name   string                   `yaml:"name"`
	Seed   uint64                   `yaml:"seed"`
	Shapes []registry.Choice[shape] `yaml:"shapes"`
	Pass   registry.Secret          `yaml:"pass"`
	Hosts  []string                 `yaml:"hosts"`
	Sub    struct {
		On bool `yaml:"on"`
	} `yaml:"sub"`
}

func read(t *testing.T, text string) (pipe, error) {
	t.Helper()
	env := map[string]string{"SIDE": "3", "PASS": "s3cr,et:{", "HOSTS": "a:1, b:2", "EMPTY": ""}
	f, err := Parse("p.yaml", []byte(text), func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	if err != nil {
		return pipe{}, err
	}
	p := pipe{Name: "default", Seed: 5}
	return p, f.Decode(&p)
}

func TestDecode(t *testing.T) {
	p, err := read(t, `
seed: 7
shapes:
  - square
  - square: {side: ${SIDE}, names: [x, y], map: {b: "1", a: z}, wait: 3s}
  - square: {side: 1e-4, inner: {square: {side: 2}}, many: {q: square}}
pass: ${PASS}
hosts: ${HOSTS}
sub: {on: true}
`)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "default" || p.Seed != 7 || string(p.Pass) != "s3cr,et:{" || !p.Sub.On {
		t.Errorf("got %+v", p)
	}
	if d := cmp.Diff([]string{"a:1", "b:2"}, p.Hosts); d != "" {
		t.Error(d)
	}
	var areas []float64
	for _, c := range p.Shapes {
		s, err := c.Build()
		if err != nil {
			t.Fatal(err)
		}
		areas = append(areas, s.area())
	}
	if d := cmp.Diff([]float64{1, 9, 1e-4 * 1e-4}, areas); d != "" {
		t.Error(d)
	}
	two := p.Shapes[1].Settings().(*squareConfig)
	if d := cmp.Diff([]string{"b", "a"}, two.Map.Keys()); d != "" || two.Wait != 3*time.Second {
		t.Error(d, two.Wait)
	}
}

func TestEveryProblemInOneRun(t *testing.T) {
	_, err := read(t, `name: [x]
seed: -1
nmae: y
shapes:
  - squar: {side: 2}
  - square: {side: -1, sde: 3, names: {a: b}}
  - square: {inner: {square: {side: 0}}}
  - {square: {}, round: {}}
pass: open sesame
hosts: ${NOPE}
sub:
  on: maybe
`)
	want := `p.yaml:1:7: name: want text, got a list
p.yaml:2:7: seed: want a whole number, got "-1"
p.yaml:3:1: nmae: unknown key; did you mean "name"?
p.yaml:5:5: shapes[0]: unknown shape "squar"; did you mean "square"?
p.yaml:6:14: square.side: want > 0, got -1
p.yaml:6:24: square.sde: unknown key; did you mean "side"?
p.yaml:6:40: square.names: want a list, got a map
p.yaml:7:31: square.inner.square.side: want > 0, got 0
p.yaml:8:6: shapes[3]: want one component {name: settings}, got 2 keys
p.yaml:9:7: pass: want a secret as ${NAME} or file:/path, got it in the open
p.yaml:10:8: hosts: environment variable NOPE is not set; set it, or write ${NOPE:-default}
p.yaml:12:7: sub.on: want true or false, got "maybe"`
	if err == nil {
		t.Fatal("want problems, got none")
	}
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(err.Error(), "\n")); d != "" {
		t.Error(d)
	}
}

func TestAddressesInFlowForm(t *testing.T) {
	p, err := read(t, "shapes: [{square: {names: [localhost:9092, b, '[::1]:9093', \"c:1\"], side: 2}}]")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"localhost:9092", "b", "[::1]:9093", "c:1"}, p.Shapes[0].Settings().(*squareConfig).Names); d != "" {
		t.Error(d)
	}
	if _, err := read(t, "shapes: [{square: {names: [{localhost: 9092}], side: 2}}]"); err == nil {
		t.Error("want a real pair refused")
	}
}

func TestAnchors(t *testing.T) {
	p, err := read(t, "shapes:\n  - square: &s {side: 2, names: &n [a, b]}\n  - square: *s\n  - square: {names: *n}\nname: &x hello\nhosts: [*x]\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Shapes[1].Settings().(*squareConfig); got.Side != 2 || len(got.Names) != 2 {
		t.Errorf("got %+v", got)
	}
	if got := p.Shapes[2].Settings().(*squareConfig).Names; len(got) != 2 || p.Hosts[0] != "hello" {
		t.Errorf("got %v, %v", got, p.Hosts)
	}
	for _, text := range []string{"name: *nope", "hosts: [*nope]", "sub: *nope", "sub: &a {on: *a}", "shapes: &a [*a]", "shapes: [{square: {many: &m {q: {square: {many: *m}}}}}]"} {
		if _, err := read(t, text); err == nil {
			t.Errorf("%q: want a problem", text)
		}
	}
}

func TestEnvironmentIsNotPrinted(t *testing.T) {
	for _, text := range []string{"seed: ${PASS}", "sub: {on: ${PASS}}", "shapes: [{square: {side: -${SIDE}}}]", "sub: ${PASS}", "hosts: {a: ${PASS}}", "shapes: [{square: {wait: ${PASS}}}]"} {
		_, err := read(t, text)
		if err == nil || strings.Contains(err.Error(), "s3cr") || strings.Contains(err.Error(), "-3") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestSyntaxAndEmpty(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "p.yaml:1:1: want a pipeline, got an empty file",
		"name: [x":          "p.yaml:1:7: want YAML",
		"name: x\nname: y":  "p.yaml:2:1: want YAML",
		"- a":               "p.yaml:1:1: want a map, got a list",
		"seed: ${EMPTY:-4}": "",
	} {
		_, err := read(t, text)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", text, want, err)
		}
	}
}

func TestCanonicalReadsBack(t *testing.T) {
	p, err := read(t, "shapes:\n  - square: {side: 2, map: {b: '1', a: z}, wait: 3s, many: {k: {square: {side: 4}}}}\npass: ${PASS}\n")
	if err != nil {
		t.Fatal(err)
	}
	text, err := Canonical(p)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "s3cr") {
		t.Fatalf("the secret is printed: %s", text)
	}
	var q struct {
		pipe  `yaml:",inline"`
		Extra string `yaml:"pass2"`
	}
	text = []byte(strings.Replace(string(text), `"pass": "(secret)", `, "", 1))
	if err := DecodeText(text, &q); err != nil {
		t.Fatal(err, string(text))
	}
	again, err := Canonical(q.Shapes)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := Canonical(p.Shapes)
	if d := cmp.Diff(string(before), string(again)); d != "" {
		t.Error(d)
	}
	id, _ := Identity(p.Shapes)
	if strings.Contains(string(id), "wait") || !strings.Contains(string(id), "side") {
		t.Errorf("identity: %s", id)
	}
}

func TestLocateBindErrors(t *testing.T) {
	p, err := read(t, "shapes:\n  - square:\n      side: 2\n")
	if err != nil {
		t.Fatal(err)
	}
	got := p.Shapes[0].Locate(check.All(check.That(false, "side", "a round number", 2)))
	if want := "p.yaml:3:7: square.side: want a round number, got 2"; got.Error() != want {
		t.Errorf("want %q, got %q", want, got)
	}
}
