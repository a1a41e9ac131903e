package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
)

func TestBadFlags(t *testing.T) {
	for args, want := range map[string]string{
		"":                                 "--python: want the path",
		"--python no/such/python":          "--python: want a Python that can be run",
		"--case gathr":                     "want the name of a case",
		"--rounds 0":                       "--rounds >= 1",
		"--seconds 0":                      "--seconds > 0",
		"--clock sun":                      "--clock: want wall or cpu",
		"gather":                           "want flags only",
		"--case gather --peers no/folder":  "--python: want the path",
		"--case gather --python python3 x": "want flags only",
	} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", args, want, err)
		}
	}
}

func TestList(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--list", "--case", "deepfm:*"}, &out, io.Discard); err != nil || strings.Count(out.String(), "\n") != 3 {
		t.Errorf("want three names, got %q, %v", out.String(), err)
	}
}

// TestSmoke runs one small case beside a Python with numpy, torch and threadpoolctl; SLUICE_PYTHON names it.
func TestSmoke(t *testing.T) {
	python := os.Getenv("SLUICE_PYTHON")
	if python == "" {
		t.Skip("set SLUICE_PYTHON to a Python with numpy, torch and threadpoolctl")
	}
	for _, clock := range []string{"wall", "cpu"} {
		var out bytes.Buffer
		args := []string{"--python", python, "--case", "matmul:16x*", "--json", "--rounds", "2", "--seconds", "0.02", "--clock", clock}
		if err := run(t.Context(), args, &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		dec := json.NewDecoder(&out)
		for _, want := range []string{"matmul:16x464x256", "matmul:16x256x128"} {
			var l line
			if err := dec.Decode(&l); err != nil {
				t.Fatal(err)
			}
			if l.Case != want || l.Sluice <= 0 || l.Ratio == nil || *l.Low > *l.Ratio || *l.High < *l.Ratio || l.Unit != "GFLOP/s" {
				t.Errorf("got %+v", l)
			}
		}
	}
}
