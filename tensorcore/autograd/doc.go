// Package autograd is the tape: operations on tensors, and their gradients.
//
// Every operation is one method of Tape: its forward half calls the engine, its vector-Jacobian product is written
// beside it in tape operations, so gradients can be differentiated again. Nothing here reads tensor memory; the
// engine does. An operation that is a short formula in others has no product of its own.
//
// Elementwise operations broadcast as numpy does. Axes may be negative, counted from the end. Images are
// [N, H, W, C]: channels last, so that tokens, pixels and table rows are rows alike. Every result is valid until the
// tape's Reset.
//
// Grad gives gradients that can be differentiated again and keeps all values for it. Backward gives the same for the
// last time in a step: it uses memory again after its last use. A step of one shape on a tape that is Reset allocates
// nothing. Recompute keeps no value of a part of a model and runs it again in the backward pass.
//
// # Operations
//
//	values      Leaf Const Fill StopGradient StraightThrough Custom Recompute Eye Iota Lower OneHot
//	random      Uniform Normal Bernoulli Gumbel Dropout, all from explicit keys
//	one input   Neg Scale AddScalar Exp Log Sqrt Square Pow Abs Sign Clip Erf Atan
//	            Sigmoid LogSigmoid Softplus Tanh Relu LeakyRelu Gelu QuickGelu Silu
//	two inputs  Add Sub Mul Div Maximum Minimum LogAddExp Greater GreaterEq Equal Where
//	reductions  Sum SumKeep Mean MeanKeep Max LogSumExp MaskedLogSumExp Variance Norm
//	axis        Softmax LogSoftmax MaskedSoftmax Sparsemax CumSum NormalizeRows
//	norms       LayerNorm BatchNorm Normalized GroupNorm (of one channel a group: instance norm)
//	products    MatMul MatMulT MatMulTA BatchMatMul Linear LinearRelu MapAxis Attention Heads MergeHeads
//	images      Conv2D Conv2DRelu ConvTranspose2D Unfold Fold MaxPool AvgPool AdaptiveAvgPool Resize
//	shape       Reshape Transpose Concat Stack Split Slice Embed Tile BroadcastTo PadConst PadReflect Flip Roll
//	rows        Gather ScatterAdd SegmentSum SegmentSpread EmbeddingBag EmbeddingBagMean
//	indices     IndexSelect TakeAlong PutAlong TopK Sort; ArgMax ArgTopK ArgSort give positions only
//	matrices    Diag DiagEmbed Trace Cholesky SolveLower SolveSPD InverseSPD LogDetSPD EigenSym SVD SingularValues
//	pairs       Cosine CosineMatrix SquaredDistances Distances RBF
//	losses      LogisticLoss BCEWithLogits FocalLoss CrossEntropy CrossEntropyLabels CrossEntropyDiag NLL Smooth
//	            KL JS Entropy InfoNCE PairLoss MSE MAE Huber Pinball
//
// # Why each is here
//
// The set is the union of what the methods need, by the short name of the method's paper. What nearly all need
// (arithmetic, products, softmax, reductions, StopGradient) is left out.
//
//	Conv2D                attentive-waveblock depict diffusion-features dynamic-subspace-learners mutdet
//	                      mutual-inpainting regularized-mask-tuning t-jepa
//	ConvTranspose2D       depict mutual-inpainting
//	MaxPool, Max          attentive-waveblock t-jepa; mutdet (token scores) cross-modal-alignment-ood
//	AvgPool, Adaptive     dictas; diffusion-features; a global pool is Mean over the image axes
//	Unfold, Resize        mutual-inpainting (range attention, both resolutions); dictas (maps)
//	PadReflect, Flip      mutual-inpainting; dictas (references)
//	BatchNorm             attentive-waveblock compressing-features hydra t-jepa
//	GroupNorm             mutual-inpainting (instance) diffusion-features
//	LayerNorm             dictas diffusion-features dmt-jepa hydra m3i mist mmrl mutdet optfs t-jepa
//	Attention             dictas diffumatch diffusion-features disa dmt-jepa glad m3i mist mmrl mutdet ogen t-jepa
//	MaskedSoftmax, Lower  mist (padding) mmrl (causal text tower)
//	Sparsemax             dictas
//	Gelu, QuickGelu, Silu legogcd mist; mmrl; diffusion-features
//	LeakyRelu, Atan       depict mutual-inpainting; weight-compander optfs (LPFS)
//	Sigmoid, Where        optfs hydra mutual-inpainting and every gate
//	StraightThrough       regularized-mask-tuning
//	Dropout, Bernoulli    compressing-features depict glad mist ssl-item-recommendation; m3i (field masks)
//	Normal, Uniform       adapt-then-unlearn cmim diffumatch diffusion-features; wasserstein-dependency mist
//	Gumbel                hydra diffusion-features (categorical)
//	EmbeddingBag          ssl-item-recommendation unified-embedding optfs
//	IndexSelect, Take     t-jepa dmt-jepa disa mutdet ogen m3i; dmt-jepa (neighbours of each token)
//	TopK, Sort, ArgMax    dmt-jepa mutdet ogen attentive-waveblock dynamic-subspace-learners compressing-features
//	Roll, Tile            dmt-jepa (window that wraps); t-jepa dmt-jepa (predictor batch)
//	CumSum                compressing-features (all prefixes) dictas (Sparsemax)
//	CosineMatrix          cmim cross-modal-alignment-ood disa hydra legogcd mcr rcal ssl-item-recommendation structure
//	Distances             attentive-waveblock dynamic-subspace-learners
//	RBF                   cs-ib diffusion-spectral-entropy
//	EigenSym              diffusion-spectral-entropy (loss on eigenvalues)
//	SVD, Trace, LogDet    supervised-dictionary-learning convergent-learning structure; cs-ib; mist (exact values)
//	SolveSPD, InverseSPD  diffumatch (regularised functional map) active-mtrl-lasso (ridge head)
//	Cholesky              rcal (calibrated Gaussians)
//	CrossEntropy, Smooth  depict elr rcal regularized-mask-tuning; attentive-waveblock (soft targets)
//	KL, JS, Entropy       disa legogcd; mcr structure; legogcd
//	InfoNCE, Diag         m3i mist mutdet rcal ssl-item-recommendation structure wasserstein-dependency
//	PairLoss              hydra mcr
//	Huber, MAE, Pinball   dmt-jepa; mutual-inpainting mutdet; mist
//	FocalLoss             mutdet
//	Recompute             deep towers: mmrl mist t-jepa
//	second order          wasserstein-dependency (gradient penalty) adapt-then-unlearn (R1)
//
// Not here, since no method asks for them: QR on the tape, gradient reversal, recurrent cells, complex numbers.
package autograd
