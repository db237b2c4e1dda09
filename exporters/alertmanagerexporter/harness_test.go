// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	attr "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

var (
	wireID    = component.MustNewID("wire")
	storageID = component.MustNewID("memory")
)

// wire stands in for the network and the Alertmanagers at its end: a middleware of the client that answers by itself.
type wire struct {
	component.StartFunc
	component.ShutdownFunc

	mu       sync.Mutex
	answer   func(host string) (status int, header http.Header, err error)
	requests []request
}

// request is what an Alertmanager was sent.
type request struct {
	host     string
	at       time.Time
	alerts   []postable
	accepted bool
}

func newWire() *wire { return &wire{answer: allWell} }

func allWell(string) (int, http.Header, error) { return http.StatusOK, nil, nil }

// GetHTTPRoundTripper implements extensionmiddleware.HTTPClient.
func (w *wire) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(context.Context, http.RoundTripper) (http.RoundTripper, error) { return w, nil }, nil
}

var errHang = errors.New("never answer")

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	sent := request{host: r.URL.Host, at: time.Now()}
	if err := json.Unmarshal(body, &sent.alerts); err != nil {
		return nil, err
	}
	w.mu.Lock()
	answer := w.answer
	w.mu.Unlock()
	status, header, err := answer(r.URL.Host)
	if errors.Is(err, errHang) {
		<-r.Context().Done()
		err = r.Context().Err()
	}
	sent.accepted = err == nil && status/100 == 2
	w.mu.Lock()
	w.requests = append(w.requests, sent)
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: header, Request: r,
		Body: io.NopCloser(strings.NewReader("the answer")),
	}, nil
}

func (w *wire) answers(answer func(host string) (int, http.Header, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// status answers every request with a status.
func status(code int, header ...string) func(string) (int, http.Header, error) {
	h := http.Header{}
	if len(header) == 2 {
		h.Set(header[0], header[1])
	}
	return func(string) (int, http.Header, error) { return code, h, nil }
}

func down(string) (int, http.Header, error) { return 0, nil, errors.New("connection refused") }

func hangs(string) (int, http.Header, error) { return 0, nil, errHang }

// taken gives the requests that were accepted since the last call.
func (w *wire) taken() []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	sent := slices.DeleteFunc(slices.Clone(w.requests), func(r request) bool { return !r.accepted })
	w.requests = nil
	return sent
}

// knows plays back what an Alertmanager has accepted, and gives the alerts that are firing for it at a time, by their labels.
func knows(requests []request, host string, now time.Time) map[string]postable {
	firing := map[string]postable{}
	for _, r := range requests {
		if r.host != host {
			continue
		}
		for _, alert := range r.alerts {
			firing[labelText(alert.Labels)] = alert
		}
	}
	maps.DeleteFunc(firing, func(_ string, alert postable) bool { return !alert.EndsAt.After(now) })
	return firing
}

func labelText(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(name + "=" + labels[name] + " ")
	}
	return strings.TrimSpace(b.String())
}

// memory is a storage that keeps what it is given as long as it lives.
type memory struct {
	component.StartFunc
	component.ShutdownFunc

	mu     sync.Mutex
	values map[string][]byte
}

func newMemory() *memory { return &memory{values: map[string][]byte{}} }

// copy is the storage as it is now, as a crash leaves it.
func (m *memory) copy() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{values: maps.Clone(m.values)}
}

// GetClient implements storage.Extension.
func (m *memory) GetClient(_ context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	return &memoryClient{m, kind.String() + " " + id.String() + " " + name + " "}, nil
}

type memoryClient struct {
	of     *memory
	prefix string
}

func (c *memoryClient) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c *memoryClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *memoryClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *memoryClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = slices.Clone(c.of.values[c.prefix+op.Key])
		case storage.Set:
			c.of.values[c.prefix+op.Key] = slices.Clone(op.Value)
		case storage.Delete:
			delete(c.of.values, c.prefix+op.Key)
		}
	}
	return nil
}

func (*memoryClient) Close(context.Context) error { return nil }

// host has the extensions of a test.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// bench is a running exporter and what surrounds it.
type bench struct {
	*wire
	memory    *memory
	exporter  exporter.Logs
	telemetry *componenttest.Telemetry
	stopped   bool
}

// start starts an exporter with what a test adds to the configuration. It stops with the test.
func start(t *testing.T, w *wire, m *memory, section string) *bench {
	t.Helper()
	if !strings.Contains(section, "endpoint") {
		section = "endpoint: http://am:9093\n" + section
	}
	config, err := testutil.LoadConfig(t, NewFactory(), "middlewares: [{id: wire}]\n"+section)
	require.NoError(t, err)
	b := &bench{wire: w, memory: m, telemetry: componenttest.NewTelemetry()}
	set := exportertest.NewNopSettings(NewFactory().Type())
	set.ID = component.NewID(NewFactory().Type()) // the same in every life
	set.TelemetrySettings = b.telemetry.NewTelemetrySettings()
	b.exporter, err = NewFactory().CreateLogs(context.Background(), set, config)
	require.NoError(t, err)
	require.NoError(t, b.exporter.Start(context.Background(), host{wireID: w, storageID: m}))
	t.Cleanup(func() { b.stop(t) })
	settled()
	return b
}

func (b *bench) stop(t *testing.T) {
	t.Helper()
	if !b.stopped {
		b.stopped = true
		require.NoError(t, b.exporter.Shutdown(context.Background()))
		require.NoError(t, b.telemetry.Shutdown(context.Background()))
	}
}

// send hands events over, in one batch.
func (b *bench) send(t *testing.T, events ...event.Event) {
	t.Helper()
	require.NoError(t, b.exporter.ConsumeLogs(context.Background(), batch(events...)))
}

func batch(events ...event.Event) plog.Logs {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, e := range events {
		event.Append(e, pcommon.NewTimestampFromTime(time.Now()), records)
	}
	return logs
}

// settled waits until nothing happens any more without time passing.
func settled() { synctest.Wait() }

// after lets time pass.
func after(d time.Duration) {
	time.Sleep(d) // in a bubble
	synctest.Wait()
}

// count gives the sum of a counter, of the points with an attribute where one is given.
func (b *bench) count(t *testing.T, name string, attribute ...string) int64 {
	t.Helper()
	m, err := b.telemetry.GetMetric(name)
	if err != nil {
		return 0
	}
	return sum(t, m.Data, attribute)
}

// drifted is a verdict that raises the alarm, or clears it.
func drifted(feature, severity, state string, changed bool) *event.Drift {
	d := &event.Drift{
		Monitor: "features", Kind: event.DriftData, Method: "ks", Model: event.Model{Name: "churn", Version: "3"}, Feature: feature,
		Score: event.Some(0.382), SeverityName: severity, State: state, Changed: event.Some(changed), N: event.Some(int64(500)),
		PAdjusted: event.Some(1e-9), Reference: event.DriftReference{ID: "first 1000", Provisional: event.Some(true)},
	}
	d.Source, d.Time = "drift", time.Now()
	if severity != "none" {
		d.Cause, d.Effect, d.Threshold = "ks", event.Some(0.382), event.Some(0.25)
	}
	return d
}

func sum(t *testing.T, data metricdata.Aggregation, attribute []string) (total int64) {
	t.Helper()
	var points []metricdata.DataPoint[int64]
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		points = data.DataPoints
	case metricdata.Gauge[int64]:
		points = data.DataPoints
	default:
		require.Failf(t, "not a number", "%T", data)
	}
	for _, point := range points {
		if len(attribute) == 2 {
			if value, _ := point.Attributes.Value(attr.Key(attribute[0])); value.AsString() != attribute[1] {
				continue
			}
		}
		total += point.Value
	}
	return total
}
