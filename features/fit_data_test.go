package features

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestXavierTakesTheVocabulary(t *testing.T) {
	cfg := smallConfig("fm", "adam", nil)
	cfg.Model.Settings().(*FMConfig).Init = initXavier
	f := fitter(t, cfg, DefaultFit(), planted(1000), 64)
	var most float64
	for _, x := range f.m.tables.emb.Data() {
		most = max(most, math.Abs(float64(x)))
	}
	bound := math.Sqrt(6 / float64(33+3)) // 33 rows stand often enough, 3 wide
	if most > bound || most < 0.95*bound {
		t.Errorf("want values up to %v, got up to %v", bound, most)
	}
}

func TestFitRefuses(t *testing.T) {
	good := planted(200)
	for want, change := range map[string]func(d *Encoded, fc *FitConfig, batch *int){
		"want rows to train on":           func(d *Encoded, _ *FitConfig, _ *int) { d.IDs, d.Labels = nil, nil },
		"no value stands 1000 times":      func(_ *Encoded, fc *FitConfig, _ *int) { fc.MinCount = 1000 },
		"both classes":                    func(d *Encoded, _ *FitConfig, _ *int) { clear(d.Labels) },
		"valid + test below 1":            func(_ *Encoded, fc *FitConfig, _ *int) { fc.Valid, fc.Test = 0.5, 0.5 },
		"split: want one of time, random": func(_ *Encoded, fc *FitConfig, _ *int) { fc.Split = "group" },
		"want a batch of at least one":    func(_ *Encoded, _ *FitConfig, batch *int) { *batch = 0 },
		"want 600 ids":                    func(d *Encoded, _ *FitConfig, _ *int) { d.IDs = d.IDs[:599] },
		"outside the table":               func(d *Encoded, _ *FitConfig, _ *int) { d.OOV = []int32{0, 1, 9999} },
		"want 3 fields":                   func(d *Encoded, _ *FitConfig, _ *int) { d.OOV = d.OOV[:2] },
	} {
		d, fc, batch := good, DefaultFit(), 32
		d.Labels = slices.Clone(good.Labels)
		change(&d, &fc, &batch)
		_, err := NewFit(build(t, smallConfig("fm", "adam", nil), 3, 60), fc, d, batch, 1)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	f := fitter(t, smallConfig("fm", "adam", nil), DefaultFit(), good, 32)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Step(ctx); err == nil || !strings.Contains(err.Error(), "train, epoch 1") {
		t.Errorf("want a cancelled step to say where, got %v", err)
	}
}
