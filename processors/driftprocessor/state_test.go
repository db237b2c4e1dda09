// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

var storageID = component.MustNewID("file_storage")

// storageHost is a host with a file storage.
type storageHost struct{ storage component.Component }

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
	return map[component.ID]component.Component{storageID: h.storage}
}

func (h *storageHost) stop(t testing.TB) error {
	t.Helper()
	return h.storage.Shutdown(t.Context())
}

func newTimestamp(t time.Time) pcommon.Timestamp { return pcommon.NewTimestampFromTime(t) }

// lives sends 1,300 predictions, an hour in the past and a second apart, in as many lives of the processor as there are
// configurations, and gives the verdicts.
func lives(t *testing.T, configurations ...string) []*event.Drift {
	t.Helper()
	storage := t.TempDir()
	var verdicts []*event.Drift
	rng := seeded(8)
	start := time.Now().Add(-time.Hour)
	each := 1300 / len(configurations)
	for life, configuration := range configurations {
		host := newStorage(t, storage)
		s := newScene(t, configuration, host)
		for i := range each {
			shift := 0.0
			if life*each+i >= 700 {
				shift = 0.8
			}
			record := prediction(map[string]any{
				"features.age": rng.NormFloat64() + shift, "features.plan": fmt.Sprint("plan ", rng.IntN(4)), "confidence": rng.Float64(),
			})
			require.NoError(t, s.processor.ConsumeLogs(t.Context(), newLogs(func(r plog.LogRecord) {
				record(r)
				r.SetTimestamp(newTimestamp(start.Add(time.Duration(life*each+i) * time.Second)))
			})))
		}
		s.stop()
		verdicts = append(verdicts, s.sink.drifts(t)...)
		require.NoError(t, host.stop(t))
	}
	for _, d := range verdicts {
		d.ID, d.Time, d.WindowStart, d.WindowEnd = "", time.Time{}, "", "" // the streams begin at different times
		d.Reference.Age = event.Float{}
	}
	return verdicts
}

const livesConfig = `
storage: file_storage
monitors:
  - name: features
    input: predictions
    reference: {first: 150}
    window: {samples: 200, sub_windows: 4}
    hysteresis: {raise: 2, of: 3, clear: 2}
  - name: confidence
    kind: concept
    input: predictions
    value: confidence
    reference: {first: 300}
    window: {samples: 250}
`

// The verdicts are the same, bit for bit, however often the processor was restarted meanwhile.
func TestRestartsChangeNoVerdict(t *testing.T) {
	once := lives(t, livesConfig)
	require.Greater(t, len(once), 50)
	assert.Equal(t, once, lives(t, livesConfig, livesConfig))
	assert.Equal(t, once, lives(t, livesConfig, livesConfig, livesConfig, livesConfig, livesConfig, livesConfig, livesConfig, livesConfig, livesConfig, livesConfig, livesConfig, livesConfig, livesConfig))
}

// References from files are found again by their content.
func TestRestartWithAFile(t *testing.T) {
	directory := t.TempDir()
	writeCSV(t, filepath.Join(directory, "churn.csv"), []string{"age", "confidence"}, sample(500, seeded(9).NormFloat64), sample(500, seeded(9).Float64))
	config := fmt.Sprintf(`
storage: file_storage
monitors:
  - name: features
    input: predictions
    value: features.age
    reference: {file: "%s/{model.name}.csv"}
    window: {samples: 200}
`, directory)
	life := func(storage string, from, to int) (verdicts []*event.Drift) {
		host := newStorage(t, storage)
		s := newScene(t, config, host)
		require.NoError(t, s.processor.ConsumeLogs(t.Context(), newLogs(prediction(map[string]any{"features.age": "text"}))))
		require.Eventually(t, func() bool {
			s.engine.mu.Lock()
			defer s.engine.mu.Unlock()
			for _, g := range s.engine.monitors[0].groups {
				return g.ready
			}
			return false
		}, 10*time.Second, time.Millisecond)
		for i := from; i < to; i++ {
			require.NoError(t, s.processor.ConsumeLogs(t.Context(), newLogs(prediction(map[string]any{"features.age": float64(i%20)/10 - 1}))))
		}
		s.stop()
		require.NoError(t, host.stop(t))
		return s.sink.drifts(t)
	}
	storage := t.TempDir()
	assert.Empty(t, life(storage, 0, 100))
	verdicts := life(storage, 100, 200)
	require.Len(t, verdicts, 1)
	assert.EqualValues(t, 199, verdicts[0].N.Value, "the values of both lives, and in the second a text, which is a missing one")
}

// Thresholds, muting and the window may be changed over a restart: references stay, and windows where their form does.
func TestChangedConfigurations(t *testing.T) {
	const config = `
storage: file_storage
monitors:
  - name: features
    input: predictions
    value: features.age
    reference: {first: 100, doublings: 0}
    window: {samples: %d}
    thresholds: {ks: {info: %v, warning: 0.15, critical: 0.25}}
    muted: %v
`
	f := func(samples int, info float64, muted bool, wantN int64) {
		t.Helper()
		verdicts := lives(t, fmt.Sprintf(config, 400, 0.1, false), fmt.Sprintf(config, samples, info, muted))
		if muted {
			require.Len(t, verdicts, 1)
			return
		}
		// The first 400 make the reference, 650 are the first life.
		require.NotEmpty(t, verdicts)
		assert.Equal(t, wantN, verdicts[0].N.Value)
		assert.Equal(t, "first", verdicts[0].Reference.ID)
		assert.NotEmpty(t, verdicts[0].Reference.Hash)
	}
	f(400, 0.1, false, 400)
	f(400, 0.05, false, 400)
	f(500, 0.1, false, 500) // the window begins again, against the same reference
}

// The log says what became of the state of the last run.
func TestTheLogSaysWhatWasRestored(t *testing.T) {
	directory := t.TempDir()
	monitors := func(more string) string {
		return "{storage: file_storage, monitors: [{name: m, input: predictions, value: features.x, reference: {first: 100}" + more + "}]}"
	}
	// run starts a processor, gives what it says of restoring, and has it see models of so many names.
	run := func(section string, models int) []string {
		host := newStorage(t, directory)
		cfg, err := testutil.LoadConfig(t, NewFactory(), section)
		require.NoError(t, err)
		set, _ := newSettings(t)
		core, logs := observer.New(zapcore.InfoLevel)
		set.Logger = zap.New(core)
		p, err := createLogs(t.Context(), set, cfg, &sink{})
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context(), host))
		for i := range models {
			require.NoError(t, p.ConsumeLogs(t.Context(), newLogs(prediction(map[string]any{"model.name": fmt.Sprint(i), "features.x": 1.5}))))
		}
		require.NoError(t, p.Shutdown(t.Context()))
		require.NoError(t, host.stop(t))
		return testutil.Said(logs, "groups", "dropped", "refused", "without_room")
	}
	// save writes what a run finds as its last state.
	save := func(schema uint32, blob []byte) {
		host := newStorage(t, directory)
		set, _ := newSettings(t)
		store, err := checkpoint.Open(t.Context(), host, component.KindProcessor, set.ID, checkpoint.Settings{Storage: &storageID, Name: "logs", Logger: set.Logger})
		require.NoError(t, err)
		_, _ = store.Load(t.Context(), func(uint32, []byte) error { return nil })
		for range 2 {
			require.NoError(t, store.Save(t.Context(), schema, blob))
		}
		require.NoError(t, store.Close(t.Context()))
		require.NoError(t, host.stop(t))
	}
	const again = "warn Nothing restored: every group begins again. groups=0 "
	const dropped = "warn Monitor looks at something else than it did, or is gone: what it has learned is dropped. groups=2"
	assert.Equal(t, []string{"info Nothing to restore: there is no state of a last run."}, run(monitors(""), 0))
	assert.Equal(t, []string{"info Nothing to restore: the last run knew no group. groups=0 dropped=0 refused=0 without_room=0"}, run(monitors(""), 3))
	assert.Equal(t, []string{"info Windows and references of the last run restored. groups=3 dropped=0 refused=0 without_room=0"}, run(monitors(""), 3))
	assert.Equal(t, []string{
		"warn Groups of the last run found no room: see limits. groups=1",
		"info Windows and references of the last run restored. groups=2 dropped=0 refused=0 without_room=1",
	}, run(monitors(", limits: {groups: 2}"), 0))
	assert.Equal(t, []string{
		"warn Groups begin again: what they have learned cannot be used. groups=2",
		again + "dropped=0 refused=2 without_room=0",
	}, run(monitors(", season: {phases: 24}"), 2))
	assert.Equal(t, []string{dropped, again + "dropped=2 refused=0 without_room=0"}, run(monitors(", type: numeric"), 2))
	assert.Equal(t, []string{dropped, again + "dropped=2 refused=0 without_room=0"}, run(strings.Replace(monitors(""), "name: m", "name: n", 1), 0))

	var twice codec.Encoder // the state of a monitor with the same group twice
	cfg, err := testutil.LoadConfig(t, NewFactory(), monitors(""))
	require.NoError(t, err)
	m := newMonitor(&cfg.(*Config).Monitors[0])
	twice.Count(1)
	twice.String("m")
	twice.String(m.signature())
	encodeWindow(&twice, m.settings.Window)
	twice.Count(2)
	g := m.addGroup("\x01a\x01b", time.Now())
	for range 2 {
		twice.String(g.key)
		twice.Varint(0)
		twice.Bytes(g.drift.Append(nil))
	}
	twice.Count(0) // series
	twice.Count(0) // verdicts that wait
	save(stateSchema, twice.Data())
	assert.Equal(t, []string{
		"warn Groups begin again: what they have learned cannot be used. groups=1",
		"info Windows and references of the last run restored. groups=1 dropped=0 refused=1 without_room=0",
	}, run(monitors(""), 0))

	save(stateSchema+1, []byte("of a later version"))
	said := run(monitors(""), 0)
	assert.Equal(t, "warn Nothing restored: the state of the last run was refused, and every group begins again.", said[len(said)-1])
}
