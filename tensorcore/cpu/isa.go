package cpu

import (
	"fmt"
	"os"
)

//go:generate go run ./gen -dir .

// Kernels names a set of kernels.
type Kernels string

// The sets. They agree on all elementwise functions and on sums to the bit; products differ in the last places, so a run that must give equal bits on unlike machines sets Go.
const (
	Auto   Kernels = ""       // the best the processor has, or what the environment variable SLUICE_KERNELS names
	Go     Kernels = "go"     // portable, on every machine
	AVX2   Kernels = "avx2"   // Intel and AMD since 2013
	AVX512 Kernels = "avx512" // where the processor has it
)

// Variable is the environment variable that chooses kernels where the program does not.
const Variable = "SLUICE_KERNELS"

// Available lists the sets this processor can run, the best last.
func Available() []Kernels { return append([]Kernels{Go}, detected()...) }

func choose(k Kernels) (Kernels, error) {
	have := Available()
	if k == Auto {
		k = Kernels(os.Getenv(Variable))
	}
	if k == Auto {
		return have[len(have)-1], nil
	}
	for _, h := range have {
		if h == k {
			return k, nil
		}
	}
	return "", fmt.Errorf("kernels: want one of %q, which this processor has, got %q", have, k)
}

// best is the set that free functions use, which give the same bits in any.
var best = Available()[len(Available())-1]
