package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
	"github.com/sluice-stream/sluice/runtime"
)

// drillChildCmd is what the drill starts where a fault must come from inside the process; elsewhere its children
// are plain `run`. It is hidden: a user has no use for it.
func drillChildCmd() *cobra.Command {
	var spec, report string
	cmd := &cobra.Command{
		Use: "child FILE", Hidden: true, Args: cobra.ExactArgs(1),
		Short: "Run a pipeline on a faulty disk",
		Long: "Runs a pipeline as `run` does, under a fault that must come from inside the process. The drill starts it.\n\n" +
			"  disk_full:N     writes fail as on a full disk once N bytes are written\n" +
			"  slow_sink:20ms  each file, and each 64 KiB written to it, takes that much longer",
		Example: "  sluice drill child pipeline.yaml --fault disk_full:1000000 --report report.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			fs, err := faultyDisk(spec)
			if err != nil {
				return err
			}
			p, err := runtime.Load(args[0])
			if err != nil {
				return err
			}
			res, err := runtime.Run(cmd.Context(), p, runtime.Options{FS: fs})
			if err != nil {
				return err
			}
			return writeReport(report, res)
		},
	}
	cmd.Flags().StringVar(&spec, "fault", "", "fault of the disk")
	cmd.Flags().StringVar(&report, "report", "", "file for the report")
	return cmd
}

func faultyDisk(spec string) (vfs.FS, error) {
	name, value, _ := strings.Cut(spec, ":")
	switch name {
	case "disk_full":
		n, err := strconv.ParseInt(value, 10, 64)
		if err == nil {
			return vfs.FullAfter(vfs.OS{}, n), nil
		}
	case "slow_sink":
		d, err := time.ParseDuration(value)
		if err == nil {
			return slowDisk{vfs.OS{}, d}, nil
		}
	}
	return nil, flow.Configf("--fault: want disk_full:BYTES or slow_sink:DURATION, got %s", spec)
}

// slowDisk takes longer for each file, and for each block written to it.
type slowDisk struct {
	vfs.FS
	wait time.Duration
}

type slowFile struct {
	vfs.File
	wait  time.Duration
	block int // bytes written of the block under way
}

// slowBlock is what one wait is for, bytes.
const slowBlock = 64 << 10

// Create makes a file that is slow to write.
func (s slowDisk) Create(path string) (vfs.File, error) {
	time.Sleep(s.wait)
	f, err := s.FS.Create(path)
	if err != nil {
		return nil, err
	}
	return &slowFile{File: f, wait: s.wait}, nil
}

func (s *slowFile) Write(p []byte) (int, error) {
	s.block += len(p)
	time.Sleep(time.Duration(s.block/slowBlock) * s.wait)
	s.block %= slowBlock
	return s.File.Write(p)
}

// child is one process that runs the pipeline in the folder of a trial.
type child struct {
	*trialRun
	cmd     *exec.Cmd
	began   time.Time
	from    uint64 // newest checkpoint when it was started
	stderr  bytes.Buffer
	ended   chan struct{}
	err     error
	watched chan struct{}
	first   time.Duration // to its first new checkpoint; valid once watched is closed, 0 when it made none
}

// look is how often a child's folder is looked at.
const look = 2 * time.Millisecond

// start starts `run`, or with a fault of the disk the hidden command.
func (r *trialRun) start(ctx context.Context, fault string) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"run", r.file}
	if fault != "" {
		args = []string{"drill", "child", r.file, "--fault", fault}
	}
	args = append(args, "--report", filepath.Join(r.dir, "report.json"))
	c := &child{trialRun: r, cmd: exec.CommandContext(ctx, exe, args...), ended: make(chan struct{}), watched: make(chan struct{})}
	c.cmd.Stderr = &c.stderr
	c.from, c.began = r.newest(), time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("drill: cannot start a run: %w", err)
	}
	r.runs++
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	go c.watch()
	return c, nil
}

// watch notes when the first new checkpoint appears.
func (c *child) watch() {
	defer close(c.watched)
	for ended := false; ; {
		if c.newest() > c.from {
			c.first = time.Since(c.began)
			return
		}
		if ended {
			return
		}
		select {
		case <-c.ended:
			ended = true
		case <-time.After(look):
		}
	}
}

// newest is the id of the newest checkpoint, 0 without one.
func (r *trialRun) newest() uint64 {
	ids, err := state.NewStore(vfs.OS{}, filepath.Join(r.dir, "checkpoint"), 1).List()
	if err != nil || len(ids) == 0 {
		return 0
	}
	return ids[len(ids)-1]
}

// errStuck is a run that does not come to its end.
var errStuck = errors.New("the run did not end in time")

// wait waits for the end of the process; the code is -1 when a signal ended it.
func (c *child) wait() (code int, err error) {
	select {
	case <-c.ended:
	case <-time.After(c.patience):
		c.cmd.Process.Kill()
		<-c.ended
		return -1, fmt.Errorf("%w (%s)", errStuck, c.patience)
	}
	<-c.watched
	c.log()
	if c.from > 0 && c.first > c.recovery {
		c.recovery = c.first
	}
	return c.cmd.ProcessState.ExitCode(), nil
}

// log keeps what the process said, for those who keep the folder.
func (c *child) log() {
	f, err := os.OpenFile(filepath.Join(c.dir, "run.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "%s: %s after %.2f s\n%s", strings.Join(c.cmd.Args[1:], " "), c.cmd.ProcessState, time.Since(c.began).Seconds(), c.stderr.String())
}

// sleep waits; false says that the process ended before.
func (c *child) sleep(d time.Duration) bool {
	select {
	case <-c.ended:
		return false
	case <-time.After(d):
		return true
	}
}

// until waits for n new checkpoints; false says that the process ended before.
func (c *child) until(n uint64) bool {
	for deadline := time.Now().Add(c.patience); time.Now().Before(deadline); {
		if c.newest() >= c.from+n {
			return c.sleep(0)
		}
		if !c.sleep(look) {
			return false
		}
	}
	return true
}

// kill ends the process with SIGKILL; false says that it had ended well before.
func (c *child) kill() (bool, error) {
	c.cmd.Process.Kill()
	code, err := c.wait()
	if err == nil && code > 0 {
		err = c.failed(code)
	}
	return code != 0, err
}

// finish wants the process to end well.
func (c *child) finish() error {
	code, err := c.wait()
	if err == nil && code != 0 {
		err = c.failed(code)
	}
	return err
}

// failed is the error of a run that ended as it should not.
func (c *child) failed(code int) error {
	return fmt.Errorf("a run ended with exit code %d: %s", code, lastLine(c.stderr.String()))
}

// result reads the report of the last run that ended well.
func (r *trialRun) result() (*runtime.Result, error) {
	b, err := os.ReadFile(filepath.Join(r.dir, "report.json"))
	if err != nil {
		return nil, err
	}
	var res runtime.Result
	if err := json.Unmarshal(b, &res); err != nil {
		return nil, err
	}
	return &res, nil
}
