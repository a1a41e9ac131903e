package registry

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type describedRole interface{ described() }

type innerSettings struct {
	Rate float64 `yaml:"rate" doc:"share, 0 to 1"`
}

type sharedSettings struct {
	Path string `yaml:"path" doc:"file"`
}

type describedSettings struct {
	sharedSettings `yaml:",inline"`
	Inner          innerSettings         `yaml:"inner"`
	Told           innerSettings         `yaml:"told" doc:"said twice"`
	Maybe          *innerSettings        `yaml:"maybe" doc:"may be left out"`
	Steps          []innerSettings       `yaml:"steps" doc:"in order"`
	MLP            []int                 `yaml:"mlp" doc:"widths"`
	Pick           Choice[describedRole] `yaml:"pick" doc:"a component"`
	Columns        Ordered[string]       `yaml:"columns" doc:"name: type"`
	Password       Secret                `yaml:"password" doc:"never printed"`
	Wait           time.Duration         `yaml:"wait" doc:"between tries"`
	Rows           int64                 `yaml:"rows" doc:"how many"`
	On             bool                  `yaml:"on" doc:"whether"`
	hidden         int
	Internal       int `yaml:"-"`
}

type thingSettings struct {
	A int `yaml:"a" doc:"a"`
}

func TestDescribe(t *testing.T) {
	r := NewRole[describedRole]("described", "for this test")
	Register(r, Entry[thingSettings, describedRole]{Name: "thing", Build: func(thingSettings) (describedRole, error) { return nil, nil }})
	s := describedSettings{
		sharedSettings: sharedSettings{"x.parquet"}, Inner: innerSettings{.5}, MLP: []int{256, 128},
		Pick: Pick[describedRole]("thing"), Columns: Ordered[string]{{"a", "utf8"}}, Password: "hunter2", Wait: time.Second, Rows: 7, hidden: 1,
	}
	want := []Setting{
		{"path", "text", "x.parquet", "file"},
		{"inner.rate", "number", "0.5", "share, 0 to 1"},
		{"told", "settings", "", "said twice"},
		{"told.rate", "number", "0", "share, 0 to 1"},
		{"maybe", "settings", "", "may be left out"},
		{"maybe.rate", "number", "0", "share, 0 to 1"},
		{"steps", "list of settings", "", "in order"},
		{"steps[].rate", "number", "0", "share, 0 to 1"},
		{"mlp", "list of integer", "[256, 128]", "widths"},
		{"pick", "one of described", "thing", "a component"},
		{"columns", "map of text", "{a: utf8}", "name: type"},
		{"password", "secret", "(secret)", "never printed"},
		{"wait", "duration", "1s", "between tries"},
		{"rows", "integer", "7", "how many"},
		{"on", "bool", "false", "whether"},
	}
	for _, in := range []any{s, &s} {
		if d := cmp.Diff(want, Describe(in)); d != "" {
			t.Error(d)
		}
	}
}

func TestDescribeOfAMap(t *testing.T) {
	got := Describe(Ordered[string](nil))
	if len(got) != 1 || got[0].Key != "NAME" || got[0].Type != "text" || got[0].Doc == "" {
		t.Errorf("want one setting NAME of type text, got %+v", got)
	}
}
