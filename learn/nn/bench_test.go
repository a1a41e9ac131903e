package nn

import (
	"testing"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// BenchmarkTransformer is forward and backward of two encoder layers: 15 positions, width 64, 4 heads.
func BenchmarkTransformer(b *testing.B) {
	const batch, positions, width = 512, 15, 64
	e := NewTransformerEncoder("t", 2, TransformerConfig{Width: width, Heads: 4, Hidden: 256}, 1)
	x := tensorcore.NewFloat32([]int{batch, positions, width}, normal(batch*positions*width))
	tp := autograd.NewTape(cpu.New(0))
	var updates []learn.Update
	b.ReportAllocs()
	for b.Loop() {
		tp.Reset()
		y := e.Forward(tp, tp.Const(x), nil, Train(0))
		var err error
		if updates, err = learn.Updates(tp, tp.Mean(tp.Square(y)), updates[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkResNet is forward and backward of a small residual network on 32 images of 16 x 16.
func BenchmarkResNet(b *testing.B) {
	r, err := NewResNet("r", ResNetConfig{In: 3, Widths: []int{16, 32}, Blocks: []int{1, 1}}, 1)
	if err != nil {
		b.Fatal(err)
	}
	x := tensorcore.NewFloat32([]int{32, 16, 16, 3}, normal(32*16*16*3))
	tp := autograd.NewTape(cpu.New(0))
	var updates []learn.Update
	b.ReportAllocs()
	for b.Loop() {
		tp.Reset()
		y := r.Forward(tp, tp.Const(x), Train(0))
		if updates, err = learn.Updates(tp, tp.Mean(tp.Square(y)), updates[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
