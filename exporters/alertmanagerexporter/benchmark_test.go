// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// started gives an exporter that tells nobody: the queue is large and the Alertmanager away.
func started(tb testing.TB) *alertExporter {
	tb.Helper()
	config := createDefaultConfig().(*Config)
	config.Endpoint = "http://127.0.0.1:1"
	e, err := newExporter(context.Background(), exportertest.NewNopSettings(NewFactory().Type()), config)
	require.NoError(tb, err)
	require.NoError(tb, e.Start(context.Background(), componenttest.NewNopHost()))
	tb.Cleanup(func() { require.NoError(tb, e.Shutdown(context.Background())) })
	return e
}

// requests are records as most are: nothing that speaks of alerts.
func requests(n int) plog.Logs {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range n {
		event.Append(&event.Request{
			Meta: event.Meta{RequestID: fmt.Sprint(i)}, Model: event.Model{Name: "churn"}, Status: "success",
		}, pcommon.NewTimestampFromTime(time.Now()), records)
	}
	return logs
}

// What does not speak of alerts costs no allocation.
func TestOtherEventsPassFree(t *testing.T) {
	e := started(t)
	logs := requests(1000)
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = e.ConsumeLogs(context.Background(), logs) }))
}

// BenchmarkPass is the price of 1,000 records that do not speak of alerts, beside that of looking at each of them and no more.
func BenchmarkPass(b *testing.B) {
	logs := requests(1000)
	b.Run("exporter", func(b *testing.B) {
		e := started(b)
		b.ReportAllocs()
		for b.Loop() {
			if e.ConsumeLogs(context.Background(), logs) != nil {
				b.Fatal("refused")
			}
		}
	})
	b.Run("look", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			for _, resource := range logs.ResourceLogs().All() {
				for _, scope := range resource.ScopeLogs().All() {
					for _, record := range scope.LogRecords().All() {
						n += len(record.EventName())
					}
				}
			}
		}
	})
}

// BenchmarkTake is the price of a window of 100 verdicts of one model: all clear, or all raised and known.
func BenchmarkTake(b *testing.B) {
	for _, state := range []string{"clear", "raised"} {
		b.Run(state, func(b *testing.B) {
			e := started(b)
			severity := map[string]string{"clear": "none", "raised": "warning"}[state]
			verdicts := make([]event.Event, 100)
			for i := range verdicts {
				verdicts[i] = drifted(fmt.Sprint("f", i), severity, state, false)
			}
			logs := batch(verdicts...)
			b.ReportAllocs()
			for b.Loop() {
				e.take(logs)
			}
		})
	}
}

// BenchmarkResend is the price of looking up and encoding 1,000 alerts in force.
func BenchmarkResend(b *testing.B) {
	e := started(b)
	verdicts := make([]event.Event, 1000)
	for i := range verdicts {
		verdicts[i] = drifted(fmt.Sprint("f", i), "warning", "raised", true)
	}
	e.take(batch(verdicts...))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(e.alerts(time.Now())); err != nil {
			b.Fatal(err)
		}
	}
}
