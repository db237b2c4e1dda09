// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

const (
	// normalMAD times the median absolute deviation is the standard deviation of a normal distribution.
	normalMAD = 1.482602218505602
	// normalMeanAD times the mean absolute deviation is that too.
	normalMeanAD = 1.2533141373155003
	// maxDistance is the largest distance that is told from larger ones.
	maxDistance = 1e6
)

// online is a method that learns with every row.
type online interface {
	// distance is how far a row is off, in standard deviations; for metrics that are NaN nothing.
	distance(row []float64) float64
	// of is how far a value of a metric is off.
	of(metric int, v float64) float64
	learn(row []float64, anomalous bool)
	bytes() int
	encode(*codec.Encoder)
	decode(*codec.Decoder)
}

// largest is the distance of the metric that is furthest off.
func largest(o online, row []float64) float64 {
	d := 0.0
	for m, v := range row {
		if v == v {
			d = max(d, o.of(m, v))
		}
	}
	return d
}

// robustZ knows the median and the median absolute deviation of the last rows of each metric. Anomalous rows are among them: up to
// half of the rows can be anything without moving the median far, and the median follows a change that stays.
type robustZ struct {
	floor   float64
	windows []window
}

type window struct {
	ranked[float64]
	center, scale float64
}

func newRobustZ(limit int, floor float64, metrics int) *robustZ {
	z := &robustZ{floor: floor, windows: make([]window, metrics)}
	for i := range z.windows {
		z.windows[i].ranked = newRanked[float64](limit)
	}
	return z
}

func (z *robustZ) distance(row []float64) float64 { return largest(z, row) }

func (z *robustZ) of(metric int, v float64) float64 {
	w := &z.windows[metric]
	if len(w.sorted) == 0 {
		return 0
	}
	return min(math.Abs(v-w.center)/w.scale, maxDistance)
}

func (z *robustZ) learn(row []float64, _ bool) {
	for m, v := range row {
		if w := &z.windows[m]; v == v && w.add(v) {
			w.measure(z.floor)
		}
	}
}

// measure finds centre and scale. Where more than half of the values are equal the median absolute deviation is 0, and the mean
// absolute deviation takes its place.
func (w *window) measure(floor float64) {
	s := w.sorted
	w.center = (s[(len(s)-1)/2] + s[len(s)/2]) / 2
	w.scale = normalMAD * medianDeviation(s, w.center)
	if w.scale == 0 {
		sum := 0.0
		for _, v := range s {
			sum += math.Abs(v - w.center)
		}
		w.scale = normalMeanAD * sum / float64(len(s))
	}
	w.scale = max(w.scale, leastScale(w.center, floor))
}

// medianDeviation is the median of the distances from the centre of sorted values: the upper of two for an even number. Distances
// ascend from the centre to both sides, so it is where as many of both sides lie within it as there must.
func medianDeviation(sorted []float64, center float64) float64 {
	n := len(sorted)
	need := n/2 + 1 // values within the median distance
	// The window of so many neighbours whose ends are nearest to the centre.
	low, high := 0, n-need
	for low < high {
		middle := (low + high) / 2
		if center-sorted[middle] > sorted[middle+need]-center {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return max(center-sorted[low], sorted[low+need-1]-center)
}

func (z *robustZ) bytes() int {
	n := 0
	for i := range z.windows {
		n += z.windows[i].bytes(8) + 160
	}
	return n
}

func (z *robustZ) encode(e *codec.Encoder) {
	for i := range z.windows {
		z.windows[i].encode(e)
	}
}

func (z *robustZ) decode(d *codec.Decoder) {
	for i := range z.windows {
		w := &z.windows[i]
		w.decode(d)
		if d.Err() == nil && len(w.sorted) > 0 {
			w.measure(z.floor)
		}
	}
}
