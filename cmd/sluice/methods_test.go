package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/internal/registry"
)

// Every method of the tensor plane has its row in docs/methods.md, and the row names a file with a test beside it.
func TestEveryMethodIsInTheTable(t *testing.T) {
	b, err := os.ReadFile("../../docs/methods.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, line := range strings.Split(string(b), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) > 4 && strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			rows[strings.Trim(strings.TrimSpace(cells[1]), "`")] = cells
		}
	}
	found := 0
	for _, role := range []string{"models", "gates", "optimizers", "schedules", "bucketizers"} {
		for _, e := range registry.Entries(role) {
			found++
			row, ok := rows[e.Name]
			if !ok {
				t.Errorf("%s %s has no row in docs/methods.md", role, e.Name)
				continue
			}
			if got := strings.TrimSpace(row[2]) + "s"; got != role {
				t.Errorf("%s: want role %s in the table, got %s", e.Name, role, got)
			}
			file := strings.TrimSpace(strings.Split(row[3], ",")[0])
			if _, err := os.Stat(filepath.Join("../..", file)); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
			delete(rows, e.Name)
		}
	}
	if found == 0 {
		t.Error("no method is registered")
	}
	for name := range rows {
		t.Errorf("docs/methods.md has a row for %s, which is not registered", name)
	}
}
