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

// An episode is written with the attributes that alerts are made of, and read back as it was.
func TestAnomalyGoesBothWays(t *testing.T) {
	episode := New(NameAnomaly).(*Anomaly)
	fill(t, anomalyTable, episode)
	episode.Causes = Attributes{
		{Key: "guardian.anomaly.causes.metric", Value: Strings([]string{"specialist.request.duration", "specialist.errors"})},
		{Key: "guardian.anomaly.causes.z", Value: Doubles([]float64{7.5, -3})},
	}
	logs := plog.NewLogRecordSlice()
	Append(episode, 1, logs)
	require.Equal(t, 1, logs.Len())
	record := logs.At(0)
	assert.Equal(t, "guardian.anomaly", record.EventName())
	assert.Equal(t, plog.SeverityNumberFatal, record.SeverityNumber())
	for _, key := range []string{
		"guardian.anomaly.detector", "guardian.anomaly.score", "guardian.anomaly.state", "guardian.anomaly.severity",
		"guardian.anomaly.episode.id", "guardian.anomaly.episode.start", "guardian.anomaly.episode.end", "guardian.anomaly.episode.peak_score",
		"guardian.anomaly.episode.peak_time", "guardian.anomaly.episode.end_reason", "guardian.anomaly.causes.metric", "guardian.anomaly.causes.z",
	} {
		_, ok := record.Attributes().Get(key)
		assert.True(t, ok, key)
	}
	back := New(NameAnomaly)
	require.NoError(t, Read(record, back))
	back.Common().Time = time.Time{}
	assert.Equal(t, episode, back)
}

func TestAnomalySeverity(t *testing.T) {
	for name, want := range map[string]plog.SeverityNumber{
		"": plog.SeverityNumberInfo, "none": plog.SeverityNumberInfo, "info": plog.SeverityNumberInfo,
		"warning": plog.SeverityNumberWarn, "critical": plog.SeverityNumberFatal,
	} {
		assert.Equal(t, want, (&Anomaly{SeverityName: name}).Severity(), name)
	}
}
