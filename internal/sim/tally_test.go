package sim_test

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Operators, flow.Entry[tallyConfig, flow.Operator]{
		Name: "tally", Build: func(c tallyConfig) (flow.Operator, error) { return &tally{size: c.Size}, nil },
	})
}

type tallyConfig struct {
	Size int64 `yaml:"size" doc:"entries of its table, at most"`
}

// tally keeps a table that grows and of which few entries change between two barriers, and appends to each row the
// entry that it changed. Each entry depends on all rows before it.
type tally struct {
	size  int64
	env   flow.Env
	out   *arrow.Schema
	ids   int // columns
	price int
	table []float64
	sum   float64
	rows  int64
}

func (o *tally) Open(_ context.Context, env flow.Env) error { o.env = env; return nil }

func (o *tally) Bind(in *arrow.Schema) (*arrow.Schema, error) {
	o.ids, o.price = in.FieldIndices("id")[0], in.FieldIndices("price")[0]
	o.out = arrow.NewSchema(append(in.Fields(), arrow.Field{Name: "tally", Type: arrow.PrimitiveTypes.Float64}), nil)
	return o.out, nil
}

func (o *tally) Process(_ context.Context, rec arrow.Record, emit flow.Emit) error {
	b := array.NewFloat64Builder(o.env.Alloc)
	defer b.Release()
	prices := rec.Column(o.price).(*array.Float64).Float64Values()
	for i, id := range rec.Column(o.ids).(*array.Int64).Int64Values() {
		at := id * 7 % o.size
		for int64(len(o.table)) <= at {
			o.table = append(o.table, 1)
		}
		o.rows++
		o.sum += prices[i]
		o.table[at] += o.sum * float64(o.rows)
		b.Append(o.table[at])
	}
	col := b.NewArray()
	defer col.Release()
	out := array.NewRecord(o.out, append(append([]arrow.Array{}, rec.Columns()...), col), rec.NumRows())
	defer out.Release()
	return emit(out)
}

func (o *tally) Walk(v flow.Visitor) {
	v.Visit("table", &o.table)
	v.Visit("sum", &o.sum)
	v.Visit("rows", &o.rows)
}
