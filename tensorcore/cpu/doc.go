// Package cpu is the engine for the processor: plain Go kernels that run everywhere.
// It holds no operation's definition and no gradient; those are in package autograd.
package cpu
