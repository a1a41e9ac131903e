package features

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-stream/sluice/learn/optim"
)

// TestFitAgainstPeers trains in epochs on real rows, split by time, and prints the test figures that PyTorch's
// script prints with --mode batch. SLUICE_PEERS_FIT lists runs: model:rate[:seed[:rows of adam]].
func TestFitAgainstPeers(t *testing.T) {
	runs := os.Getenv("SLUICE_PEERS_FIT")
	if runs == "" {
		t.Skip("set SLUICE_PEERS_FIT, for example deepfm:0.001")
	}
	d := loadReal(t, "hotel-bookings.parquet")
	data := Encoded{Fields: d.fields, IDs: d.ids, Labels: d.labels}
	for k := range d.fields {
		data.OOV = append(data.OOV, int32(k))
	}
	for _, run := range strings.Split(runs, ",") {
		p := strings.Split(run, ":")
		p = append(p, []string{"", "", "1", "dense"}[len(p):]...)
		cfg := CTRConfig{}
		cfg.Model.Select(p[0])
		o, _ := cfg.Optimizer.Select("adam")
		o.(*optim.AdamConfig).Rate, _ = strconv.ParseFloat(p[1], 64)
		o.(*optim.AdamConfig).Rows = p[3]
		seed, _ := strconv.Atoi(p[2])
		m, err := NewCTR(cfg, d.fields, uint64(seed))
		if err != nil {
			t.Fatal(err)
		}
		m.Grow(d.table)
		f, err := NewFit(m, DefaultFit(), data, 512, uint64(seed))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		epochs := runFit(t, f)
		sec := time.Since(start).Seconds()
		s := scoresOf(t, f, f.Test())
		fmt.Printf("%s: test auc %.5f logloss %.5f valid %.5f epochs %d rows/s %.0f\n", run, s.AUC, s.LogLoss, f.Progress().AUC, epochs, float64(f.Progress().Trained)/sec)
	}
}
