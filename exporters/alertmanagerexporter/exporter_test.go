// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

const (
	income  = "alertname=DataDriftDetected feature_name=income model_name=churn model_version=3 severity="
	manager = "am:9093"
)

func TestAnAlarmBecomesAnAlertAndItsEndToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "")
		b.send(t, drifted("income", "critical", "raised", true), drifted("age", "none", "clear", false))
		settled()
		sent := b.taken()
		require.Len(t, sent, 1)
		require.Len(t, sent[0].alerts, 1, "what was never wrong is not told")
		alert := sent[0].alerts[0]
		assert.Equal(t, income+"critical", labelText(alert.Labels))
		assert.Equal(t, map[string]string{
			"summary":     "Feature income of model churn 3 has drifted.",
			"description": "Drift score 0.382, limit 0.250, p 1e-09 after correction, over 500 values against first 1000 (provisional).",
			"runbook_url": "https://github.com/llm-guardian/otelcol-guardian/blob/main/monitoring/runbooks/DataDriftDetected.md",
		}, alert.Annotations)
		assert.WithinDuration(t, time.Now(), alert.StartsAt, 0)
		assert.Equal(t, 4*time.Minute, time.Until(alert.EndsAt))

		after(30 * time.Second)
		b.send(t, drifted("income", "none", "clear", true))
		settled()
		sent = b.taken()
		require.Len(t, sent, 1)
		assert.Equal(t, income+"critical", labelText(sent[0].alerts[0].Labels))
		assert.WithinDuration(t, time.Now(), sent[0].alerts[0].EndsAt, 0)
		assert.Equal(t, alert.StartsAt, sent[0].alerts[0].StartsAt)
	})
}

func TestAlertsInForceAreToldAgainBeforeTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "resend_interval: 30s\nexpire_after: 2m")
		b.send(t, drifted("income", "warning", "raised", true))
		var all []request
		for range 60 {
			after(10 * time.Second)
			all = append(all, b.taken()...)
			require.Contains(t, knows(all, manager, time.Now()), income+"warning")
		}
		assert.Len(t, all, 1+20, "at once, and every 30 s for 10 min")

		b.send(t, drifted("income", "none", "clear", true))
		settled()
		all = append(all, b.taken()...)
		require.Empty(t, knows(all, manager, time.Now()))
		after(time.Hour)
		assert.Len(t, b.taken(), 29, "the end is told again for 15 min, for an Alertmanager that missed it")
	})
}

// A value that wanders between warning and critical is one alert, which grows worse once.
func TestAnAlertGrowsWorseAndNotBetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "")
		var all []request
		for _, step := range []struct{ severity, state, want string }{
			{"warning", "clear", ""}, // hysteresis: not yet
			{"warning", "raised", "warning"},
			{"critical", "raised", "critical"},
			{"warning", "raised", "critical"},
			{"none", "raised", "critical"}, // hysteresis: calm, not calm for long enough
			{"info", "clear", "info"},
			{"none", "clear", ""},
		} {
			after(time.Minute)
			b.send(t, drifted("income", step.severity, step.state, true))
			settled()
			all = append(all, b.taken()...)
			firing := knows(all, manager, time.Now())
			if step.want == "" {
				assert.Empty(t, firing, step)
				continue
			}
			assert.Len(t, firing, 1, step)
			assert.Contains(t, firing, income+step.want, step)
		}
	})
}

// Two monitors of a feature are one alert, as they are for the Prometheus rule, and it lasts as long as one of them sees drift.
func TestAlertLastsWhileOneSourceSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "")
		weekly := drifted("income", "warning", "raised", true)
		weekly.Monitor = "weekly"
		b.send(t, drifted("income", "warning", "raised", true), weekly)
		settled()
		all := b.taken()
		require.Len(t, all[0].alerts, 1)
		after(time.Second)
		b.send(t, drifted("income", "none", "clear", true))
		settled()
		all = append(all, b.taken()...)
		require.Contains(t, knows(all, manager, time.Now()), income+"warning")
		weekly = drifted("income", "none", "clear", true)
		weekly.Monitor = "weekly"
		b.send(t, weekly)
		settled()
		require.Empty(t, knows(append(all, b.taken()...), manager, time.Now()))
	})
}

// Groups that no label tells apart are one alert, which the calm of one of them does not end.
func TestGroupsWithoutALabelOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "")
		verdict := func(queue, state string) plog.Logs {
			logs := plog.NewLogs()
			record("guardian.anomaly", plog.SeverityNumberFatal, map[string]any{
				"guardian.anomaly.detector": "queues", "guardian.anomaly.state": state, "guardian.anomaly.severity": "critical", "queue": queue,
			}).CopyTo(logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
			return logs
		}
		var all []request
		for _, step := range []struct {
			queue, state string
			fires        bool
		}{{"a", "raised", true}, {"b", "raised", true}, {"a", "clear", true}, {"b", "clear", false}} {
			after(time.Second)
			require.NoError(t, b.exporter.ConsumeLogs(t.Context(), verdict(step.queue, step.state)))
			settled()
			all = append(all, b.taken()...)
			_, fires := knows(all, manager, time.Now())["alertname=AnomalyDetected detector=queues severity=critical"]
			assert.Equal(t, step.fires, fires, step)
		}
	})
}

// What belongs to a single event, such as an ID of a request, does not make another source of it: the end of an alarm has other ones.
func TestEndWithOtherIDsIsAnEnd(t *testing.T) {
	about := map[string]map[string]any{
		"guardian.anomaly": {"guardian.anomaly.detector": "queues", "guardian.anomaly.severity": "critical", "queue": "a", "tenant_id": "t"},
		"guardian.drift":   {"guardian.drift.monitor": "m", "guardian.drift.kind": "concept", "guardian.drift.severity": "critical", "guardian.event.source": "s", "region": "eu"},
	}
	ids := []string{
		"id", "correlation_id", "request_id", "http.request.id", "X-Request-Id", "trace_id", "span_id", "traceparent", "event_id", "cloudevents.event_id",
		"gen_ai.response.id", "gen_ai.conversation.id", "session.id", "messaging.message.id", "log.record.uid", "log.record.original",
		"content", "content_ref", "message", "gen_ai.input.messages", "prediction_id", "label_deadline", "timestamp", "guardian.event.id",
	}
	for name, attributes := range about {
		for _, id := range ids {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, newWire(), newMemory(), "")
				for _, state := range []string{"raised", "clear"} {
					after(time.Second)
					logs := plog.NewLogs()
					r := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
					record(name, plog.SeverityNumberFatal, attributes).CopyTo(r)
					r.Attributes().PutStr(name+".state", state)
					r.Attributes().PutStr(id, state+" has its own")
					require.NoError(t, b.exporter.ConsumeLogs(t.Context(), logs))
				}
				settled()
				assert.EqualValues(t, 1, b.count(t, "otelcol_alertmanager_events", "outcome", "resolved"), "%s with %s", name, id)
				assert.Empty(t, knows(b.taken(), manager, time.Now()), "%s with %s", name, id)
			})
		}
	}
}

// The severity does not go down while the alarm is raised, so the text says how bad it was as well as how it is.
func TestTextOfAMilderVerdictKeepsTheWorst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "")
		description := func(score float64, severity, state string) string {
			after(time.Minute)
			b.taken()
			d := drifted("income", severity, state, true)
			d.Effect = event.Some(score)
			b.send(t, d)
			after(time.Minute)
			sent := b.taken()
			return sent[len(sent)-1].alerts[0].Annotations["description"]
		}
		const rest = ", limit 0.250, p 1e-09 after correction, over 500 values against first 1000 (provisional)."
		assert.Equal(t, "Drift score 0.400"+rest, description(0.4, "critical", "raised"))
		assert.Equal(t, "Now: Drift score 0.260"+rest+" At its worst: Drift score 0.400"+rest, description(0.26, "warning", "raised"))
		assert.Equal(t, "Now: Drift score 0.255"+rest+" At its worst: Drift score 0.400"+rest, description(0.255, "warning", "raised"))
		assert.Equal(t, "Drift score 0.390"+rest, description(0.39, "critical", "raised"), "as bad again")
	})
}

func TestEventsWithoutAnEndLastAsLongAsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "resolve_after: 5m")
		b.send(t, &event.PerformanceAlert{Metric: "queue", Value: event.Some(120.0), Threshold: event.Some(100.0), Component: "router"})
		after(4 * time.Minute)
		all := b.taken()
		const queue = "alertname=PerformanceAlert component=router metric=queue severity=warning"
		require.Contains(t, knows(all, manager, time.Now()), queue)
		assert.Equal(t, "queue of router is out of bounds.", all[0].alerts[0].Annotations["summary"])
		assert.Equal(t, "queue is 120, its limit is 100.", all[0].alerts[0].Annotations["description"])
		for _, r := range all {
			assert.Equal(t, all[0].alerts[0].EndsAt, r.alerts[0].EndsAt)
		}
		after(2 * time.Minute)
		require.Empty(t, knows(append(all, b.taken()...), manager, time.Now()))
	})
}
