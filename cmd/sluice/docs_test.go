package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/runtime"
)

// Documents are code: every snippet of README.md, CONTRIBUTING.md and docs/ is executed here. Shell snippets run
// in order, document by document, in a folder of their own; YAML must lint; Go must stand in a file that is
// compiled and tested; Python runs where SLUICE_PYTHON names an interpreter.

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```")

type snippet struct{ lang, text string }

func documents(t *testing.T) map[string][]snippet {
	t.Helper()
	files, _ := filepath.Glob("../../docs/*.md")
	out := map[string][]snippet{}
	for _, f := range append(files, "../../README.md", "../../CONTRIBUTING.md") {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fence.FindAllStringSubmatch(string(b), -1) {
			out[filepath.Base(f)] = append(out[filepath.Base(f)], snippet{m[1], m[2]})
		}
	}
	return out
}

func TestDocumentSnippets(t *testing.T) {
	repo, _ := filepath.Abs("../..")
	source := goSource(t, repo)
	for name, snippets := range documents(t) {
		t.Run(name, func(t *testing.T) {
			inFolder(t, repo)
			for _, s := range snippets {
				switch s.lang {
				case "sh":
					shell(t, s.text)
				case "yaml":
					lintSnippet(t, name, s.text)
				case "go":
					if !strings.Contains(source, flat(s.text)) {
						t.Errorf("this Go snippet stands in no file of the project:\n%s", s.text)
					}
				case "python":
					python(t, s.text)
				case "text", "json": // output and formats
				default:
					t.Errorf("no way to execute a snippet in %q", s.lang)
				}
			}
		})
	}
}

// inFolder works in a fresh folder that has the pipelines of the project.
func inFolder(t *testing.T, repo string) {
	dir := t.TempDir()
	for _, f := range []string{"pipeline.yaml", "examples"} {
		if err := os.Symlink(filepath.Join(repo, f), filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	data := os.Getenv("SLUICE_DATA")
	if data == "" {
		data = filepath.Join(repo, "../shared/data")
	}
	t.Setenv("SLUICE_DATA", data)
	t.Chdir(dir)
}

var assignment = regexp.MustCompile(`^[A-Z_]+=\S+ `)

// notOurs are commands that a reader runs and that this test cannot or need not: it is itself part of `go test`.
var notOurs = []string{"go test ", "git clone ", "cd ", "go build ", "go install ", ".ci/run", "kill "}

func shell(t *testing.T, text string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		line = strings.TrimSpace(strings.SplitN(line, "  #", 2)[0])
		for assignment.MatchString(line) {
			pair, rest, _ := strings.Cut(line, " ")
			key, value, _ := strings.Cut(pair, "=")
			t.Setenv(key, value)
			line = rest
		}
		args, ours := strings.CutPrefix(strings.Replace(line, "go run ./cmd/sluice", "sluice", 1), "sluice")
		switch {
		case ours:
			command(t, line, args)
		case line == "" || strings.HasPrefix(line, "#") || hasPrefix(line, notOurs):
		default:
			t.Errorf("no way to execute %q", line)
		}
	}
}

func hasPrefix(line string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

func command(t *testing.T, line, args string) {
	if usesData(line) {
		if _, err := os.Stat(os.Getenv("SLUICE_DATA")); err != nil {
			t.Logf("skipped, it needs the data sets in SLUICE_DATA: %s", line)
			return
		}
	}
	if testing.Short() && strings.Contains(line, " run") {
		return
	}
	cmd := root()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(strings.Fields(strings.ReplaceAll(os.ExpandEnv(args), "'", "")))
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Errorf("%s: %v\n%s", line, err, out.String())
	}
}

// usesData says whether a command needs the public data sets: every example does.
func usesData(line string) bool {
	return strings.Contains(line, "SLUICE_DATA") || strings.Contains(line, "run examples/")
}

func lintSnippet(t *testing.T, name, text string) {
	if strings.HasPrefix(strings.TrimSpace(text), "- ") {
		text = "name: snippet\nsource: {parquet: {path: x.parquet}}\noperators:\n" + text
	}
	p, err := runtime.Parse(name, []byte(text), os.LookupEnv)
	if err == nil {
		err = p.Lint()
	}
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// goSource is every Go file of the project, with the white space folded.
func goSource(t *testing.T, repo string) string {
	var all strings.Builder
	err := filepath.WalkDir(repo, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		b, err := os.ReadFile(path)
		all.WriteString(flat(string(b)) + " ")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

func python(t *testing.T, text string) {
	interpreter := os.Getenv("SLUICE_PYTHON")
	if interpreter == "" {
		t.Log("skipped, SLUICE_PYTHON names no interpreter")
		return
	}
	if out, err := exec.Command(interpreter, "-c", text).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, text, out)
	}
}
