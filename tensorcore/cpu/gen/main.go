// Command gen writes the assembly of package cpu and its Go declarations. Run it by `go generate` there.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	dir := flag.String("dir", ".", "folder to write to")
	flag.Parse()
	files, err := generate()
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(*dir, name), text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate returns the text of each file by name.
func generate() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, define := range map[string]func(*build.Context){"gemm": gemmKernels, "math": mathKernels, "rows": rowKernels, "vector": vectorKernels} {
		c := build.NewContext()
		c.ConstraintExpr("amd64")
		define(c)
		f, err := c.Result()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := pass.Compile.Execute(f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		cfg := printer.Config{Argv: []string{"go", "generate"}, Name: "avo", Pkg: "cpu"}
		asm, err := printer.NewGoAsm(cfg).Print(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		stubs, err := printer.NewStubs(cfg).Print(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if stubs, err = format.Source(stubs); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files[name+"_amd64.s"] = bytes.TrimRight(asm, "\n")
		files[name+"_amd64.s"] = append(files[name+"_amd64.s"], '\n')
		files[name+"_stubs_amd64.go"] = stubs
	}
	return files, nil
}
