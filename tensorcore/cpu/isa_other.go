//go:build !amd64

package cpu

func detected() []Kernels { return nil }
