//go:build !amd64

package cpu

func vectorsOf(Kernels) *vectors { return nil }
