package arrowio

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-stream/sluice/flow"
)

// A member that the group went on without can neither commit nor read on, and says so.
func TestGroupZombieIsFenced(t *testing.T) {
	_, addrs := groupKafka(t, 2)
	want := fillGroup(t, addrs, "x", 2, 0, 30)
	a, b := newMember(t, "a", groupConfig(addrs, "x")), newMember(t, "b", groupConfig(addrs, "x"))
	noError(t, a.start())
	noError(t, a.read(20))
	noError(t, a.barrier(t.Context(), nowhere, nil))
	noError(t, a.read(10))
	broker, _ := a.k.group.cl.GroupMetadata()
	expel(t, addrs, "g", broker)
	noError(t, b.start())
	b.run()
	eventually(t, "all partitions of the other", func() bool { return holds(b.k) == 2 })
	err := a.barrier(t.Context(), nowhere, nil)
	if !errors.Is(err, flow.ErrTransient) {
		t.Fatalf("want ErrTransient, got %v", err)
	}
	if a.seen() != 20 {
		t.Errorf("want 20 visible rows, got %d", a.seen())
	}
	if _, err := poll(t.Context(), a.k, 5); !errors.Is(err, flow.ErrTransient) || !strings.Contains(err.Error(), "run again") {
		t.Errorf("want ErrTransient with advice, got %v", err)
	}
	a.k.Close()
	noError(t, a.start())
	a.run()
	want = append(want, fillGroup(t, addrs, "x", 2, 100, 30)...)
	eventually(t, "all rows", func() bool { return a.seen()+b.seen() >= len(want) })
	noError(t, a.halt())
	noError(t, b.halt())
	a.k.Close()
	b.k.Close()
	equalRows(t, sorted(rowsOf(a, b)), sorted(want))
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The client joins anew under another name when the broker has forgotten the member while it was joining, and tells
// nobody. What was read under the old name must not be committed.
func TestGroupNewNameHoldsNothing(t *testing.T) {
	c, addrs := groupKafka(t, 2)
	fillGroup(t, addrs, "x", 2, 0, 30)
	a := newMember(t, "a", groupConfig(addrs, "x"))
	noError(t, a.start())
	noError(t, a.read(20))
	was, _ := a.k.group.cl.GroupMetadata()
	var joins atomic.Int32
	c.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		res := req.ResponseKind().(*kmsg.HeartbeatResponse)
		res.ErrorCode = kerr.RebalanceInProgress.Code
		return res, nil, true
	})
	c.ControlKey(int16(kmsg.JoinGroup), func(req kmsg.Request) (kmsg.Response, error, bool) {
		joins.Add(1)
		expelNow(addrs, "g", was)
		res := req.ResponseKind().(*kmsg.JoinGroupResponse)
		res.ErrorCode = kerr.UnknownMemberID.Code
		return res, nil, true
	})
	eventually(t, "another name", func() bool { is, _ := a.k.group.cl.GroupMetadata(); return joins.Load() > 0 && is != was && is != "" })
	eventually(t, "an end", func() bool {
		_, err := poll(t.Context(), a.k, 1)
		return errors.Is(err, flow.ErrTransient)
	})
	if err := a.barrier(t.Context(), nowhere, nil); !errors.Is(err, flow.ErrTransient) {
		t.Fatalf("want ErrTransient, got %v", err)
	}
	a.k.Close()
}

// expelNow is expel from within the broker's own loop, which cannot wait for it.
func expelNow(addrs []string, group, broker string) {
	go func() {
		cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
		if err != nil {
			return
		}
		defer cl.Close()
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Group = group
		req.Members = append(req.Members, kmsg.LeaveGroupRequestMember{MemberID: broker})
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, _ = req.RequestWith(ctx, cl)
	}()
}

// A commit that the broker never got, or refused while the group was being balanced, is sent again.
func TestGroupCommitIsRepeated(t *testing.T) {
	c, addrs := groupKafka(t, 2)
	fillGroup(t, addrs, "x", 2, 0, 30)
	a := newMember(t, "a", groupConfig(addrs, "x"))
	noError(t, a.start())
	noError(t, a.read(20))
	var turn atomic.Int32
	c.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		code := int16(0)
		switch turn.Add(1) {
		case 1:
			return nil, errors.New("cut"), true
		case 2:
			code = kerr.RebalanceInProgress.Code
		case 3:
			code = kerr.IllegalGeneration.Code
		case 4:
			code = kerr.CoordinatorLoadInProgress.Code
		default:
			return nil, nil, false
		}
		in := req.(*kmsg.OffsetCommitRequest)
		res := in.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, t := range in.Topics {
			rt := kmsg.OffsetCommitResponseTopic{Topic: t.Topic, TopicID: t.TopicID}
			for _, p := range t.Partitions {
				rt.Partitions = append(rt.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: code})
			}
			res.Topics = append(res.Topics, rt)
		}
		return res, nil, true
	})
	noError(t, a.barrier(t.Context(), nowhere, nil))
	if turn.Load() < 5 {
		t.Errorf("want 5 tries, got %d", turn.Load())
	}
	have, err := a.k.group.committed(t.Context(), []int32{0, 1})
	noError(t, err)
	if n := have[0].offset + have[1].offset; n != 20 || have[0].note.Checkpoint != 1 {
		t.Errorf("want the group behind 20 rows at checkpoint 1, got %v", have)
	}
	a.k.Close()
}

// Rows come through our own lanes: the client of the group fetches none.
func TestGroupClientFetchesNothing(t *testing.T) {
	c, addrs := groupKafka(t, 2)
	fillGroup(t, addrs, "x", 2, 0, 30)
	a := newMember(t, "a", groupConfig(addrs, "x"))
	noError(t, a.start())
	defer a.k.Close()
	noError(t, a.k.group.await(t.Context()))
	a.k.halt() // our own fetchers
	var fetches atomic.Int32
	c.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		fetches.Add(1)
		return nil, nil, false
	})
	time.Sleep(time.Second)
	if n := fetches.Load(); n > 0 {
		t.Errorf("want no fetch, got %d", n)
	}
}

// A commit that came through, and whose answer was lost, is found by what the group has then.
func TestGroupCommitWithoutAnswer(t *testing.T) {
	c, addrs := groupKafka(t, 2)
	fillGroup(t, addrs, "x", 2, 0, 30)
	a := newMember(t, "a", groupConfig(addrs, "x"))
	noError(t, a.start())
	noError(t, a.read(20))
	a.k.group.each = 300 * time.Millisecond
	other, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	noError(t, err)
	defer other.Close()
	var turn atomic.Int32
	c.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		switch turn.Add(1) {
		case 1: // the same arrives by another way, and this connection ends
			again := *req.(*kmsg.OffsetCommitRequest)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				_, _ = again.RequestWith(context.Background(), other)
			}()
			c.SleepControl(func() { <-sent })
		case 2:
			return nil, nil, false
		}
		return nil, errors.New("cut"), true
	})
	noError(t, a.barrier(t.Context(), nowhere, nil))
	if turn.Load() < 3 {
		t.Errorf("want more than one try, got %d", turn.Load()-1)
	}
	a.k.Close()
}

// A partition whose last rows are not decided in time is lost, and the member ends.
func TestGroupLateCheckpointLosesPartitions(t *testing.T) {
	_, addrs := groupKafka(t, 2)
	want := fillGroup(t, addrs, "x", 2, 0, 30)
	a, b := newMember(t, "a", groupConfig(addrs, "x")), newMember(t, "b", groupConfig(addrs, "x"))
	noError(t, a.start())
	noError(t, a.read(20))
	a.k.group.leaveBy = 200 * time.Millisecond
	noError(t, b.start())
	b.run()
	eventually(t, "a loss", func() bool { return a.k.group.failure() != nil })
	if _, err := poll(t.Context(), a.k, 1); !errors.Is(err, flow.ErrTransient) || !strings.Contains(err.Error(), "no checkpoint came within") {
		t.Errorf("want ErrTransient that says why, got %v", err)
	}
	if err := a.barrier(t.Context(), nowhere, nil); !errors.Is(err, flow.ErrTransient) {
		t.Errorf("want ErrTransient, got %v", err)
	}
	a.k.Close()
	eventually(t, "all rows", func() bool { return b.seen() >= len(want) })
	noError(t, b.halt())
	b.k.Close()
	equalRows(t, rowsOf(a, b), sorted(want))
}

// A member with a name of its own keeps its partitions over a restart, and shuts out another process of that name.
func TestGroupMemberWithName(t *testing.T) {
	_, addrs := groupKafka(t, 2)
	want := fillGroup(t, addrs, "x", 2, 0, 30)
	a, b := newMember(t, "a", groupConfig(addrs, "x")), newMember(t, "b", groupConfig(addrs, "x"))
	a.cfg.Member, b.cfg.Member = "first", "second"
	a.cfg.SessionSeconds, b.cfg.SessionSeconds = 20, 20
	noError(t, a.start())
	noError(t, b.start())
	a.run()
	b.run()
	eventually(t, "a share of its own", func() bool { return holds(b.k) == 1 && holds(a.k) == 1 })
	noError(t, a.halt())
	a.die()
	began := time.Now()
	noError(t, a.start())
	a.run()
	eventually(t, "its share again", func() bool { return holds(a.k) == 1 })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("want its share within a moment, got it after %s", took)
	}
	want = append(want, fillGroup(t, addrs, "x", 2, 1000, 30)...)
	eventually(t, "all rows", func() bool { return a.seen()+b.seen() >= len(want) })
	twin := newMember(t, "twin", a.cfg)
	noError(t, twin.start())
	eventually(t, "the end of the first", func() bool { return a.k.group.failure() != nil })
	if err := a.halt(); !errors.Is(err, flow.ErrTransient) {
		t.Errorf("want ErrTransient, got %v", err)
	}
	noError(t, b.halt())
	for _, m := range []*member{a, b, twin} {
		m.k.Close()
	}
	equalRows(t, rowsOf(a, b), sorted(want))
}
