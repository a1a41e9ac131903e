// Package cpu is the engine for the processor. Every kernel has a portable form in Go; float32 products, sums and
// common arithmetic also have assembly for AVX2 and AVX-512, written by the generator in gen and chosen when the
// engine is made (see Kernels). The steps of Adam and AdaGrad over plain slices are here too, for their speed.
//
// It holds no operation's definition and no gradient; those are in package autograd.
package cpu
