//go:build !amd64

package cpu

import tc "github.com/sluice-stream/sluice/tensorcore"

func (e *Engine) gemmFast(_, _, _, _ []float32, _ tc.GemmSpec) bool { return false }
