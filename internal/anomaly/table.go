// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

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

func (t *table) constant(column int) bool {
	low, high := t.at(0, column), t.at(0, column)
	for i := range t.rows() {
		low, high = min(low, t.at(i, column)), max(high, t.at(i, column))
	}
	return float64(high) <= float64(low)+sameValue
}
