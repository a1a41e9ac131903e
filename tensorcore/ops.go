package tensorcore

// UnaryOp names an elementwise function of one tensor and up to two numbers.
type UnaryOp uint8

// The unary functions; p and q are the numbers given to Engine.Unary.
const (
	Affine     UnaryOp = iota // p*x + q
	Exp                       // e^x
	Log                       // natural logarithm
	Sqrt                      // square root
	Square                    // x*x
	Pow                       // x^p
	Abs                       // |x|
	Sign                      // -1, 0 or 1
	Sigmoid                   // 1/(1+e^-x)
	LogSigmoid                // log of it, without overflow
	Tanh                      // hyperbolic tangent
	Relu                      // max(x, 0)
	Softplus                  // log(1+e^x), without overflow
	Gelu                      // x*Phi(x), Phi the normal distribution function (exact, by erf)
	Erf                       // the error function
	Clip                      // min(max(x, p), q)
	InRange                   // 1 where p <= x <= q, else 0
	Atan                      // arctangent
	GeluSlope                 // Phi(x) + x*phi(x), the derivative of Gelu
)

// BinaryOp names an elementwise function of two tensors.
type BinaryOp uint8

// The binary functions.
const (
	Add         BinaryOp = iota // a+b
	Sub                         // a-b
	Mul                         // a*b
	Div                         // a/b
	Max                         // larger of a and b; NaN if either is
	Min                         // smaller of a and b; NaN if either is
	MaxShare                    // 1 where a > b, 1/2 where equal, else 0: a's share in the gradient of Max
	Greater                     // 1 where a > b, else 0
	GreaterEq                   // 1 where a >= b, else 0
	Equal                       // 1 where a = b, else 0
	ReluGrad                    // a where b > 0, else 0
	SigmoidGrad                 // a*b*(1-b)
	TanhGrad                    // a*(1-b*b)
	BCE                         // max(a,0) - a*b + log(1+e^-|a|): logistic loss of logit a for target b
)

// ReduceOp names a reduction along one axis.
type ReduceOp uint8

// The reductions; those of no elements are 0, but Max's -Inf and LogSumExp's -Inf.
const (
	Sum       ReduceOp = iota // sum
	Maximum                   // largest; NaN if any is
	LogSumExp                 // log of the sum of e^x, without overflow
)

// AlongOp names a function of all elements of an axis that keeps the axis.
type AlongOp uint8

// The functions along an axis.
const (
	Softmax    AlongOp = iota // e^x / sum e^x
	LogSoftmax                // x - log sum e^x
	LayerNorm                 // (x - mean) / sqrt(variance + eps), variance over n
	FirstMax                  // 1 at the first largest element, else 0
	CumSum                    // running sum
)

// Distribution names what Engine.Random draws from.
type Distribution uint8

// The distributions.
const (
	Uniform   Distribution = iota // evenly in [0, 1)
	Normal                        // mean 0, deviation 1
	Bernoulli                     // 1 with the given probability, else 0
)
