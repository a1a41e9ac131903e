package autograd_test

var lanes = []int32{2, 0, 1, 1, 0, 2, 1, 1} // 2 for each lane of [2, 3, 2] along axis 1

var indexCases = []opCase{
	{"index select", []input{in(2, 3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.IndexSelect(x[0], 1, idx)) }},
	{"index select rows", []input{in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.IndexSelect(x[0], 0, idx)) }},
	{"take along", []input{in(2, 3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.TakeAlong(x[0], 1, lanes, 2)) }},
	{"put along", []input{in(2, 2, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.PutAlong(x[0], 1, lanes, 4)) }},
	{"flip", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Flip(x[0], 1)) }},
	{"roll", []input{in(2, 4)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Roll(x[0], 1, -5)) }},
	{"stack", []input{in(2, 3), in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Stack(1, x...)) }},
	{"stack last", []input{in(2), in(2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Stack(-1, x...)) }},
	{"split", []input{in(2, 5)}, func(tp *tape, x []*vr) *vr {
		p := tp.Split(x[0], 1, 2, 0, 3)
		return tp.Concat(1, tp.Square(p[2]), p[1], tp.Exp(p[0]))
	}},
	{"tile", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Tile(x[0], 0, 3)) }},
	{"diag", []input{in(2, 3, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Diag(x[0])) }},
	{"diag embed", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.DiagEmbed(x[0])) }},
	{"trace", []input{in(2, 3, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Trace(x[0])) }},
	{"top k", []input{in(2, 5)}, func(tp *tape, x []*vr) *vr { v, _ := tp.TopK(x[0], 1, 3); return tp.Square(v) }},
	{"sort", []input{in(4, 2)}, func(tp *tape, x []*vr) *vr { v, _ := tp.Sort(x[0], 0); return tp.Square(v) }},
	{"sparsemax", []input{in(3, 5)}, func(tp *tape, x []*vr) *vr { return tp.Sparsemax(x[0]) }},
	{"bag", []input{in(3, 2), in(5)}, func(tp *tape, x []*vr) *vr { return tp.EmbeddingBag(x[0], idx, offsets, x[1]) }},
	{"bag sum", []input{in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.EmbeddingBag(x[0], idx, offsets, nil)) }},
	{"bag mean", []input{in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.EmbeddingBagMean(x[0], idx, offsets)) }},
	{"variance", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Variance(x[0], 1) }},
	{"norm", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Norm(x[0], 1) }},
}
