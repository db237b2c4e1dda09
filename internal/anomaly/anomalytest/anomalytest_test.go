// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalytest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The scorer against what is published of it: values of the sigmoid, the cost of a false positive where there is no window, the corpus score
// of random cut forest from the sum of its series, and its scores of series whose detections follow from their counts.
func TestNABScorer(t *testing.T) {
	assert.InDelta(t, 0.98661, sigmoid(-1), 1e-5)
	assert.InDelta(t, 0.84828, sigmoid(-0.5), 1e-5)
	assert.InDelta(t, 0, sigmoid(0), 1e-12)
	assert.InDelta(t, -0.98661, sigmoid(1), 1e-5)
	assert.InDelta(t, -1, sigmoid(3.1), 1e-12)
	assert.InDelta(t, 51.717054557, Normalised(3.98356657241, 116, Profiles[0]), 1e-6)

	calm := &Series{Values: make([]float64, 4032)}
	require.Equal(t, 604, calm.Probation())
	require.Equal(t, 750, (&Series{Values: make([]float64, 22695)}).Probation())
	scores := make([]float64, 4032)
	for i := range 13 {
		scores[700+i*3] = 1
	}
	scores[100] = 1 // In probation.
	assert.InDelta(t, -1.43, Score(calm.Rows(scores), 0.5, Profiles[0]), 1e-9, "ec2_cpu_utilization_c6585a: 13 false positives, no window")

	// A first detection in a window is worth exactly what is published of series with one window, by the row that it must be.
	for _, c := range []struct {
		rows, from, to, at int
		published          float64
	}{
		{4032, 2787, 3189, 2988, 0.86067182427},             // art_daily_jumpsup, standard
		{4032, 2734, 3136, 2991, 0.72882124279},             // art_load_balancer_spikes, low FN
		{18050, 16551, 18049, 17444, 0.666433666253 + 0.11}, // cpu_utilization_asg_misconfiguration, standard, with a false positive
	} {
		s := &Series{Values: make([]float64, c.rows), Windows: [][2]int{{c.from, c.to}}}
		scores := make([]float64, c.rows)
		scores[c.at], scores[c.at+1] = 1, 1
		assert.InDelta(t, c.published, Score(s.Rows(scores), 0.5, Profiles[0]), 1e-10)
	}

	one := &Series{Values: make([]float64, 4032), Windows: [][2]int{{2800, 3202}}}
	assert.InDelta(t, -1, Score(one.Rows(make([]float64, 4032)), 0.5, Profiles[0]), 1e-12, "a window that is missed")
	assert.InDelta(t, -2, Score(one.Rows(make([]float64, 4032)), 0.5, Profiles[2]), 1e-12)
	first := make([]float64, 4032)
	first[2800], first[3000] = 1, 1
	assert.InDelta(t, 1, Score(one.Rows(first), 0.5, Profiles[0]), 1e-12, "the earliest detection counts, once")
}

func TestROCAUC(t *testing.T) {
	assert.InDelta(t, 1, ROCAUC([]float64{1, 2, 3}, []bool{false, false, true}), 0)
	assert.InDelta(t, 0.5, ROCAUC([]float64{1, 1, 1}, []bool{false, true, false}), 0)
	assert.InDelta(t, 0.75, ROCAUC([]float64{1, 2, 3, 4}, []bool{false, true, false, true}), 0)
}
