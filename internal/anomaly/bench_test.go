// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// busy measures the time of the processor that a benchmark takes, in ns per row: on a machine that does other things besides, the time by
// the clock says little. Call what it returns at the end.
func busy(b *testing.B, rows int) func() {
	b.Helper()
	before := processorTime(b)
	return func() {
		b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/float64(rows), "cpu-ns/row")
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func forests(n, columns int) []*forest {
	data := gaussian(256, columns, 1)
	out := make([]*forest, n)
	for i := range out {
		out[i] = newForest(data, Forest{Trees: 100, SubSample: 256}, rand.New(rand.NewPCG(uint64(i), 1)))
	}
	return out
}

// BenchmarkForestScore scores rows of 5 features in forests of 100 trees: always the same one, or 200 in turns, which do not fit into
// the caches that a core has for itself. The baseline walks the same trees one after the other by branches, as is usual.
func BenchmarkForestScore(b *testing.B) {
	rows := gaussian(1024, 5, 2)
	for _, n := range []int{1, 200} {
		all := forests(n, 5)
		b.Run(fmt.Sprintf("forests=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			defer busy(b, 1)()
			var p point
			i, sum := 0, 0.0
			for b.Loop() {
				p.set(rows.row(i & 1023))
				sum += all[i%n].score(&p)
				i++
			}
			require.Positive(b, sum)
			b.ReportMetric(float64(all[0].bytes()), "B/forest")
		})
		b.Run(fmt.Sprintf("baseline=branches/forests=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			defer busy(b, 1)()
			i, sum := 0, 0.0
			for b.Loop() {
				sum += all[i%n].branching(rows.row(i & 1023))
				i++
			}
			require.Positive(b, sum)
		})
	}
}

// branching is the score by the usual walk.
func (f *forest) branching(row []float32) float64 {
	sum := 0.0
	for _, i := range f.roots {
		for int(i) < f.leaves {
			n := &f.nodes[i]
			if keyOf(row[n.left>>childBits]) <= n.threshold {
				i = n.left & childMask
			} else {
				i = n.right
			}
		}
		sum += f.path(i)
	}
	return math.Exp2(sum * f.norm)
}

func TestBranchesLeadToTheSameLeaves(t *testing.T) {
	f, rows := forests(1, 5)[0], gaussian(1000, 5, 3)
	var p point
	for i := range rows.rows() {
		p.set(rows.row(i))
		require.InDelta(t, f.branching(rows.row(i)), f.score(&p), 1e-12)
	}
	require.LessOrEqual(t, f.bytes(), 100<<10)
}

// BenchmarkTrain trains a forest of 100 trees on 256 rows of 5 features, and a whole model with what it is calibrated by.
func BenchmarkTrain(b *testing.B) {
	data := gaussian(256, 5, 1)
	b.Run("forest", func(b *testing.B) {
		b.ReportAllocs()
		defer busy(b, 1)()
		for b.Loop() {
			newForest(data, Forest{Trees: 100, SubSample: 256}, seeded(1))
		}
	})
	for _, m := range []Method{IsolationForest, PCA} {
		s := DefaultSettings()
		t := &Training{method: m, forest: s.Forest, components: s.PCA, floor: s.Floor, columns: 5}
		for _, v := range data.values {
			t.values = append(t.values, float64(v))
		}
		for _, calibrates := range []bool{false, true} {
			t.calibrates = calibrates
			b.Run(fmt.Sprintf("model=%s/calibrates=%v", m, calibrates), func(b *testing.B) {
				b.ReportAllocs()
				defer busy(b, 1)()
				for b.Loop() {
					t.Fit()
				}
			})
		}
	}
}

// BenchmarkObserve judges rows with everything that belongs to it: calibration, decision, learning; trainings are not counted. ns/row is of
// one detector, or of many in turns, as series of a collector come.
func BenchmarkObserve(b *testing.B) {
	for _, c := range []struct {
		method             Method
		metrics, detectors int
	}{
		{RobustZ, 1, 1}, {RobustZ, 1, 10_000}, {EWMA, 1, 1}, {PCA, 5, 1}, {IsolationForest, 5, 1}, {IsolationForest, 5, 200},
	} {
		b.Run(fmt.Sprintf("%s/metrics=%d/detectors=%d", c.method, c.metrics, c.detectors), func(b *testing.B) {
			if c.detectors > 1000 && testing.Short() {
				b.Skip("takes 200 MB")
			}
			s := DefaultSettings()
			s.Method, s.Retrain = c.method, 1<<29
			draws := gaussian(1<<12, c.metrics, 4)
			row := make([]float64, c.metrics)
			at := 0
			next := func(d *Detector) {
				for i := range row {
					row[i] = float64(draws.at(at&(1<<12-1), i))
				}
				at++
				d.Observe(int64(at), row)
			}
			all := make([]*Detector, c.detectors)
			for i := range all {
				d, err := NewDetector(s, make([]string, c.metrics))
				require.NoError(b, err)
				all[i] = d
				for range 1100 {
					next(d)
					train(d)
				}
			}
			b.ReportAllocs()
			defer busy(b, 1)()
			i := 0
			for b.Loop() {
				next(all[i])
				if i++; i == len(all) {
					i = 0
				}
			}
			b.ReportMetric(float64(all[0].Bytes()), "B/detector")
		})
	}
}

// BenchmarkRobustZ is the method alone: a z against median and median absolute deviation of the last 400 values, and the
// value learned. The baseline keeps the values sorted one by one and sorts the deviations.
func BenchmarkRobustZ(b *testing.B) {
	draws := gaussian(1<<12, 1, 5)
	row := make([]float64, 1)
	b.Run("robust_z", func(b *testing.B) {
		z := newRobustZ(400, 1e-3, 1)
		b.ReportAllocs()
		defer busy(b, 1)()
		i, sum := 0, 0.0
		for b.Loop() {
			row[0] = float64(draws.values[i&(1<<12-1)])
			sum += z.distance(row)
			z.learn(row, false)
			i++
		}
		require.Positive(b, sum)
	})
	b.Run("baseline=sorting", func(b *testing.B) {
		var recent, sorted, off []float64
		b.ReportAllocs()
		defer busy(b, 1)()
		i, sum := 0, 0.0
		for b.Loop() {
			v := float64(draws.values[i&(1<<12-1)])
			if n := len(sorted); n > 0 {
				center := sorted[n/2]
				off = off[:0]
				for _, x := range sorted {
					off = append(off, math.Abs(x-center))
				}
				slices.Sort(off)
				sum += math.Abs(v-center) / max(off[n/2], 1e-9)
			}
			recent = append(recent, v)
			at, _ := slices.BinarySearch(sorted, v)
			sorted = slices.Insert(sorted, at, v)
			if len(recent) > 400 {
				at, _ = slices.BinarySearch(sorted, recent[0])
				sorted = slices.Delete(sorted, at, at+1)
				recent = recent[1:]
			}
			i++
		}
		require.Positive(b, sum)
	})
}

// BenchmarkState appends and restores the state of a detector.
func BenchmarkState(b *testing.B) {
	for _, m := range []Method{IsolationForest, RobustZ} {
		s := DefaultSettings()
		s.Method = m
		names := []string{"a", "b", "c", "d", "e"}[:map[Method]int{IsolationForest: 5, RobustZ: 1}[m]]
		d, err := NewDetector(s, names)
		require.NoError(b, err)
		draws := gaussian(2000, len(names), 6)
		row := make([]float64, len(names))
		for i := range 2000 {
			for j := range row {
				row[j] = float64(draws.at(i, j))
			}
			observe(d, int64(i), row)
		}
		state := d.Append(nil)
		b.Run("append/"+string(m), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				state = d.Append(state[:0])
			}
			b.ReportMetric(float64(len(state)), "B")
		})
		b.Run("restore/"+string(m), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, d.Restore(state))
			}
		})
	}
}

// BenchmarkAlign makes rows of the points of 5 metrics; ns/point.
func BenchmarkAlign(b *testing.B) {
	a, err := NewAligner(alignment, 5)
	require.NoError(b, err)
	at := minute(0, 0)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		at += 3e9
		a.Add(i%5, at, 1, at)
		for _, ok := a.Next(at); ok; _, ok = a.Next(at) {
			continue
		}
		i++
	}
}

// BenchmarkScoreSamples is what scikit-learn's score_samples is compared with by testdata/sklearn_speed.py: a forest of the first 256 rows
// scores rows of 5 features, one by one or all in one call, on one core.
func BenchmarkScoreSamples(b *testing.B) {
	data := commonRows(10_000)
	f := newForest(&table{5, data.values[:5*256]}, Forest{Trees: 100, SubSample: 256}, seeded(1))
	for _, n := range []int{1, 100, 10_000} {
		b.Run("rows="+strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			defer busy(b, n)()
			var p point
			sum := 0.0
			for b.Loop() {
				for i := range n {
					p.set(data.row(i))
					sum += f.score(&p)
				}
			}
			require.Positive(b, sum)
		})
	}
}

// commonRows are rows that the script in Python makes too: sums of four numbers that are as good as uniform.
func commonRows(n int) *table {
	data := &table{columns: 5, values: make([]float32, 5*n)}
	for i := range data.values {
		sum := 0.0
		for k := range 4 {
			x := math.Sin(float64(4*i+k+1)) * 43758.5453
			sum += x - math.Floor(x)
		}
		data.values[i] = float32(sum)
	}
	return data
}
