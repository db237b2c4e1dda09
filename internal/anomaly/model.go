// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Streams of random numbers of one seed.
const (
	reservoirStream = 1 + iota
	modelStream
	foldStream // and those after it
)

// folds is the number of parts of the training rows that are scored by models of the other parts.
const folds = 4

// Training is everything that a model depends on. It shares nothing with the detector, so that Fit may run on another goroutine.
type Training struct {
	number     uint64 // of the model
	method     Method
	forest     Forest
	components Components
	share      float64 // contamination
	floor      float64
	seed       uint64
	columns    int
	values     []float64 // of the rows, in the order in which they came
	calibrates bool      // the model must bring the scores that it is calibrated with
	activeAt   uint64    // the number of the row before which the model becomes active
}

// Rows is the number of rows that the model is fitted to.
func (t *Training) Rows() int { return len(t.values) / t.columns }

// Model is a trained model. It never changes and may be shared.
type Model struct {
	number        uint64
	rows          int
	center, scale []float64 // of the columns: rows are brought to them before anything else
	constant      []bool    // columns, of which a difference of less than the scale is none
	low, high     []float32 // the range of each scaled column in the training rows
	middle        []float32 // and its median
	forest        *forest
	components    *components
	// offset is the raw score beyond which a row is an anomaly by contamination; 0 if that is not asked for.
	offset float64
	// calibration are the scores of the training rows by models that did not know them, nil if they are not asked for.
	calibration []float64
}

// Fit trains the model. It is a pure function of the training and takes milliseconds.
func (t *Training) Fit() *Model {
	m := newModel(t.columns)
	m.number, m.rows = t.number, t.Rows()
	t.measure(m)
	data := t.table(m)
	t.fit(m, data, modelStream)
	if t.share > 0 {
		m.offset = t.percentile(m, data)
	}
	if t.calibrates {
		m.calibration = t.crossScores(data)
	}
	return m
}

func newModel(columns int) *Model {
	return &Model{center: make([]float64, columns), scale: make([]float64, columns), constant: make([]bool, columns)}
}

// measure finds centre and scale of the columns. What follows does not depend on them but for rounding to 32 bits, which would hide
// small changes at a high level otherwise.
func (t *Training) measure(m *Model) {
	n := float64(t.Rows())
	for i, v := range t.values {
		m.center[i%t.columns] += v / n
	}
	for i, v := range t.values {
		delta := v - m.center[i%t.columns]
		m.scale[i%t.columns] += delta * delta / n
	}
	for j := range m.scale {
		std, least := math.Sqrt(m.scale[j]), leastScale(m.center[j], t.floor)
		m.scale[j], m.constant[j] = max(std, least), std < least
	}
}

// table is the training rows, scaled.
func (t *Training) table(m *Model) *table {
	data := &table{columns: t.columns, values: make([]float32, len(t.values))}
	for i := range data.rows() {
		m.scaleRow(t.values[i*t.columns:(i+1)*t.columns], data.row(i))
	}
	return data
}

func (m *Model) scaleRow(row []float64, scaled []float32) {
	for j, v := range row {
		z := min(max((v-m.center[j])/m.scale[j], -maxDistance), maxDistance)
		if m.constant[j] && math.Abs(z) < 1 {
			z = 0
		}
		scaled[j] = float32(z)
	}
}

// fit fits a model to scaled rows.
func (t *Training) fit(m *Model, data *table, stream uint64) {
	rng := rand.New(rand.NewPCG(t.seed^t.number*0x9e3779b97f4a7c15, stream)) //nolint:gosec // Not for secrets.
	if t.method == PCA {
		m.components = newComponents(data, t.components)
		return
	}
	data = withoutConstants(data, rng)
	m.forest = newForest(data, t.forest, rng)
	m.low, m.high = data.ranges()
	m.middle = data.medians()
}

// withoutConstants gives columns that are constant a noise as small as the least scale. A tree cannot split a constant column, so a
// metric that was always the same could become anything without a tree seeing it.
func withoutConstants(data *table, rng *rand.Rand) *table {
	var noisy *table
	low, high := data.ranges()
	for j := range data.columns {
		if float64(high[j]) > float64(low[j])+sameValue {
			continue
		}
		if noisy == nil {
			noisy = &table{data.columns, slices.Clone(data.values)}
		}
		for i := range data.rows() {
			noisy.row(i)[j] += float32(2*rng.Float64() - 1)
		}
	}
	if noisy == nil {
		return data
	}
	return noisy
}

// crossScores are the scores of the rows by models of the others. The parts are whole stretches of time, as rows that follow one
// another are alike.
func (t *Training) crossScores(data *table) []float64 {
	scores := make([]float64, 0, data.rows())
	for k := range folds {
		from, to := k*data.rows()/folds, (k+1)*data.rows()/folds
		part := &Model{}
		t.fit(part, data.without(from, to), foldStream+uint64(k))
		var p point
		for i := from; i < to; i++ {
			scores = append(scores, part.raw(data.row(i), &p))
		}
	}
	return scores
}

// percentile is the score that the share of contamination of the training rows lies above, interpolated between ranks.
func (t *Training) percentile(m *Model, data *table) float64 {
	scores := make([]float64, data.rows())
	var p point
	for i := range scores {
		scores[i] = m.raw(data.row(i), &p)
	}
	slices.Sort(scores)
	return percentile(scores, 1-t.share)
}

// percentile of sorted values, linear between them, as NumPy's.
func percentile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// raw is the raw score of a scaled row. Of components it is the distance. Of a forest it is -ln(1 - score), and as a forest cannot tell
// a row that lies a little beyond all it has seen from one that lies far beyond, it grows with that distance.
func (m *Model) raw(row []float32, p *point) float64 {
	if m.components != nil {
		return min(m.components.distance(row), maxDistance)
	}
	p.set(row)
	return m.beyond(row) - math.Log1p(-m.forest.score(p))
}

// beyond is how far a scaled row lies outside of the range of the training rows, by the distance from the median to the end of the range
// there.
func (m *Model) beyond(row []float32) float64 {
	off := float32(0)
	for j, v := range row {
		if v > m.high[j] {
			off = max(off, (v-m.high[j])/max(m.high[j]-m.middle[j], sameValue))
		} else if v < m.low[j] {
			off = max(off, (m.low[j]-v)/max(m.middle[j]-m.low[j], sameValue))
		}
	}
	return float64(min(off, maxDistance))
}

func (m *Model) bytes() int {
	n := 8*(len(m.center)+len(m.scale)+len(m.calibration)) + 200
	if m.forest != nil {
		n += m.forest.bytes()
	}
	if m.components != nil {
		n += m.components.bytes()
	}
	return n
}
