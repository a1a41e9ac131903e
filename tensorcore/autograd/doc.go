// Package autograd is the tape: operations on tensors, and their gradients.
//
// Every operation is one method of Tape: its forward half calls the engine, its vector-Jacobian product is written
// beside it in tape operations, so gradients can be differentiated again. Nothing here reads tensor memory; the
// engine does.
//
// Elementwise operations broadcast as numpy does. Axes may be negative, counted from the end. Every result is
// valid until the tape's Reset. The operations:
//
//	values      Leaf Const Fill StopGradient Custom
//	one input   Neg Scale AddScalar Exp Log Sqrt Square Pow Abs Sign Clip Erf
//	            Sigmoid LogSigmoid Softplus Tanh Relu Gelu
//	two inputs  Add Sub Mul Div Maximum Minimum Greater GreaterEq Equal Where
//	reductions  Sum SumKeep Mean MeanKeep Max LogSumExp
//	axis        Softmax LogSoftmax LayerNorm CumSum NormalizeRows
//	products    MatMul MatMulT MatMulTA BatchMatMul Linear LinearRelu
//	shape       Reshape Transpose Concat Slice Embed BroadcastTo
//	rows        Gather ScatterAdd SegmentSum SegmentSpread
//	losses      LogisticLoss BCEWithLogits CrossEntropyDiag
package autograd
