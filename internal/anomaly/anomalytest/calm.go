// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalytest

import (
	"math"
	"math/rand/v2"
)

// Calm makes the rows of a stream without anomalies.
type Calm struct {
	Name    string
	Metrics int
	Rows    func(rng *rand.Rand) func(row []float64)
	Long    bool // Only long streams show the rate: the first day is all new.
	Unbound bool // Depends on its past for too long, or too unevenly, for the stated rate to hold: what becomes of it is printed.
}

func single(name string, draw func(rng *rand.Rand) func() float64) Calm {
	return Calm{Name: name, Metrics: 1, Rows: func(rng *rand.Rand) func([]float64) {
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

// CalmStreams are the streams: independent, of several metrics that move together, dependent on their past, and daily ones.
func CalmStreams() []Calm {
	streams := []Calm{
		single("normal", func(rng *rand.Rand) func() float64 { return rng.NormFloat64 }),
		single("log-normal", func(rng *rand.Rand) func() float64 {
			return func() float64 { return math.Exp(1.5 * rng.NormFloat64()) }
		}),
		single("Poisson 2", func(rng *rand.Rand) func() float64 { return func() float64 { return poisson(rng, 2) } }),
		{Name: "5 metrics, correlated 0.7", Metrics: 5, Rows: func(rng *rand.Rand) func([]float64) {
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
	for _, s := range []Calm{
		single("daily cycle", daily(func(phase, noise float64) float64 { return 100 + 30*math.Sin(phase) + 4*noise })),
		single("daily traffic, log-normal", daily(func(phase, noise float64) float64 {
			return (100 + 60*math.Sin(phase) + 20*math.Sin(2*phase+1)) * math.Exp(0.1*noise)
		})),
		single("AR(1) 0.99", ar1(0.99)),
	} {
		s.Long, s.Unbound = true, s.Name != "daily cycle"
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
