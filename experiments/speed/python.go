package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sluice-stream/sluice/experiments/speed/cases"
)

//go:embed peer/*.py
var scripts embed.FS

// python runs the peers: served scripts stay alive from case to case, the others run once a turn.
type python struct {
	path   string // the interpreter
	folder string // of the peers' scripts
	temp   string // of ours
	served map[string]*server
}

func newPython(path, folder string) (*python, error) {
	if path == "" {
		return nil, errors.New("--python: want the path of a Python with numpy, torch and pyarrow, got none")
	}
	if _, err := exec.LookPath(path); err != nil {
		return nil, fmt.Errorf("--python: want a Python that can be run: %w", err)
	}
	temp, err := os.MkdirTemp("", "sluice-speed-*")
	if err != nil {
		return nil, err
	}
	p := &python{path: path, folder: folder, temp: temp, served: map[string]*server{}}
	for _, name := range []string{"serve.py", ops} {
		text, err := scripts.ReadFile("peer/" + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(temp, name), text, 0o600)
		}
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	return p, nil
}

func (p *python) close() error {
	for _, s := range p.served {
		s.stop()
	}
	return os.RemoveAll(p.temp)
}

// seconds returns the time of one run of a peer's work.
func (p *python) seconds(ctx context.Context, of peer, work float64, o options) (float64, error) {
	folder := p.folder
	if of.script == ops {
		folder = p.temp
	}
	path := filepath.Join(folder, of.script)
	if _, err := os.Stat(path); err != nil {
		return 0, fmt.Errorf("--peers: want the folder of the peers' scripts: %w", err)
	}
	if of.served() {
		return p.server(path, o).seconds(ctx, of, o)
	}
	if o.clock == cases.Processor {
		return 0, errors.New("want --clock wall for a script that measures itself")
	}
	rate, err := p.once(ctx, path, of, o)
	return work / rate, err
}

// server returns the process of a served script, not yet started at first.
func (p *python) server(path string, o options) *server {
	s := p.served[path]
	if s == nil {
		s = &server{command: []string{p.path, filepath.Join(p.temp, "serve.py"), path, o.env.Data}}
		p.served[path] = s
	}
	return s
}

// once runs a script over the hotel bookings and returns its rows a second.
func (p *python) once(ctx context.Context, path string, of peer, o options) (float64, error) {
	args := append([]string{path, filepath.Join(o.env.Data, "prepared", "hotel-bookings.parquet")}, of.args...)
	if of.script == torchCTR {
		args = append(args, "--threads", strconv.Itoa(of.threads))
	}
	cmd := exec.CommandContext(ctx, p.path, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		last := lastLine(stderr.String())
		if name, ok := strings.CutPrefix(last, "ModuleNotFoundError: No module named "); ok {
			return 0, missing(strings.Trim(name, "'"))
		}
		return 0, fmt.Errorf("%w: %s", err, last)
	}
	var answer struct {
		RowsPerS float64 `json:"rows_per_s"`
	}
	if err := json.Unmarshal([]byte(lastLine(string(out))), &answer); err != nil || answer.RowsPerS <= 0 {
		return 0, fmt.Errorf("want a line of JSON with rows_per_s, got %q", lastLine(string(out)))
	}
	return answer.RowsPerS, nil
}

func missing(name string) error {
	return fmt.Errorf("want the Python package %s, got none; install requirements.txt of the peers into the Python of --python", name)
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
