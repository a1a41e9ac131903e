package cases

import (
	"context"
	"fmt"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// products are the matrix products I x K by K x J: the large ones of a training step, one with A transposed, and
// those of small batches.
func products() []Case {
	var out []Case
	for _, s := range []tc.GemmSpec{
		{I: 4096, K: 624, J: 1024}, {I: 4096, K: 1024, J: 512}, {I: 512, K: 512, J: 512}, {I: 2048, K: 2048, J: 2048},
		{I: 624, K: 4096, J: 1024, TransA: true},
		{I: 16, K: 464, J: 256}, {I: 16, K: 256, J: 128}, {I: 64, K: 464, J: 256},
	} {
		out = append(out, product(s))
	}
	return out
}

func product(s tc.GemmSpec) Case {
	s.Batch = 1
	return Case{
		Name: fmt.Sprintf("matmul:%dx%dx%d", s.I, s.K, s.J),
		Work: 2e-9 * float64(s.I) * float64(s.J) * float64(s.K), Unit: "GFLOP/s",
		Prepare: onEngine(func(e *cpu.Engine) Run {
			a, b, dst := random(s.I, s.K), random(s.K, s.J), tc.Zeros(tensor.Float32, s.I, s.J)
			if s.TransA {
				a = random(s.K, s.I)
			}
			return func() error {
				e.Gemm(dst, a, b, nil, s)
				return nil
			}
		}),
	}
}

// onEngine prepares a case that needs nothing but an engine.
func onEngine(f func(e *cpu.Engine) Run) func(context.Context, Env, int) (Run, error) {
	return func(_ context.Context, _ Env, threads int) (Run, error) {
		e := cpu.New(threads)
		if err := e.Err(); err != nil {
			return nil, err
		}
		return f(e), nil
	}
}
