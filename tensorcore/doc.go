// Package tensorcore is the contract between the tape and the engines that compute: gorgonia's Dense as the
// container, an Engine as the set of kernels over it. Package cpu implements it, package autograd records calls to it.
//
// Rules every engine keeps:
//
//   - Tensors are row-major and contiguous, of dtype float32 or float64. A kernel's arguments share one dtype.
//   - Shapes are checked by the caller; a kernel may trust them.
//   - Kernels write every element of dst. dst may be one of the inputs only where the method says so.
//   - Only the engine reads or writes a tensor's memory; Host and Load are the ways in and out.
//   - Equal inputs give equal bits, whatever the number of threads: sums are cut by shape, never by thread.
package tensorcore
