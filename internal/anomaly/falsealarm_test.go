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
)

// calm makes the rows of a stream without anomalies.
type calm struct {
	name    string
	metrics int
	rows    func(rng *rand.Rand) func(row []float64)
	long    bool // Only long streams show the rate: the first day is all new.
	unbound bool // Depends on its past for too long, or too unevenly, for the stated rate to hold: what becomes of it is printed.
}

func single(name string, draw func(rng *rand.Rand) func() float64) calm {
	return calm{name: name, metrics: 1, rows: func(rng *rand.Rand) func([]float64) {
		next := draw(rng)
		return func(row []float64) { row[0] = next() }
	}}
}

// daily has a level and a width of its noise that come back after 288 rows, a day of five minutes each.
func daily(at func(phase, noise float64) float64) func(rng *rand.Rand) func() float64 {
	return func(rng *rand.Rand) func() float64 {
		noise, i := ar1(0.8)(rng), 0
		return func() float64 {
			i++
			return at(2*math.Pi*float64(i)/288, noise())
		}
	}
}

// ar1 is a first-order autoregressive process of variance 1.
func ar1(rho float64) func(rng *rand.Rand) func() float64 {
	return func(rng *rand.Rand) func() float64 {
		x := rng.NormFloat64()
		return func() float64 {
			x = rho*x + math.Sqrt(1-rho*rho)*rng.NormFloat64()
			return x
		}
	}
}

func calmStreams() []calm {
	streams := []calm{
		single("normal", func(rng *rand.Rand) func() float64 { return rng.NormFloat64 }),
		single("log-normal", func(rng *rand.Rand) func() float64 {
			return func() float64 { return math.Exp(1.5 * rng.NormFloat64()) }
		}),
		single("Poisson 2", func(rng *rand.Rand) func() float64 { return func() float64 { return poisson(rng, 2) } }),
		{name: "5 metrics, correlated 0.7", metrics: 5, rows: func(rng *rand.Rand) func([]float64) {
			return func(row []float64) {
				common := math.Sqrt(0.7) * rng.NormFloat64()
				for i := range row {
					row[i] = common + math.Sqrt(0.3)*rng.NormFloat64()
				}
			}
		}},
		single("AR(1) 0.5", ar1(0.5)),
		single("AR(1) 0.9", ar1(0.9)),
	}
	for _, s := range []calm{
		single("daily cycle", daily(func(phase, noise float64) float64 { return 100 + 30*math.Sin(phase) + 4*noise })),
		single("daily traffic, log-normal", daily(func(phase, noise float64) float64 {
			return (100 + 60*math.Sin(phase) + 20*math.Sin(2*phase+1)) * math.Exp(0.1*noise)
		})),
		single("AR(1) 0.99", ar1(0.99)),
	} {
		s.long, s.unbound = true, s.name != "daily cycle"
		streams = append(streams, s)
	}
	return streams
}

func poisson(rng *rand.Rand, mean float64) float64 {
	n, p := 0.0, rng.Float64()
	for limit := math.Exp(-mean); p > limit; n++ {
		p *= rng.Float64()
	}
	return n
}

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
	for _, source := range calmStreams() {
		if source.long && !*thorough {
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
				fmt.Fprintf(w, "%s\t%s\t%v\t%d\t%d\t%.2f\t\n", source.name, name, alpha, judged, anomalous, float64(anomalous)/stated)
				if source.unbound {
					continue
				}
				// Three standard deviations of chance.
				assert.LessOrEqual(t, float64(anomalous), 1.5*stated+3*math.Sqrt(1.5*stated)+1, "%s, %s, alpha %v", source.name, name, alpha)
			}
		}
	}
}

func runCalm(t *testing.T, s Settings, source calm, rows int, seed uint64) Tally {
	t.Helper()
	s.Seed = seed
	metrics := make([]string, source.metrics)
	d, err := NewDetector(s, metrics)
	require.NoError(t, err)
	next := source.rows(rand.New(rand.NewPCG(seed, 99)))
	row := make([]float64, source.metrics)
	for i := range rows {
		next(row)
		observe(d, int64(i)*int64(time.Second), row)
	}
	return d.Tally()
}
