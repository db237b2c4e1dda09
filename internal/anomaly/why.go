// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"cmp"
	"math"
	"slices"
)

func severityOf(z float64) Severity {
	switch z = math.Abs(z); {
	case z > 3:
		return High
	case z > 2:
		return Medium
	}
	return Low
}

// explain says which metrics made the row anomalous: those that are off their baseline, and the one that contributes most.
func (d *Detector) explain() []Cause {
	d.contribute()
	total := 0.0
	for m, v := range d.values {
		if v != v {
			d.shares[m] = 0
		}
		total += d.shares[m]
	}
	d.causes = d.causes[:0]
	for m, v := range d.values {
		if v != v {
			continue
		}
		c := Cause{Index: m, Metric: d.metrics[m], Value: v, Baseline: d.Baseline(m), Z: d.Z(m)}
		c.Severity = severityOf(c.Z)
		if total > 0 {
			c.Contribution = d.shares[m] / total
		}
		d.causes = append(d.causes, c)
	}
	slices.SortStableFunc(d.causes, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.Contribution, a.Contribution), cmp.Compare(math.Abs(b.Z), math.Abs(a.Z)))
	})
	n := 1
	for i := 1; i < len(d.causes); i++ {
		if d.causes[i].Severity > Low && d.causes[i].Contribution > 0 {
			d.causes[n] = d.causes[i]
			n++
		}
	}
	return d.causes[:min(n, len(d.causes))]
}

// Z is how far the value of a metric, by its index, in the last row is off its baseline, in standard deviations that are not less than the floor;
// signed.
func (d *Detector) Z(metric int) float64 {
	b := &d.baselines[metric]
	if b.n == 0 {
		return 0
	}
	z := (d.adjusted[metric] - b.mean) / b.std(d.settings.Floor)
	return min(max(z, -maxDistance), maxDistance)
}

// contribute finds what every metric adds to the score of this row.
func (d *Detector) contribute() {
	clear(d.shares)
	switch {
	case d.online != nil:
		for m, v := range d.adjusted {
			if v == v {
				off := d.online.of(m, v)
				d.shares[m] = off * off
			}
		}
	case d.model.components != nil:
		perMetric := d.settings.Features.perMetric()
		d.model.components.contributions(d.scaled, func(column int, share float64) { d.shares[column/perMetric] += share })
	default:
		d.leaveOneOut()
	}
}

// leaveOneOut is how much the score of a forest falls when a metric is put back to its centre, and how much it rises when the metric
// alone leaves it, together: of metrics that are off in the same way one would hide the other. A centre between two levels may be as unusual as
// the row, so that nothing is found: then it is how far the metrics are off their baselines.
func (d *Detector) leaveOneOut() {
	perMetric := d.settings.Features.perMetric()
	score := func(row []float32) float64 { return d.model.raw(row, d.point) }
	var center [maxColumns]float32 // Which is 0 of all columns.
	typical := center[:len(d.scaled)]
	full, none := score(d.scaled), score(typical)
	for m := range d.shares {
		from, to := m*perMetric, (m+1)*perMetric
		var without, alone [maxColumns]float32
		copy(without[:], d.scaled)
		copy(without[from:to], typical[from:to])
		copy(alone[from:to], d.scaled[from:to])
		d.shares[m] = max(0, full-score(without[:len(d.scaled)])) + max(0, score(alone[:len(d.scaled)])-none)
	}
	if slices.Max(d.shares) > 0 {
		return
	}
	for m := range d.shares {
		d.shares[m] = math.Abs(d.Z(m))
	}
}
