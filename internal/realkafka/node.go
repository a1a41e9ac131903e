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

// unavailable is the script's exit status when Java, Maven or the jars cannot be had.
const unavailable = 3

// node is one broker: a folder and a process.
type node struct {
	dir, addr string
	options   []string // of the script, used when the folder is new
	skip      string   // why there is no broker
}

// live holds every node that has a folder.
var live struct {
	sync.Mutex
	nodes []*node
}

// newNode makes a folder for a broker.
func newNode() (*node, error) {
	dir, err := os.MkdirTemp("", "realkafka")
	if err != nil {
		return nil, err
	}
	n := &node{dir: dir}
	live.Lock()
	defer live.Unlock()
	live.nodes = append(live.nodes, n)
	return n, nil
}

// startNode makes a folder and starts a broker in it.
func startNode(options ...string) (*node, error) {
	n, err := newNode()
	if err != nil {
		return nil, err
	}
	n.options = options
	return n, n.up()
}

// up starts the broker, again where it ran before.
func (n *node) up() error {
	out, err := script(append([]string{"start", n.dir, "--owner", strconv.Itoa(os.Getpid())}, n.options...)...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == unavailable {
		n.skip = strings.TrimSpace(string(exit.Stderr))
		return nil
	}
	n.addr = out
	return err
}

// need skips or fails the test where the node does not run.
func (n *node) need(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if n != nil && n.skip != "" {
		t.Skipf("a real Kafka: %s", n.skip)
	}
}

func (n *node) stop() error {
	_, err := script("stop", n.dir)
	return err
}

// signal sends the broker's process a signal.
func (n *node) signal(s syscall.Signal) (pid int, err error) {
	text, err := os.ReadFile(filepath.Join(n.dir, "pid"))
	if err != nil {
		return 0, err
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		return 0, err
	}
	return pid, syscall.Kill(pid, s)
}

// kill ends the broker by SIGKILL and returns when its process is gone.
func (n *node) kill() error {
	pid, err := n.signal(syscall.SIGKILL)
	if err != nil {
		return err
	}
	for range 100 {
		if syscall.Kill(pid, 0) != nil {
			return os.Remove(filepath.Join(n.dir, "pid")) // its number may be another's from now on
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("process %d is still there after SIGKILL", pid)
}

// remove ends the broker, frozen or not, and removes its folder.
func (n *node) remove() {
	n.kill()
	os.RemoveAll(n.dir)
}

// listeners returns the addresses of the broker by the name of the listener.
func (n *node) listeners() (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(n.dir, "listeners"))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 {
			out[f[0]] = f[1]
		}
	}
	return out, nil
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
