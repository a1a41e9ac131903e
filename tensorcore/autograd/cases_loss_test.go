package autograd_test

var labels = []int32{1, 0, 2}

func logp(tp *tape, x *vr) *vr { return tp.LogSoftmax(x, -1) }

var lossCases = []opCase{
	{"cross entropy", []input{in(3, 4), between(0, 1, 3, 4)}, func(tp *tape, x []*vr) *vr { return tp.CrossEntropy(x[0], x[1], nil) }},
	{"cross entropy weighted", []input{in(3, 4), between(0, 1, 3, 4), between(0.5, 1, 3)}, func(tp *tape, x []*vr) *vr {
		return tp.CrossEntropy(x[0], tp.Smooth(x[1], 0.1), x[2])
	}},
	{"cross entropy labels", []input{in(3, 3), between(0.5, 1, 3)}, func(tp *tape, x []*vr) *vr { return tp.CrossEntropyLabels(x[0], labels, x[1]) }},
	{"nll", []input{in(3, 3)}, func(tp *tape, x []*vr) *vr { return tp.NLL(logp(tp, x[0]), labels, nil) }},
	{"kl", []input{in(2, 3), in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.KL(logp(tp, x[0]), logp(tp, x[1])) }},
	{"js", []input{in(2, 3), in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.JS(logp(tp, x[0]), logp(tp, x[1])) }},
	{"entropy", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Entropy(logp(tp, x[0])) }},
	{"log add exp", []input{in(2, 3), in(3)}, func(tp *tape, x []*vr) *vr { return tp.LogAddExp(x[0], x[1]) }},
	{"info nce", []input{in(3, 2), in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.InfoNCE(x[0], x[1], 0.5) }},
	{"pair loss", []input{in(3, 3)}, func(tp *tape, x []*vr) *vr {
		return tp.PairLoss(x[0], tp.Const(f64([]int{3, 3}, 1, 0, 0, 0, 1, 1, 1, 0, 0)), tp.Const(f64([]int{3, 3}, 0, 1, 1, 1, 0, 0, 0, 0, 0)))
	}},
	{"masked log sum exp", []input{in(3, 3)}, func(tp *tape, x []*vr) *vr {
		return tp.Tanh(tp.MaskedLogSumExp(x[0], tp.Const(f64([]int{3, 3}, 1, 0, 0, 0, 1, 1, 0, 0, 0)), 1))
	}},
	{"mse", []input{in(2, 3), in(3)}, func(tp *tape, x []*vr) *vr { return tp.MSE(x[0], x[1]) }},
	{"mae", []input{in(2, 3), in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.MAE(x[0], x[1]) }},
	{"huber", []input{in(2, 3), in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Huber(x[0], x[1], 0.7) }},
	{"pinball", []input{in(2, 3), in(2, 3), between(0.1, 0.9, 2, 1)}, func(tp *tape, x []*vr) *vr { return tp.Pinball(x[0], x[1], x[2]) }},
	{"focal", []input{in(2, 3), between(0.1, 0.9, 2, 3)}, func(tp *tape, x []*vr) *vr { return tp.FocalLoss(x[0], x[1], 0.25, 2) }},
}
