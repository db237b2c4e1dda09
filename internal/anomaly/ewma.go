// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// ewma knows the exponentially weighted mean and standard deviation of the calm rows of each metric.
type ewma struct {
	forget, floor float64
	metrics       []baseline
}

func newEWMA(halfLife, floor float64, metrics int) *ewma {
	return &ewma{forget: forgetting(halfLife), floor: floor, metrics: make([]baseline, metrics)}
}

func (w *ewma) distance(row []float64) float64 { return largest(w, row) }

func (w *ewma) of(metric int, v float64) float64 {
	b := &w.metrics[metric]
	if b.n < 2 {
		return 0
	}
	return min(math.Abs(v-b.mean)/b.std(w.floor), maxDistance)
}

func (w *ewma) learn(row []float64, anomalous bool) {
	if anomalous {
		return
	}
	for m, v := range row {
		if v == v {
			w.metrics[m].learn(v, w.forget, w.floor)
		}
	}
}

func (w *ewma) bytes() int { return 32 * len(w.metrics) }

func (w *ewma) encode(e *codec.Encoder) {
	for i := range w.metrics {
		w.metrics[i].encode(e)
	}
}

func (w *ewma) decode(d *codec.Decoder) {
	for i := range w.metrics {
		w.metrics[i].decode(d)
	}
}
