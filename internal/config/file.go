package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// File is a parsed YAML file.
type File struct {
	name    string
	root    ast.Node
	subs    []string
	anchors anchors
	getenv  func(string) (string, bool)
	read    *decoder // what Decode read
}

// Problem is one thing that is wrong at one place of a file.
type Problem struct {
	File         string
	Line, Column int
	Path         string // dotted, below the component it belongs to
	Text         string // wanted, got, suggestion
}

func (p Problem) Error() string {
	s := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Path != "" {
		s += p.Path + ": "
	}
	return s + p.Text
}

// Problems is everything that is wrong with a file, in file order.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// With adds problems that were found elsewhere, as lines file:line:column: path: text, at places of which nothing
// is said yet.
func (ps Problems) With(lines []string) Problems {
	known := map[string]bool{}
	for _, p := range ps {
		known[fmt.Sprint(p.Line, p.Column)], known[p.Path] = true, true
	}
	for _, l := range lines {
		p := Problem{File: ps[0].File}
		rest, ok := strings.CutPrefix(l, p.File+":")
		if n, _ := fmt.Sscanf(rest, "%d:%d:", &p.Line, &p.Column); !ok || n != 2 {
			continue
		}
		_, p.Text, _ = strings.Cut(rest, ": ")
		if path, _, _ := strings.Cut(p.Text, ": "); known[path] || known[fmt.Sprint(p.Line, p.Column)] {
			continue
		}
		ps = append(ps, p)
	}
	sortProblems(ps)
	return ps
}

func sortProblems(ps Problems) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}

// Load reads and parses the file at path; name stands in messages.
func Load(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s: no such file; `sluice create DATA` writes one", path)
		}
		return nil, err
	}
	return Parse(path, text, os.LookupEnv)
}

// Parse parses text; getenv looks up environment variables.
func Parse(name string, text []byte, getenv func(string) (string, bool)) (*File, error) {
	hidden, subs := hideEnv(string(text))
	f := &File{name: name, subs: subs, getenv: getenv}
	tree, err := parser.ParseBytes([]byte(hidden), 0)
	if err != nil {
		return nil, f.syntax(err)
	}
	for _, d := range tree.Docs {
		if d.Body == nil {
			continue
		}
		if f.root != nil {
			return nil, Problems{f.at(d.Body, "", "want one YAML document, got several")}
		}
		f.root = d.Body
	}
	if f.root == nil {
		return nil, Problems{{File: name, Line: 1, Column: 1, Text: "want a pipeline, got an empty file"}}
	}
	f.anchors = anchors{}
	ast.Walk(f.anchors, f.root)
	return f, nil
}

func (f *File) syntax(err error) error {
	var se *yaml.SyntaxError
	if !errors.As(err, &se) || se.Token == nil {
		return Problems{{File: f.name, Line: 1, Column: 1, Text: "want YAML: " + err.Error()}}
	}
	pos := se.Token.Position
	return Problems{{File: f.name, Line: pos.Line, Column: pos.Column, Text: "want YAML: " + se.Message}}
}

func (f *File) at(n ast.Node, path, text string) Problem {
	line, col := position(n)
	return Problem{File: f.name, Line: line, Column: col, Path: display(path), Text: text}
}

func position(n ast.Node) (line, col int) {
	switch m := n.(type) {
	case *ast.MappingNode:
		if len(m.Values) > 0 {
			n = m.Values[0].Key
		}
	case *ast.MappingValueNode:
		n = m.Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line, t.Position.Column
	}
	return 1, 1
}

// display drops the lists that a component stands in: the line says which one it is.
func display(path string) string {
	if i := strings.LastIndex(path, "]."); i >= 0 {
		path = path[i+2:]
	}
	return path
}

// Decode fills into, a pointer to a struct that holds the defaults. The error is Problems.
func (f *File) Decode(into any) error { return f.decode(into, false) }

func (f *File) decode(into any, unchecked bool) error {
	d := &decoder{file: f, where: map[string]ast.Node{}, hidden: map[string]bool{}, unchecked: unchecked}
	f.read = d
	d.decodeRoot(into)
	if len(d.problems) == 0 {
		return nil
	}
	sortProblems(d.problems)
	return d.problems
}

// Locate writes key, a path of what Decode read, with its place: file:line:column: key.
func (f *File) Locate(key string) string { return f.read.locate("", key) }

// DecodeText reads settings that Canonical wrote. Nothing in it is taken for an environment variable.
func DecodeText(text []byte, into any) error { return decodeText(text, into, false) }

// DecodeSaved reads settings that Identity wrote, which lack those that may change: values are not checked.
func DecodeSaved(text []byte, into any) error { return decodeText(text, into, true) }

func decodeText(text []byte, into any, unchecked bool) error {
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return err
	}
	f := &File{name: "settings", root: tree.Docs[0].Body, getenv: os.LookupEnv}
	return f.decode(into, unchecked)
}
