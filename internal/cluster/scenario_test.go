// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/sha256"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// The distance expected of a shift comes from the normal distribution of gonum, the
// distance that is there from gonum's Kolmogorov–Smirnov statistic.
func TestDriftIsInThatFeatureOnly(t *testing.T) {
	const at, span = 10 * time.Minute, 20 * time.Minute
	for _, shift := range []float64{1, -0.5} {
		h := live(newCluster(t, Config{Seed: 13, Rate: 100, Drifts: []Drift{{Model: "churn", Feature: "income", At: at, Shift: shift}}}), span)
		expected := 2*distuv.UnitNormal.CDF(math.Abs(shift)/2) - 1
		before, after := h.features(at)
		for name, values := range before {
			d := stat.KolmogorovSmirnov(values, nil, after[name], nil)
			if name == "churn.income" {
				assert.InDelta(t, expected, d, 0.04)
				continue
			}
			// The distance of two samples of one distribution exceeds this once in ten thousand times.
			n, m := float64(len(values)), float64(len(after[name]))
			assert.Less(t, d, math.Sqrt(-math.Log(1e-4/2)/2*(n+m)/(n*m)), name)
		}
	}
}

// features gives the values of each feature before and after a moment, sorted; categories
// as numbers.
func (h *history) features(at time.Duration) (before, after map[string][]float64) {
	before, after = map[string][]float64{}, map[string][]float64{}
	for _, p := range h.predictions {
		into := before
		if p.Time.Sub(defaultStart) >= at {
			into = after
		}
		for _, f := range p.Features {
			value, isNumber := f.Value.Number()
			if !isNumber {
				text, _ := f.Value.Text()
				value = float64(slices.Index(modelNamed(p.Model.Name).feature(f.Name()).categories, text))
			}
			name := p.Model.Name + "." + f.Name()
			into[name] = append(into[name], value)
		}
	}
	for _, side := range []map[string][]float64{before, after} {
		for _, values := range side {
			slices.Sort(values)
		}
	}
	return before, after
}

// A drift that ends leaves the run as it would have been without it, before and after.
func TestDriftEnds(t *testing.T) {
	const from, to, span = 2 * time.Minute, 4 * time.Minute, 6 * time.Minute
	drift := Drift{Model: "churn", Feature: "income", At: from, Until: to, Shift: 1}
	calm := live(newCluster(t, Config{Seed: 13, Rate: 100}), span)
	moved := live(newCluster(t, Config{Seed: 13, Rate: 100, Drifts: []Drift{drift}}), span)
	require.Len(t, moved.predictions, len(calm.predictions))
	differ := 0
	for i, p := range moved.predictions {
		if at := p.Time.Sub(defaultStart); at < from || at >= to {
			require.Equal(t, calm.predictions[i].Features, p.Features, "at %s", at)
		} else if !assert.ObjectsAreEqual(calm.predictions[i].Features, p.Features) {
			differ++
		}
	}
	assert.Greater(t, differ, 100)
}

func TestDriftOfCategories(t *testing.T) {
	const at = 5 * time.Minute
	h := live(newCluster(t, Config{Seed: 13, Rate: 200, Drifts: []Drift{{Model: "fraud", Feature: "channel", At: at, Shift: 0.4}}}), 2*at)
	before, after := h.features(at)
	last := func(values []float64) float64 {
		n := 0
		for _, v := range values {
			if v == 3 {
				n++
			}
		}
		return float64(n) / float64(len(values))
	}
	assert.InDelta(t, 0.05, last(before["fraud.channel"]), 0.01)
	assert.InDelta(t, 0.05+0.4*0.95, last(after["fraud.channel"]), 0.03, "four tenths of the rest have moved")
	assert.InDelta(t, last(before["churn.plan"]), last(after["churn.plan"]), 0.015)
}

func TestDriftCostsAccuracy(t *testing.T) {
	accuracy := func(drifts ...Drift) float64 {
		h := live(newCluster(t, Config{Seed: 17, Rate: 200, LateAfter: time.Second, LateWithin: time.Minute, Drifts: drifts}), 10*time.Minute)
		right, n := 0.0, 0.0
		for _, l := range h.labels {
			if p := h.predictions[l.Target.PredictionID]; p.Model.Name == "churn" && l.Revision.Value == 1 {
				n++
				if p.Predicted.Class == l.Actual.Class {
					right++
				}
			}
		}
		return right / n
	}
	calm, drifted := accuracy(), accuracy(Drift{Model: "churn", Feature: "age", Shift: 1})
	assert.InDelta(t, confidenceLossPerZ, calm-drifted, 0.07)
}

func TestTroubleIsOfThatSpecialistThenOnly(t *testing.T) {
	const from, to, span = 2 * time.Minute, 6 * time.Minute, 8 * time.Minute
	config := Config{Seed: 19, Rate: 100}
	calm := live(newCluster(t, config), span)
	config.Troubles = []Trouble{{Specialist: "code-1", From: from, To: to, LatencyFactor: 4, ErrorShare: 0.5}}
	h := live(newCluster(t, config), span)

	type figures struct{ n, failed, latency, quality, answered float64 }
	look := func(h *history, specialist string, inside bool) (f figures) {
		for _, r := range h.requests {
			began := h.starts[r.RequestID].Time.Sub(defaultStart)
			if r.Specialist.ID != specialist || (began >= from && began < to) != inside {
				continue
			}
			f.n++
			if r.Failed() {
				f.failed++
				continue
			}
			f.answered++
			f.latency += r.Duration.Value
			f.quality += r.Confidence.Value
		}
		f.failed, f.latency, f.quality = f.failed/f.n, f.latency/f.answered, f.quality/f.answered
		return f
	}
	inside, outside, before := look(h, "code-1", true), look(h, "code-1", false), look(calm, "code-1", true)
	require.Greater(t, inside.n, 600.0)
	assert.InDelta(t, 0.5, inside.failed, 0.07)
	assert.InEpsilon(t, 4, inside.latency/before.latency, 0.15)
	assert.InEpsilon(t, 0.5, inside.quality/before.quality, 0.05)
	assert.InDelta(t, backgroundErrorShare, outside.failed, 0.02)
	assert.Equal(t, calm.others("code-1"), h.others("code-1"), "nobody else notices")
}

// others gives a hash of all that was said of the models and of the other specialists, but event ids,
// which count all events.
func (h *history) others(specialist string) [sha256.Size]byte {
	var lines []string
	add := func(e event.Event, about event.Specialist) {
		if about.ID != specialist {
			e.Common().ID = ""
			lines = append(lines, string(event.AppendJSON(nil, e)))
		}
	}
	for _, r := range h.requests {
		r.FinishReasons = nil
		add(&r, r.Specialist)
	}
	for _, e := range h.evaluations {
		e.Improvements = nil
		add(&e, e.Specialist)
	}
	for _, p := range h.predictions {
		p.Segments = nil
		add(&p, event.Specialist{})
	}
	for _, l := range h.labels {
		add(&l, l.Specialist)
	}
	slices.Sort(lines)
	return sha256.Sum256([]byte(strings.Join(lines, "\n")))
}

func TestBurstIsOfAllSpecialists(t *testing.T) {
	const from, to = 2 * time.Minute, 4 * time.Minute
	h := live(newCluster(t, Config{Seed: 23, Rate: 300, Bursts: []Burst{{From: from, To: to}}}), 6*time.Minute)
	var inside, failedInside, outside, failedOutside float64
	for _, r := range h.requests {
		began := h.starts[r.RequestID].Time.Sub(defaultStart)
		n, failed := &outside, &failedOutside
		if began >= from && began < to {
			n, failed = &inside, &failedInside
		}
		*n++
		if r.Failed() {
			*failed++
		}
	}
	assert.InDelta(t, defaultErrorShare, failedInside/inside, 0.03)
	assert.InDelta(t, backgroundErrorShare, failedOutside/outside, 0.01)
}
