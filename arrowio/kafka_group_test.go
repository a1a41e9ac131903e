package arrowio

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
)

// A member that joins gets partitions whose rows were committed before, and one that leaves gives its own back:
// every row is visible once.
func TestGroupSharesAndGivesBack(t *testing.T) {
	_, addrs := groupKafka(t, 3)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	want := fillGroup(t, addrs, "x", 3, 0, 50)
	a := newMember(t, "a", groupConfig(addrs, "x"))
	if err := a.start(); err != nil {
		t.Fatal(err)
	}
	if err := a.read(40); err != nil {
		t.Fatal(err)
	}
	a.run()
	b := newMember(t, "b", groupConfig(addrs, "x"))
	if err := b.start(); err != nil {
		t.Fatal(err)
	}
	b.run()
	eventually(t, "a share of its own", func() bool { return holds(b.k) > 0 && holds(a.k) > 0 && holds(a.k)+holds(b.k) == 3 })
	want = append(want, fillGroup(t, addrs, "x", 3, 1000, 50)...)
	eventually(t, "all rows", func() bool { return a.seen()+b.seen() == len(want) })
	if err := b.halt(); err != nil {
		t.Fatal(err)
	}
	b.k.Close()
	eventually(t, "all partitions back", func() bool { return holds(a.k) == 3 })
	want = append(want, fillGroup(t, addrs, "x", 3, 2000, 10)...)
	eventually(t, "all rows", func() bool { return a.seen()+b.seen() == len(want) })
	if err := a.halt(); err != nil {
		t.Fatal(err)
	}
	if b.seen() == 0 {
		t.Error("b has read nothing")
	}
	equalRows(t, rowsOf(a, b), sorted(want))
	a.k.Close()
}

// holds is how many partitions the reader of a member has.
func holds(k *Kafka) (n int) {
	g := k.group
	if g == nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.shares {
		if s.held && !s.revoked {
			n++
		}
	}
	return n
}

// groupScene is what the other member does around the death of the first one.
type groupScene struct {
	with    bool // the other member is there from the start
	joinsAt int  // it joins before this step of the checkpoint, -1 for never
	takes   bool // the dead member is expelled, and the other one reads on before the first one runs again
}

var groupScenes = map[string]groupScene{
	"alone":                  {joinsAt: -1},
	"beside another":         {with: true, joinsAt: -1},
	"taken over":             {with: true, joinsAt: -1, takes: true},
	"joined before stage":    {joinsAt: beforeStage, takes: true},
	"joined before decide":   {joinsAt: beforeDecide, takes: true},
	"joined before commit":   {joinsAt: beforeCommit, takes: true},
	"joined, not taken over": {joinsAt: beforeDecide},
}

// A member dies at each step of a checkpoint, while another one joins, or reads on in its place, between any two
// steps. When it has run again, every row is visible once.
func TestGroupMemberDiesAnywhere(t *testing.T) {
	var cases errgroup.Group
	cases.SetLimit(12) // they wait for each other most of the time
	for name, scene := range groupScenes {
		for dies := beforeStage; dies <= afterCommit; dies++ {
			cases.Go(func() error {
				t.Run(fmt.Sprintf("%s, dies at %d", name, dies), func(t *testing.T) {
					_, addrs := groupKafka(t, 3)
					dieAt(t, groupConfig(addrs, "x"), scene, dies)
				})
				return nil
			})
		}
	}
	cases.Wait()
}

func dieAt(t *testing.T, c KafkaConfig, scene groupScene, dies int) {
	want := fillGroup(t, c.Brokers, c.Topic, 3, 0, 60)
	a, b := newMember(t, "a", c), newMember(t, "b", c)
	join := func() { noError(t, b.start()); b.run() }
	noError(t, a.start())
	noError(t, a.read(30)) // a first checkpoint that counts
	noError(t, a.barrier(t.Context(), nowhere, nil))
	if scene.with {
		join()
		for holds(b.k) == 0 {
			noError(t, a.step(t.Context(), 3))
		}
	}
	want = append(want, fillGroup(t, c.Brokers, c.Topic, 3, 3000, 10)...)
	noError(t, a.read(len(a.pending)+10))
	noError(t, a.barrier(t.Context(), dies, func(step int) {
		if step == scene.joinsAt {
			join()
		}
	}))
	broker := a.die()
	if scene.takes {
		if b.k == nil {
			join()
		}
		expel(t, c.Brokers, c.Group, broker)
		eventually(t, "the rest in the hands of the other", func() bool { return holds(b.k) == 3 })
		n := b.seen()
		want = append(want, fillGroup(t, c.Brokers, c.Topic, 3, 5000, 10)...)
		eventually(t, "more rows of the other", func() bool { return b.seen() >= n+30 })
	}
	noError(t, a.start())
	a.run()
	want = append(want, fillGroup(t, c.Brokers, c.Topic, 3, 9000, 10)...)
	eventually(t, "all rows", func() bool { return len(rowsOf(a, b)) >= len(want) })
	noError(t, a.halt())
	a.k.Close()
	if b.k != nil {
		noError(t, b.halt())
		b.k.Close()
	}
	equalRows(t, rowsOf(a, b), sorted(want))
}

// A partition stays with its member until a checkpoint with all rows read of it is decided.
func TestGroupGivesUpNothingUndecided(t *testing.T) {
	_, addrs := groupKafka(t, 2)
	want := fillGroup(t, addrs, "x", 2, 0, 30)
	a, b := newMember(t, "a", groupConfig(addrs, "x")), newMember(t, "b", groupConfig(addrs, "x"))
	noError(t, a.start())
	noError(t, a.read(40))
	noError(t, b.start())
	b.run()
	revoked := func() (n int) {
		g := a.k.group
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, s := range g.shares {
			if s.revoked {
				n++
			}
		}
		return n
	}
	eventually(t, "a wish for a partition", func() bool { return revoked() == 1 })
	time.Sleep(1500 * time.Millisecond) // two heartbeats
	if holds(b.k) > 0 || revoked() != 1 {
		t.Errorf("the other has %d partitions before their rows were decided", holds(b.k))
	}
	rows := len(a.pending)
	noError(t, a.step(t.Context(), 5)) // it stops to read, and takes the checkpoint that is wanted
	if a.id != 1 || a.seen() != rows {
		t.Errorf("want a checkpoint of %d rows, got checkpoint %d with %d", rows, a.id, a.seen())
	}
	eventually(t, "a partition", func() bool { return holds(b.k) == 1 })
	a.run()
	eventually(t, "all rows", func() bool { return a.seen()+b.seen() >= len(want) })
	noError(t, a.halt())
	noError(t, b.halt())
	a.k.Close()
	b.k.Close()
	equalRows(t, rowsOf(a, b), sorted(want))
}
