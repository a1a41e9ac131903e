// Package optim holds the optimizers, one a file. Each follows its published formulas, in float32 and in the
// order of operations of PyTorch where PyTorch has it.
//
// A table's gradient comes for the rows that a batch touched. An optimizer says for itself what the other rows
// do: "touched" leaves them alone, "dense" treats them as rows of gradient zero, which is not the same where there
// is momentum, weight decay or a moving average. A parameter with a Penalty is always updated whole.
package optim
