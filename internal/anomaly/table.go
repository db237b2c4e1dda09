// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import "slices"

// table is a list of rows of equal length.
type table struct {
	columns int
	values  []float32
}

func (t *table) rows() int           { return len(t.values) / t.columns }
func (t *table) row(i int) []float32 { return t.values[i*t.columns : (i+1)*t.columns] }
func (t *table) at(i, j int) float32 { return t.values[i*t.columns+j] }

// without returns the rows but those from i to j.
func (t *table) without(i, j int) *table {
	rest := make([]float32, 0, len(t.values)-(j-i)*t.columns)
	rest = append(rest, t.values[:i*t.columns]...)
	return &table{t.columns, append(rest, t.values[j*t.columns:]...)}
}

// ranges are the least and the largest value of every column.
func (t *table) ranges() (low, high []float32) {
	low, high = slices.Clone(t.row(0)), slices.Clone(t.row(0))
	for i := range t.rows() {
		for j, v := range t.row(i) {
			low[j], high[j] = min(low[j], v), max(high[j], v)
		}
	}
	return low, high
}

// medians are the lower medians of the columns.
func (t *table) medians() []float32 {
	out := make([]float32, t.columns)
	values := make([]float32, t.rows())
	for j := range out {
		for i := range values {
			values[i] = t.at(i, j)
		}
		slices.Sort(values)
		out[j] = values[(len(values)-1)/2]
	}
	return out
}
