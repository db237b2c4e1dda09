// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// The client is confighttp's: TLS with an authority of one's own, headers, and a path before that of the API.
func TestClientOverTLS(t *testing.T) {
	requests := make(chan *http.Request, 10)
	alerts := make(chan []postable, 10)
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body []postable
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&body))
		requests <- r
		alerts <- body
	}))
	defer server.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	cfg, err := testutil.LoadConfig(t, NewFactory(), fmt.Sprintf(`
endpoint: %s/alertmanager/
tls: {ca_file: %s}
headers: {X-Scope-OrgID: guardian}
`, server.URL, authority))
	require.NoError(t, err)
	exporter, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(NewFactory().Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, exporter.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, exporter.ConsumeLogs(t.Context(), batch(drifted("income", "critical", "raised", true))))
	r, told := <-requests, <-alerts
	require.NoError(t, exporter.Shutdown(context.Background()))
	assert.Equal(t, "/alertmanager/api/v2/alerts", r.URL.Path)
	assert.Equal(t, http.MethodPost, r.Method)
	assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
	assert.Equal(t, "guardian", r.Header.Get("X-Scope-OrgID"))
	require.Len(t, told, 1)
	assert.Equal(t, "income", told[0].Labels["feature_name"])
}

// A large batch goes in several requests.
func TestRequestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "")
		logs := batch()
		for i := range 2*maxAlerts + 1 {
			batch(drifted(fmt.Sprint("f", i), "critical", "raised", true)).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
		}
		require.NoError(t, b.exporter.ConsumeLogs(t.Context(), logs))
		settled()
		var sizes []int
		for _, r := range b.taken() {
			sizes = append(sizes, len(r.alerts))
		}
		assert.Equal(t, []int{maxAlerts, maxAlerts, 1}, sizes)
	})
}

// With a batch, what comes one after the other goes in one request.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "sending_queue: {batch: {flush_timeout: 1s, min_size: 100, sizer: items}}\nlimits: {value_bytes: 16, labels: 3}")
		b.send(t, drifted("income", "critical", "raised", true))
		b.send(t, drifted("a feature with a long name", "critical", "raised", true))
		settled()
		assert.Empty(t, b.taken())
		after(time.Second)
		sent := b.taken()
		require.Len(t, sent, 1)
		assert.Len(t, sent[0].alerts, 2)
		assert.EqualValues(t, 1, b.count(t, "otelcol_alertmanager_labels_cut", "reason", "length"))
		assert.EqualValues(t, 2, b.count(t, "otelcol_alertmanager_told", "endpoint", manager))
		assert.EqualValues(t, 2, b.count(t, "otelcol_alertmanager_entries"))
		assert.EqualValues(t, 2, b.count(t, "otelcol_alertmanager_active", "severity", "critical"))

		resource := batch(drifted("age", "critical", "raised", true))
		resource.ResourceLogs().At(0).Resource().Attributes().PutStr("service.name", "one too many")
		require.NoError(t, b.exporter.ConsumeLogs(t.Context(), resource))
		broken := batch(&event.PerformanceAlert{Metric: "m", Value: event.Some(1.0)})
		broken.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Remove("value")
		require.NoError(t, b.exporter.ConsumeLogs(t.Context(), broken))
		assert.EqualValues(t, 1, b.count(t, "otelcol_alertmanager_labels_cut", "reason", "count"))
		assert.EqualValues(t, 1, b.count(t, "otelcol_alertmanager_invalid_events"))
		after(time.Second)
	})
}

// statusHost keeps what a component says of itself.
type statusHost struct {
	host

	mu       sync.Mutex
	statuses []componentstatus.Status
}

// Report implements componentstatus.Reporter.
func (h *statusHost) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.statuses = append(h.statuses, event.Status())
}

func TestStatusSaysThatAlertsAreNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		cfg, err := testutil.LoadConfig(t, NewFactory(), "middlewares: [{id: wire}]\nendpoints: [http://a:9093, http://b:9093]\nresend_interval: 10s")
		require.NoError(t, err)
		exporter, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(NewFactory().Type()), cfg)
		require.NoError(t, err)
		h := &statusHost{host: host{wireID: w}}
		require.NoError(t, exporter.Start(t.Context(), h))
		defer func() { require.NoError(t, exporter.Shutdown(context.Background())) }()
		w.answers(down)
		require.NoError(t, exporter.ConsumeLogs(t.Context(), batch(drifted("income", "critical", "raised", true))))
		after(time.Minute)
		h.mu.Lock()
		assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusRecoverableError}, h.statuses, "once for each")
		h.statuses = nil
		h.mu.Unlock()
		w.answers(allWell)
		after(time.Minute)
		h.mu.Lock()
		defer h.mu.Unlock()
		require.Len(t, h.statuses, 2)
		assert.Equal(t, componentstatus.StatusOK, h.statuses[1], "when the last one takes them again")
	})
}
