package anomaly

import (
	"math/rand/v2"
	"testing"
)

func gaussian(n, d int, seed uint64) *table {
	r := rand.New(rand.NewPCG(seed, 0))
	t := &table{columns: d}
	for range n * d {
		t.values = append(t.values, float32(r.NormFloat64()))
	}
	return t
}
func BenchmarkForestScore(b *testing.B) {
	t := gaussian(256, 5, 1)
	f := newForest(t, Forest{100, 256}, rand.New(rand.NewPCG(1, 1)))
	q := gaussian(1024, 5, 2)
	b.ReportAllocs()
	i := 0
	s := 0.0
	var p point
	for b.Loop() {
		p.set(q.row(i & 1023))
		s += f.score(&p)
		i++
	}
	b.ReportMetric(float64(f.bytes()), "B/forest")
	_ = s
}
func BenchmarkForestScore200(b *testing.B) {
	t := gaussian(256, 5, 1)
	var fs []*forest
	for k := range 200 {
		fs = append(fs, newForest(t, Forest{100, 256}, rand.New(rand.NewPCG(uint64(k), 1))))
	}
	q := gaussian(1024, 5, 2)
	b.ReportAllocs()
	i := 0
	s := 0.0
	var p point
	for b.Loop() {
		p.set(q.row(i & 1023))
		s += fs[i%200].score(&p)
		i++
	}
	_ = s
}
func BenchmarkTrain(b *testing.B) {
	t := gaussian(256, 5, 1)
	b.ReportAllocs()
	for b.Loop() {
		newForest(t, Forest{100, 256}, rand.New(rand.NewPCG(1, 1)))
	}
}
