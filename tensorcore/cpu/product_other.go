//go:build !amd64

package cpu

import tc "github.com/sluice-stream/sluice/tensorcore"

func gemmFast[T float](*Engine, []T, []T, []T, []T, tc.GemmSpec) bool { return false }
