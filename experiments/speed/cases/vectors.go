package cases

import (
	"gorgonia.org/tensor"

	"github.com/sluice-stream/sluice/learn/nn"
	tc "github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// vectors are functions of a matrix of 4096 x 1024, elementwise or along its rows.
func vectors() []Case {
	const rows, width = 4096, 1024
	over := func(name string, f func(e *cpu.Engine, dst, x *tensor.Dense)) Case {
		return Case{name, rows * width, "elements/s", onEngine(func(e *cpu.Engine) Run {
			x, dst := random(rows, width), tc.Zeros(tensor.Float32, rows, width)
			return func() error {
				f(e, dst, x)
				return nil
			}
		})}
	}
	return []Case{
		over("sigmoid", func(e *cpu.Engine, dst, x *tensor.Dense) { e.Unary(tc.Sigmoid, dst, x, 0, 0) }),
		over("exp", func(e *cpu.Engine, dst, x *tensor.Dense) { e.Unary(tc.Exp, dst, x, 0, 0) }),
		over("softmax", func(e *cpu.Engine, dst, x *tensor.Dense) { e.Along(tc.Softmax, dst, x, rows, width, 1, 0) }),
		{"layer_norm", rows * width, "elements/s", onEngine(func(e *cpu.Engine) Run { // with scale and shift
			x, layer, tp := random(rows, width), nn.NewLayerNorm("norm", width, nn.DefaultEps), autograd.NewTape(e)
			return func() error {
				tp.Reset()
				tp.NoGrad(func() { layer.Forward(tp, tp.Const(x)) })
				return tp.Err()
			}
		})},
	}
}
