package rules

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sluice-stream/sluice/"

// may says which rooms a room may import, itself and the standard library apart. Imports point downwards only.
var may = map[string][]string{
	"check":       {},
	"internal":    {"check", "internal", "arrow"},
	"flow":        {"check", "internal", "arrow"},
	"tensorcore":  {"internal", "gorgonia"},
	"learn":       {"check", "internal", "tensorcore", "gorgonia"},
	"features":    {"check", "internal", "learn", "tensorcore", "arrow", "gorgonia"},
	"ssl":         {"check", "learn", "tensorcore", "gorgonia"},
	"labels":      {"check", "learn", "tensorcore", "gorgonia"},
	"adapters":    {"check", "learn", "tensorcore", "gorgonia"},
	"probes":      {"check", "learn", "tensorcore", "gorgonia"},
	"arrowio":     {"check", "internal", "flow", "arrow", "kafka-go", "franz-go", "gocloud"},
	"operators":   {"check", "internal", "flow", "features", "learn", "arrow"},
	"sinks":       {"check", "internal", "flow", "learn", "arrow", "franz-go"},
	"runtime":     {"check", "internal", "flow", "learn", "arrow"},
	"cmd":         {"*"},
	"experiments": {"*"},
	"examples":    {"*"},

	// packages with a rule of their own
	"internal/kafkaconn":           {"check", "internal", "franz-go"},
	"internal/vfs/bucket":          {"internal", "gocloud"},
	"internal/vfs/bucket/inmemory": {"internal", "gocloud"},
}

// outside names the dependencies that only some rooms may see.
var outside = map[string]string{
	"github.com/apache/arrow/":     "arrow",
	"gorgonia.org/tensor":          "gorgonia",
	"github.com/segmentio/":        "kafka-go",
	"github.com/twmb/franz-go":     "franz-go",
	"github.com/goccy/go-yaml":     "internal",
	"github.com/spf13/cobra":       "cmd",
	"github.com/vbauerster/mpb/":   "cmd",
	"github.com/expr-lang/expr":    "internal",
	"gocloud.dev/":                 "gocloud",
	"github.com/jedib0t/go-pretty": "cmd",
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func room(path string) string {
	rest, ok := strings.CutPrefix(path, module)
	if !ok {
		return ""
	}
	room, _, _ := strings.Cut(rest, "/")
	return room
}

func TestImportsPointDownwards(t *testing.T) {
	for _, p := range packages(t) {
		from := room(p.ImportPath)
		allowed, known := may[strings.TrimPrefix(p.ImportPath, module)]
		if !known {
			allowed, known = may[from]
		}
		if !known {
			t.Errorf("%s: this room is not in the table of rooms", p.ImportPath)
		}
		for _, imp := range p.Imports {
			to := room(imp)
			for prefix, name := range outside {
				if strings.HasPrefix(imp, prefix) {
					to = name
				}
			}
			if to == "" || to == from || slices.Contains(allowed, to) || slices.Contains(allowed, "*") {
				continue
			}
			t.Errorf("%s imports %s: %s may import only %s", p.ImportPath, imp, from, strings.Join(allowed, ", "))
		}
	}
}

// The internal packages under the contracts must not know the contracts, or there would be a circle in all but name.
func TestGroundFloor(t *testing.T) {
	ground := []string{"internal/registry", "internal/state", "internal/config", "internal/vfs", "check"}
	for _, p := range packages(t) {
		if !slices.Contains(ground, strings.TrimPrefix(p.ImportPath, module)) {
			continue
		}
		for _, imp := range p.Imports {
			if r := room(imp); r != "" && r != "internal" && r != "check" {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
	}
}
