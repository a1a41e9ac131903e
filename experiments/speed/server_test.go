package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestMain plays the process behind a server where SPEED_SCRIPT names its cases.
func TestMain(m *testing.M) {
	if script := os.Getenv("SPEED_SCRIPT"); script != "" {
		playScript(strings.Split(script, " "))
		return
	}
	os.Exit(m.Run())
}

// playScript waits at each case; a run takes as many seconds as it was given threads.
func playScript(names []string) {
	in := bufio.NewScanner(os.Stdin)
	for _, name := range names {
		switch name {
		case "crash":
			fmt.Fprintln(os.Stderr, "first line\nout of memory")
			os.Exit(3)
		case "import":
			fmt.Println(`{"missing": "torch"}`)
			return
		}
		fmt.Printf("{\"at\": %q}\n", name)
		for in.Scan() {
			var r request
			if err := json.Unmarshal(in.Bytes(), &r); err != nil || r.Run == nil {
				break
			}
			fmt.Printf("{\"seconds\": %d}\n", r.Run.Threads)
		}
	}
}

func play(t *testing.T, script string) *server {
	t.Setenv("SPEED_SCRIPT", script)
	s := &server{command: []string{os.Args[0]}}
	t.Cleanup(s.stop)
	return s
}

func TestServerGoesToACaseAndBack(t *testing.T) {
	s := play(t, "a b c")
	for _, p := range []peer{{name: "b", threads: 1}, {name: "b", threads: 2}, {name: "c", threads: 3}, {name: "a", threads: 4}} {
		if got, err := s.seconds(t.Context(), p, options{}); err != nil || got != float64(p.threads) {
			t.Errorf("%s: want %d, got %g, %v", p.name, p.threads, got, err)
		}
	}
	if _, err := s.seconds(t.Context(), peer{name: "d"}, options{}); err == nil || !strings.Contains(err.Error(), `want the case "d"`) {
		t.Errorf("got %v", err)
	}
}

func TestServerSaysWhatIsMissing(t *testing.T) {
	s := play(t, "a import b")
	for _, p := range []string{"b", "a"} { // the second does not start it again
		if _, err := s.seconds(t.Context(), peer{name: p, threads: 1}, options{}); err == nil || !strings.Contains(err.Error(), "want the Python package torch, got none") {
			t.Errorf("got %v", err)
		}
	}
}

func TestServerSaysWhyItDied(t *testing.T) {
	s := play(t, "a crash b")
	if _, err := s.seconds(t.Context(), peer{name: "b", threads: 1}, options{}); err == nil || !strings.Contains(err.Error(), "exit status 3: out of memory") {
		t.Errorf("got %v", err)
	}
}
