package experiment

import "gonum.org/v1/gonum/stat"

// Summary is one figure of one arm over its seeds.
type Summary struct {
	Mean   float64   `json:"mean"`
	SD     float64   `json:"sd"`     // sample standard deviation, n-1; 0 for one seed
	Values []float64 `json:"values"` // in the order of the seeds
}

func summarize(values []float64) Summary {
	s := Summary{Values: values}
	if len(values) == 0 {
		return s
	}
	s.Mean, s.SD = values[0], 0
	if len(values) > 1 {
		s.Mean, s.SD = stat.MeanStdDev(values, nil)
	}
	return s
}
