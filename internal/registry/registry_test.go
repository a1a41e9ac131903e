package registry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/check"
)

type animal interface{ sound() string }

type dog struct{ cfg dogConfig }

func (d dog) sound() string { return d.cfg.Sound }

type dogConfig struct {
	Sound string `yaml:"sound" doc:"what it says"`
}

var animals = NewRole[animal]("animals", "Living things.")

func init() {
	Register(animals, Entry[dogConfig, animal]{Name: "dog", Summary: "Barks.", Default: dogConfig{"wau"}, Build: func(c dogConfig) (animal, error) {
		if c.Sound == "" {
			return nil, check.All(check.Required("sound", c.Sound))
		}
		return dog{c}, nil
	}})
}

func TestChoice(t *testing.T) {
	c := Pick[animal]("dog")
	a, err := c.Build()
	if err != nil || a.sound() != "wau" || c.Name() != "dog" || c.IsZero() {
		t.Errorf("got %v, %v", a, err)
	}
	c.Settings().(*dogConfig).Sound = "wuff"
	if a, _ := c.Build(); a.sound() != "wuff" {
		t.Errorf("got %q", a.sound())
	}
	if a, _ := Make[animal]("dog"); a.sound() != "wau" {
		t.Error("a changed choice must not change the defaults")
	}
	c.Settings().(*dogConfig).Sound = ""
	c.SetLocator(func(key string) string { return "f.yaml:3:1: dog." + key })
	if _, err := c.Build(); err == nil || err.Error() != "f.yaml:3:1: dog.sound: want a value, got nothing" {
		t.Errorf("got %v", err)
	}
	if err := c.Locate(errors.New("no")); err.Error() != "f.yaml:3:1: dog.: no" {
		t.Errorf("got %v", err)
	}
	if _, err := Make[animal]("cat"); err == nil {
		t.Error("want an error for an unknown name")
	}
	if es := Entries("animals"); len(es) != 1 || es[0].Name != "dog" || es[0].Role != "animals" {
		t.Errorf("got %+v", es)
	}
	if rs := Roles(); !slices.Contains(rs, [2]string{"animals", "Living things."}) {
		t.Errorf("got %v", rs)
	}
}

func TestBugsPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"second role":  func() { NewRole[animal]("again", "") },
		"second entry": func() { Register(animals, Entry[dogConfig, animal]{Name: "dog"}) },
		"no name":      func() { Register(animals, Entry[dogConfig, animal]{}) },
		"unknown pick": func() { Pick[animal]("cat") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: want a panic", name)
				}
			}()
			f()
		}()
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	s := Secret("hunter2")
	text, _ := s.MarshalText()
	for _, out := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s", s, s, s, s), string(text), fmt.Sprintf("%+v", struct{ P Secret }{s})} {
		if strings.Contains(out, "hunter2") {
			t.Errorf("printed: %s", out)
		}
	}
	path := filepath.Join(t.TempDir(), "pw")
	os.WriteFile(path, []byte("from file\n"), 0o600)
	for in, want := range map[Secret]string{"hunter2": "hunter2", Secret("file:" + path): "from file"} {
		if got, err := in.Reveal(); err != nil || got != want {
			t.Errorf("want %q, got %q, %v", want, got, err)
		}
	}
	if _, err := Secret("file:/nowhere/at/all").Reveal(); err == nil {
		t.Error("want an error for a missing file")
	}
}
