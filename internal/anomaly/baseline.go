// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

const (
	// normalP95 is the 95th percentile of the standard normal distribution.
	normalP95 = 1.6448536269514722
	// clipAt is the number of standard deviations beyond which a value counts as one of so many, once there are clipAfter values.
	clipAt    = 4
	clipAfter = 30
)

// baseline is what is usual for a metric: mean, standard deviation and 95th percentile of calm rows, of which a row counts half as
// much after half-life rows. Extreme values count as less extreme ones.
type baseline struct {
	n        uint64
	mean     float64
	variance float64
	p95      float64
}

// forgetting is the weight of the newest row once the start is over.
func forgetting(halfLife float64) float64 { return -math.Expm1(-math.Ln2 / halfLife) }

func (b *baseline) learn(v, forget, floor float64) {
	b.n++
	if b.n == 1 {
		b.mean, b.p95 = v, v
		return
	}
	std := b.std(floor)
	if b.n > clipAfter {
		v = min(max(v, b.mean-clipAt*std), b.mean+clipAt*std)
	}
	weight := max(forget, 1/float64(b.n))
	delta := v - b.mean
	b.mean += weight * delta
	b.variance = (1 - weight) * (b.variance + weight*delta*delta)
	b.learnP95(v, weight)
}

// learnP95 follows the percentile by steps that balance where 5 % of the values lie above it (Robbins and Monro). Until there are
// enough values for that it is that of a normal distribution.
func (b *baseline) learnP95(v, weight float64) {
	std := math.Sqrt(b.variance)
	if b.n <= clipAfter {
		b.p95 = b.mean + normalP95*std
		return
	}
	const density = 0.1 // of a standard normal distribution at its 95th percentile
	step := weight * std / density
	if v > b.p95 {
		b.p95 += step * 0.95
	} else {
		b.p95 -= step * 0.05
	}
}

// std is the standard deviation, but no less than a share of the level.
func (b *baseline) std(floor float64) float64 {
	return max(math.Sqrt(b.variance), leastScale(b.mean, floor))
}

// leastScale is the scale below which differences of a value of some level are not looked at.
func leastScale(level, floor float64) float64 { return max(floor*math.Abs(level), 1e-12) }

func (b *baseline) export() Baseline {
	return Baseline{N: b.n, Mean: b.mean, Std: math.Sqrt(b.variance), P95: b.p95}
}

func (b *baseline) encode(e *codec.Encoder) {
	e.Uvarint(b.n)
	for _, v := range []float64{b.mean, b.variance, b.p95} {
		e.Float64(v)
	}
}

func (b *baseline) decode(d *codec.Decoder) {
	*b = baseline{n: d.Uvarint(), mean: d.Finite(), variance: d.Finite(), p95: d.Finite()}
	d.Require(b.variance >= 0)
}
