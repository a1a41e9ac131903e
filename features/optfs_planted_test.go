package features

import (
	"math"
	"os"
	"slices"
	"testing"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/optim"
)

const plantedFields, plantedValues = 12, 100

// plantTruth is the experiment of the method's specification: 12 fields of 100 values that are frequent by 1/rank;
// in 6 fields 40 % of the values carry a true embedding; the logit is the sum of all pairs' products.
func plantTruth(rows int, seed uint64) (d Encoded, informative []bool, bayes []float32) {
	r := learn.NewRand(seed, "truth", 0)
	informative = make([]bool, plantedFields*(plantedValues+1))
	truth := make([][4]float64, len(informative))
	var order [plantedFields][]int32
	for k := range plantedFields {
		d.OOV = append(d.OOV, int32(k))
		for v := range plantedValues {
			order[k] = append(order[k], int32(plantedFields+k*plantedValues+v))
		}
		r.Shuffle(order[k])
		if k >= plantedFields/2 {
			continue
		}
		some := slices.Clone(order[k])
		r.Shuffle(some)
		for _, id := range some[:plantedValues*4/10] {
			informative[id] = true
			for j := range truth[id] {
				truth[id][j] = r.Normal() * 0.636
			}
		}
	}
	d.Fields = plantedFields
	z := plantLogits(&d, &r, order, truth, rows)
	for _, x := range z {
		p := sigmoid(x)
		bayes = append(bayes, float32(p))
		y := float32(0)
		if r.Float64() < p {
			y = 1
		}
		d.Labels = append(d.Labels, y)
	}
	return d, informative, bayes
}

// plantLogits draws the rows' values and returns their true logits, of deviation 2 around -1.
func plantLogits(d *Encoded, r *learn.Rand, order [plantedFields][]int32, truth [][4]float64, rows int) []float64 {
	cumulative := make([]float64, plantedValues)
	sum := 0.0
	for i := range cumulative {
		sum += 1 / float64(i+1)
		cumulative[i] = sum
	}
	z := make([]float64, rows)
	var mean, squares float64
	for i := range z {
		var total, each [4]float64
		for k := range plantedFields {
			rank, _ := slices.BinarySearch(cumulative, r.Float64()*sum)
			id := order[k][min(rank, plantedValues-1)]
			d.IDs = append(d.IDs, id)
			for j, x := range truth[id] {
				total[j] += x
				each[j] += x * x
			}
		}
		for j := range total {
			z[i] += (total[j]*total[j] - each[j]) / 2
		}
		mean += z[i] / float64(rows)
		squares += z[i] * z[i] / float64(rows)
	}
	sd := math.Sqrt(squares - mean*mean)
	for i := range z {
		z[i] = (z[i]-mean)/sd*2 - 1
	}
	return z
}

// TestOptFSFindsPlantedFeatures runs the experiment: gates against none. It takes a minute; SLUICE_LONG=1 runs it.
func TestOptFSFindsPlantedFeatures(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("set SLUICE_LONG=1")
	}
	var gain float64
	const seeds = 3
	for seed := range uint64(seeds) {
		d, informative, _ := plantTruth(60000, seed)
		plain := scoreTest(t, plantedFit(t, d, nil, seed))
		gate := DefaultOptFS()
		gate.Rate, gate.Lambda = 0.01, 1e-4
		f := plantedFit(t, d, &gate, seed)
		auc := scoreTest(t, f)
		var kept, right, values float64
		for id := plantedFields; id < plantedFields*(plantedValues+1); id++ {
			if f.Alias(int32(id)) != int32(id) {
				continue
			}
			values++
			if _, keep := f.m.gate.Value(int32(id)); keep {
				kept++
				if informative[id] {
					right++
				}
			}
		}
		t.Logf("seed %d: plain %.4f, gated %.4f, ratio %.2f, precision %.2f, recall %.2f", seed, plain, auc, kept/values, right/kept, right/240)
		gain += (auc - plain) / seeds
		if kept/values > 0.3 || right/kept < 0.4 {
			t.Errorf("seed %d: want ratio <= .3 and precision > twice the base rate .2", seed)
		}
	}
	if gain <= 0 {
		t.Errorf("want a gain over the plain model, got %v", gain)
	}
}

func plantedFit(t *testing.T, d Encoded, gate *OptFSConfig, seed uint64) *Fit {
	t.Helper()
	var cfg CTRConfig
	s, _ := cfg.Model.Select("fm")
	*s.(*FMConfig) = FMConfig{Dim: 8, Init: initXavier}
	o, _ := cfg.Optimizer.Select("adam")
	a := o.(*optim.AdamConfig)
	a.Rate, a.WeightDecay, a.Rows = 3e-3, 1e-6, "dense"
	if gate != nil {
		g, _ := cfg.Gate.Select("optfs")
		*g.(*OptFSConfig) = *gate
	}
	m, err := NewCTR(cfg, plantedFields, seed)
	if err != nil {
		t.Fatal(err)
	}
	m.Grow(plantedFields * (plantedValues + 1))
	fc := DefaultFit()
	fc.Split, fc.Epochs, fc.Patience, fc.Shuffle = "random", 20, 1, false
	f, err := NewFit(m, fc, d, 512, seed)
	if err != nil {
		t.Fatal(err)
	}
	runFit(t, f)
	return f
}

func scoreTest(t *testing.T, f *Fit) float64 { return scoresOf(t, f, f.Test()).AUC }
