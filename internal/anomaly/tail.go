// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

const (
	// tailShare is the share of the scores that the tail is fitted to, and tailLeast their least number.
	tailShare = 0.1
	tailLeast = 5
	// leastExcess is the least mean excess, as a share of the threshold, and ofNothing that over a threshold of 0: calm scores may
	// all be equal.
	leastExcess = 0.02
	ofNothing   = 0.4
)

// tail continues the distribution of scores beyond the largest ones: the excesses over a threshold are exponential, or so are those
// of the logarithms, which makes the tail a Pareto one, wherever the excesses might be heavier than exponential. Lighter tails than
// that make alarms rarer than stated, never more frequent. What the fit does not know for certain is part of the probability: with k
// excesses of mean θ the next one exceeds x with probability (1 + x/(kθ))⁻ᵏ, exactly if they are exponential; dependent
// scores come in clusters, and k is the number of clusters.
type tail struct {
	threshold float64
	count     int     // of scores above the threshold
	share     float64 // of scores above the threshold
	mean      float64 // of the excesses
	clusters  float64
	pareto    bool
}

// fit looks at the largest scores. heavy says that the scores beyond have another law than these, as those of a forest: they lie close
// together while rows lie within the training rows.
func (t *tail) fit(r *ranked[float32], heavy bool) {
	n := len(r.sorted)
	k := max(tailLeast, int(tailShare*float64(n)))
	if k >= n {
		*t = tail{}
		return
	}
	*t = tail{threshold: float64(r.sorted[n-k-1]), count: k, share: float64(k) / float64(n)}
	var sum, squares, logs float64
	for _, v := range r.sorted[n-k:] {
		x := float64(v) - t.threshold
		sum += x
		squares += x * x
	}
	mean := sum / float64(k)
	// The coefficient of variation of exponential excesses is 1, of heavier ones more. Unless it is clearly less, they may be heavy.
	spread := math.Sqrt(max(0, squares/float64(k)/(mean*mean)-1))
	if t.pareto = t.threshold > 0 && (heavy || !(spread < 1-1/math.Sqrt(float64(k)))); t.pareto {
		for _, v := range r.sorted[n-k:] {
			logs += t.excess(float64(v))
		}
		mean = logs / float64(k)
	}
	t.mean = t.leastMean(mean)
	t.clusters = countClusters(r, float32(t.threshold))
}

// countClusters is the number of runs of values above a threshold.
func countClusters(r *ranked[float32], threshold float32) float64 {
	runs, above := 0, false
	count := func(v float32) {
		if v > threshold && !above {
			runs++
		}
		above = v > threshold
	}
	r.each(count)
	return float64(max(1, runs))
}

// p is the probability of a score of at least s, which is above the threshold.
func (t *tail) p(s float64) float64 {
	return t.share * math.Exp(-t.clusters*math.Log1p(max(0, t.excess(s))/(t.clusters*t.mean)))
}

// excess is what is exponential.
func (t *tail) excess(s float64) float64 {
	if t.pareto {
		return math.Log(s / t.threshold)
	}
	return s - t.threshold
}

// leastMean raises a mean excess that cannot be so small.
func (t *tail) leastMean(mean float64) float64 {
	switch {
	case t.pareto:
		return max(mean, leastExcess)
	case t.threshold == 0:
		return max(mean, ofNothing)
	}
	return max(mean, leastExcess*t.threshold)
}

// quantile is the score whose probability is p, or the threshold of the tail if that is less.
func (t *tail) quantile(p float64) float64 {
	if t.count == 0 || p >= t.share {
		return t.threshold
	}
	x := t.clusters * t.mean * math.Expm1(math.Log(t.share/p)/t.clusters)
	if t.pareto {
		return t.threshold * math.Exp(min(x, 100))
	}
	return t.threshold + x
}

// dependent says whether the largest scores come in clusters: independent ones would have nearly as many clusters as there are scores.
func (t *tail) dependent() bool { return t.clusters < 0.8*(1-t.share)*float64(t.count) }

func (t *tail) encode(e *codec.Encoder) {
	e.Float64(t.threshold)
	e.Count(t.count)
	e.Float64(t.share)
	e.Float64(t.mean)
	e.Float64(t.clusters)
	e.Bool(t.pareto)
}

func (t *tail) decode(d *codec.Decoder) {
	*t = tail{threshold: d.Finite(), count: int(d.Below(1 << 24)), share: d.Finite(), mean: d.Finite(), clusters: d.Finite(), pareto: d.Bool()}
	d.Require(t.threshold >= 0 && t.share >= 0 && t.share <= 1 && (t.count == 0 || t.mean > 0 && t.clusters >= 1))
	d.Require(!t.pareto || t.threshold > 0)
}
