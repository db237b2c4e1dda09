// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import "github.com/llm-guardian/otelcol-guardian/internal/codec"

// history makes columns of rows: the value of every metric, then its earlier values, then the difference to the value before.
type history struct {
	Features
	metrics int
	last    []float64 // earlier values of the first metric, the latest first, then of the next
	started bool
}

func newHistory(f Features, metrics int) history {
	h := history{Features: f, metrics: metrics}
	h.last = make([]float64, h.depth()*metrics)
	return h
}

// depth is how many earlier values are needed.
func (h *history) depth() int {
	if h.Differences {
		return max(h.Lags, 1)
	}
	return h.Lags
}

// perMetric is the number of columns that a metric has.
func (f Features) perMetric() int {
	n := 1 + f.Lags
	if f.Differences {
		n++
	}
	return n
}

// restart forgets the earlier values: the next row is as if it had always been so.
func (h *history) restart() { h.started = false }

// columns writes the columns of the next row.
func (h *history) columns(row, columns []float64) {
	depth := h.depth()
	for m, v := range row {
		last := h.last[m*depth : (m+1)*depth]
		if !h.started {
			for i := range last {
				last[i] = v
			}
		}
		at := columns[m*h.perMetric():]
		at[0] = v
		copy(at[1:], last[:h.Lags])
		if h.Differences {
			at[1+h.Lags] = v - last[0]
		}
		if depth > 0 {
			copy(last[1:], last)
			last[0] = v
		}
	}
	h.started = true
}

func (h *history) encode(e *codec.Encoder) {
	e.Bool(h.started)
	for _, v := range h.last {
		e.Float64(v)
	}
}

func (h *history) decode(d *codec.Decoder) {
	h.started = d.Bool()
	for i := range h.last {
		h.last[i] = d.Finite()
	}
}
