// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "math"

// difference is what a walk over the cells of a reference finds out about the difference of two distribution functions.
type difference struct {
	m, n  int64
	worst int64 // the largest |i·n − j·m| for i of m and j of n values
	at    int   // the cut where
	above bool  // whether the window lies above the reference there
	area  Interval
}

// d is the Kolmogorov–Smirnov statistic.
func (w *difference) d() float64 { return float64(w.worst) / (float64(w.m) * float64(w.n)) }

// compare walks over the cuts once. The functions are furthest apart at a cut or just below one, since between two cuts only the
// one of the window rises.
func (r *numbers) compare(cells []uint32) difference {
	w := difference{m: int64(r.upTo[len(r.upTo)-1]), n: int64(total(cells))}
	var i, j int64
	for cut, upTo := range r.upTo {
		start := j
		j += int64(cells[2*cut])
		w.visit(cut, i, j)
		if cut > r.lowest && cut <= r.highest {
			w.between(i, start, j, min(r.cuts.at(cut)-r.cuts.at(cut-1), math.MaxFloat64))
		}
		i = int64(upTo)
		j += int64(cells[2*cut+1])
		w.visit(cut, i, j)
	}
	scale := float64(w.m) * float64(w.n)
	w.area.Low, w.area.High = w.area.Low/scale, w.area.High/scale
	return w
}

func (w *difference) visit(cut int, i, j int64) {
	gap := i*w.n - j*w.m
	if gap < -w.worst {
		w.worst, w.at, w.above = -gap, cut, true
	} else if gap > w.worst {
		w.worst, w.at, w.above = gap, cut, false
	}
}

// between adds the area between both functions over the space between two cuts, where the window's rises from start to end at
// places that the cells do not know.
func (w *difference) between(i, start, end int64, width float64) {
	before, after := float64(i*w.n-start*w.m), float64(i*w.n-end*w.m)
	if start == end {
		area := width * math.Abs(before)
		w.area.Low += area
		w.area.High += area
		return
	}
	w.area.High += width * max(math.Abs(before), math.Abs(after))
	if before*after > 0 {
		w.area.Low += width * min(math.Abs(before), math.Abs(after))
	}
}
