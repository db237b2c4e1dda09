// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// own gives the receiver's own metrics, by name and the reason.
func (r *running) own(t *testing.T) map[string]int64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	require.NoError(t, r.telemetry.Reader.Collect(context.Background(), &data))
	values := map[string]int64{}
	add := func(name string, points []metricdata.DataPoint[int64]) {
		name, own := strings.CutPrefix(name, "otelcol_guardian_receiver_")
		for _, p := range points {
			if reason, ok := p.Attributes.Value(attribute.Key("reason")); ok {
				values[name+" "+reason.AsString()] += p.Value
			} else if own {
				values[name] += p.Value
			}
		}
	}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch points := m.Data.(type) {
			case metricdata.Sum[int64]:
				add(m.Name, points.DataPoints)
			case metricdata.Gauge[int64]:
				add(m.Name, points.DataPoints)
			}
		}
	}
	return values
}

// Every metric of its own that the receiver declares, with every reason, comes about.
func TestOwnMetrics(t *testing.T) {
	disk := &failing{}
	r := start(t, "storage: failing\nduplicates: {window: 1h, limit: 2}", disk)
	disk.err = errors.New("the disk is full")
	seen := map[string]bool{}
	look := func() {
		for name, n := range r.own(t) {
			seen[name] = seen[name] || n > 0
		}
	}
	r.next.do(func(context.Context, plog.Logs) error { look(); return nil }) // a request is in flight
	for _, id := range []string{"a", "b", "c"} {
		require.Equal(t, 1, r.post(t, "/v1/events", detection(id)).Accepted)
	}
	assert.Equal(t, 1, r.post(t, "/v1/events", detection("c")).Duplicates)
	r.post(t, "/v1/events", `{"id":"d","source":"/s","type":"detection","data":{"status":"success"}}`)
	r.post(t, "/v1/detections", `{"detector_type":"pii","status":"success","unknown":1}`)
	look()
	r.seen.table.Admit([16]byte{1}, noon.Add(2*time.Hour)) // the ids before are older than the window
	look()
	want := testutil.OwnMetrics(t, "guardian_receiver_")
	for _, name := range want {
		assert.True(t, seen[name], name)
	}
	for name := range seen {
		assert.Contains(t, want, name)
	}
}
