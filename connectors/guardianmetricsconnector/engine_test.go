// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/llm-guardian/otelcol-guardian/connectors/guardianmetricsconnector/internal/metadata"
	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestContract(t *testing.T) { testutil.ConnectorContract(t, NewFactory()) }

func violation(id string) plog.Logs {
	logs := plog.NewLogs()
	record := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("guardian.violation")
	record.Attributes().PutStr("guardian.event.id", id)
	record.Attributes().PutStr("framework", "SOC2")
	return logs
}

// One engine serves the logs and the traces instance; it flushes at its interval, at
// 0 first, and once more at the end.
func TestFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := connectortest.NewNopSettings(metadata.Type)
		config := createDefaultConfig()
		next := &refusing{}
		logs, err := createLogsToMetrics(t.Context(), set, config, next)
		require.NoError(t, err)
		traces, err := createTracesToMetrics(t.Context(), set, config, next)
		require.NoError(t, err)
		require.NoError(t, logs.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, traces.Start(t.Context(), componenttest.NewNopHost()))

		require.NoError(t, logs.ConsumeLogs(t.Context(), violation("1")))
		require.NoError(t, traces.ConsumeTraces(t.Context(), chatSpan()))
		time.Sleep(defaultFlushInterval)
		synctest.Wait()
		require.Len(t, next.taken(), 1)
		assert.Contains(t, points(next.taken()[0]), "compliance.violations 0")
		time.Sleep(defaultFlushInterval)
		synctest.Wait()
		require.Len(t, next.taken(), 2)
		assert.Contains(t, points(next.taken()[1]), "compliance.violations 1")
		assert.Contains(t, points(next.taken()[1]), "ml.requests 1")

		require.NoError(t, logs.ConsumeLogs(t.Context(), violation("2")))
		require.NoError(t, logs.Shutdown(t.Context()))
		require.NoError(t, traces.Shutdown(t.Context()))
		require.Len(t, next.taken(), 3)
		assert.Contains(t, points(next.taken()[2]), "compliance.violations 2")
	})
}

// What the pipeline refuses is sent again, in order, and nothing of it is lost.
func TestRefusedFlushesAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &refusing{refusals: 2}
		logs, err := createLogsToMetrics(t.Context(), connectortest.NewNopSettings(metadata.Type), createDefaultConfig(), next)
		require.NoError(t, err)
		require.NoError(t, logs.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, logs.ConsumeLogs(t.Context(), violation("1")))
		time.Sleep(2 * defaultFlushInterval)
		synctest.Wait()
		assert.Empty(t, next.taken())
		require.NoError(t, logs.Shutdown(t.Context()))
		require.Len(t, next.taken(), 3)
		assert.Contains(t, points(next.taken()[0]), "compliance.violations 0")
		assert.Contains(t, points(next.taken()[1]), "compliance.violations 1")
	})
}

// With storage the counts go on after a restart. A series that has not shown its value
// shows 0 once more, so that a page that is scraped only then shows both.
func TestRestart(t *testing.T) {
	storageID := component.MustNewID("file_storage")
	directory := t.TempDir()
	run := func(ids ...string) (shown []map[string]bool) {
		storage := newFileStorage(t, storageID, directory)
		host := &storageHost{extensions: map[component.ID]component.Component{storageID: storage}}
		config := createDefaultConfig().(*Config)
		config.Storage = &storageID
		next := &refusing{}
		set := connectortest.NewNopSettings(metadata.Type)
		set.ID, set.Logger = component.NewID(metadata.Type), zaptest.NewLogger(t)
		logs, err := createLogsToMetrics(t.Context(), set, config, next)
		require.NoError(t, err)
		require.NoError(t, logs.Start(t.Context(), host))
		for _, id := range ids {
			require.NoError(t, logs.ConsumeLogs(t.Context(), violation(id)))
		}
		e := logs.(*logsToMetrics).Engine()
		require.NoError(t, e.flush(t.Context(), false))
		require.NoError(t, logs.Shutdown(context.Background()))
		require.NoError(t, storage.Shutdown(context.Background()))
		for _, metrics := range next.taken() {
			shown = append(shown, points(metrics))
		}
		return shown
	}
	assert.Equal(t, []map[string]bool{{"compliance.violations 0": true}, {"compliance.violations 2": true}}, run("1", "the same each time"))
	assert.Equal(t, []map[string]bool{{"compliance.violations 3": true}, {"compliance.violations 3": true}}, run("2", "the same each time"))
	assert.Equal(t, []map[string]bool{{"compliance.violations 4": true}, {"compliance.violations 4": true}}, run("3", "the same each time"))
}

// The log says what became of the counts of the last run.
func TestTheLogSaysWhatWasRestored(t *testing.T) {
	storageID := component.MustNewID("file_storage")
	directory := t.TempDir()
	run := func(ids ...string) []string {
		storage := newFileStorage(t, storageID, directory)
		host := &storageHost{extensions: map[component.ID]component.Component{storageID: storage}}
		config := createDefaultConfig().(*Config)
		config.Storage = &storageID
		set := connectortest.NewNopSettings(metadata.Type)
		core, logs := observer.New(zapcore.InfoLevel)
		set.ID, set.Logger = component.NewID(metadata.Type), zap.New(core)
		connector, err := createLogsToMetrics(t.Context(), set, config, &refusing{})
		require.NoError(t, err)
		require.NoError(t, connector.Start(t.Context(), host))
		for _, id := range ids {
			require.NoError(t, connector.ConsumeLogs(t.Context(), violation(id)))
		}
		require.NoError(t, connector.Shutdown(context.Background()))
		require.NoError(t, storage.Shutdown(context.Background()))
		return testutil.Said(logs, "series", "known_ids")
	}
	assert.Equal(t, []string{"info Nothing to restore: there is no state of a last run."}, run())
	assert.Equal(t, []string{"info Nothing to restore: the last run had no series. series=0 known_ids=0"}, run("1", "2"))
	assert.Equal(t, []string{"info Counts of the last run restored. series=1 known_ids=2"}, run())

	storage := newFileStorage(t, storageID, directory)
	host := &storageHost{extensions: map[component.ID]component.Component{storageID: storage}}
	store, err := checkpoint.Open(t.Context(), host, component.KindConnector, component.NewID(metadata.Type), checkpoint.Settings{
		Storage: &storageID, Name: "counts", Logger: zaptest.NewLogger(t),
	})
	require.NoError(t, err)
	_, _ = store.Load(t.Context(), func(uint32, []byte) error { return nil })
	for range 2 {
		require.NoError(t, store.Save(t.Context(), stateSchema+1, []byte("of a later version")))
	}
	require.NoError(t, store.Close(t.Context()))
	require.NoError(t, storage.Shutdown(t.Context()))
	said := run()
	assert.Equal(t, "warn Nothing restored: the state of the last run was refused, and every count begins again at 0.", said[len(said)-1])
}

func newFileStorage(t *testing.T, id component.ID, directory string) component.Component {
	t.Helper()
	factory := filestorage.NewFactory()
	config := factory.CreateDefaultConfig().(*filestorage.Config)
	config.Directory = directory
	set := extensiontest.NewNopSettings(factory.Type())
	set.ID = id
	storage, err := factory.Create(t.Context(), set, config)
	require.NoError(t, err)
	require.NoError(t, storage.Start(t.Context(), componenttest.NewNopHost()))
	return storage
}

type storageHost struct {
	extensions map[component.ID]component.Component
}

func (h *storageHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

func chatSpan() ptrace.Traces {
	traces := ptrace.NewTraces()
	span := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{1})
	span.Attributes().PutStr("gen_ai.operation.name", "chat")
	span.Attributes().PutStr("gen_ai.request.model", "m")
	return traces
}

// points gives the names and values of the sums.
func points(metrics pmetric.Metrics) map[string]bool {
	found := map[string]bool{}
	for _, m := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if m.Type() != pmetric.MetricTypeSum {
			continue
		}
		for _, p := range m.Sum().DataPoints().All() {
			found[m.Name()+" "+formatThreshold(numberOf(p))] = true
		}
	}
	return found
}
