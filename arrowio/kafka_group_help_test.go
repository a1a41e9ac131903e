package arrowio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

// member is a run of a pipeline as the runtime makes it, with all of its files in memory: checkpoints, rows that
// its sink has prepared, and rows that are visible.
type member struct {
	t         *testing.T
	name      string
	cfg       KafkaConfig
	env       flow.Env
	manifests map[flow.CheckpointID][]byte
	staged    map[flow.CheckpointID][]string
	visible   map[flow.CheckpointID][]string

	k       *Kafka
	id      flow.CheckpointID
	pending []string // rows since the last barrier

	mu    sync.Mutex
	total int // visible rows
	stop  context.CancelFunc
	done  chan error
}

func newMember(t *testing.T, name string, c KafkaConfig) *member {
	return &member{
		t: t, name: name, cfg: c, env: kafkaEnv(t, nil), manifests: map[flow.CheckpointID][]byte{},
		staged: map[flow.CheckpointID][]string{}, visible: map[flow.CheckpointID][]string{},
	}
}

// groupKafka starts a broker with a topic x, which takes members of short sessions: they notice sooner that others
// come and go.
func groupKafka(t *testing.T, parts int32) (*kfake.Cluster, []string) {
	t.Helper()
	return fakeKafka(t, kfake.SeedTopics(parts, "x"), kfake.BrokerConfigs(map[string]string{"group.min.session.timeout.ms": "1000"}))
}

// groupConfig are the settings of a member.
func groupConfig(addrs []string, topic string) KafkaConfig {
	c := kafkaConfig(addrs, topic)
	c.Assign, c.Group, c.Until, c.SessionSeconds = assignGroup, "g", "", 3
	c.Schema = flow.Ordered[string]{{Key: "n", Value: "int64"}}
	return c
}

// start does what a run does before its first row.
func (m *member) start() error {
	var err error
	if m.k, err = NewKafka(m.cfg); err != nil {
		return err
	}
	m.pending = nil
	ids := slices.Sorted(maps.Keys(m.manifests))
	m.id = 0
	if len(ids) > 0 {
		newest := ids[len(ids)-1]
		if err := state.ReadPart(m.manifests[newest], m.k); err != nil {
			return err
		}
		if m.id, err = m.k.Decided(m.t.Context(), m.env, newest); err != nil {
			m.k.Close()
			return err
		}
	}
	for _, id := range ids {
		if id > m.id {
			delete(m.manifests, id)
		}
	}
	if m.id > 0 {
		if err := state.ReadPart(m.manifests[m.id], m.k); err != nil {
			return err
		}
	}
	if err := m.k.Open(m.t.Context(), m.env); err != nil {
		return err
	}
	for id := range m.staged {
		if id > m.id {
			delete(m.staged, id)
		}
	}
	m.commit(m.id)
	return nil
}

// The places where a member can die in a checkpoint.
const (
	beforeStage = iota
	beforeManifest
	beforeDecide
	beforeCommit
	afterCommit
	nowhere
)

// barrier takes a checkpoint; it ends early at the step before which the member dies.
func (m *member) barrier(ctx context.Context, dies int, between func(step int)) error {
	var part bytes.Buffer
	if err := state.WritePart(&part, m.k); err != nil {
		return err
	}
	id := m.id + 1
	for step := range nowhere {
		if between != nil {
			between(step)
		}
		if step == dies {
			return nil
		}
		switch step {
		case beforeStage:
			m.staged[id], m.pending = m.pending, nil
		case beforeManifest:
			m.manifests[id] = part.Bytes()
		case beforeDecide:
			if err := m.k.Decide(ctx, id, part.Bytes()); err != nil {
				return err
			}
			m.id = id
		case beforeCommit:
			m.commit(id)
		}
	}
	return nil
}

func (m *member) commit(id flow.CheckpointID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if rows, ok := m.staged[id]; ok {
		m.visible[id] = rows
	}
	m.total = 0
	for _, rows := range m.visible {
		m.total += len(rows)
	}
}

// step reads up to n rows and takes the checkpoint that the source demands.
func (m *member) step(ctx context.Context, n int) error {
	rows, err := poll(ctx, m.k, n)
	if err != nil {
		return err
	}
	m.pending = append(m.pending, rows...)
	if m.k.BarrierDue() {
		return m.barrier(ctx, nowhere, nil)
	}
	return nil
}

// read reads until n rows are pending.
func (m *member) read(n int) error {
	for len(m.pending) < n {
		if err := m.step(m.t.Context(), n-len(m.pending)); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// run goes on in the background, with a checkpoint every few rows, and at each idle moment.
func (m *member) run() {
	ctx, cancel := context.WithCancel(m.t.Context())
	m.stop, m.done = cancel, make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			before := len(m.pending)
			if err := m.step(ctx, 7); err != nil {
				m.done <- err
				return
			}
			if len(m.pending) >= 20 || len(m.pending) == before && before > 0 {
				if err := m.barrier(ctx, nowhere, nil); err != nil {
					m.done <- err
					return
				}
			}
		}
		m.done <- ctx.Err()
	}()
}

// halt stops a run, with the error that ended it.
func (m *member) halt() error {
	m.stop()
	err := <-m.done
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// die ends the member without a word to the group.
func (m *member) die() (broker string) {
	broker, _ = m.k.group.cl.GroupMetadata()
	m.k.group.mu.Lock()
	m.k.group.closing = true
	m.k.group.notify()
	m.k.group.mu.Unlock()
	m.k.group.stop()
	m.k.group.cl.Close()
	m.k.group = nil
	m.k.Close()
	return broker
}

func (m *member) seen() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total
}

// rowsOf are the visible rows of all members, sorted.
func rowsOf(members ...*member) (out []string) {
	for _, m := range members {
		m.mu.Lock()
		for _, rows := range m.visible {
			out = append(out, rows...)
		}
		m.mu.Unlock()
	}
	slices.Sort(out)
	return out
}

// eventually waits for ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for began := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%s did not come about", what)
		}
	}
}

// fillGroup writes n rows to each partition and returns them as they read.
func fillGroup(t *testing.T, addrs []string, topic string, parts, from, n int) []string {
	t.Helper()
	var recs []*kgo.Record
	for i := range parts * n {
		recs = append(recs, numbered(topic, int32(i%parts), from+i))
	}
	sendAll(t, addrs, nil, recs...)
	var out []string
	for _, r := range recs {
		out = append(out, fmt.Sprintf("%s %d %d", r.Value[len(`{"n":`):len(r.Value)-1], r.Partition, r.Offset))
	}
	return out
}

// expel makes the group forget a member, as the end of its session does.
func expel(t *testing.T, addrs []string, group, broker string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	req.Members = append(req.Members, kmsg.LeaveGroupRequestMember{MemberID: broker})
	res, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range res.Members {
		if err := kerr.ErrorForCode(m.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownMemberID) {
			t.Fatal(err)
		}
	}
}

func sorted(rows []string) []string { return slices.Sorted(slices.Values(rows)) }
