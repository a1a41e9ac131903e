package cpu

import tc "github.com/sluice-stream/sluice/tensorcore"

var (
	vectors256 = &vectors{
		unary: [tc.GeluSlope + 1]func(dst, x *float32, n int){
			tc.Exp: vecExp256, tc.Log: vecLog256, tc.Sqrt: vecSqrt256, tc.Square: vecSquare256, tc.Abs: vecAbs256, tc.Sigmoid: vecSigmoid256, tc.LogSigmoid: vecLogSigmoid256,
			tc.Tanh: vecTanh256, tc.Relu: vecRelu256, tc.Softplus: vecSoftplus256, tc.Gelu: vecGelu256, tc.Erf: vecErf256, tc.GeluSlope: vecGeluSlope256,
		},
		affine: vecAffine256, finite: finite256, copyRows: vecCopyRows256, sigmoidSlope: vecAddSigmoidSlope256,
		binary: [tc.BCE + 1]func(dst, a, b *float32, n int){
			tc.Add: vecAdd256, tc.Sub: vecSub256, tc.Mul: vecMul256, tc.Div: vecDiv256,
			tc.ReluGrad: vecReluGrad256, tc.SigmoidGrad: vecSigmoidGrad256, tc.TanhGrad: vecTanhGrad256, tc.BCE: vecBCE256,
		},
		one:     [tc.Div + 1]func(dst, x *float32, one float32, n int){tc.Add: vecAddOne256, tc.Sub: vecSubOne256, tc.Mul: vecMulOne256, tc.Div: vecDivOne256},
		by:      [tc.Div + 1]func(dst, x *float32, one float32, n int){tc.Add: vecAddBy256, tc.Sub: vecSubBy256, tc.Mul: vecMulBy256, tc.Div: vecDivBy256},
		rows:    [tc.Div + 1]func(dst, a, b *float32, rows, aStep, bStep, n int){tc.Add: vecAddRows256, tc.Sub: vecSubRows256, tc.Mul: vecMulRows256, tc.Div: vecDivRows256},
		columns: [tc.Div + 1]func(dst, a, b *float32, rows, aStep, bStep, n int){tc.Add: vecAddColumns256, tc.Sub: vecSubColumns256, tc.Mul: vecMulColumns256, tc.Div: vecDivColumns256},
		laneSum: laneSum256, laneMax: laneMax256, addRows: addRows256, rowSums: vecRowSums256,
		softmax: vecSoftmax256, softmaxGrad: vecSoftmaxGrad256, layerNorm: vecLayerNorm256, layerNormGrad: vecLayerNormGrad256,
		adam: vecAdam256, adamRows: vecAdamRows256, adaGrad: vecAdaGrad256, adaGradRows: vecAdaGradRows256,
	}
	vectors512 = &vectors{
		unary: [tc.GeluSlope + 1]func(dst, x *float32, n int){
			tc.Exp: vecExp512, tc.Log: vecLog512, tc.Sqrt: vecSqrt512, tc.Square: vecSquare512, tc.Abs: vecAbs512, tc.Sigmoid: vecSigmoid512, tc.LogSigmoid: vecLogSigmoid512,
			tc.Tanh: vecTanh512, tc.Relu: vecRelu512, tc.Softplus: vecSoftplus512, tc.Gelu: vecGelu512, tc.Erf: vecErf512, tc.GeluSlope: vecGeluSlope512,
		},
		affine: vecAffine512, finite: finite512, copyRows: vecCopyRows512, sigmoidSlope: vecAddSigmoidSlope512,
		binary: [tc.BCE + 1]func(dst, a, b *float32, n int){
			tc.Add: vecAdd512, tc.Sub: vecSub512, tc.Mul: vecMul512, tc.Div: vecDiv512,
			tc.ReluGrad: vecReluGrad512, tc.SigmoidGrad: vecSigmoidGrad512, tc.TanhGrad: vecTanhGrad512, tc.BCE: vecBCE512,
		},
		one:     [tc.Div + 1]func(dst, x *float32, one float32, n int){tc.Add: vecAddOne512, tc.Sub: vecSubOne512, tc.Mul: vecMulOne512, tc.Div: vecDivOne512},
		by:      [tc.Div + 1]func(dst, x *float32, one float32, n int){tc.Add: vecAddBy512, tc.Sub: vecSubBy512, tc.Mul: vecMulBy512, tc.Div: vecDivBy512},
		rows:    [tc.Div + 1]func(dst, a, b *float32, rows, aStep, bStep, n int){tc.Add: vecAddRows512, tc.Sub: vecSubRows512, tc.Mul: vecMulRows512, tc.Div: vecDivRows512},
		columns: [tc.Div + 1]func(dst, a, b *float32, rows, aStep, bStep, n int){tc.Add: vecAddColumns512, tc.Sub: vecSubColumns512, tc.Mul: vecMulColumns512, tc.Div: vecDivColumns512},
		laneSum: laneSum512, laneMax: laneMax512, addRows: addRows512, rowSums: vecRowSums512,
		softmax: vecSoftmax512, softmaxGrad: vecSoftmaxGrad512, layerNorm: vecLayerNorm512, layerNormGrad: vecLayerNormGrad512,
		adam: vecAdam512, adamRows: vecAdamRows512, adaGrad: vecAdaGrad512, adaGradRows: vecAdaGradRows512,
	}
)

func vectorsOf(k Kernels) *vectors {
	switch k {
	case AVX512:
		return vectors512
	case AVX2:
		return vectors256
	}
	return nil
}

// Functions of one row, one for each set: through the set's table, a result would move to the heap.

func laneSum256(x []float32) (s float32) {
	if len(x) > 0 {
		vecRowSums256(&s, &x[0], 1, len(x))
	}
	return s
}

func laneSum512(x []float32) (s float32) {
	if len(x) > 0 {
		vecRowSums512(&s, &x[0], 1, len(x))
	}
	return s
}

func laneMax256(x []float32) float32 {
	s := lowest32
	if len(x) > 0 {
		vecRowMaxes256(&s, &x[0], 1, len(x))
	}
	return s
}

func laneMax512(x []float32) float32 {
	s := lowest32
	if len(x) > 0 {
		vecRowMaxes512(&s, &x[0], 1, len(x))
	}
	return s
}

func addRows256(dst, x []float32, n int) {
	if len(dst) > 0 && n > 0 {
		vecColumnSums256(&dst[0], &x[0], n, 4*len(dst), len(dst))
	}
}

func addRows512(dst, x []float32, n int) {
	if len(dst) > 0 && n > 0 {
		vecColumnSums512(&dst[0], &x[0], n, 4*len(dst), len(dst))
	}
}

func finite256(x []float32) bool {
	s := float32(0)
	if len(x) > 0 {
		vecRowOdd256(&s, &x[0], len(x))
	}
	return s == 0
}

func finite512(x []float32) bool {
	s := float32(0)
	if len(x) > 0 {
		vecRowOdd512(&s, &x[0], len(x))
	}
	return s == 0
}
