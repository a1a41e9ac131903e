package autograd_test

import (
	"slices"
	"testing"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

var idx, offsets = []int32{2, 0, 2, 1, 2}, []int32{0, 2, 2, 5}

func mask(tp *tape, shape ...int) *vr {
	m := values(7, 0, 1, tc.Size(shape))
	for i, v := range m {
		m[i] = 0
		if v > 0.5 {
			m[i] = 1
		}
	}
	return tp.Const(tc.NewFloat64(shape, m))
}

// opCase is an operation with inputs away from its kinks.
type opCase struct {
	name string
	in   []input
	f    func(tp *tape, x []*vr) *vr
}

var opCases = []opCase{
	{"neg", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Neg(x[0]) }},
	{"scale", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.AddScalar(tp.Scale(x[0], 3), 2) }},
	{"exp", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Exp(x[0]) }},
	{"log", []input{between(0.5, 2, 2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Log(x[0]) }},
	{"sqrt", []input{between(0.5, 2, 2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Sqrt(x[0]) }},
	{"square", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(x[0]) }},
	{"pow", []input{between(0.5, 2, 2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Pow(x[0], 2.5) }},
	{"pow 0", []input{between(0.5, 2, 2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Pow(x[0], 0) }},
	{"abs", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Abs(x[0]) }},
	{"sign", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Sign(x[0]) }},
	{"sigmoid", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Sigmoid(x[0]) }},
	{"log sigmoid", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.LogSigmoid(x[0]) }},
	{"tanh", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Tanh(x[0]) }},
	{"relu", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Relu(x[0]) }},
	{"softplus", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Softplus(x[0]) }},
	{"gelu", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Gelu(x[0]) }},
	{"erf", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Erf(x[0]) }},
	{"clip", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Clip(x[0], -1, 0.8) }},
	{"add", []input{in(2, 3), in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Add(x[0], x[1]) }},
	{"add row", []input{in(2, 3), in(3)}, func(tp *tape, x []*vr) *vr { return tp.Add(x[0], x[1]) }},
	{"sub column", []input{in(2, 3), in(2, 1)}, func(tp *tape, x []*vr) *vr { return tp.Sub(x[0], x[1]) }},
	{"sub to wider", []input{in(3), in(2, 2, 1)}, func(tp *tape, x []*vr) *vr { return tp.Sub(x[0], x[1]) }},
	{"mul", []input{in(2, 3), in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Mul(x[0], x[1]) }},
	{"mul self", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Mul(x[0], x[0]) }},
	{"mul outer", []input{in(2, 1, 3), in(4, 1)}, func(tp *tape, x []*vr) *vr { return tp.Mul(x[0], x[1]) }},
	{"mul scalar", []input{in(2, 3), in()}, func(tp *tape, x []*vr) *vr { return tp.Mul(x[0], x[1]) }},
	{"div", []input{in(2, 3), between(1, 2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Div(x[0], x[1]) }},
	{"maximum", []input{in(2, 3), in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Maximum(x[0], x[1]) }},
	{"minimum", []input{in(2, 3), in(3)}, func(tp *tape, x []*vr) *vr { return tp.Minimum(x[0], x[1]) }},
	{"where", []input{in(2, 3), in(3)}, func(tp *tape, x []*vr) *vr { return tp.Where(mask(tp, 2, 3), tp.Square(x[0]), tp.Exp(x[1])) }},
	{"broadcast", []input{in(2, 1, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.BroadcastTo(x[0], 4, 2, 2, 3)) }},
	{"sum", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Sum(x[0])) }},
	{"sum 0 2", []input{in(2, 3, 4)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Sum(x[0], 0, -1)) }},
	{"mean keep", []input{in(2, 3, 4)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.MeanKeep(x[0], 1)) }},
	{"max", []input{in(2, 3, 4)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Max(x[0], 1)) }},
	{"log sum exp", []input{in(2, 3, 4)}, func(tp *tape, x []*vr) *vr { return tp.LogSumExp(x[0], 1) }},
	{"softmax", []input{in(2, 3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Softmax(x[0], 1) }},
	{"log softmax", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.LogSoftmax(x[0], -1) }},
	{"layer norm", []input{in(2, 4)}, func(tp *tape, x []*vr) *vr { return tp.LayerNorm(x[0], 1e-5) }},
	{"cum sum", []input{in(2, 3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.CumSum(x[0], 1)) }},
	{"normalize rows", []input{in(2, 4)}, func(tp *tape, x []*vr) *vr { return tp.NormalizeRows(x[0]) }},
	{"matmul", []input{in(2, 3), in(3, 4)}, func(tp *tape, x []*vr) *vr { return tp.MatMul(x[0], x[1]) }},
	{"matmul t", []input{in(2, 3), in(4, 3)}, func(tp *tape, x []*vr) *vr { return tp.MatMulT(x[0], x[1]) }},
	{"matmul ta", []input{in(3, 2), in(3, 4)}, func(tp *tape, x []*vr) *vr { return tp.MatMulTA(x[0], x[1]) }},
	{"gram", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.MatMulT(x[0], x[0]) }},
	{"batch", []input{in(2, 2, 3), in(2, 3, 2)}, func(tp *tape, x []*vr) *vr { return tp.BatchMatMul(x[0], x[1], false, false) }},
	{"batch ta", []input{in(2, 3, 2), in(2, 3, 2)}, func(tp *tape, x []*vr) *vr { return tp.BatchMatMul(x[0], x[1], true, false) }},
	{"batch tb", []input{in(2, 2, 3), in(2, 2, 3)}, func(tp *tape, x []*vr) *vr { return tp.BatchMatMul(x[0], x[1], false, true) }},
	{"batch ta tb", []input{in(2, 3, 2), in(2, 2, 3)}, func(tp *tape, x []*vr) *vr { return tp.BatchMatMul(x[0], x[1], true, true) }},
	{"linear", []input{in(2, 3), in(3, 4), in(4)}, func(tp *tape, x []*vr) *vr { return tp.Linear(x[0], x[1], x[2]) }},
	{"linear relu", []input{in(2, 3), in(3, 4), in(4)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.LinearRelu(x[0], x[1], x[2])) }},
	{"linear no bias", []input{in(2, 3), in(3, 4)}, func(tp *tape, x []*vr) *vr { return tp.Linear(x[0], x[1], nil) }},
	{"reshape", []input{in(2, 6)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Reshape(x[0], 3, -1)) }},
	{"transpose", []input{in(2, 3, 4)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Transpose(x[0], 2, 0, 1)) }},
	{"transpose all", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Transpose(x[0])) }},
	{"concat", []input{in(2, 3, 2), in(2, 1, 2), in(2, 0, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Concat(1, x...)) }},
	{"slice", []input{in(2, 5)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Slice(x[0], 1, 1, 4)) }},
	{"embed", []input{in(2, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Embed(x[0], 0, 1, 5)) }},
	{"gather", []input{in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Gather(x[0], idx)) }},
	{"scatter add", []input{in(5, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.ScatterAdd(x[0], idx, 4)) }},
	{"segment sum", []input{in(5, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.SegmentSum(x[0], offsets)) }},
	{"segment spread", []input{in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.SegmentSpread(x[0], offsets)) }},
	{"cross entropy diag", []input{in(3, 3)}, func(tp *tape, x []*vr) *vr { return tp.CrossEntropyDiag(x[0]) }},
	{"bce", []input{in(4), between(0, 1, 4)}, func(tp *tape, x []*vr) *vr { return tp.BCEWithLogits(x[0], x[1], nil) }},
	{"bce weighted", []input{in(4), between(0, 1, 4), between(0.5, 1, 4)}, func(tp *tape, x []*vr) *vr { return tp.BCEWithLogits(x[0], x[1], x[2]) }},
	{"used twice", []input{in(2, 2)}, func(tp *tape, x []*vr) *vr { return tp.Add(tp.MatMul(x[0], x[0]), tp.Exp(x[0])) }},
}

func TestGradients(t *testing.T) {
	for _, c := range slices.Concat(opCases, imageCases, indexCases, matrixCases, lossCases) {
		t.Run(c.name, func(t *testing.T) {
			checkGrad(t, c.f, c.in, false)
			checkGrad(t, c.f, c.in, true)
			checkBackward(t, c.f, c.in)
		})
	}
}
