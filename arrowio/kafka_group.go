package arrowio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-stream/sluice/flow"
)

// group is this process as a member of a consumer group. The client of franz-go joins, keeps the membership alive
// and tells which partitions are ours; rows come through our own lanes, so it never fetches.
//
// What keeps two members from delivering the same row:
//
//   - Offsets are committed with the id that the broker knows this member by and the generation of the group. The
//     broker refuses those of an older generation, and the next owner of a partition reads its committed offset in a
//     newer one: it sees every commit before its own, and none can follow.
//   - Every commit names all partitions of a checkpoint in one request, which the broker takes whole or not at all.
//   - A share of a partition holds for one id of the member only. The client joins anew under another id when the
//     broker has forgotten it, keeps what it had before, and calls nobody back: by the id it shows.
//   - A partition that is to be given up is kept until a checkpoint with all of its rows was decided.
type group struct {
	name, topic string
	topicID     [16]byte
	self        string // of the checkpoints, see note; not what the broker calls us
	instance    *string
	log         *slog.Logger
	cl          *kgo.Client
	stop        context.CancelFunc
	leaveBy     time.Duration // for a checkpoint of what is to be given up
	patience    time.Duration // for an answer that settles a commit
	each        time.Duration // for one request of those

	mu      sync.Mutex
	member  string // what the broker calls us; the shares hold for it alone
	shares  map[int32]*share
	tenures int64
	decided flow.CheckpointID // newest one of ours that counts
	err     error             // why this member is out
	closing bool
	joined  bool          // an assignment has come, if an empty one
	changed chan struct{} // closed and replaced at each change
	wake    func()        // tells the reader
}

// share is a partition that is assigned to this member.
type share struct {
	id      int32
	tenure  int64 // tells it from an earlier share of the same partition
	held    bool  // the reader has it, or is taking it
	revoked bool  // it is to be given up
	note    note  // of the newest commit
}

// groupOptions are what a member needs beyond the settings.
type groupOptions struct {
	client *kafkaClient
	self   string
	log    *slog.Logger
}

// joinGroup starts to join; what is assigned comes later.
func joinGroup(c KafkaConfig, o groupOptions) (*group, error) {
	session := time.Duration(c.SessionSeconds) * time.Second
	rebalance := max(session, time.Minute)
	ctx, stop := context.WithCancel(context.Background())
	g := &group{
		name: c.Group, topic: c.Topic, topicID: o.client.identity(), self: o.self, log: o.log, stop: stop,
		leaveBy: rebalance - rebalance/10, patience: session + rebalance, each: 10 * time.Second,
		shares: map[int32]*share{}, changed: make(chan struct{}), wake: func() {},
	}
	opts := append(o.client.dialer.Options(),
		kgo.SeedBrokers(o.client.brokers...), kgo.ClientID(clientID), kgo.WithContext(ctx),
		kgo.ConsumerGroup(c.Group), kgo.ConsumeTopics(c.Topic), kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.DisableAutoCommit(),
		kgo.SessionTimeout(session), kgo.RebalanceTimeout(rebalance), kgo.HeartbeatInterval(min(3*time.Second, session/4)),
		kgo.MetadataMinAge(time.Second), kgo.MetadataMaxAge(2*refresh), // the leader of the group sees partitions that are added
		kgo.OnPartitionsAssigned(g.assigned), kgo.OnPartitionsRevoked(g.revoked), kgo.OnPartitionsLost(g.lost), kgo.WithHooks(g),
	)
	if c.Member != "" {
		g.instance = &c.Member
		opts = append(opts, kgo.InstanceID(c.Member))
	}
	var err error
	if g.cl, err = kgo.NewClient(opts...); err != nil {
		stop()
		return nil, flow.Configf("kafka: group %q: %w", c.Group, err)
	}
	return g, nil
}

// assigned notes new shares. It is called at each assignment, also one that changes nothing.
func (g *group) assigned(_ context.Context, cl *kgo.Client, topics map[string][]int32) {
	cl.PauseFetchTopics(g.topic) // the offsets of the assignment are not known to the client yet, so it fetches nothing
	g.mu.Lock()
	defer g.mu.Unlock()
	member, _ := cl.GroupMetadata()
	if len(g.shares) > 0 && g.member != member {
		g.fail(g.forgotten())
		return
	}
	g.member, g.joined = member, true
	for _, p := range topics[g.topic] {
		if g.shares[p] != nil {
			g.fail(fmt.Errorf("kafka: group %q: partition %d was assigned twice", g.name, p))
			return
		}
		g.tenures++
		g.shares[p] = &share{id: p, tenure: g.tenures}
	}
	g.notify()
}

// revoked returns when the rows read so far of the partitions have been decided, which lets the group give them to
// others. A share that the reader never took goes at once.
func (g *group) revoked(ctx context.Context, _ *kgo.Client, topics map[string][]int32) {
	parts := topics[g.topic]
	g.mu.Lock()
	for _, p := range parts {
		if s := g.shares[p]; s != nil && s.held {
			s.revoked = true
		} else {
			delete(g.shares, p)
		}
	}
	g.notify()
	g.mu.Unlock()
	limit := time.NewTimer(g.leaveBy)
	defer limit.Stop()
	for {
		g.mu.Lock()
		owned := slices.ContainsFunc(parts, func(p int32) bool { return g.shares[p] != nil })
		over, changed := !owned || g.closing || g.err != nil, g.changed
		g.mu.Unlock()
		if over {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-limit.C:
			g.mu.Lock()
			g.fail(flow.Transientf("kafka: group %q: partitions %v were lost: no checkpoint came within the %s that the group waits for one; their rows since the last one are read by their next owner: run again, and take checkpoints more often",
				g.name, parts, g.leaveBy))
			g.mu.Unlock()
			return
		}
	}
}

// lost is called when the group went on without this member.
func (g *group) lost(context.Context, *kgo.Client, map[string][]int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.shares) > 0 {
		g.fail(g.forgotten())
	}
}

// forgotten is the error of a member that the group went on without.
func (g *group) forgotten() error {
	return flow.Transientf("kafka: group %q: partitions %v were lost: the group has gone on without this member, which was silent for longer than session_seconds; rows since its last checkpoint are read by their next owner: run again",
		g.name, slices.Sorted(maps.Keys(g.shares)))
}

// OnGroupManageError is told by the client why it cannot join. What the settings are to blame for ends the input.
func (g *group) OnGroupManageError(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return
	}
	for _, e := range []error{kerr.GroupAuthorizationFailed, kerr.InconsistentGroupProtocol, kerr.InvalidSessionTimeout,
		kerr.InvalidGroupID, kerr.GroupMaxSizeReached, kerr.UnsupportedVersion} {
		if errors.Is(err, e) {
			g.fail(flow.Configf("kafka: group %q: cannot join: %w; check group, session_seconds and the other members of the group", g.name, err))
			return
		}
	}
	if errors.Is(err, kerr.FencedInstanceID) {
		g.fail(flow.Transientf("kafka: group %q: another process has joined as member %q: %w; give each process its own name", g.name, *g.instance, err))
		return
	}
	g.log.Warn("kafka: trouble in the consumer group; joining again", "group", g.name, "error", err)
}

// fail ends the membership; g is locked. The first error stays.
func (g *group) fail(err error) {
	if g.err == nil && !g.closing {
		g.err = err
	}
	g.notify()
}

// notify tells all who wait that something has changed; g is locked.
func (g *group) notify() {
	close(g.changed)
	g.changed = make(chan struct{})
	g.wake()
}

func (g *group) failure() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// await returns when the first assignment has come: from then on no commit of an earlier life of this member can
// reach the group any more.
func (g *group) await(ctx context.Context) error {
	limit := time.NewTimer(g.patience)
	defer limit.Stop()
	for {
		g.mu.Lock()
		joined, err, changed := g.joined, g.err, g.changed
		g.mu.Unlock()
		if joined || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.C:
			return flow.Transientf("kafka: group %q: no assignment came within %s; check that the brokers and the other members run", g.name, g.patience)
		}
	}
}

// attach makes wake tell the reader of changes.
func (g *group) attach(wake func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wake = wake
	wake()
}

// leaving bounds how long a member waits for the broker to let it go.
const leaving = 3 * time.Second

// close leaves the group. A member with a name of its own stays in it until its session ends.
func (g *group) close() {
	g.mu.Lock()
	g.closing = true
	g.notify()
	g.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), leaving)
	defer cancel()
	if err := g.cl.LeaveGroupContext(ctx); err != nil {
		g.log.Warn("kafka: cannot leave the consumer group; it goes on when the session ends", "group", g.name, "error", err)
	}
	g.stop()
	g.cl.Close()
}

// dismiss makes the group forget what an earlier life of this member was called there, so that nobody waits for
// its session to end. It does not matter when that fails.
func (g *group) dismiss(ctx context.Context, member string) {
	if member == "" || g.instance != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaving)
	defer cancel()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = g.name, member
	m := kmsg.NewLeaveGroupRequestMember()
	m.MemberID = member
	req.Members = append(req.Members, m)
	if _, err := req.RequestWith(ctx, g.cl); err != nil {
		g.log.Info("kafka: the earlier member stays until its session ends", "group", g.name, "error", err)
	}
}
