package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/config"
	"github.com/sluice-stream/sluice/internal/registry"
	"github.com/sluice-stream/sluice/learn"
)

// sluice runs a command and returns what it printed.
func sluice(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, log bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&log)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// must is sluice for a command that has to work.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := sluice(t, args...)
	if err != nil {
		t.Fatalf("sluice %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func TestEveryEntryIsDocumented(t *testing.T) {
	for _, r := range registry.Roles() {
		if r[1] == "" {
			t.Errorf("role %s has no description", r[0])
		}
		for _, e := range registry.Entries(r[0]) {
			name := r[0] + "." + e.Name
			if e.Summary == "" || !strings.HasSuffix(e.Summary, ".") {
				t.Errorf("%s: want a summary, one sentence, got %q", name, e.Summary)
			}
			for _, s := range registry.Describe(e.Settings) {
				if s.Doc == "" {
					t.Errorf("%s: setting %s has no doc tag", name, s.Key)
				}
			}
			if err := buildExample(r[0], e); err != nil {
				t.Errorf("%s: its example %q: %v", name, e.Example, err)
			}
		}
	}
}

// buildExample reads the example as a pipeline file would hold it, and builds the component.
func buildExample(role string, e registry.Info) error {
	switch role {
	case "sources":
		return buildChoice[flow.Source](e)
	case "operators":
		return buildChoice[flow.Operator](e)
	case "sinks":
		return buildChoice[flow.Sink](e)
	case "brokers":
		return buildChoice[flow.Broker](e)
	case "models":
		return buildChoice[learn.Backbone](e)
	case "gates":
		return buildChoice[learn.Gate](e)
	case "optimizers":
		return buildChoice[learn.Optimizer](e)
	case "schedules":
		return buildChoice[learn.Schedule](e)
	case "bucketizers":
		return buildChoice[learn.Bucketizer](e)
	}
	return fmt.Errorf("this test does not know how to build %s", role)
}

func buildChoice[T any](e registry.Info) error {
	var into struct {
		It registry.Choice[T] `yaml:"it"`
	}
	settings := e.Example
	if settings == "" {
		settings = "{}"
	}
	f, err := config.Parse("example", fmt.Appendf(nil, "it:\n  %s: %s\n", e.Name, settings), os.LookupEnv)
	if err != nil {
		return err
	}
	if err := f.Decode(&into); err != nil {
		return err
	}
	_, err = into.It.Build()
	return err
}

func TestList(t *testing.T) {
	all := must(t, "list")
	for _, want := range []string{"sources: ", "parquet", "optimizers: ", "adam", "gates: ", "optfs"} {
		if !strings.Contains(all, want) {
			t.Errorf("want %q in\n%s", want, all)
		}
	}
	one := must(t, "list", "gates", "optfs")
	for _, want := range []string{"arXiv:2301.10909", "search.rewind_epoch", "default", "0.0001"} {
		if !strings.Contains(one, want) {
			t.Errorf("want %q in\n%s", want, one)
		}
	}
	for _, line := range strings.Split(one, "\n") {
		if len(line) > pageWidth+15 {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
	if strings.Contains(one, "\x1b") {
		t.Error("colours off a terminal")
	}
}

func TestListJSON(t *testing.T) {
	var got []listedRole
	if err := json.Unmarshal([]byte(must(t, "list", "sinks", "--json")), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Role != "sinks" || len(got[0].Entries) < 3 {
		t.Errorf("got %+v", got)
	}
}

func TestListSuggests(t *testing.T) {
	for args, want := range map[string]string{"model": `did you mean "models"?`, "models depfm": `did you mean "deepfm"?`} {
		_, err := sluice(t, append([]string{"list"}, strings.Fields(args)...)...)
		if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("list %s: want %s, got %v", args, want, err)
		}
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	var walk func(path []string)
	walk = func(path []string) {
		cmd, _, err := root().Find(path)
		if err != nil {
			t.Fatal(err)
		}
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%v: want Short, Long and Example", path)
		}
		for _, c := range cmd.Commands() {
			if c.Name() != "help" && c.Name() != "completion" {
				walk(append(append([]string{}, path...), c.Name()))
			}
		}
	}
	walk(nil)
}
