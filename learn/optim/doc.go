// Package optim holds the optimizers and the schedules of learning rates, one a file. Each follows its published
// formulas, in float32 and in the order of operations of PyTorch where PyTorch has it; five steps of each equal
// PyTorch's (experiments/reference/optim.py).
//
// A table's gradient comes for the rows that a batch touched. An optimizer says for itself what the other rows
// do: "touched" leaves them alone, "dense" treats them as rows of gradient zero, which is not the same where there
// is momentum, weight decay or a moving average; "lazy" is dense, but a row makes up for the steps it missed when it
// is next used (learn.Lagging). A parameter with a Penalty is always updated whole.
//
// Shared holds the settings that all have: schedule, clip and groups of parameters. A step clips the gradients it is
// given, then adds penalties, then updates; a schedule counts the updates of each parameter since its memory was last
// forgotten, so that a new stage of training starts it anew.
package optim
