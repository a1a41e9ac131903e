package autograd

import tc "github.com/sluice-stream/sluice/tensorcore"

// Uniform returns constants drawn evenly from [0, 1). Element i depends on (key, i) alone, so the same key gives the
// same numbers at any time and on any number of threads; draw unlike tensors with unlike keys.
func (t *Tape) Uniform(key uint64, shape ...int) *Var {
	return t.random("Uniform", tc.Uniform, key, 0, shape)
}

// Normal returns constants of mean 0 and deviation 1, keyed as Uniform.
func (t *Tape) Normal(key uint64, shape ...int) *Var {
	return t.random("Normal", tc.Normal, key, 0, shape)
}

// Bernoulli returns constants, 1 with probability p, else 0, keyed as Uniform.
func (t *Tape) Bernoulli(key uint64, p float64, shape ...int) *Var {
	return t.random("Bernoulli", tc.Bernoulli, key, p, shape)
}

// Gumbel returns constants of the standard Gumbel distribution, keyed as Uniform.
func (t *Tape) Gumbel(key uint64, shape ...int) *Var {
	u := t.random("Gumbel", tc.Uniform, key, 0, shape)
	if u.dead {
		return u
	}
	return t.StopGradient(t.Neg(t.Log(t.Neg(t.Log(t.Clip(u, 1e-7, 1-1e-7))))))
}

func (t *Tape) random(name string, d tc.Distribution, key uint64, p float64, shape []int) *Var {
	y := t.Fill(0, shape...)
	if y.dead {
		return y
	}
	if !(p >= 0 && p <= 1) {
		return t.fail(name, "want a probability from 0 to 1, got %g", p)
	}
	t.eng.Random(y.val, d, key, p)
	return y
}

// Dropout sets each element to 0 with probability p and divides the others by 1-p.
func (t *Tape) Dropout(x *Var, p float64, key uint64) *Var {
	if t.bad("Dropout", x) {
		return t.deadVar(shapeOf(x))
	}
	if !(p >= 0 && p < 1) {
		return t.fail("Dropout", "want a probability of at least 0 and below 1, got %g", p)
	}
	if p == 0 {
		return x
	}
	return t.Mul(x, t.Scale(t.Bernoulli(key, 1-p, x.shape...), 1/(1-p)))
}
