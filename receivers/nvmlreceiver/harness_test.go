// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/drivertest"
)

// harness is a running receiver over a scripted driver, in a synctest bubble:
// its clock is virtual, and it scrapes every ten seconds, first after one.
type harness struct {
	fake      *drivertest.Fake
	metrics   consumertest.MetricsSink
	logs      logsSink
	telemetry *componenttest.Telemetry
	host      host
	stop      func()
}

// interval is the default time between two scrapes.
const interval = 10 * time.Second

// start runs a receiver with a configuration; changes are made before it starts.
func start(t *testing.T, fake *drivertest.Fake, section string, changes ...func(*engine)) *harness {
	t.Helper()
	h := &harness{fake: fake, telemetry: componenttest.NewTelemetry()}
	factory := newFactory(func(config *Config, set component.TelemetrySettings) *engine {
		e := newEngine(config, fake, set)
		for _, change := range changes {
			change(e)
		}
		return e
	})
	cfg, err := testutil.LoadConfig(t, factory, section)
	require.NoError(t, err)
	set := receivertest.NewNopSettings(factory.Type())
	set.TelemetrySettings = h.telemetry.NewTelemetrySettings()
	metrics, err := factory.CreateMetrics(t.Context(), set, cfg, &h.metrics)
	require.NoError(t, err)
	logs, err := factory.CreateLogs(t.Context(), set, cfg, &h.logs)
	require.NoError(t, err)
	require.NoError(t, metrics.Start(t.Context(), &h.host))
	require.NoError(t, logs.Start(t.Context(), &h.host))
	h.stop = sync.OnceFunc(func() {
		require.NoError(t, logs.Shutdown(context.Background()))
		require.NoError(t, metrics.Shutdown(context.Background()))
		require.NoError(t, h.telemetry.Shutdown(context.Background()))
	})
	t.Cleanup(h.stop)
	time.Sleep(1500 * time.Millisecond) // The first scrape has been at 1 s.
	return h
}

// next waits until some more scrapes have been.
func (*harness) next(scrapes int) { time.Sleep(time.Duration(scrapes) * interval) }

// last is what the last scrape has written.
func (h *harness) last(t *testing.T) page {
	t.Helper()
	all := h.metrics.AllMetrics()
	require.NotEmpty(t, all, "nothing was scraped")
	return pageOf(all[len(all)-1])
}

// page holds the values of a scrape by metric and attributes.
type page map[string][]sample

type sample struct {
	value      float64
	attributes map[string]any
	start, at  time.Time
}

func pageOf(metrics pmetric.Metrics) page {
	p := page{}
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				for _, point := range pointsOf(metric).All() {
					value := point.DoubleValue()
					if point.ValueType() == pmetric.NumberDataPointValueTypeInt {
						value = float64(point.IntValue())
					}
					p[metric.Name()] = append(p[metric.Name()], sample{value, point.Attributes().AsRaw(), point.StartTimestamp().AsTime(), point.Timestamp().AsTime()})
				}
			}
		}
	}
	return p
}

func pointsOf(metric pmetric.Metric) pmetric.NumberDataPointSlice {
	if metric.Type() == pmetric.MetricTypeSum {
		return metric.Sum().DataPoints()
	}
	return metric.Gauge().DataPoints()
}

// of gives the values of a metric whose attributes include some.
func (p page) of(name string, attributes map[string]any) []float64 {
	var values []float64
	for _, sample := range p[name] {
		if includes(sample.attributes, attributes) {
			values = append(values, sample.value)
		}
	}
	return values
}

func includes(all, some map[string]any) bool {
	for key, value := range some {
		if all[key] != value {
			return false
		}
	}
	return true
}

// one gives the only value of a metric with some attributes.
func (p page) one(t *testing.T, name string, attributes map[string]any) float64 {
	t.Helper()
	values := p.of(name, attributes)
	require.Len(t, values, 1, "%s %v in %v", name, attributes, p[name])
	return values[0]
}

// state gives the state of a GPU.
func (p page) state(t *testing.T, uuid string) string {
	t.Helper()
	found := ""
	for _, state := range states {
		if p.one(t, "hw.status", map[string]any{"hw.id": uuid, "hw.state": state}) == 1 {
			assert.Empty(t, found, "a GPU is in one state")
			found = state
		}
	}
	return found
}

type labels = map[string]any

// logsSink keeps events, and refuses them while it has an error.
type logsSink struct {
	consumertest.LogsSink
	mu  sync.Mutex
	err error
}

func (s *logsSink) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	return s.LogsSink.ConsumeLogs(ctx, logs)
}

func (s *logsSink) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

var _ consumer.Logs = (*logsSink)(nil)

// events gives what was logged under a name, or everything.
func (h *harness) events(names ...string) []plog.LogRecord {
	var found []plog.LogRecord
	for _, logs := range h.logs.AllLogs() {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					for _, name := range names {
						if record.EventName() == name {
							found = append(found, record)
						}
					}
					if len(names) == 0 {
						found = append(found, record)
					}
				}
			}
		}
	}
	return found
}

// host remembers the states that the receiver reports.
type host struct {
	mu     sync.Mutex
	states []string
}

func (*host) GetExtensions() map[component.ID]component.Component { return nil }

func (h *host) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	text := event.Status().String()
	if event.Err() != nil {
		text += ": " + event.Err().Error()
	}
	h.states = append(h.states, text)
}

// status is the last state that was reported.
func (h *host) status() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.states) == 0 {
		return ""
	}
	return h.states[len(h.states)-1]
}

// own gives the sum of one of the receiver's own metrics.
func (h *harness) own(t *testing.T, name string) int64 {
	t.Helper()
	got, err := h.telemetry.GetMetric(name)
	if err != nil {
		return 0
	}
	return sumOf(t, got.Data)
}
