package cases

import (
	"gorgonia.org/tensor"

	"github.com/sluice-stream/sluice/learn"
	tc "github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// tables are the ways into and out of an embedding table.
func tables() []Case {
	const values = batchRows * fields
	return []Case{
		{"gather", values, "rows/s", onEngine(gather)},
		{"gather_fm", values, "rows/s", onEngine(gatherFM)},
		{"scatter", values, "rows/s", onEngine(scatter)},
	}
}

func gather(e *cpu.Engine) Run {
	ids, table, dst := drawIDs(batchRows), random(tableRows, dim), tc.Zeros(tensor.Float32, batchRows*fields, dim)
	return func() error {
		e.Gather(dst, table, ids, dim)
		return nil
	}
}

// gatherFM looks rows up and gives their sum and the sum of their squares over the fields.
func gatherFM(e *cpu.Engine) Run {
	ids, table, tp := drawIDs(batchRows), random(tableRows, dim), autograd.NewTape(e)
	return func() error {
		tp.Reset()
		tp.NoGrad(func() {
			x := tp.Reshape(tp.Gather(tp.Const(table), ids), batchRows, fields, dim)
			tp.Sum(x, 1)
			tp.Sum(tp.Square(x), 1)
		})
		return tp.Err()
	}
}

// scatter finds the distinct rows of a batch and adds up the gradients of each.
func scatter(e *cpu.Engine) Run {
	b, g := learn.Batch{IDs: drawIDs(batchRows)}, random(batchRows*fields, dim)
	dst := tc.Zeros(tensor.Float32, batchRows*fields, dim)
	return func() error {
		b.Forget()
		ids := b.Touched(tableRows)
		tc.Fit(dst, []int{len(ids.Unique), dim})
		e.ScatterAdd(dst, g, ids.Inverse, dim)
		return nil
	}
}
