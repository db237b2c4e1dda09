// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"fmt"
	"path/filepath"
	"strings"
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
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/llm-guardian/otelcol-guardian/connectors/guardianeventsconnector/internal/metadata"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

var storageID = component.MustNewID("file_storage")

// storageHost is a host with a file storage.
type storageHost struct{ component.Component }

func newStorage(t testing.TB, directory string) *storageHost {
	t.Helper()
	factory := filestorage.NewFactory()
	config := factory.CreateDefaultConfig().(*filestorage.Config)
	config.Directory = directory
	set := extensiontest.NewNopSettings(factory.Type())
	set.ID = storageID
	storage, err := factory.Create(t.Context(), set, config)
	require.NoError(t, err)
	require.NoError(t, storage.Start(t.Context(), componenttest.NewNopHost()))
	return &storageHost{storage}
}

func (h *storageHost) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{storageID: h.Component}
}

// A restart after any point of any scenario changes no event.
func TestARestartChangesNothing(t *testing.T) {
	for _, folder := range scenarios(t) {
		section, all := readScenario(t, folder)
		stored := "storage: file_storage\n" + strings.TrimPrefix(section, "{}\n")
		for after := 0; after < len(all); after += 3 {
			directory := t.TempDir()
			life := func(refuse error, all []said) plog.Logs {
				storage := newStorage(t, directory)
				s := newScene(t, stored, storage)
				s.sink.answer(refuse)
				for i := range all {
					require.NoError(t, s.connector.ConsumeMetrics(t.Context(), all[i].metrics()))
				}
				s.stop()
				require.NoError(t, storage.Shutdown(t.Context()))
				return s.sink.records()
			}
			events := life(nil, all[:after])
			more := life(nil, all[after:]) // nothing happens in between
			more.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().MoveAndAppendTo(events.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords())
			testutil.GoldenLogs(t, filepath.Join(folder, "events.json"), events)
		}
		// Events that nobody took before the restart come after it.
		directory := t.TempDir()
		storage := newStorage(t, directory)
		s := newScene(t, stored, storage)
		s.sink.answer(errRefused)
		for i := range all {
			require.NoError(t, s.connector.ConsumeMetrics(t.Context(), all[i].metrics()))
		}
		s.stop()
		require.NoError(t, storage.Shutdown(t.Context()))
		storage = newStorage(t, directory)
		s = newScene(t, stored, storage)
		s.stop()
		require.NoError(t, storage.Shutdown(t.Context()))
		testutil.GoldenLogs(t, filepath.Join(folder, "events.json"), s.sink.records())
	}
}

// The log says how many episodes are open again, and how many found no room.
func TestTheLogSaysWhatWasRestored(t *testing.T) {
	directory := t.TempDir()
	run := func(limit string, subjects ...string) []string {
		storage := newStorage(t, directory)
		cfg, err := testutil.LoadConfig(t, NewFactory(), "{storage: file_storage, anomaly: {hysteresis: {raise: 1, of: 1, clear: 1}}, limits: {episodes: "+limit+"}}")
		require.NoError(t, err)
		set := connectortest.NewNopSettings(metadata.Type)
		set.ID = component.NewID(metadata.Type)
		core, logs := observer.New(zapcore.InfoLevel)
		set.Logger = zap.New(core)
		c, err := createMetricsToLogs(t.Context(), set, cfg, &sink{})
		require.NoError(t, err)
		require.NoError(t, c.Start(t.Context(), storage))
		for _, of := range subjects {
			p := point(time.Second, stateAnomaly, 5)
			p.Of["specialist.type"] = of
			require.NoError(t, c.ConsumeMetrics(t.Context(), p.metrics()))
		}
		require.NoError(t, c.Shutdown(t.Context()))
		require.NoError(t, storage.Shutdown(t.Context()))
		var said []string
		for _, entry := range logs.All() {
			said = append(said, fmt.Sprintf("%s %s %v", entry.Level, entry.Message, entry.ContextMap()["episodes"]))
		}
		return said
	}
	assert.Empty(t, run("3"))
	assert.Equal(t, []string{"info Episodes of the last run restored. 0"}, run("3", "a", "b", "c"))
	assert.Equal(t, []string{
		"warn Episodes of the last run found no room, and will not be ended: see limits::episodes. 1",
		"info Episodes of the last run restored. 2",
	}, run("2"))
}

// newFuzzEngine makes an engine that nothing drives but the test.
func newFuzzEngine(t testing.TB) *engine {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, NewFactory(), "{limits: {episodes: 3, causes: 2}, anomaly: {hysteresis: {raise: 2, of: 3, clear: 2}}}")
	require.NoError(t, err)
	set := connectortest.NewNopSettings(metadata.Type)
	e := newEngine(set, cfg.(*Config), &sink{})
	e.telemetry, err = newTelemetry(set.TelemetrySettings)
	require.NoError(t, err)
	t.Cleanup(e.telemetry.builder.Shutdown)
	return e
}

// Whatever metrics come: no panic, nothing of them is changed, and the state goes round.
func FuzzMetrics(f *testing.F) {
	for _, s := range []*said{
		point(time.Second, stateAnomaly, 5), point(time.Second, stateNormal, 0),
		{Of: map[string]string{"model.name": "m"}, Drift: map[string]float64{"ml.concept_drift.psi": 0.3, "ml.data_drift.score": 0.2}},
	} {
		blob, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(s.metrics())
		require.NoError(f, err)
		f.Add(blob)
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		metrics, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(blob)
		if err != nil {
			return
		}
		before, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
		require.NoError(t, err)
		e := newFuzzEngine(t)
		for range 3 {
			e.consume(metrics, time.Now())
		}
		after, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
		require.NoError(t, err)
		assert.Equal(t, before, after)
		assert.LessOrEqual(t, len(e.episodes.byKey), 3)
		state, other := e.snapshot(), newFuzzEngine(t)
		require.NoError(t, other.restore(stateSchema, state))
	})
}

// Whatever was saved: an error or a connector that works, never a panic.
func FuzzRestore(f *testing.F) {
	e := newFuzzEngine(f)
	e.consume(point(time.Second, stateAnomaly, 5).metrics(), time.Now())
	f.Add(e.snapshot())
	e.consume(point(2*time.Second, stateAnomaly, 5).metrics(), time.Now())
	f.Add(e.snapshot())
	f.Fuzz(func(t *testing.T, state []byte) {
		e := newFuzzEngine(t)
		if e.restore(stateSchema, state) != nil {
			return
		}
		assert.LessOrEqual(t, len(e.episodes.byKey), 3)
		for i := range 5 {
			e.consume(point(time.Duration(i)*time.Hour, stateAnomaly, 5).metrics(), time.Now())
		}
		e.tick(time.Now().Add(24 * time.Hour))
		assert.Empty(t, e.episodes.byKey)
		assert.Equal(t, [kinds]int{}, e.episodes.open)
		e.snapshot()
	})
}

// The state that is read is the state that was written.
func TestStateGoesRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFuzzEngine(t)
		for i := range 2 {
			p := point(time.Duration(i)*time.Second, stateAnomaly, 5)
			p.Accepted = new(time.Second)
			e.consume(p.metrics(), time.Now())
		}
		candidate := point(0, stateAnomaly, 5)
		candidate.Accepted = new(time.Duration(0))
		candidate.Of["specialist.type"] = "code"
		e.consume(candidate.metrics(), time.Now())
		e.consume((&said{Of: map[string]string{"model.name": "m"}, Drift: map[string]float64{"ml.concept_drift.psi": 0.3}}).metrics(), time.Now())
		require.Len(t, e.episodes.byKey, 3)
		synctest.Wait()
		state := e.snapshot()
		other := newFuzzEngine(t)
		require.NoError(t, other.restore(stateSchema, state))
		assert.Equal(t, state, other.snapshot())
		assert.Equal(t, e.episodes.open, other.episodes.open)
		accepted := 0
		for _, episode := range other.episodes.byKey {
			if episode.accepted || len(episode.recent) > 0 && episode.recent[0].acceptedAt == scenarioStart.UnixNano() {
				accepted++
			}
		}
		assert.Equal(t, 2, accepted, "one that is raised, and one that may be")
		require.ErrorContains(t, other.restore(stateSchema+1, state), "schema 3")
	})
}
