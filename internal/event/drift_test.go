// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// A verdict is written with the attributes of the design's table, and read back as it was.
func TestDriftGoesBothWays(t *testing.T) {
	verdict := New(NameDrift).(*Drift)
	fill(t, driftTable, verdict)
	verdict.Bins = Attributes{
		{Key: "guardian.drift.bins.edges", Value: Doubles([]float64{1, 2})},
		{Key: "guardian.drift.bins.labels", Value: Strings([]string{"a", "b"})},
	}
	logs := plog.NewLogRecordSlice()
	Append(verdict, 1, logs)
	require.Equal(t, 1, logs.Len())
	record := logs.At(0)
	assert.Equal(t, "guardian.drift", record.EventName())
	assert.Equal(t, plog.SeverityNumberFatal, record.SeverityNumber())
	for _, key := range []string{
		"guardian.drift.monitor", "guardian.drift.kind", "guardian.drift.method", "model.name", "model.version", "feature.name",
		"guardian.drift.score", "guardian.drift.p_value", "guardian.drift.p_adjusted", "guardian.drift.psi", "guardian.drift.js",
		"guardian.drift.severity", "guardian.drift.state", "guardian.drift.n", "guardian.drift.n_effective", "guardian.drift.detectable",
		"guardian.drift.window.start", "guardian.drift.window.end", "guardian.drift.reference.id", "guardian.drift.reference.hash",
		"guardian.drift.reference.age", "guardian.drift.reference.provisional", "guardian.drift.bins.edges",
	} {
		_, ok := record.Attributes().Get(key)
		assert.True(t, ok, key)
	}
	back := New(NameDrift)
	require.NoError(t, Read(record, back))
	back.Common().Time = time.Time{}
	assert.Equal(t, verdict, back)
}

func TestDriftSeverity(t *testing.T) {
	for name, want := range map[string]plog.SeverityNumber{
		"": plog.SeverityNumberInfo, "none": plog.SeverityNumberInfo, "info": plog.SeverityNumberInfo,
		"warning": plog.SeverityNumberWarn, "critical": plog.SeverityNumberFatal,
	} {
		assert.Equal(t, want, (&Drift{SeverityName: name}).Severity(), name)
	}
}

func TestAttributeKeys(t *testing.T) {
	f := func(eventName, path string, want ...string) {
		t.Helper()
		assert.Equal(t, want, AttributeKeys(eventName, path))
	}
	f(NamePrediction, "model.version", "model.version", "model_version")
	f(NamePrediction, "confidence", "confidence")
	f(NameRequest, "usage.input_tokens", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "usage.input_tokens")
	f(NamePrediction, "features")
	f(NamePrediction, "no.such")
	f("no.such", "model.name")
}
