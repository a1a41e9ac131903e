package tensorcore

import "gorgonia.org/tensor"

// Engine computes. Memory management is gorgonia's Engine contract; the rest are the kernels of the tape.
type Engine interface {
	tensor.Engine

	// Name identifies the engine in reports: "cpu".
	Name() string
	// Empty returns a tensor of undefined content with room for at least `capacity` elements.
	Empty(dt tensor.Dtype, capacity int, shape []int) *tensor.Dense
	// Load returns d in engine memory; d itself where it is there already.
	Load(d *tensor.Dense) (*tensor.Dense, error)
	// Host returns d in memory that Go code can read; d itself where it is there already.
	Host(d *tensor.Dense) (*tensor.Dense, error)

	Elementwise
	Reductions
	Products
	Movement
	Windows
	Ordering
	Sampling
	Decompositions
}

// Elementwise kernels work on each element by itself.
type Elementwise interface {
	Fill(dst *tensor.Dense, v float64)
	// Unary sets dst = op(x; p, q). dst may be x.
	Unary(op UnaryOp, dst, x *tensor.Dense, p, q float64)
	// Binary sets dst = op(a, b) with a and b broadcast to dst's shape. dst may be a or b of the same shape.
	Binary(op BinaryOp, dst, a, b *tensor.Dense)
	// Where sets dst = a where cond != 0, else b; all broadcast to dst's shape.
	Where(dst, cond, a, b *tensor.Dense)
}

// Reductions see x as [outer, n, inner] and work along the middle axis.
type Reductions interface {
	// Reduce writes [outer, inner].
	Reduce(op ReduceOp, dst, x *tensor.Dense, outer, n, inner int)
	// Along writes [outer, n, inner]; eps is added where the op says so. dst may be x.
	Along(op AlongOp, dst, x *tensor.Dense, outer, n, inner int, eps float64)
	// AlongGrad writes the gradient of x, given g, that of y = op(x), for Softmax, which does not look at x, and
	// LayerNorm. dst may be g.
	AlongGrad(op AlongOp, dst, g, y, x *tensor.Dense, outer, n, inner int, eps float64)
}

// Products are the matrix products.
type Products interface {
	// Gemm sets dst[n] = act(opA(a[n]) opB(b[n]) + bias) for every n of the batch; bias (nil or [J]) is a row.
	Gemm(dst, a, b, bias *tensor.Dense, s GemmSpec)
}

// GemmSpec is the shape of a product: opA(a) is [I, K], opB(b) is [K, J], dst is [I, J], each Batch times in a row.
type GemmSpec struct {
	Batch, I, J, K int
	TransA, TransB bool // a is stored [K, I]; b is stored [J, K]
	Relu           bool
}

// Movement kernels copy, and add where rows meet.
type Movement interface {
	// Expand sets dst = x, broadcast to dst's shape.
	Expand(dst, x *tensor.Dense)
	// Permute sets dst so that its axis i is x's axis axes[i].
	Permute(dst, x *tensor.Dense, axes []int)
	// Copy copies `count` blocks of `size` elements: block k goes from x[xOff+k*xStep] to dst[dstOff+k*dstStep].
	// Unlike other kernels it leaves the rest of dst alone.
	Copy(dst, x *tensor.Dense, c CopySpec)
	// AddBlocks is Copy that adds to what is in dst.
	AddBlocks(dst, x *tensor.Dense, c CopySpec)
	// Gather sets dst row i = x row idx[i]; rows are `width` elements.
	Gather(dst, x *tensor.Dense, idx []int32, width int)
	// ScatterAdd sets dst row r = sum of g rows i with idx[i] = r, in order of i.
	ScatterAdd(dst, g *tensor.Dense, idx []int32, width int)
	// SegmentSum sets dst row s = sum of x rows offsets[s] .. offsets[s+1]-1.
	SegmentSum(dst, x *tensor.Dense, offsets []int32, width int)
	// SegmentSpread sets dst rows offsets[s] .. offsets[s+1]-1 = g row s.
	SegmentSpread(dst, g *tensor.Dense, offsets []int32, width int)
}

// CopySpec describes a strided copy, in elements.
type CopySpec struct {
	Count, Size     int
	DstOff, DstStep int
	SrcOff, SrcStep int
}

// Window tells how a kernel of Size moves over an image, by [height, width].
type Window struct {
	Size     [2]int // of the kernel
	Stride   [2]int // steps between places; 0 means 1
	Dilation [2]int // steps between the kernel's elements; 0 means 1
	Before   [2]int // rows and columns of zeros added at the top and left
	After    [2]int // and at the bottom and right
}

// WindowSpec is a Window over images [N, H, W, C], with Out [H', W'] places.
type WindowSpec struct {
	Window     // strides and dilations are 1 or more
	N, H, W, C int
	Out        [2]int
}

// Windows are the kernels of convolution.
type Windows interface {
	// Unfold writes the elements under each place of the window, zeros beyond the edge: x is [N, H, W, C], dst is
	// [N, H', W', Size[0], Size[1], C].
	Unfold(dst, x *tensor.Dense, s WindowSpec)
	// Fold adds each element back to where Unfold took it from: g is [N, H', W', Size[0], Size[1], C], dst is
	// [N, H, W, C]. An element of dst is summed in order of the kernel's elements.
	Fold(dst, g *tensor.Dense, s WindowSpec)
}

// Ordering sorts.
type Ordering interface {
	// Order writes the positions of the k largest (or smallest) of the n elements along the middle axis of
	// x [outer, n, inner], best first, equal ones by position, NaN last: idx is [outer, k, inner].
	Order(idx []int32, x *tensor.Dense, outer, n, inner, k int, largest bool)
}

// Sampling draws random numbers.
type Sampling interface {
	// Random sets element i of dst from (key, i) alone; p is the probability of Bernoulli.
	Random(dst *tensor.Dense, d Distribution, key uint64, p float64)
}

// Decompositions work on each matrix of a batch, in float64 whatever the dtype. They report which matrix of the
// batch has none, or -1.
type Decompositions interface {
	// Cholesky writes the lower L of a = L L^T; a and dst are [batch, n, n]. The symmetric part
	// (a + a^T)/2 is taken for a.
	Cholesky(dst, a *tensor.Dense, batch, n int) int
	// SolveLower writes L^-1 b, or L^-T b; l is [batch, n, n], of which the lower triangle is read; b and dst are
	// [batch, n, m].
	SolveLower(dst, l, b *tensor.Dense, batch, n, m int, trans bool)
	// EigenSym writes the eigenvalues of the symmetric part of a [batch, n, n], rising, into row 0 of dst [batch, 1+n, n],
	// and the vectors, as columns, below. The largest part of each vector is positive.
	EigenSym(dst, a *tensor.Dense, batch, n int) int
	// SVD writes a = U diag(s) V^T of a [batch, m, n], r = min(m, n), s falling: row 0 of dst [batch, 1+m+n, r] is
	// s, then U [m, r], then V [n, r]. The largest part of each column of U is positive.
	SVD(dst, a *tensor.Dense, batch, m, n int) int
}
