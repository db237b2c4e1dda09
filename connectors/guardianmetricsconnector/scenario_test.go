// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// scene is counts with a clock of their own.
type scene struct {
	t      testing.TB
	counts *counts
	now    time.Time
	reader *sdkmetric.ManualReader
}

var sceneStart = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newScene(t testing.TB, configure ...func(*Config)) *scene {
	t.Helper()
	config := createDefaultConfig().(*Config)
	for _, change := range configure {
		change(config)
	}
	require.NoError(t, config.Validate())
	set := componenttest.NewNopTelemetrySettings()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.Background())) })
	set.MeterProvider = provider
	telemetry, err := newTelemetry(set)
	require.NoError(t, err)
	t.Cleanup(telemetry.shutdown)
	c, err := newCounts(config, telemetry)
	require.NoError(t, err)
	return &scene{t: t, counts: c, now: sceneStart, reader: reader}
}

// json counts events as the guardian receiver would hand them on.
func (s *scene) json(lines ...string) {
	s.t.Helper()
	var decoder event.Decoder
	records := plog.NewLogRecordSlice()
	for _, line := range lines {
		decoder.Reset([]byte(line))
		ev, err := decoder.Next("")
		require.NoError(s.t, err, line)
		if ev.Common().ID == "" {
			ev.Common().ID = event.NaturalID(ev)
		}
		event.Append(ev, pcommon.NewTimestampFromTime(s.now), records)
	}
	for i := range records.Len() {
		s.counts.record(records.At(i), pcommon.NewMap(), s.now)
	}
}

// spans counts spans of one batch.
func (s *scene) spans(config *Config, add func(ptrace.SpanSlice)) {
	s.t.Helper()
	traces := ptrace.NewTraces()
	add(traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans())
	mappings, err := compileMappings(config.Spans, componenttest.NewNopTelemetrySettings())
	require.NoError(s.t, err)
	e := &engine{counts: s.counts, mappings: mappings}
	e.expectSpans()
	e.tracesAt(traces, s.now)
}

// flush lets 15 s pass and gives what is shown then, each value by its name in
// Prometheus' notation.
func (s *scene) flush() map[string]float64 {
	s.now = s.now.Add(15 * time.Second)
	s.counts.settle(s.now, false)
	return s.shown(s.counts.flush(s.now, false, "test")...)
}

// settled flushes until what is held has been counted, and what is new has been
// shown at 0.
func (s *scene) settled() map[string]float64 {
	s.now = s.now.Add(s.counts.config.QualityTier.Wait)
	s.flush()
	return s.flush()
}

func (s *scene) shown(pictures ...pmetric.Metrics) map[string]float64 {
	values := map[string]float64{}
	for _, picture := range pictures {
		for _, m := range picture.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			name := m.Name()
			if known := find(name); known != nil {
				name = known.Prometheus
			}
			switch m.Type() {
			case pmetric.MetricTypeSum:
				for _, p := range m.Sum().DataPoints().All() {
					values[name+labelText(p.Attributes())] = numberOf(p)
				}
			case pmetric.MetricTypeGauge:
				for _, p := range m.Gauge().DataPoints().All() {
					values[name+labelText(p.Attributes())] = numberOf(p)
				}
			case pmetric.MetricTypeHistogram:
				for _, p := range m.Histogram().DataPoints().All() {
					values[name+"_count"+labelText(p.Attributes())] = float64(p.Count())
					values[name+"_sum"+labelText(p.Attributes())] = p.Sum()
				}
			case pmetric.MetricTypeSummary:
				for _, p := range m.Summary().DataPoints().All() {
					values[name+"_count"+labelText(p.Attributes())] = float64(p.Count())
					values[name+"_sum"+labelText(p.Attributes())] = p.Sum()
				}
			}
		}
	}
	return values
}

func numberOf(p pmetric.NumberDataPoint) float64 {
	if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return float64(p.IntValue())
	}
	return p.DoubleValue()
}

func labelText(attributes pcommon.Map) string {
	var parts []string
	for key, value := range attributes.All() {
		parts = append(parts, fmt.Sprintf("%s=%s", strings.ReplaceAll(key, ".", "_"), value.AsString()))
	}
	sort.Strings(parts)
	if len(parts) == 0 {
		return ""
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// with gives the values whose names begin so.
func with(values map[string]float64, prefix string) map[string]float64 {
	chosen := map[string]float64{}
	for name, value := range values {
		if strings.HasPrefix(name, prefix) {
			chosen[name] = math.Round(value*1e9) / 1e9
		}
	}
	return chosen
}

// own gives the connector's own counter, by its labels.
func (s *scene) own(name string) map[string]int64 {
	s.t.Helper()
	s.counts.telemetry.report()
	var data metricdata.ResourceMetrics
	require.NoError(s.t, s.reader.Collect(context.Background(), &data))
	values := map[string]int64{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				var parts []string
				for _, kv := range p.Attributes.ToSlice() {
					parts = append(parts, kv.Value.AsString())
				}
				values[strings.Join(parts, " ")] = p.Value
			}
		}
	}
	return values
}

var _ consumer.Metrics = (*refusing)(nil)

// refusing refuses as often as it is told to, then takes.
type refusing struct {
	mu       sync.Mutex
	refusals int
	metrics  []pmetric.Metrics
}

// taken gives what it took.
func (r *refusing) taken() []pmetric.Metrics {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.metrics)
}

func (*refusing) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (r *refusing) ConsumeMetrics(_ context.Context, metrics pmetric.Metrics) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusals > 0 {
		r.refusals--
		metrics.ResourceMetrics().RemoveIf(func(pmetric.ResourceMetrics) bool { return true }) // it owns them
		return fmt.Errorf("refused")
	}
	r.metrics = append(r.metrics, metrics)
	return nil
}
