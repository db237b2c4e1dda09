// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly/anomalytest"
)

// methods are the settings that are tried on single series and on rows of several metrics.
func methods() map[string]Settings {
	out := map[string]Settings{}
	for _, m := range []Method{IsolationForest, PCA, RobustZ, EWMA} {
		s := DefaultSettings()
		s.Method = m
		out[string(m)] = s
	}
	s := DefaultSettings()
	s.Features = Features{Lags: 3, Differences: true}
	out["isolation_forest, lags"] = s
	return out
}

// TestFalseAlarms runs streams without anomalies through every method: no more rows may be called anomalies than 1.5 times the stated
// rate. -thorough makes the streams long enough for the table to be quoted.
func TestFalseAlarms(t *testing.T) {
	streams, rows := 4, 4000
	if *thorough {
		streams, rows = 5, 20_000
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	if *thorough {
		defer func() { require.NoError(t, w.Flush()) }()
	}
	_, _ = fmt.Fprintln(w, "stream\tmethod\talpha\tjudged\tanomalous\tachieved / stated\t")
	for _, source := range anomalytest.CalmStreams() {
		if source.Long && !*thorough {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(methods())) {
			for _, alpha := range []float64{0.01, 0.001, 0.0001} {
				s := methods()[name]
				s.Decision.Alpha = alpha
				judged, anomalous := uint64(0), uint64(0)
				for seed := range streams {
					tally := runCalm(t, s, source, rows, uint64(seed))
					judged, anomalous = judged+tally.Judged, anomalous+tally.Anomalous
				}
				stated := alpha * float64(judged)
				fmt.Fprintf(w, "%s\t%s\t%v\t%d\t%d\t%.2f\t\n", source.Name, name, alpha, judged, anomalous, float64(anomalous)/stated)
				if source.Unbound {
					continue
				}
				// Three standard deviations of chance.
				assert.LessOrEqual(t, float64(anomalous), 1.5*stated+3*math.Sqrt(1.5*stated)+1, "%s, %s, alpha %v", source.Name, name, alpha)
			}
		}
	}
}

func runCalm(t *testing.T, s Settings, source anomalytest.Calm, rows int, seed uint64) Tally {
	t.Helper()
	s.Seed = seed
	metrics := make([]string, source.Metrics)
	d, err := NewDetector(s, metrics)
	require.NoError(t, err)
	next := source.Rows(rand.New(rand.NewPCG(seed, 99)))
	row := make([]float64, source.Metrics)
	for i := range rows {
		next(row)
		observe(d, int64(i)*int64(time.Second), row)
	}
	return d.Tally()
}
