// Package realkafka runs a real Apache Kafka broker for tests, through scripts/kafka/kafka.sh. One broker serves
// a test binary; it ends with the binary, however that ends.
package realkafka

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// settings of the broker beyond those of the script: messages of 32 MiB, timestamps of any year, and transactions
// of dead producers aborted soon.
var settings = []string{
	"message.max.bytes=33554432", "replica.fetch.max.bytes=33554432", "log.message.timestamp.after.max.ms=9223372036854775807",
	"transaction.abort.timed.out.transaction.cleanup.interval.ms=300",
}

// unavailable is the script's exit status when Java, Maven or the jars cannot be had.
const unavailable = 3

var broker struct {
	sync.Mutex
	dir, addr string
	err       error
	skip      string // why there is no broker
}

// Start returns the address of the broker, 127.0.0.1:port, and starts it at the first call. Without Java or Maven,
// or when the jars cannot be fetched, it skips the test and says why.
func Start(t testing.TB) (addr string) {
	t.Helper()
	b := &broker
	b.Lock()
	defer b.Unlock()
	if b.dir == "" {
		if b.dir, b.err = os.MkdirTemp("", "realkafka"); b.err == nil {
			b.err = up()
		}
	}
	if b.skip != "" {
		t.Skipf("a real Kafka: %s", b.skip)
	}
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.addr
}

// Main runs the tests of a binary, and then ends the broker if one was started.
func Main(m *testing.M) (code int) {
	defer Stop()
	return m.Run()
}

// Stop ends the broker and removes its data; the next Start makes a new one.
func Stop() {
	b := &broker
	b.Lock()
	defer b.Unlock()
	if b.dir == "" {
		return
	}
	script("stop", b.dir)
	os.RemoveAll(b.dir)
	b.dir, b.addr, b.err, b.skip = "", "", nil, ""
}

// Bounce ends the broker, by SIGKILL where hard is set, leaves it down for a while, and starts it again on the
// same port and data.
func Bounce(t testing.TB, down time.Duration, hard bool) {
	t.Helper()
	Start(t)
	b := &broker
	b.Lock()
	defer b.Unlock()
	if hard {
		b.err = kill(b.dir)
	} else {
		_, b.err = script("stop", b.dir)
	}
	if b.err == nil {
		time.Sleep(down)
		b.err = up()
	}
	if b.err != nil {
		t.Fatal(b.err)
	}
}

// up starts the broker in its folder; broker is locked.
func up() error {
	b := &broker
	out, err := script(append([]string{"start", b.dir, "--owner", strconv.Itoa(os.Getpid())}, settings...)...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == unavailable {
		b.skip = strings.TrimSpace(string(exit.Stderr))
		return nil
	}
	if err != nil {
		return err
	}
	b.addr = out
	return nil
}

func kill(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	for range 100 {
		if syscall.Kill(pid, 0) != nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("process %d is still there after SIGKILL", pid)
}

// script runs kafka.sh and returns what it prints.
func script(args ...string) (string, error) {
	_, here, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(here), "..", "..", "scripts", "kafka", "kafka.sh")
	out, err := exec.Command("bash", append([]string{path}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != unavailable {
		err = fmt.Errorf("kafka.sh %s: %w\n%s", args[0], err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}
