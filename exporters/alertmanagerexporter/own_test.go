// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// Every metric of its own that the exporter declares, with every value of its attributes, comes about.
func TestOwnMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "forget_after: 1m\nlimits: {alerts: 4, labels: 3, value_bytes: 16}")
		own := testutil.WatchOwnMetrics(t, "alertmanager_")
		look := func() { own.Look(b.telemetry.Reader) }
		b.send(t, drifted("x", "critical", "raised", true), drifted("y", "warning", "raised", true), drifted("z", "info", "clear", true))
		settled()
		look()
		after(time.Second)
		b.send(t, drifted("y", "critical", "raised", false))                                       // worse
		b.send(t, drifted("x", "critical", "raised", false), drifted("w", "none", "clear", false)) // as before, and nothing
		stale := drifted("x", "warning", "raised", false)
		stale.Time = stale.Time.Add(-time.Hour)
		other := drifted("x", "info", "clear", true) // by another monitor
		other.Monitor = "other"
		b.send(t, stale, other, drifted("a feature with a long name", "critical", "raised", true), drifted("one too many", "critical", "raised", true))
		after(time.Second)
		b.send(t, drifted("x", "none", "clear", true)) // the other says info
		b.send(t, drifted("y", "none", "clear", true))
		labels := batch(drifted("l", "critical", "raised", true))
		resource := labels.ResourceLogs().At(0).Resource().Attributes()
		resource.PutStr("service.name", "one too many")
		require.NoError(t, b.exporter.ConsumeLogs(t.Context(), labels))
		broken := batch(&event.PerformanceAlert{Metric: "m", Value: event.Some(1.0)}, drifted("not \xff UTF-8", "critical", "raised", true))
		broken.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Remove("value")
		require.NoError(t, b.exporter.ConsumeLogs(t.Context(), broken))
		settled()
		look()
		b.answers(status(503))
		after(time.Minute)
		b.answers(status(400))
		after(2 * time.Minute)
		look()
		b.answers(allWell)
		after(time.Minute)
		own.Check()
	})
}

// The log says what became of the alerts of the last run.
func TestTheLogSaysWhatWasRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, wire := newMemory(), newWire()
		run := func(section string, features ...string) []string {
			config, err := testutil.LoadConfig(t, NewFactory(), "endpoint: http://am:9093\nmiddlewares: [{id: wire}]\nstorage: memory\n"+section)
			require.NoError(t, err)
			set := exportertest.NewNopSettings(NewFactory().Type())
			core, logs := observer.New(zapcore.InfoLevel)
			set.ID, set.Logger = component.NewID(NewFactory().Type()), zap.New(core)
			e, err := NewFactory().CreateLogs(t.Context(), set, config)
			require.NoError(t, err)
			require.NoError(t, e.Start(t.Context(), host{wireID: wire, storageID: disk}))
			for _, feature := range features {
				require.NoError(t, e.ConsumeLogs(t.Context(), batch(drifted(feature, "critical", "raised", true))))
			}
			settled()
			require.NoError(t, e.Shutdown(context.Background()))
			return testutil.Said(logs.FilterMessageSnippet("estore"), "alerts", "without_room")
		}
		assert.Equal(t, []string{"info Nothing to restore: there is no state of a last run."}, run("", "a", "b"))
		assert.Equal(t, []string{"info Alerts of the last run restored. alerts=2 without_room=0"}, run(""))
		assert.Equal(t, []string{"warn Alerts of the last run restored, but for some that find no room: see limits::alerts. alerts=1 without_room=1"}, run("limits: {alerts: 1}"))

		set := exportertest.NewNopSettings(NewFactory().Type())
		save := func(schema uint32, body string) {
			store, err := checkpoint.Open(t.Context(), host{storageID: disk}, component.KindExporter, component.NewID(NewFactory().Type()),
				checkpoint.Settings{Storage: &storageID, Name: "alerts", Logger: set.Logger})
			require.NoError(t, err)
			_, _ = store.Load(t.Context(), func(uint32, []byte) error { return nil })
			for range 2 {
				require.NoError(t, store.Save(t.Context(), schema, []byte(body)))
			}
			require.NoError(t, store.Close(t.Context()))
		}
		save(stateSchema, "[]")
		assert.Equal(t, []string{"info Nothing to restore: the last run knew no alert. alerts=0 without_room=0"}, run(""))
		save(stateSchema+1, "of a later version")
		said := run("")
		assert.Equal(t, "warn Nothing restored: the state of the last run was refused, and every alert begins again with its next event.", said[len(said)-1])
	})
}
