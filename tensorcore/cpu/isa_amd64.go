package cpu

import "github.com/klauspost/cpuid/v2"

func detected() []Kernels {
	if !cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3) {
		return nil
	}
	if !cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512VL, cpuid.AVX512DQ, cpuid.AVX512BW) {
		return []Kernels{AVX2}
	}
	return []Kernels{AVX2, AVX512}
}
