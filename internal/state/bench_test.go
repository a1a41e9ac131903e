package state

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// table is a table of embeddings with the two slots of Adam, rows of 64 bytes each.
type table struct {
	value, m, v []float32
	step        int64
}

const rowFloats = 16

func newTable(bytes int) *table {
	n := bytes / 3 / 64 * rowFloats
	t := &table{make([]float32, n), make([]float32, n), make([]float32, n), 0}
	for i := range t.value {
		t.value[i], t.m[i], t.v[i] = float32(i), float32(i)*1e-3, float32(i)*1e-6
	}
	return t
}

func (t *table) Walk(v Visitor) {
	v.Visit("value", &t.value)
	v.Visit("slot_m", &t.m)
	v.Visit("slot_v", &t.v)
	v.Visit("step", &t.step)
}

// touch changes a share of the rows, wherever they lie, and their slots with them.
func (t *table) touch(r *rand.Rand, share float64) {
	rows := len(t.value) / rowFloats
	for range int(share * float64(rows)) {
		at := r.IntN(rows) * rowFloats
		for i := at; i < at+rowFloats; i++ {
			t.value[i]++
			t.m[i]++
			t.v[i]++
		}
	}
	t.step++
}

func (t *table) grow(share float64) {
	n := int(share*float64(len(t.value)/rowFloats)) * rowFloats
	t.value = append(t.value, make([]float32, n)...)
	t.m = append(t.m, make([]float32, n)...)
	t.v = append(t.v, make([]float32, n)...)
}

const gigabyte = 1 << 30

// BenchmarkCapture measures the pause of a checkpoint of 1 GB of which 1 % of the rows were touched (ns/op), what it
// copies, what it writes, and how long the writing beside takes.
func BenchmarkCapture(b *testing.B) {
	for name, grows := range map[string]float64{"touched": 0, "growing": 0.01} {
		b.Run(name, func(b *testing.B) {
			s := NewStore(vfs.OS{}, b.TempDir(), 1)
			t := newTable(gigabyte)
			id, r := uint64(1), rand.New(rand.NewPCG(1, 1))
			began := time.Now()
			if err := save(s, id, t); err != nil {
				b.Fatal(err)
			}
			b.Logf("the first checkpoint: %.2f s", time.Since(began).Seconds())
			var copied, wrote int64
			var beside time.Duration
			for b.Loop() {
				b.StopTimer()
				t.touch(r, 0.01)
				t.grow(grows)
				b.StartTimer()
				c, err := s.Capture("operator.0.train", t)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				began := time.Now()
				parts, err := s.Write(b.Context(), []*Captured{c})
				if err != nil {
					b.Fatal(err)
				}
				beside += time.Since(began)
				copied += c.Bytes()
				if n := len(parts[0].Deltas); n > 0 {
					wrote += parts[0].Deltas[n-1].Bytes
				} else {
					wrote += parts[0].Bytes
				}
				id++
				if err := s.Publish(&Manifest{Checkpoint: id, Parts: parts, Identity: []byte("{}")}); err != nil {
					b.Fatal(err)
				}
				if err := s.Sweep(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(copied)/float64(b.N)/1e6, "MB-copied/op")
			b.ReportMetric(float64(wrote)/float64(b.N)/1e6, "MB-written/op")
			b.ReportMetric(beside.Seconds()/float64(b.N), "s-beside/op")
		})
	}
}

// BenchmarkRestore measures how long it takes to read, check and restore 1 GB from a base and eight deltas.
func BenchmarkRestore(b *testing.B) {
	s := NewStore(vfs.OS{}, b.TempDir(), 1)
	t := newTable(gigabyte)
	r := rand.New(rand.NewPCG(1, 1))
	for id := uint64(1); id <= 9; id++ {
		if err := save(s, id, t); err != nil {
			b.Fatal(err)
		}
		t.touch(r, 0.01)
	}
	for b.Loop() {
		c, err := NewStore(s.fs, s.dir, 1).Newest()
		if err != nil {
			b.Fatal(err)
		}
		var again table
		if err := c.Restore("operator.0.train", &again); err != nil {
			b.Fatal(err)
		}
	}
}
