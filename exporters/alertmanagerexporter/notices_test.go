// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// linked is a translator with links, a label of its own, and an attribute more.
func linked(t testing.TB, section string) *translator {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, NewFactory(), "endpoint: http://am:9093\n"+section)
	require.NoError(t, err)
	return newTranslator(cfg.(*Config))
}

const links = `
labels: {cluster: eu-1}
label_attributes: {team: team}
links:
  runbooks: https://wiki.example/runbooks
  dashboards:
    default: "https://grafana.example/d/overview?var-alert={alertname}"
    DataDriftDetected: "https://grafana.example/d/drift?var-model_name={model_name}&var-none={nothing}{"
`

// TestNotices translates the events of each file in testdata/events, written as OTLP JSON, and compares what Alertmanager would be
// sent with the file beside it.
func TestNotices(t *testing.T) {
	files, err := filepath.Glob("testdata/events/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			translator := linked(t, links)
			table := alerting.NewTable(100, 4*time.Minute, time.Hour)
			var cuts alerting.Cuts
			var notices []alerting.Notice
			records(testutil.ReadLogs(t, file), func(resource pcommon.Resource, _ int, record plog.LogRecord) {
				n, ok, err := translator.notice(resource, record, now, &cuts)
				require.NoError(t, err)
				if ok {
					table.Apply(&n, now)
					notices = append(notices, n)
				}
			})
			require.NotEmpty(t, notices)
			assert.Zero(t, cuts)
			body, err := encode(table.Alerts(nil, now))
			require.NoError(t, err)
			var indented bytes.Buffer
			require.NoError(t, json.Indent(&indented, body, "", "  "))
			testutil.Golden(t, filepath.Join("testdata", "alerts", filepath.Base(file)), append(indented.Bytes(), '\n'))
		})
	}
}

// Every alert that events make has a name that the list of names has.
func TestNamesAreListed(t *testing.T) {
	files, err := filepath.Glob("testdata/alerts/*.json")
	require.NoError(t, err)
	found := map[string]bool{}
	for _, file := range files {
		var alerts []postable
		require.NoError(t, json.Unmarshal(read(t, file), &alerts))
		for _, alert := range alerts {
			found[alert.Labels["alertname"]] = true
		}
	}
	for _, name := range alerting.Names {
		assert.True(t, found[name], "no event of testdata/events makes %s", name)
	}
	assert.Len(t, found, len(alerting.Names))
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	body, err := os.ReadFile(file)
	require.NoError(t, err)
	return body
}

func record(name string, severity plog.SeverityNumber, attributes map[string]any) plog.LogRecord {
	r := plog.NewLogRecord()
	r.SetEventName(name)
	r.SetSeverityNumber(severity)
	if err := r.Attributes().FromRaw(attributes); err != nil {
		panic(err)
	}
	return r
}

func TestEventsThatCannotBeRead(t *testing.T) {
	translator := linked(t, "")
	for name, r := range map[string]plog.LogRecord{
		"drift without a monitor":            record("guardian.drift", 0, map[string]any{"guardian.drift.kind": "data"}),
		"drift of another kind":              record("guardian.drift", 0, map[string]any{"guardian.drift.kind": "x", "guardian.drift.monitor": "m"}),
		"a figure without a value":           record("guardian.performance_alert", 0, map[string]any{"metric": "m"}),
		"an anomaly without a detector":      record("guardian.anomaly", 0, map[string]any{"guardian.anomaly.state": "raised"}),
		"an anomaly in an unknown state":     record("guardian.anomaly", 0, map[string]any{"guardian.anomaly.detector": "d", "guardian.anomaly.state": "so so"}),
		"an anomaly whose state is a number": record("guardian.anomaly", 0, map[string]any{"guardian.anomaly.detector": "d", "guardian.anomaly.state": 1}),
	} {
		_, ok, err := translator.notice(pcommon.NewResource(), r, time.Now(), &alerting.Cuts{})
		assert.Error(t, err, name)
		assert.False(t, ok, name)
	}
}

func TestTooLittleDataSaysNothing(t *testing.T) {
	r := record("guardian.drift", 0, map[string]any{
		"guardian.drift.kind": "data", "guardian.drift.monitor": "m", "guardian.drift.state": "insufficient_data", "guardian.drift.severity": "critical",
	})
	_, ok, err := linked(t, "").notice(pcommon.NewResource(), r, time.Now(), &alerting.Cuts{})
	require.NoError(t, err)
	assert.False(t, ok)
}

func TestSeveritiesBelowTheLeastAreNone(t *testing.T) {
	translator := linked(t, "min_severity: warning")
	for number, want := range map[plog.SeverityNumber]alerting.Severity{
		plog.SeverityNumberTrace: alerting.None, plog.SeverityNumberInfo: alerting.None, plog.SeverityNumberUnspecified: alerting.Warning,
		plog.SeverityNumberWarn: alerting.Warning, plog.SeverityNumberError4: alerting.Warning, plog.SeverityNumberFatal: alerting.Critical,
	} {
		n, ok, err := translator.notice(pcommon.NewResource(), record(eventXID, number, nil), time.Now(), &alerting.Cuts{})
		require.NoError(t, err)
		require.True(t, ok)
		assert.Equal(t, want, n.Severity, number)
	}
}

func TestLabelsComeFromTheRecordThenFromTheResource(t *testing.T) {
	translator := linked(t, "labels: {cluster: own}")
	resource := pcommon.NewResource()
	require.NoError(t, resource.Attributes().FromRaw(map[string]any{
		"k8s.cluster.name": "theirs", "host.name": "node-1", "service.name": "router", "model.name": "of the resource",
	}))
	r := record("guardian.performance_alert", 0, map[string]any{
		"metric": "m", "value": 1.5, "model_name": "of the record", "hw.id": strings.Repeat("x", 300), "nvidia.xid": 7,
	})
	var cuts alerting.Cuts
	n, ok, err := translator.notice(resource, r, time.Now(), &cuts)
	require.NoError(t, err)
	require.True(t, ok)
	labels := map[string]string{}
	for _, label := range n.Labels {
		labels[label.Name] = label.Value
	}
	assert.Len(t, labels["hw_id"], 256)
	delete(labels, "hw_id")
	assert.Equal(t, map[string]string{
		"cluster": "own", "host": "node-1", "service": "router", "model_name": "of the record", "metric": "m", "xid": "7",
	}, labels)
	assert.Equal(t, alerting.Cuts{Values: 1}, cuts)
}

// A service that nobody has named is no label: all of them would be one.
func TestUnknownServicesAreNoLabel(t *testing.T) {
	translator := linked(t, "")
	for name, want := range map[string]string{
		"unknown_service": "", "unknown_service:java": "", "unknown_services": "unknown_services", "router": "router", "": "",
	} {
		resource := pcommon.NewResource()
		resource.Attributes().PutStr("service.name", name)
		r := record("guardian.performance_alert", 0, map[string]any{"metric": "m", "value": 1.5, "component": "cache"})
		n, ok, err := translator.notice(resource, r, time.Now(), &alerting.Cuts{})
		require.NoError(t, err)
		require.True(t, ok)
		assert.Equal(t, want, n.Labels.Get("service"), name)
		assert.Equal(t, "cache", n.Labels.Get("component"))
	}
}

// The same fault has the same labels, whatever was measured and whenever.
func TestIdentityIsStable(t *testing.T) {
	translator := linked(t, "")
	first := drifted("income", "critical", "raised", true)
	second := drifted("income", "warning", "clear", false)
	second.ID, second.Time, second.Score, second.PValue = "another", time.Now().Add(-time.Hour), event.Some(0.7), event.Some(0.1)
	second.WindowStart, second.WindowEnd, second.N = "2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z", first.N
	keys := map[string]bool{}
	records(batch(first, second), func(resource pcommon.Resource, _ int, record plog.LogRecord) {
		n, ok, err := translator.notice(resource, record, time.Now(), &alerting.Cuts{})
		require.NoError(t, err)
		require.True(t, ok)
		keys[n.Key()] = true
	})
	assert.Len(t, keys, 1)
}

// Whatever an event says, what Alertmanager is sent is what the oldest one takes: names, lengths, UTF-8, and an end that does not
// come before the begin.
func FuzzNotices(f *testing.F) {
	f.Add("guardian.drift", "guardian.drift.state", "raised", "model.name", "churn", int32(9), uint64(1))
	f.Add("guardian.gpu.xid", "nvidia.xid.name", "\xff", "hw.id", "GPU-1", int32(21), uint64(1<<62))
	f.Add("guardian.anomaly", "guardian.anomaly.detector", "d", "guardian.anomaly.state", "raised", int32(-1), uint64(0))
	f.Add("guardian.performance_alert", "metric", "m", "message", strings.Repeat("ö", 3000), int32(17), uint64(1<<63))
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, name, key1, value1, key2, value2 string, severity int32, timestamp uint64) {
		r := record(name, plog.SeverityNumber(severity), map[string]any{
			"guardian.drift.kind": "data", "guardian.drift.monitor": "m", "guardian.anomaly.detector": "x", "guardian.anomaly.state": "raised", "value": 1.0, "metric": "m",
		})
		r.Attributes().PutStr(key1, value1)
		r.Attributes().PutStr(key2, value2)
		r.SetTimestamp(pcommon.Timestamp(timestamp))
		r.Body().SetStr(value2)
		if !speaks(name) {
			return
		}
		n, ok, err := linked(t, links).notice(pcommon.NewResource(), r, now, &alerting.Cuts{})
		if !ok || err != nil {
			return
		}
		table := alerting.NewTable(10, time.Minute, time.Hour)
		table.Apply(&n, now)
		for _, alert := range table.Lookup(nil, &n, now) {
			require.False(t, alert.EndsAt.Before(alert.StartsAt))
			require.Contains(t, alerting.Names, alert.Name)
			require.NotEmpty(t, alert.Annotations[alerting.AnnotationSummary])
			for _, label := range alert.Labels {
				require.True(t, alerting.IsLabelName(label.Name))
				require.True(t, utf8.ValidString(label.Value) && len(label.Value) <= 256)
			}
			for _, text := range alert.Annotations {
				require.True(t, utf8.ValidString(text))
			}
		}
	})
}

// The README says what ends of keys make no source.
func TestReadmeNamesWhatMakesNoSource(t *testing.T) {
	readme := string(read(t, "README.md"))
	for end := range passing {
		assert.True(t, strings.Contains(readme, "`"+end+"`") || strings.Contains(readme, "`"+strings.ReplaceAll(end, "_", ".")+"`"), end)
	}
	for key, of := range map[string]bool{
		"http.request.id": true, "X-Request-Id": true, "log.record.uid": true, "correlation_id": true, "id": true,
		"specialist.id": false, "host.id": false, "k8s.pod.uid": false, "queue": false, "tenant_id": false, "region": false, "": false, "_": false,
		"feature.name": false, "model.name": false, "request.queue": false,
	} {
		assert.Equal(t, of, ofOneEvent(key), key)
	}
}
