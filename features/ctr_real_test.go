package features

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/eval"
	"github.com/sluice-stream/sluice/learn/optim"
)

// TestAgainstPeers runs models over real rows, online, and prints the figures that PyTorch's script prints for
// the same settings. SLUICE_PEERS lists runs: model:batch:rate[:seed], batch 0 meaning row by row.
func TestAgainstPeers(t *testing.T) {
	runs := os.Getenv("SLUICE_PEERS")
	if runs == "" {
		t.Skip("set SLUICE_PEERS, for example deepfm:512:0.03,lr:0:0.3")
	}
	name := os.Getenv("SLUICE_PEERS_FILE")
	if name == "" {
		name = "hotel-bookings.parquet"
	}
	d := loadReal(t, name)
	for _, run := range strings.Split(runs, ",") {
		p := strings.Split(run+":1", ":")
		batch, _ := strconv.Atoi(p[1])
		rate, _ := strconv.ParseFloat(p[2], 64)
		seed, _ := strconv.Atoi(p[3])
		m := realModel(t, p[0], rate, d, uint64(seed))
		start := time.Now()
		out := streamReal(t, m, d, batch)
		sec := time.Since(start).Seconds()
		s := eval.Exact(d.labels, out)
		fmt.Printf("%s batch %d lr %g seed %d: auc %.5f logloss %.5f rows/s %.0f\n", p[0], batch, rate, seed, s.AUC, s.LogLoss, float64(d.rows)/sec)
	}
}

// TestRowByRowReachesTheOnlineLearners holds lr with updates after every row to the figure of Vowpal Wabbit.
func TestRowByRowReachesTheOnlineLearners(t *testing.T) {
	d := loadReal(t, "hotel-bookings.parquet")
	m := realModel(t, "lr", 0.3, d, 1)
	if auc := eval.AUC(d.labels, streamReal(t, m, d, 0)); auc < 0.92 {
		t.Errorf("want AUC >= .920 (Vowpal Wabbit .9226), got %.4f", auc)
	}
}

func realModel(t testing.TB, kind string, rate float64, d *realRows, seed uint64) *CTR {
	cfg := CTRConfig{}
	cfg.Model.Select(kind)
	o, _ := cfg.Optimizer.Select("adagrad")
	o.(*optim.AdaGradConfig).Rate = rate
	m, err := NewCTR(cfg, d.fields, seed)
	if err != nil {
		t.Fatal(err)
	}
	m.Grow(d.table)
	return m
}

func streamReal(t testing.TB, m *CTR, d *realRows, batch int) []float32 {
	out := make([]float32, d.rows)
	var b learn.Batch
	step := batch
	if batch == 0 {
		step = 1024
	}
	for from := 0; from < d.rows; from += step {
		to := min(from+step, d.rows)
		b.Reset()
		b.Rows, b.Fields = to-from, d.fields
		b.IDs = append(b.IDs, d.ids[from*d.fields:to*d.fields]...)
		b.Labels = append(b.Labels, d.labels[from:to]...)
		var err error
		if batch == 0 {
			err = m.LearnRows(&b, out[from:to])
		} else {
			err = m.Learn(&b, out[from:to])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
