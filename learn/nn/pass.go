package nn

// Pass says what a forward pass is for. Layers that behave differently in training take it explicitly; the zero
// Pass is evaluation.
type Pass struct {
	training bool
	step     int
}

// Eval is the pass of a trained model: nothing is dropped, batch norm uses its running statistics.
var Eval = Pass{}

// Train is the pass of training step `step`, which keys what is random in it: equal steps drop equal values. Two
// views of a batch that are to be dropped apart are two passes with numbers of their own.
func Train(step int) Pass { return Pass{training: true, step: step} }

// Training says whether the pass is one of training.
func (p Pass) Training() bool { return p.training }
