// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

func TestDriftMeasuresEveryKindWithAndWithout(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-binary", stub(t, "forwards"), "-drift", "-reps", "1", "-duration", "20ms"}, &out))
	for _, row := range driftKinds {
		assert.Contains(t, out.String(), row)
	}
	require.ErrorContains(t, run(t.Context(), []string{"-binary", "a", "-binary", "b", "-drift"}, &out), "-drift measures one -binary")
}

// What is sent moves on in time, counters never fall, and a request has one ledger id: its own.
func TestDriftSources(t *testing.T) {
	for kind, name := range driftKinds {
		source, err := newDriftSource(driftKind(kind), 1)
		require.NoError(t, err)
		for request := range int64(3 * driftBodies) {
			first := otlpload.FirstID + request
			body := source.Append(nil, otlpload.Protobuf, first)
			var ids []int64
			for id := range otlpload.ScanIDs(body, otlpload.Protobuf, source.Signal()) {
				ids = append(ids, id)
			}
			require.Equal(t, []int64{first}, ids, name)
			checkDriftBody(t, source, body, request)
		}
	}
}

func checkDriftBody(t *testing.T, source *driftSource, body []byte, request int64) {
	t.Helper()
	at := uint64(source.start.UnixNano() + request/driftBodies*int64(step))
	if source.kind == driftPredictions {
		logs := plogotlp.NewExportRequest()
		require.NoError(t, logs.UnmarshalProto(body))
		records := logs.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		require.Equal(t, itemsPerRequest+1, records.Len())
		require.Equal(t, at, uint64(records.At(0).Timestamp()))
		age, _ := records.At(7).Attributes().Get("features.age")
		require.Equal(t, source.number(int(request), 0, 7), age.Double())
		return
	}
	metrics := pmetricotlp.NewExportRequest()
	require.NoError(t, metrics.UnmarshalProto(body))
	m := metrics.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	var points pmetric.NumberDataPointSlice
	if source.kind == driftCounters {
		points = m.Sum().DataPoints()
	} else {
		points = m.Gauge().DataPoints()
	}
	require.Equal(t, itemsPerRequest, points.Len())
	require.Equal(t, at, uint64(points.At(itemsPerRequest-1).Timestamp()))
	round := int(request / driftBodies)
	require.Equal(t, source.number(int(request), round, 7), points.At(7).DoubleValue())
	if source.kind == driftCounters && round > 0 {
		require.Greater(t, points.At(7).DoubleValue(), source.number(int(request-driftBodies), round-1, 7))
	}
}
