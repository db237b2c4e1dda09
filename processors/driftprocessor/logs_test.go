// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"gonum.org/v1/gonum/stat"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// distance is the Kolmogorov–Smirnov statistic as gonum computes it.
func distance(a, b []float64) float64 {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return stat.KolmogorovSmirnov(a, nil, b, nil)
}

// features starts a scene that compares age and income of churn 3 with a file, and returns what is in the file.
func features(t *testing.T, more string) (s *scene, age, income []float64) {
	t.Helper()
	rng := seeded(1)
	age, income = sample(1000, rng.NormFloat64), sample(1000, rng.ExpFloat64)
	directory := t.TempDir()
	writeCSV(t, filepath.Join(directory, "churn", "3.csv"), []string{"age", "features.income"}, age, income)
	s = newScene(t, fmt.Sprintf(`
monitors:
  - name: features
    input: predictions
    reference: {file: "%s/{model.name}/{model.version}.csv"}
    window: {samples: 500}
%s`, directory, more))
	s.send(prediction(nil)) // the file of the group is read
	return s, age, income
}

// A feature that changes is found in the window in which it has changed, with the score that gonum computes; the other one, and
// another model, stay quiet.
func TestOneFeatureDrifts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, age, income := features(t, "")
		rng := seeded(2)
		shift := 0.0
		var windows [3][2][]float64
		for i := range 1500 {
			if i == 1000 {
				shift = 1
			}
			values := []float64{rng.NormFloat64() + shift, rng.ExpFloat64()}
			windows[i/500][0] = append(windows[i/500][0], values[0])
			windows[i/500][1] = append(windows[i/500][1], values[1])
			time.Sleep(time.Second)
			s.send(prediction(map[string]any{"features.age": values[0], "features.income": values[1]}))
		}
		all := s.sink.drifts(t)
		require.Len(t, all, 9)
		for i, window := range windows {
			a, b := of(all, "age")[i], of(all, "income")[i]
			assert.InDelta(t, distance(age, window[0]), a.Score.Value, 1e-12)
			assert.InDelta(t, distance(income, window[1]), b.Score.Value, 1e-12)
			assert.Equal(t, "none", b.SeverityName)
			assert.Equal(t, "clear", b.State)
			assert.Equal(t, []string{"none", "none", "critical"}[i], a.SeverityName)
			assert.Equal(t, []string{"clear", "clear", "raised"}[i], a.State)
			assert.Equal(t, i == 2, a.Changed.Value)
			assert.Equal(t, event.Some(int64(500)), a.N)
			share := of(all, "")[i]
			assert.Equal(t, "dataset", share.Kind)
			assert.Equal(t, "share", share.Method)
			assert.Equal(t, []float64{0, 0, 0.5}[i], share.Score.Value)
			assert.Equal(t, []string{"none", "none", "critical"}[i], share.SeverityName)
		}
		last := of(all, "age")[2]
		assert.Equal(t, event.Model{Name: "churn", Version: "3"}, last.Model)
		assert.Equal(t, "data", last.Kind)
		assert.Equal(t, "ks", last.Method)
		assert.Len(t, last.Reference.Hash, 32)
		assert.Contains(t, last.Reference.ID, "/churn/3.csv")
		assert.False(t, last.Reference.Provisional.Value)
		assert.Len(t, last.ID, 32)
		record := s.sink.verdicts[2].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		assert.Equal(t, plog.SeverityNumberFatal, record.SeverityNumber())
		assert.Contains(t, record.Body().Str(), "age of churn 3: drift, critical, by ks")
		assert.EqualValues(t, 3, s.own()["otelcol_drift_windows"])
		assert.EqualValues(t, 1, s.own()["otelcol_drift_verdicts critical"])
		s.stop()
	})
}

// The attributes are those of the design's table; -update writes the file.
func TestVerdictEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, `
monitors:
  - name: features
    input: predictions
    group_by: [model.name, model.version, segments.region, service.name]
    attributes: {team: risk}
    reference: {first: 100}
    window: {samples: 100}
`)
		for i := range 200 {
			time.Sleep(time.Second)
			plan := "basic"
			if i >= 100 && i%2 == 0 {
				plan = "gold"
			}
			s.send(prediction(map[string]any{"features.age": float64(i % 10), "features.plan": plan, "segments.region": "eu"}))
		}
		require.Len(t, s.sink.verdicts, 1)
		testutil.GoldenLogs(t, filepath.Join("testdata", "verdicts.json"), s.sink.verdicts[0])
		s.stop()
	})
}

// What passes is handed on as it came, in one call.
func TestPassesUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := features(t, "")
		assert.False(t, s.processor.Capabilities().MutatesData)
		logs := newLogs(prediction(map[string]any{"features.age": 1.0}), prediction(map[string]any{"x": "y"}))
		want := plog.NewLogs()
		logs.CopyTo(want)
		require.NoError(t, s.processor.ConsumeLogs(t.Context(), logs))
		assert.Equal(t, want, s.sink.passed[len(s.sink.passed)-1])
		s.stop()
	})
}

// stream sends the same 1,200 predictions, whatever the scene; retry sends a batch again until it is taken.
func stream(t *testing.T, s *scene, refuseEvery int) {
	t.Helper()
	rng := seeded(3)
	for i := range 120 {
		time.Sleep(time.Second)
		var records []func(plog.LogRecord)
		for range 10 {
			records = append(records, prediction(map[string]any{"features.age": rng.NormFloat64() + 0.4, "features.income": rng.ExpFloat64()}))
		}
		logs := newLogs(records...)
		if refuseEvery > 0 && i%refuseEvery == 0 {
			s.sink.locked(func() { s.sink.refuse = 2 })
		}
		for {
			attempt := plog.NewLogs()
			logs.CopyTo(attempt)
			if s.processor.ConsumeLogs(t.Context(), attempt) == nil {
				break
			}
		}
		synctest.Wait()
	}
}

// A batch that is refused and sent again counts once: the verdicts are those of a stream that nobody refused.
func TestRefusedBatchesCountOnce(t *testing.T) {
	var verdicts [2][]*event.Drift
	for i, refuseEvery := range []int{0, 7} {
		synctest.Test(t, func(t *testing.T) {
			s, _, _ := features(t, "")
			stream(t, s, refuseEvery)
			verdicts[i] = s.sink.drifts(t)
			assert.EqualValues(t, 2400, s.own()["otelcol_drift_values"])
			s.stop()
		})
	}
	require.Len(t, verdicts[0], 6)
	for i := range verdicts[0] {
		verdicts[0][i].ID, verdicts[1][i].ID = "", "" // the folders differ
		verdicts[0][i].Reference.ID, verdicts[1][i].Reference.ID = "", ""
		verdicts[0][i].Reference.Age, verdicts[1][i].Reference.Age = event.Float{}, event.Float{}
	}
	assert.Equal(t, verdicts[0], verdicts[1])
}

// Verdicts that are refused are kept in order, and sent again each second; the sender of the data learns nothing of it.
func TestRefusedVerdictsAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := features(t, "")
		s.sink.locked(func() { s.sink.refuseVerdicts = errRefused })
		stream(t, s, 0)
		s.sink.locked(func() {
			assert.Empty(t, s.sink.verdicts)
			assert.Positive(t, s.sink.refused)
			s.sink.refuseVerdicts = nil
		})
		time.Sleep(tickInterval)
		synctest.Wait()
		all := s.sink.drifts(t)
		require.Len(t, all, 6)
		assert.Less(t, all[0].WindowEnd, all[3].WindowEnd)
		assert.Positive(t, s.own()["otelcol_drift_verdicts_refused"])
		s.stop()
	})
}

// Verdicts that are refused for good are given up and counted: they would stand in the way of all others.
func TestVerdictsThatCanNeverBeTakenAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := features(t, "")
		s.sink.locked(func() { s.sink.refuseVerdicts = consumererror.NewPermanent(errRefused) })
		stream(t, s, 0)
		s.sink.locked(func() { assert.Equal(t, 2, s.sink.refused) })
		assert.EqualValues(t, 2, s.own()["otelcol_drift_verdicts_dropped"])
		s.stop()
	})
}

// Only changes and the summary of the window, where events says so.
func TestEventsOfChangesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := features(t, "    events: changes")
		stream(t, s, 0)
		all := s.sink.drifts(t)
		require.Len(t, all, 3)
		assert.Len(t, of(all, ""), 2)
		require.Len(t, of(all, "age"), 1)
		assert.True(t, of(all, "age")[0].Changed.Value)
		s.stop()
	})
}

// A monitor that is muted goes on and says nothing.
func TestMuted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := features(t, "    muted: true")
		stream(t, s, 0)
		assert.Empty(t, s.sink.verdicts)
		assert.EqualValues(t, 2, s.own()["otelcol_drift_windows"])
		s.stop()
	})
}

// The first values make a reference, which is provisional until its halves agree.
func TestFirstValuesMakeAReference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, `
monitors:
  - name: confidence
    kind: concept
    input: predictions
    value: confidence
    reference: {first: 200}
    window: {samples: 200}
`)
		rng := seeded(4)
		for i := range 1000 {
			time.Sleep(time.Second)
			confidence := rng.Float64()
			if i >= 800 {
				confidence /= 4
			}
			s.send(prediction(map[string]any{"confidence": confidence}))
		}
		all := s.sink.drifts(t)
		require.Len(t, all, 4)
		assert.Equal(t, "first", all[0].Reference.ID)
		assert.True(t, all[0].Reference.Provisional.Value)
		assert.False(t, all[1].Reference.Provisional.Value)
		for i, d := range all {
			assert.Equal(t, "concept", d.Kind)
			assert.Equal(t, "confidence", d.Feature)
			assert.Equal(t, "psi", d.Method)
			assert.Equal(t, d.PSI, d.Score)
			assert.Equal(t, i == 3, d.SeverityName == "critical", "PSI %v", d.PSI)
		}
		s.stop()
	})
}

// Every input: what is looked at, under which name.
func TestInputs(t *testing.T) {
	f := func(input string, record func(plog.LogRecord), want ...string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, "monitors: [{name: m, reference: {first: 20}, "+input+"}]")
			s.send(record, named("other", map[string]any{"latency": 1.0}))
			var got []string
			for _, g := range s.engine.monitors[0].inOrder() {
				for _, feature := range g.drift.Features() {
					got = append(got, fmt.Sprint(g.values, feature.Name(), " ", feature.Kind()))
				}
			}
			slices.Sort(got)
			assert.Equal(t, want, got)
			s.stop()
		})
	}
	all := map[string]any{
		"features.age": 41, "features.plan": "gold", "features.new": true, "features.list": []any{1}, "probability": 0.5,
		"predicted.class": "churn", "predicted.value": 0.7, "latency_ms": 12.5, "segments.region": "eu",
	}
	f("input: predictions", prediction(all), "[churn 3]age numeric", "[churn 3]new categorical", "[churn 3]plan categorical")
	f("input: predictions, group_by: [segments.region]", prediction(map[string]any{"features.age": 1, "segments.region": "eu"}), "[eu]age numeric")
	f("input: predictions, group_by: [service.name]", prediction(map[string]any{"features.age": 1}), "[predictor]age numeric")
	f("input: predictions, group_by: []", prediction(map[string]any{"features.age": 1}), "[]age numeric")
	f("input: predictions, kind: concept", prediction(all), "[churn 3]prediction numeric")
	f("input: predictions, kind: concept", prediction(map[string]any{"predicted.class": "churn"}), "[churn 3]prediction categorical")
	f("input: predictions, value: confidence", prediction(all), "[churn 3]confidence numeric")
	f("input: predictions, value: latency_ms", prediction(all), "[churn 3]latency_ms numeric")
	f("input: predictions, value: features.age", prediction(all), "[churn 3]age numeric")
	f("input: predictions, value: features.age, type: categorical", prediction(all), "[churn 3]age categorical")
	f("input: requests", named(event.NameRequest, map[string]any{"duration_s": 1.5, "gen_ai.usage.input_tokens": 7}),
		"[churn 3]duration_s numeric", "[churn 3]usage.input_tokens numeric")
	f("input: requests", named(event.NameRequest, map[string]any{"duration_s": 1.5, "phase": "start"}))
	f("input: requests, value: usage.output_tokens", named(event.NameRequest, map[string]any{"gen_ai.usage.completion_tokens": 7}),
		"[churn 3]usage.output_tokens numeric")
	evaluation := map[string]any{"gen_ai.evaluation.name": "quality", "gen_ai.evaluation.score.value": 0.9}
	f("input: evaluations", named(event.NameEvaluationResult, evaluation), "[churn 3]quality numeric")
	f("input: evaluations, value: quality", named(event.NameEvaluationResult, evaluation), "[churn 3]quality numeric")
	f("input: evaluations, value: safety", named(event.NameEvaluationResult, evaluation))
	f("input: {attribute: latency}", prediction(all), "[churn 3]latency numeric")
	f("input: {attribute: latency, event_name: other}", prediction(map[string]any{"latency": "slow"}), "[churn 3]latency numeric")
	f("input: {attribute: latency, event_name: none}", prediction(all))
	// As SDKs wrote event names, other spellings of the model's name, and JSON log lines.
	f("input: predictions", func(record plog.LogRecord) {
		record.Attributes().PutStr("event.name", event.NamePrediction)
		record.Attributes().PutStr("model_name", "m")
		record.Attributes().PutDouble("features.age", 1)
	}, "[m ]age numeric")
	f("input: predictions, value: probability", func(record plog.LogRecord) {
		require.NoError(t, record.Body().SetEmptyMap().FromRaw(map[string]any{
			"event_type": "prediction_complete", "model_name": "m", "model_version": "1", "prediction": "yes", "probability": 0.5,
		}))
	}, "[m 1]probability numeric")
}

// What is no value of a feature is defined: missing, left out, or beyond the outermost cuts; and counted.
func TestBadInput(t *testing.T) {
	f := func(value any, missing int, reason string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s, _, _ := features(t, "    min_effective: 1")
			rng := seeded(5)
			for range 499 {
				s.send(prediction(map[string]any{"features.age": rng.NormFloat64(), "features.income": rng.ExpFloat64()}))
			}
			s.send(prediction(map[string]any{"features.age": value, "features.income": 1.0}))
			d := of(s.sink.drifts(t), "age")
			require.Len(t, d, 1)
			assert.EqualValues(t, 500-missing, d[0].N.Value)
			assert.Equal(t, "none", d[0].SeverityName)
			if reason != "" {
				assert.EqualValues(t, 1, s.own()["otelcol_drift_rejected_values "+reason])
			}
			s.stop()
		})
	}
	f(math.NaN(), 1, "")
	f(math.Inf(1), 0, "")
	f(math.Inf(-1), 0, "")
	f(7, 0, "")
	f(nil, 1, "")
	f("forty", 1, "wrong_type")
	f(true, 1, "wrong_type")
	f([]any{1.0}, 1, "unsupported") // absent, so missing
	f(map[string]any{"a": 1}, 1, "unsupported")
}

// A feature that stops coming is missing, and that is drift.
func TestAFeatureThatStopsComing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := features(t, "")
		rng := seeded(6)
		for i := range 1000 {
			values := map[string]any{"features.age": rng.NormFloat64(), "features.income": rng.ExpFloat64()}
			if i >= 500 {
				delete(values, "features.age")
			}
			s.send(prediction(values))
		}
		d := of(s.sink.drifts(t), "age")
		require.Len(t, d, 2)
		assert.Equal(t, "none", d[0].SeverityName)
		assert.Equal(t, "critical", d[1].SeverityName)
		assert.Equal(t, "missing", d[1].Cause)
		s.stop()
	})
}

// Late values and those ahead of the clock are left out, and counted.
func TestLateAndAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := features(t, "")
		at := func(offset time.Duration) func(plog.LogRecord) {
			return func(record plog.LogRecord) {
				prediction(map[string]any{"features.age": 1.0})(record)
				record.SetTimestamp(newTimestamp(time.Now().Add(offset)))
			}
		}
		s.send(at(0), at(-time.Hour), at(time.Hour), at(-30*time.Second))
		assert.EqualValues(t, 1, s.own()["otelcol_drift_rejected_values late"])
		assert.EqualValues(t, 1, s.own()["otelcol_drift_rejected_values ahead"])
		s.stop()
	})
}

// Groups and features beyond their limits are left out, and counted.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "monitors: [{name: m, input: predictions, reference: {first: 20}, limits: {groups: 1, features: 2}}]")
		s.send(
			prediction(map[string]any{"features.a": 1, "features.b": 1, "features.c": 1}),
			prediction(map[string]any{"model.name": "other", "features.a": 1}),
		)
		own := s.own()
		assert.EqualValues(t, 1, own["otelcol_drift_limited features"])
		assert.EqualValues(t, 1, own["otelcol_drift_limited groups"])
		assert.EqualValues(t, 1, own["otelcol_drift_entries groups"])
		assert.EqualValues(t, 2, own["otelcol_drift_entries features"])
		s.stop()
	})
}

// A group for which nothing comes is forgotten.
func TestIdleGroupsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "monitors: [{name: m, input: predictions, reference: {first: 20}, limits: {idle_after: 1h}}]")
		s.send(prediction(map[string]any{"features.a": 1}))
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, groupsOf(s.engine))
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		assert.Zero(t, groupsOf(s.engine))
		s.stop()
	})
}

// A window ends by age where nothing comes to end it, also where the events are old: their clock counts.
func TestWindowsEndByTheClock(t *testing.T) {
	for _, age := range []time.Duration{0, 1000 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, "monitors: [{name: m, input: predictions, reference: {first: 50}, window: {max_age: 1m, lateness: 1s}}]")
			for i := range 100 {
				s.send(func(record plog.LogRecord) {
					prediction(map[string]any{"features.a": i % 50})(record)
					record.SetTimestamp(newTimestamp(time.Now().Add(-age)))
				})
				time.Sleep(time.Second)
			}
			assert.Empty(t, s.sink.drifts(t))
			time.Sleep(30 * time.Second)
			synctest.Wait()
			d := of(s.sink.drifts(t), "a")
			require.Len(t, d, 1)
			assert.EqualValues(t, 40, d[0].N.Value, "the first minute made the reference")
			s.stop()
		})
	}
}

// The budget of false alarms is that of the monitor: groups share it.
func TestBudgetIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "monitors: [{name: m, input: predictions, reference: {first: 20}, window: {samples: 100}, false_alarms_per_day: 0.03}]")
		rng := seeded(7)
		for range 200 {
			time.Sleep(864 * time.Second) // 100 of them are a day
			var records []func(plog.LogRecord)
			for _, model := range []string{"a", "b", "c"} {
				records = append(records, prediction(map[string]any{"model.name": model, "features.x": rng.Float64()}))
			}
			s.send(records...)
		}
		s.stop()
		require.Len(t, s.engine.monitors[0].groups, 3)
		for _, g := range s.engine.monitors[0].groups {
			assert.Equal(t, 3, g.sharedBy)
		}
		// A window takes a day, and the first made the reference: the level of the second is a third of the budget.
		var levels []float64
		for _, d := range of(s.sink.drifts(t), "x") {
			for _, a := range d.Details {
				if a.Name() == "drift.details.alpha" {
					level, _ := a.Value.Number()
					levels = append(levels, level)
				}
			}
		}
		require.Len(t, levels, 3)
		for _, level := range levels {
			assert.InDelta(t, 0.01, level, 1e-4)
		}
	})
}

// Batches that come at the same time are all judged, and no verdict is lost.
func TestConcurrentBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "monitors: [{name: m, input: predictions, reference: {first: 50}, window: {samples: 50}}]")
		var senders sync.WaitGroup
		for sender := range 8 {
			senders.Go(func() {
				for i := range 100 {
					model := prediction(map[string]any{"model.name": fmt.Sprint(sender % 2), "features.x": i % 50})
					assert.NoError(t, s.processor.ConsumeLogs(t.Context(), newLogs(model, model)))
				}
			})
		}
		senders.Wait()
		synctest.Wait()
		assert.EqualValues(t, 1600, s.own()["otelcol_drift_values"])
		// Of the 16 windows of each model, the first made the reference.
		assert.Len(t, of(s.sink.drifts(t), "x"), 30)
	})
}

// With a storage the processor may stand in one logs pipeline; without, every pipeline is judged on its own.
func TestOnePipelinePerSignal(t *testing.T) {
	config := createDefaultConfig().(*Config)
	m := defaultMonitor()
	m.Name, m.Input.Events, m.Reference.First = "m", inputPredictions, 20
	config.Monitors = []MonitorConfig{m}
	two := func(host component.Host) error {
		set, _ := newSettings(t)
		first, err := createLogs(t.Context(), set, config, &sink{})
		require.NoError(t, err)
		second, err := createLogs(t.Context(), set, config, &sink{})
		require.NoError(t, err)
		require.NoError(t, first.Start(t.Context(), host))
		err = second.Start(t.Context(), host)
		require.NoError(t, first.Shutdown(t.Context()))
		require.NoError(t, second.Shutdown(t.Context()))
		return err
	}
	storage := newStorage(t, t.TempDir())
	require.NoError(t, two(storage))
	config.Storage = &storageID
	require.ErrorContains(t, two(storage), "it may stand in one logs pipeline only")
	require.NoError(t, storage.stop(t))
}
