package sim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/sim"
)

func init() {
	flow.Register(flow.Sources, flow.Entry[struct{}, flow.Source]{
		Name: "sim", Summary: "Reads the simulated broker of the world that has the pipeline's name.",
		Build: func(struct{}) (flow.Source, error) { return &source{}, nil },
	})
}

// worlds finds a world by the name of its pipeline.
var worlds sync.Map

var rowSchema = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.PrimitiveTypes.Int64},
	{Name: "user", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "item", Type: arrow.PrimitiveTypes.Int64},
	{Name: "price", Type: arrow.PrimitiveTypes.Float64},
	{Name: "label", Type: arrow.PrimitiveTypes.Int8, Nullable: true},
}, nil)

// row is what stands in row id of a topic.
type row struct {
	id, item int64
	user     string // "": null
	price    float64
	label    int8 // -1: null; 2 cannot be used
}

func rowAt(seed uint64, id int64, odd bool) row {
	r := rand.New(rand.NewPCG(seed, uint64(id)))
	u := r.IntN(12)
	out := row{id: id, item: r.Int64N(5 + id/4), price: math.Round(r.ExpFloat64()*1000) / 100}
	if u > 0 {
		out.user = fmt.Sprintf("user %d", u)
	}
	if r.IntN(4) < u%3 {
		out.label = 1
	}
	if odd {
		switch r.IntN(12) {
		case 0:
			out.label = -1
		case 1:
			out.label = 2
		}
	}
	return out
}

// source reads a simulated broker in the order of all its messages. It stands behind the last row that it returned,
// in the middle of a message where a barrier falls there.
type source struct {
	env     flow.Env
	w       *world
	at      int64 // message in the order of all
	row     int64 // rows of it that were returned
	next    []int64
	columns []uint8         // of the topic: state that never changes
	ahead   [][]sim.Message // fetched and not returned
}

func (s *source) Schema() *arrow.Schema { return rowSchema }
func (s *source) Close() error          { return nil }
func (s *source) Origin() string        { return "topic" }

func (s *source) Open(_ context.Context, env flow.Env) error {
	w, ok := worlds.Load(env.Pipeline)
	if !ok {
		return fmt.Errorf("no world called %s", env.Pipeline)
	}
	s.env, s.w = env, w.(*world)
	s.ahead = make([][]sim.Message, s.w.broker.Partitions())
	if s.next == nil {
		s.next = make([]int64, len(s.ahead))
		s.columns = []byte(rowSchema.String())
	}
	return nil
}

func (s *source) Walk(v flow.Visitor) {
	v.Visit("at", &s.at)
	v.Visit("row", &s.row)
	v.Visit("next", &s.next)
	v.Visit("columns", &s.columns)
}

func (s *source) Rewind(context.Context) error {
	s.at, s.row = 0, 0
	clear(s.next)
	clear(s.ahead)
	return nil
}

// Next returns the rows up to the first message that is not there yet.
func (s *source) Next(ctx context.Context, most int) (arrow.Record, error) {
	b := array.NewRecordBuilder(s.env.Alloc, rowSchema)
	defer b.Release()
	n := 0
	for n < most {
		if err := ctx.Err(); err != nil && n == 0 {
			return nil, err
		}
		p, ok := s.w.broker.At(s.at)
		if !ok && n == 0 {
			return nil, io.EOF
		}
		if !ok {
			break
		}
		if len(s.ahead[p]) == 0 {
			if n > 0 && s.w.short {
				break
			}
			err := s.fetch(p)
			if err != nil && (n == 0 || errors.Is(err, sim.ErrCrashed)) {
				return nil, err
			}
			if err != nil || len(s.ahead[p]) == 0 {
				break
			}
		}
		n += s.take(b, p, most-n)
	}
	return b.NewRecord(), nil
}

func (s *source) fetch(p int) error {
	s.w.fetched = true
	got, err := s.w.broker.Fetch(s.w.proc, p, s.next[p])
	if errors.Is(err, sim.ErrAway) {
		return flow.Transientf("fetch: %w", err)
	}
	s.ahead[p] = got
	return err
}

// take moves up to most rows of the next message of p into b.
func (s *source) take(b *array.RecordBuilder, p, most int) int {
	m := s.ahead[p][0]
	if m.Bad {
		s.env.Reject(flow.Rejection{Reason: "not a row", Topic: "topic", Partition: int32(p), Offset: s.next[p], Raw: []byte{'?'}})
		s.done(p)
		return 0
	}
	n := int64(min(most, m.Rows-int(s.row)))
	for i := range n {
		s.w.append(b, m.First+s.row+i)
	}
	s.row += n
	if s.row == int64(m.Rows) {
		s.done(p)
	}
	return int(n)
}

func (s *source) done(p int) {
	s.ahead[p] = s.ahead[p][1:]
	s.next[p]++
	s.at++
	s.row = 0
}

func (w *world) append(b *array.RecordBuilder, id int64) {
	r := rowAt(w.seed, id, w.odd)
	b.Field(0).(*array.Int64Builder).Append(r.id)
	if r.user == "" {
		b.Field(1).AppendNull()
	} else {
		b.Field(1).(*array.StringBuilder).Append(r.user)
	}
	b.Field(2).(*array.Int64Builder).Append(r.item)
	b.Field(3).(*array.Float64Builder).Append(r.price)
	if r.label < 0 {
		b.Field(4).AppendNull()
	} else {
		b.Field(4).(*array.Int8Builder).Append(r.label)
	}
}
