// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Whatever logs come: no panic, every figure finite, counters that only grow, and the
// same logs sent again change no counter of events that have an id.
func FuzzLogs(f *testing.F) {
	s := newScene(f)
	seed := plog.NewLogs()
	record := seed.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("guardian.request")
	_ = record.Attributes().FromRaw(map[string]any{"request_id": "r", "model.name": "m", "specialist.type": "s", "duration_s": 1.5, "features.x": math.NaN()})
	_ = record.Body().SetEmptyMap().FromRaw(map[string]any{"event_type": "prediction_complete", "prediction": []any{1}})
	blob, err := (&plog.ProtoMarshaler{}).MarshalLogs(seed)
	require.NoError(f, err)
	f.Add(blob)
	f.Fuzz(func(t *testing.T, blob []byte) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(blob)
		if err != nil {
			return
		}
		s := newFuzzScene(t, s)
		count := func() {
			for _, resource := range logs.ResourceLogs().All() {
				for _, scope := range resource.ScopeLogs().All() {
					for _, record := range scope.LogRecords().All() {
						s.counts.record(record, resource.Resource().Attributes(), s.now)
					}
				}
			}
		}
		count()
		before := s.settled()
		count()
		after := s.settled()
		for name, value := range before {
			assert.False(t, math.IsNaN(value) || math.IsInf(value, 0), "%s is %v", name, value)
			if isCounter(name) {
				assert.GreaterOrEqual(t, after[name], value, name)
			}
		}
		state := s.counts.encodeState(s.now)
		again := newFuzzScene(t, s)
		require.NoError(t, again.counts.restoreState(stateSchema, state, s.now))
		assert.Equal(t, state, again.counts.encodeState(s.now), "the state survives")
	})
}

func isCounter(name string) bool {
	for i := range catalogue {
		m := &catalogue[i]
		if len(name) >= len(m.Prometheus) && name[:len(m.Prometheus)] == m.Prometheus && m.Kind == 0 {
			return true
		}
	}
	return false
}

// newFuzzScene is a scene that shares the telemetry of another one, which costs more
// than the rest.
func newFuzzScene(t *testing.T, of *scene) *scene {
	t.Helper()
	config := createDefaultConfig().(*Config)
	config.Series.Limit, config.Limits = 20, LimitsConfig{Tenants: 2, Classes: 2, Features: 2, OpenRequests: 2, Improvements: 2}
	c, err := newCounts(config, of.counts.telemetry)
	require.NoError(t, err)
	return &scene{t: t, counts: c, now: sceneStart.Add(time.Second)}
}

// Whatever spans come: no panic, and the same spans sent again count no more requests.
func FuzzTraces(f *testing.F) {
	s := newScene(f)
	blob, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(chatSpan())
	require.NoError(f, err)
	f.Add(blob)
	mappings, err := compileMappings([]SpanConfig{{Conditions: []string{`kind == SPAN_KIND_SERVER`}, ModelName: `attributes["model"]`}}, componenttest.NewNopTelemetrySettings())
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, blob []byte) {
		traces, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(blob)
		if err != nil {
			return
		}
		s := newFuzzScene(t, s)
		e := &engine{counts: s.counts, mappings: mappings}
		e.expectSpans()
		e.tracesAt(traces, s.now)
		before := with(s.settled(), "ml_requests_total")
		e.tracesAt(traces, s.now)
		after := with(s.settled(), "ml_requests_total")
		for _, resource := range traces.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					if span.TraceID().IsEmpty() || span.SpanID().IsEmpty() {
						return // nothing tells such a span from another one
					}
				}
			}
		}
		assert.Equal(t, before, after)
	})
}

// Whatever was saved: an error or counts that can be flushed, never a panic.
func FuzzRestore(f *testing.F) {
	s := newScene(f)
	s.json(failedRequest)
	f.Add(s.counts.encodeState(s.now))
	f.Fuzz(func(t *testing.T, blob []byte) {
		restored := newFuzzScene(t, s)
		if restored.counts.restoreState(stateSchema, blob, restored.now) != nil {
			return
		}
		restored.counts.settle(restored.now, false)
		for _, picture := range restored.counts.flush(restored.now, false, "fuzz") {
			_, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(picture)
			require.NoError(t, err)
		}
	})
}
