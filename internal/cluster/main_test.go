// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

func newCluster(t testing.TB, config Config) *Cluster {
	t.Helper()
	c, err := New(config)
	require.NoError(t, err)
	return c
}

// history is what a cluster told, taken apart. Events are copied.
type history struct {
	events       int
	requests     map[string]event.Request // complete and failed, by request id
	starts       map[string]event.Request
	evaluations  map[string]event.Evaluation
	predictions  map[string]event.Prediction
	labels       []event.Label
	improvements map[string][]string // their states in order, by id
	byType       map[event.Type]int
}

// live lets a cluster work for a while.
func live(c *Cluster, span time.Duration) *history {
	h := &history{
		requests: map[string]event.Request{}, starts: map[string]event.Request{}, evaluations: map[string]event.Evaluation{},
		predictions: map[string]event.Prediction{}, improvements: map[string][]string{}, byType: map[event.Type]int{},
	}
	for e := range c.Until(c.config.Start.Add(span)) {
		h.events++
		h.byType[TypeOf(e)]++
		h.note(e)
	}
	return h
}

func (h *history) note(e event.Event) {
	switch e := e.(type) {
	case *event.Request:
		if e.Ended() {
			h.requests[e.RequestID] = *e
		} else {
			h.starts[e.RequestID] = *e
		}
	case *event.Evaluation:
		copied := *e
		copied.Results = append([]event.Result(nil), e.Results...)
		copied.Issues = append([]event.Issue(nil), e.Issues...)
		h.evaluations[e.EvaluationID] = copied
		for i := range e.Improvements {
			h.improvements[e.Improvements[i].ImprovementID] = append(h.improvements[e.Improvements[i].ImprovementID], e.Improvements[i].Status)
		}
	case *event.Prediction:
		copied := *e
		copied.Features = append(event.Attributes(nil), e.Features...)
		h.predictions[e.PredictionID] = copied
	case *event.Label:
		h.labels = append(h.labels, *e)
	case *event.Improvement:
		h.improvements[e.ImprovementID] = append(h.improvements[e.ImprovementID], e.Status)
	}
}
