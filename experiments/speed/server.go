package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/sluice-stream/sluice/experiments/speed/cases"
)

// server is a Python process under peer/serve.py: it goes through the cases of a script one after the other and
// waits at each for turns.
type server struct {
	command []string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	stderr  bytes.Buffer
	at      string // case at which it waits, "" before the first
	failed  error  // the script cannot go on
}

// answer is a line from the process.
type answer struct {
	At      string  `json:"at"`
	Seconds float64 `json:"seconds"`
	Missing string  `json:"missing"`
}

type request struct {
	Run  *turn `json:"run,omitempty"`
	Next bool  `json:"next,omitempty"`
}

type turn struct {
	Threads int         `json:"threads"`
	Seconds float64     `json:"seconds"`
	Clock   cases.Clock `json:"clock"`
}

// seconds lets the process run a case for some time and returns the seconds of one run.
func (s *server) seconds(ctx context.Context, of peer, o options) (float64, error) {
	if s.failed != nil {
		return 0, s.failed
	}
	if err := s.goTo(ctx, of.name); err != nil {
		return 0, err
	}
	if err := s.ask(request{Run: &turn{of.threads, o.seconds, o.clock}}); err != nil {
		return 0, s.died(err)
	}
	a, err := s.read()
	if err != nil {
		return 0, err
	}
	if a.Seconds <= 0 {
		return 0, s.died(errors.New("want the time of a run"))
	}
	return a.Seconds, nil
}

// goTo goes on to the case called name, from the start again where it lies behind.
func (s *server) goTo(ctx context.Context, name string) error {
	for again := s.cmd != nil; s.at != name; {
		err := s.step(ctx)
		switch {
		case errors.Is(err, io.EOF) && again:
			again = false
			s.stop()
		case errors.Is(err, io.EOF):
			return fmt.Errorf("want the case %q in the script, found none", name)
		case err != nil:
			return err
		}
	}
	return nil
}

// step starts the process, or sends it to its next case; io.EOF after the last.
func (s *server) step(ctx context.Context) error {
	if s.cmd == nil {
		if err := s.start(ctx); err != nil {
			return err
		}
	} else if err := s.ask(request{Next: true}); err != nil {
		return s.died(err)
	}
	a, err := s.read()
	s.at = a.At
	return err
}

func (s *server) start(ctx context.Context) error {
	s.cmd, s.at = exec.CommandContext(ctx, s.command[0], s.command[1:]...), ""
	s.stderr.Reset()
	s.cmd.Stderr = &s.stderr
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	s.in, s.out = in, bufio.NewScanner(out)
	return s.cmd.Start()
}

func (s *server) ask(r request) error { return json.NewEncoder(s.in).Encode(r) }

// read returns the next answer, io.EOF when the script has ended.
func (s *server) read() (answer, error) {
	var a answer
	if !s.out.Scan() {
		if err := s.cmd.Wait(); err != nil {
			return a, s.died(err)
		}
		return a, io.EOF
	}
	if err := json.Unmarshal(s.out.Bytes(), &a); err != nil {
		return a, s.died(err)
	}
	if a.Missing != "" {
		s.failed = missing(a.Missing)
		return a, s.failed
	}
	return a, nil
}

// died is why no later case can be run either.
func (s *server) died(err error) error {
	s.failed = fmt.Errorf("%w: %s", err, lastLine(s.stderr.String()))
	return s.failed
}

// stop ends the process.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	s.in.Close()
	late := time.AfterFunc(5*time.Second, func() { _ = s.cmd.Process.Kill() })
	_ = s.cmd.Wait() // it leaves when its input ends; how is of no interest any more
	late.Stop()
	s.cmd, s.at = nil, ""
}
