package cpu

// Finite says that no element is NaN or infinite.
func Finite(x []float32) bool {
	if v := bestVectors; v != nil {
		return v.finite(x)
	}
	return finite(x)
}

// finite sees that x-x is 0 for every number but those. Four sums, because one would wait for itself at every element.
func finite(s []float32) bool {
	var a, b, c, d float32
	i := 0
	for ; i+4 <= len(s); i += 4 {
		x := s[i : i+4 : i+4]
		a += x[0] - x[0]
		b += x[1] - x[1]
		c += x[2] - x[2]
		d += x[3] - x[3]
	}
	for _, x := range s[i:] {
		a += x - x
	}
	return a+b+c+d == 0
}
