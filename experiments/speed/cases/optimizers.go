package cases

import (
	"context"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/optim"
)

// optimizers are steps of Adam on the table: on the rows that a batch touches, and on all of them.
func optimizers() []Case {
	return []Case{
		{"adam:dense", tableRows, "rows/s", adam("dense")},
		{"adam:sparse", batchRows * fields, "rows/s", adam("touched")},
	}
}

func adam(rows string) func(context.Context, Env, int) (Run, error) {
	return func(context.Context, Env, int) (Run, error) {
		cfg := optim.DefaultAdam()
		cfg.Rows = rows
		o, err := optim.NewAdam(cfg)
		if err != nil {
			return nil, err
		}
		u := learn.Update{}
		if rows == "dense" {
			u.Param, u.Grad = learn.NewParam("w", learn.Constant(0), tableRows, dim), normal(tableRows*dim)
		} else {
			b := learn.Batch{IDs: drawIDs(batchRows)}
			u.Param, u.Rows = learn.NewTable("t", dim, learn.Constant(0)), b.Touched(tableRows).Unique
			u.Param.Grow(tableRows)
			u.Grad = normal(len(u.Rows) * dim)
		}
		us := []learn.Update{u}
		return func() error { return o.Step(us) }, nil
	}
}
