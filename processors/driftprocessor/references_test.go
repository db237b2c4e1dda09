// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
)

// statusHost remembers what the processor says of its state.
type statusHost struct {
	component.Host
	mu     sync.Mutex
	states []componentstatus.Status
	faults []string
}

func (h *statusHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states = append(h.states, e.Status())
	if e.Err() != nil {
		h.faults = append(h.faults, e.Err().Error())
	}
}

func fileMonitor(path, more string) string {
	return fmt.Sprintf(`
monitors:
  - name: features
    input: predictions
    reference: {file: "%s/{model.name}.csv", reload_interval: 10s%s}
    window: {samples: 100}
`, path, more)
}

// A file that is not there makes the monitor report itself degraded; when it comes it is used, and when it changes the next
// window is compared with the new one.
func TestReferenceFileComesAndChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		directory := t.TempDir()
		host := &statusHost{Host: componenttest.NewNopHost()}
		s := newScene(t, fileMonitor(directory, ""), host)
		rows := func() {
			rng := seeded(10)
			for range 100 {
				s.send(prediction(map[string]any{"features.age": rng.NormFloat64()}))
			}
		}
		rows()
		assert.Empty(t, s.sink.drifts(t))
		own := s.own()
		assert.EqualValues(t, 1, own["otelcol_drift_degraded"])
		assert.EqualValues(t, 100, own["otelcol_drift_rejected_values no_reference"])
		assert.EqualValues(t, 1, own["otelcol_drift_reference_loads failed"])

		path := filepath.Join(directory, "churn.csv")
		writeCSV(t, path, []string{"age"}, sample(1000, seeded(11).NormFloat64))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		rows()
		require.Len(t, of(s.sink.drifts(t), "age"), 1)
		assert.Equal(t, "none", of(s.sink.drifts(t), "age")[0].SeverityName)
		assert.EqualValues(t, 0, s.own()["otelcol_drift_degraded"])

		writeCSV(t, path, []string{"age"}, sample(1000, seeded(11).ExpFloat64))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		rows()
		age := of(s.sink.drifts(t), "age")
		require.Len(t, age, 2)
		assert.Equal(t, "critical", age[1].SeverityName)
		assert.NotEqual(t, age[0].Reference.Hash, age[1].Reference.Hash)

		// A file that cannot be read any more: the old reference stays, and the monitor is degraded.
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		rows()
		assert.Len(t, of(s.sink.drifts(t), "age"), 3)
		assert.EqualValues(t, 1, s.own()["otelcol_drift_degraded"])
		s.stop()
		assert.Equal(t, []componentstatus.Status{
			componentstatus.StatusRecoverableError, componentstatus.StatusOK, componentstatus.StatusRecoverableError,
		}, host.states)
	})
}

// Where the first values may make a reference too, they do until the file comes.
func TestFirstValuesUntilTheFileComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		directory := t.TempDir()
		s := newScene(t, fileMonitor(directory, ", first: 100"))
		s.send() // nothing
		s.send(prediction(nil))
		rng := seeded(12)
		rows := func() {
			for range 100 {
				s.send(prediction(map[string]any{"features.age": rng.NormFloat64()}))
			}
		}
		rows()
		rows()
		writeCSV(t, filepath.Join(directory, "churn.csv"), []string{"age"}, sample(1000, seeded(11).NormFloat64))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		rows()
		age := of(s.sink.drifts(t), "age")
		require.Len(t, age, 2)
		assert.Equal(t, "first", age[0].Reference.ID)
		assert.Equal(t, filepath.Join(directory, "churn.csv"), age[1].Reference.ID)
		s.stop()
	})
}

// A path that telemetry would lead out of the folder is not used. A column of another kind, or one that is not there, leaves its
// feature without a verdict; the rest runs.
func TestReferencesThatDoNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		directory := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(directory, "churn.csv"), []byte("age,plan,empty,one\n1,a,,5\n2,b,,5\n"), 0o600))
		s := newScene(t, fileMonitor(filepath.Join(directory, "sub", ".."), "")+"    type: numeric\n    min_effective: 1\n")
		s.send(prediction(map[string]any{"model.name": "../../etc/passwd"}))
		assert.EqualValues(t, 1, s.own()["otelcol_drift_degraded"])
		s.send(prediction(nil))
		for i := range 100 {
			s.send(prediction(map[string]any{"features.age": 1 + i%2, "features.plan": 1, "features.absent": 1, "features.empty": 1, "features.one": 5}))
		}
		var judged []string
		for _, d := range s.sink.drifts(t) {
			judged = append(judged, d.Feature)
			assert.Equal(t, "none", d.SeverityName, d.Feature)
		}
		assert.Equal(t, []string{"age", "one", ""}, judged)
		s.stop()
	})
}

// A path may have a file for each phase of the season. Where the file of a phase is not there, the monitor reports itself degraded,
// and what comes in that phase is not judged; the other phases are, each against its own file.
func TestReferenceFileOfAPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		directory := t.TempDir()
		write := func(phase int, mean float64) {
			rng := seeded(11)
			writeCSV(t, filepath.Join(directory, fmt.Sprintf("churn-%d.csv", phase)), []string{"age"},
				sample(1000, func() float64 { return rng.NormFloat64() + mean }))
		}
		write(0, 0)
		write(2, 20)
		host := &statusHost{Host: componenttest.NewNopHost()}
		s := newScene(t, fmt.Sprintf(`
monitors:
  - name: features
    input: predictions
    reference: {file: "%s/{model.name}-{season.phase}.csv", reload_interval: 10s}
    window: {samples: 100}
    season: {phases: 3, length: 1h}
`, directory), host)
		rng := seeded(10)
		// hour sends a window in the middle of an hour of the day, whose number modulo 3 is that of the phase, and gives what was said.
		hour := func(mean float64) (verdicts []string) {
			known := len(of(s.sink.drifts(t), "age"))
			for range 100 {
				s.send(prediction(map[string]any{"features.age": rng.NormFloat64() + mean}))
			}
			for _, d := range of(s.sink.drifts(t), "age")[known:] {
				verdicts = append(verdicts, filepath.Base(d.Reference.ID)+" "+d.SeverityName)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			return verdicts
		}
		first := (drift.Season{Phases: 3, Length: time.Hour}).Phase(time.Now().UnixNano())
		require.Equal(t, 0, first)
		s.send(prediction(map[string]any{"features.age": 0})) // which makes the group, whose files are looked for
		synctest.Wait()
		assert.Equal(t, []string{"churn-0.csv none"}, hour(0))
		assert.Empty(t, hour(10))
		assert.Equal(t, []string{"churn-2.csv none"}, hour(20))
		own := s.own()
		assert.EqualValues(t, 1, own["otelcol_drift_degraded"])
		assert.EqualValues(t, 101, own["otelcol_drift_rejected_values no_reference"])
		require.Len(t, host.faults, 1)
		assert.Contains(t, host.faults[0], "monitor features is degraded")
		assert.Contains(t, host.faults[0], "churn-1.csv")

		write(1, 10)
		assert.Equal(t, []string{"churn-0.csv critical"}, hour(20))
		assert.Equal(t, []string{"churn-1.csv none"}, hour(10))
		assert.EqualValues(t, 0, s.own()["otelcol_drift_degraded"])
		s.stop()
		assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, host.states)
	})
}
