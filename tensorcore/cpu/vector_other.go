//go:build !amd64

package cpu

import tc "github.com/sluice-stream/sluice/tensorcore"

func (e *Engine) binaryVec(tc.BinaryOp, []float32, []float32, []float32) int { return 0 }

func (e *Engine) unaryVec(tc.UnaryOp, []float32, []float32, float32, float32) int { return 0 }

func adamVec(AdamStep, []float32, []float32, []float32, []float32) int { return 0 }

func adaGradVec(AdaGradStep, []float32, []float32, []float32) int { return 0 }

func laneSumVec(x []float32) float32 { return laneSum(x) }

func addRowsVec(dst, x []float32, n int) { addRows(dst, x, n) }

func expShiftVec(dst, x []float32, shift float32) { expShift(dst, x, shift) }

func maxRowVec(x []float32) float32 { return maxRow(x) }
