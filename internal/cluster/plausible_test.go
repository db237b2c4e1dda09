// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// The bounds of the shares are five standard deviations of a binomial share of the
// numbers at hand, or wider.
func TestSharesAreThoseOfTheConstants(t *testing.T) {
	const rate, span = 200, 10 * time.Minute
	h := live(newCluster(t, Config{Seed: 7, Rate: rate, LateAfter: 48 * time.Hour}), span)
	assert.InEpsilon(t, rate*span.Seconds(), float64(h.events), 0.02)

	failed, slow, judged := 0, 0, len(h.evaluations)
	byType := map[string][]float64{}
	for _, r := range h.requests {
		byType[r.Specialist.Type] = append(byType[r.Specialist.Type], r.Duration.Value)
		if r.Failed() {
			failed++
			if r.ErrorType == "timeout" {
				slow++
			}
		}
	}
	assert.InDelta(t, backgroundErrorShare, float64(failed)/float64(len(h.requests)), 0.005)
	assert.InDelta(t, judgedShare, float64(judged)/float64(len(h.requests)-failed), 0.02)
	assert.Positive(t, slow, "some requests time out")
	assert.Less(t, mean(byType["chat"]), 1.0)
	assert.Greater(t, mean(byType["legal"]), 3.0)
	assert.InDelta(t, float64(len(h.predictions)), float64(len(h.starts)), 0.03*float64(len(h.starts)), "as many requests as predictions")

	sampled, unsure, classified := 0, 0, 0
	for _, p := range h.predictions {
		if p.SampledForLabel.Value {
			sampled++
		}
		if p.Confidence.Set {
			classified++
			if p.Confidence.Value < 0.7 {
				unsure++
			}
		}
	}
	assert.InDelta(t, sampledShare, float64(sampled)/float64(len(h.predictions)), 0.01)
	assert.InDelta(t, 0.2, float64(unsure)/float64(classified), 0.1, "some predictions have low confidence, most have not")
}

// The accuracy of a calibrated model is its mean confidence.
func TestModelsAreCalibrated(t *testing.T) {
	h := live(newCluster(t, Config{Seed: 7, Rate: 500, LateAfter: time.Second, LateWithin: time.Minute}), 7*time.Minute)
	right, confidence, n := 0.0, 0.0, 0.0
	for _, l := range h.labels {
		p, ok := h.predictions[l.Target.PredictionID]
		if !ok || l.Actual.Class == "" || l.Revision.Value > 1 {
			continue
		}
		n++
		confidence += p.Confidence.Value
		if l.Actual.Class == p.Predicted.Class {
			right++
		}
	}
	require.Greater(t, n, 2000.0)
	// A twentieth of the first labels is turned round: right·0.95 + wrong·0.05.
	expected := confidence/n*(1-wrongLabelShare) + (1-confidence/n)*wrongLabelShare
	assert.InDelta(t, expected, right/n, 0.03)
}

func TestEverythingHangsTogether(t *testing.T) {
	const lateAfter, lateWithin = time.Minute, 10 * time.Minute
	h := live(newCluster(t, Config{Seed: 11, Rate: 50, LateAfter: lateAfter, LateWithin: lateWithin}), 20*time.Minute)

	require.Greater(t, len(h.requests), 10_000)
	assert.InDelta(t, len(h.starts), len(h.requests), 200, "all requests end, but those under way")
	for id, end := range h.requests {
		start, ok := h.starts[id]
		require.True(t, ok, id)
		require.InDelta(t, end.Time.Sub(start.Time).Seconds(), end.Duration.Value, 1e-9)
		requireSameContext(t, &start.Meta, &end.Meta)
	}
	for id, e := range h.evaluations {
		r, ok := h.requests[e.Target.RequestID]
		require.True(t, ok, "%s judges a request that has ended", id)
		require.False(t, r.Failed())
		require.Equal(t, r.ResponseID, e.Target.ResponseID)
		require.Equal(t, r.Specialist, e.Specialist)
		require.True(t, e.Time.After(r.Time))
		requireSameContext(t, &r.Meta, &e.Meta)
		require.Equal(t, e.Decision == "deny", len(e.Issues) > 0)
		for _, result := range e.Results {
			require.GreaterOrEqual(t, result.Score.Value, result.Min.Value)
			require.LessOrEqual(t, result.Score.Value, result.Max.Or(1))
		}
	}
	require.NotEmpty(t, h.labels)
	kinds := map[string]int{}
	for i := range h.labels {
		kinds[h.checkLabel(t, &h.labels[i], lateAfter, lateWithin)]++
	}
	assert.Positive(t, kinds["first"])
	assert.Positive(t, kinds["revised"])
	assert.Positive(t, kinds["retracted"])
	assert.Positive(t, kinds["evaluation"])
}

// checkLabel looks at what a label speaks of, and tells which kind of label it is.
func (h *history) checkLabel(t *testing.T, l *event.Label, after, within time.Duration) string {
	t.Helper()
	if l.Target.EvaluationID != "" {
		e, ok := h.evaluations[l.Target.EvaluationID]
		require.True(t, ok, "%s speaks of an evaluation that was sent", l.LabelID)
		requireSameContext(t, &e.Meta, &l.Meta)
		return "evaluation"
	}
	p, ok := h.predictions[l.Target.PredictionID]
	require.True(t, ok, "%s speaks of a prediction that was sent", l.LabelID)
	require.True(t, p.SampledForLabel.Value)
	require.Equal(t, p.Model, l.Model)
	requireSameContext(t, &p.Meta, &l.Meta)
	if l.Revision.Value == 1 {
		delay := l.Time.Sub(p.Time)
		require.GreaterOrEqual(t, delay, after-time.Millisecond)
		require.LessOrEqual(t, delay, within+time.Millisecond)
		return "first"
	}
	if l.Operation == event.LabelRetract {
		return "retracted"
	}
	return "revised"
}

func requireSameContext(t *testing.T, a, b *event.Meta) {
	t.Helper()
	require.Equal(t, a.RequestID, b.RequestID)
	require.Equal(t, a.CorrelationID, b.CorrelationID)
	require.Equal(t, a.TraceID, b.TraceID)
	require.Equal(t, a.SpanID, b.SpanID)
	require.False(t, a.TraceID.IsEmpty())
}

func TestImprovementsLive(t *testing.T) {
	h := live(newCluster(t, Config{Seed: 11, Rate: 200, LateAfter: time.Second, LateWithin: time.Minute}), 10*time.Minute)
	lives := map[string]int{}
	for _, states := range h.improvements {
		var life strings.Builder
		for _, state := range states {
			life.WriteString(state[:1])
		}
		lives[life.String()]++
	}
	decided := float64(lives["sr"] + lives["sa"] + lives["sai"])
	assert.InDelta(t, 1-acceptedShare, float64(lives["sr"])/decided, 0.05)
	assert.InDelta(t, acceptedShare*implementedShare, float64(lives["sai"])/decided, 0.05)
	for life := range lives {
		assert.Contains(t, []string{"s", "sr", "sa", "sai"}, life)
	}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
