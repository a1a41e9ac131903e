package sim_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/sim"
	"github.com/sluice-stream/sluice/internal/vfs"
	"github.com/sluice-stream/sluice/runtime"
)

// member is a member of a consumer group, over all its lives.
type member struct {
	name, root, text string
	mem              *vfs.Mem
	rng              *rand.Rand
	log              []string
}

const memberPipeline = `
name: NAME
source: {kafka: {brokers: ['127.0.0.1:9092'], topic: in, assign: group, group: g, session_seconds: 10, retry_seconds: 30,
  schema: {id: int64, user: utf8, item: int64, price: float64, label: int8}}}
operators: [{derive: {half: price / 2}}]
sinks: [{arrow: {path: ROOT/rows0, compression: none}}]
checkpoint: {path: ROOT/checkpoint, every: {rows: EVERY, seconds: 2}, keep: 2}
`

// live runs the member until ctx ends; it dies a few times before.
func (m *member) live(ctx context.Context, s *sim.Scheduler, c *cluster, deaths int) error {
	for life := 0; ; life++ {
		crash := sim.Crash{}
		if life < deaths {
			crash.At = 1 + m.rng.IntN(250)
		}
		p := s.Start(fmt.Sprintf("%s %d: ", m.name, life), crash)
		pipe, err := runtime.Parse("member.yaml", []byte(m.text), os.LookupEnv)
		if err != nil {
			return err
		}
		own, stop := context.WithCancel(ctx)
		over := make(chan struct{})
		go func() {
			select {
			case <-p.Died():
				c.sever(p)
				stop()
			case <-over:
			}
		}()
		_, err = runtime.Run(own, pipe, runtime.Options{FS: sim.NewDisk(m.mem, p, m.root), Dial: c.dialFor(p)})
		close(over)
		stop()
		m.log = append(m.log, fmt.Sprintf("%s life %d: %d steps, died %v in %s, error %v, at %v", m.name, life, p.Steps(), p.Dead(), p.End(), err, time.Now().Format("15:04:05")))
		switch {
		case p.Dead():
			if m.rng.IntN(3) > 0 {
				m.mem.PowerCut()
			}
		case ctx.Err() != nil:
			return nil
		case !errors.Is(err, flow.ErrTransient): // fenced off: starts again
			return fmt.Errorf("%s: %w", m.name, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(m.rng.IntN(20_000)) * time.Millisecond):
		}
	}
}

func (m *member) ids() (ids []int64, err error) {
	for path, data := range m.mem.Files() {
		if strings.HasPrefix(path, m.root+"/rows0/part-") {
			more, err := idsOf(path, data)
			if err != nil {
				return nil, err
			}
			ids = append(ids, more...)
		}
	}
	return ids, nil
}

func playGroup(t *testing.T, seed uint64, root string) (log []string, err error) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := scenario{seed: seed, shape: sim.Shape{Rows: int64(50 + r.IntN(300)), Partitions: 1 + r.IntN(5), Message: 1}}
		w := newWorld(s, seed, root, "")
		w.sched = sim.NewScheduler(seed, 7)
		var c *cluster
		if c, err = newCluster(w); err != nil {
			return
		}
		defer c.fake.Close()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		done := make(chan struct{})
		var members []*member
		errs := make(chan error, 3)
		n := 1 + r.IntN(3)
		for i := range n {
			m := &member{name: string(rune('a' + i)), mem: vfs.NewMem(), rng: rand.New(rand.NewPCG(seed, uint64(10+i)))}
			m.root = root + "/" + m.name
			m.text = strings.NewReplacer("NAME", m.name, "ROOT", m.root, "EVERY", fmt.Sprint(10+r.IntN(60))).Replace(memberPipeline)
			members = append(members, m)
			go func() {
				err := m.live(ctx, w.sched, c, m.rng.IntN(4))
				if err != nil {
					cancel()
				}
				errs <- err
			}()
		}
		go func() {
			defer close(done)
			began := time.Now()
			var full time.Time
			for ctx.Err() == nil {
				time.Sleep(time.Second)
				total := 0
				for _, m := range members {
					ids, _ := m.ids()
					total += len(ids)
				}
				if int64(total) >= s.shape.Rows && full.IsZero() {
					full = time.Now()
				}
				if !full.IsZero() && time.Since(full) > 40*time.Second || time.Since(began) > 30*time.Minute {
					cancel()
				}
			}
			for range n {
				err = errors.Join(err, <-errs)
			}
		}()
		w.sched.Run(done)
		var all []int64
		for _, m := range members {
			ids, ierr := m.ids()
			err = errors.Join(err, ierr)
			all = append(all, ids...)
			log = append(log, m.log...)
		}
		slices.Sort(all)
		if n := len(slices.Compact(slices.Clone(all))); n != len(all) {
			err = errors.Join(err, fmt.Errorf("%w: %d of %d", errTwice, len(all)-n, len(all)))
		}
		want := make([]int64, s.shape.Rows)
		for i := range want {
			want[i] = int64(i)
		}
		if !slices.Equal(all, want) {
			err = errors.Join(err, fmt.Errorf("want %d rows once, got %v", len(want), all))
		}
		if err != nil {
			last, _ := w.sched.Trace()
			log = append(log, last...)
		}
	})
	return log, err
}

var errTwice = errors.New("rows are visible twice")

// TestGroupSeeds lets one to three members of a consumer group die again and again, each at steps of its own, and
// wants each row visible once in the files of all of them. A twentieth of the seeds.
//
// Now and then (about one seed in 600) no member gets an assignment any more; nothing is visible twice then, but not
// all rows come. Ids of members are random, so such a seed does not replay. One in a run is let pass.
func TestGroupSeeds(t *testing.T) {
	root, stuck := t.TempDir(), 0
	for seed := *first; seed < *first+uint64(*seeds)/20; seed++ {
		log, err := playGroup(t, seed, root)
		if err == nil {
			continue
		}
		text := strings.Join(log, "\n")
		idle := strings.Contains(text, "no assignment came") && !errors.Is(err, errTwice) && !errors.Is(err, flow.ErrCorrupt)
		if stuck++; !idle || stuck > 1 {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		t.Logf("seed %d: no assignment came any more", seed)
	}
}
