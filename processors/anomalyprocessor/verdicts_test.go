// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

var specialists = []string{"chat", "code", "legal", "medical", "summary"}

// shop is a number of specialists whose metrics are those of the guardian_metrics connector, every 15 s of event time. One of them
// may be in trouble.
type shop struct {
	rng     *rand.Rand
	start   time.Time
	latency map[string]*shopHistogram
	errors  map[string]float64
	quality map[string]*shopHistogram
}

type shopHistogram struct {
	bounds []float64
	counts []uint64
	total  float64
}

func (h *shopHistogram) observe(v float64) {
	i, _ := slices.BinarySearch(h.bounds, v)
	h.counts[i]++
	h.total += v
}

func newShop(start time.Time) *shop {
	s := &shop{rng: rand.New(rand.NewPCG(11, 7)), start: start, latency: map[string]*shopHistogram{}, errors: map[string]float64{}, quality: map[string]*shopHistogram{}}
	seconds, tenths := []float64{.1, .5, 1, 2, 5, 10, 30, 60}, []float64{.1, .2, .3, .4, .5, .6, .7, .8, .9, 1}
	for _, name := range specialists {
		s.latency[name] = &shopHistogram{bounds: seconds, counts: make([]uint64, len(seconds)+1)}
		s.quality[name] = &shopHistogram{bounds: tenths, counts: make([]uint64, len(tenths)+1)}
	}
	return s
}

// tick lets 15 s pass and gives the metrics. The one in trouble takes five times as long, fails three times out of ten and is half as good.
func (s *shop) tick(inTrouble string) []fill {
	var all []fill
	for i, name := range specialists {
		slow, wrong, good := 1.0, 0.01, 1.0
		if name == inTrouble {
			slow, wrong, good = 5, 0.3, 0.5
		}
		for range 60 + s.rng.IntN(20) {
			s.latency[name].observe(slow * (0.3 + 0.4*float64(i)) * math.Exp(0.4*s.rng.NormFloat64()))
			if s.rng.Float64() < wrong {
				s.errors[name]++
			} else {
				s.quality[name].observe(min(1, good*(0.8+0.1*s.rng.NormFloat64())))
			}
		}
		all = append(all,
			histogramOf("specialist.request.duration", cumulative, s.start, s.latency[name].total, s.latency[name].bounds, s.latency[name].counts, "specialist.type", name),
			histogramOf("specialist.quality_score", cumulative, s.start, s.quality[name].total, s.quality[name].bounds, s.quality[name].counts, "specialist.type", name))
		if s.errors[name] > 0 {
			all = append(all, counter("specialist.errors", s.start, s.errors[name], "specialist.type", name, "error.type", "timeout"))
		}
	}
	return all
}

const specialistDetector = `
detectors:
  - name: specialists
    metrics: [specialist.request.duration, specialist.quality_score, {name: specialist.errors, absent_is_zero: true}]
    group_by: [specialist.type]
`

// Two minutes of trouble of one specialist, in event time: what is said of it, and that nothing is said of the others.
func TestASpecialistInTrouble(t *testing.T) {
	for _, method := range []string{"isolation_forest", "pca", "robust_z", "ewma"} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, specialistDetector+"    method: "+method+"\n")
				shop := newShop(s.start)
				const ticks, from, to = 320, 240, 248 // 80 minutes, of which two
				for i := range ticks {
					inTrouble := ""
					if from <= i && i < to {
						inTrouble = "chat"
					}
					s.send(time.Duration(i)*15*time.Second, shop.tick(inTrouble)...)
				}
				shown := s.sink.verdictsBySeries(t)
				testutil.Golden(t, filepath.Join("testdata", "trouble_"+method+".txt"), []byte(told(s, shown, from)))

				anomalous := 0
				for _, p := range shown["guardian_anomaly_state detector=specialists specialist_type=chat"] {
					tick := int(p.at.Sub(s.start)/(15*time.Second)) - 1
					if p.value == 2 && from <= tick && tick < to {
						anomalous++
					}
				}
				assert.GreaterOrEqual(t, anomalous, 7, "of 8 steps")
				for _, metric := range []string{"specialist.request.duration", "specialist.errors"} {
					z := values(shown["guardian_anomaly_z_score detector=specialists specialist_type=chat metric="+metric])
					require.NotEmpty(t, z, metric)
					assert.Greater(t, slices.Max(z), 5.0, metric)
				}
				for _, name := range specialists[1:] {
					states := values(shown["guardian_anomaly_state detector=specialists specialist_type="+name])
					assert.LessOrEqual(t, len(slices.DeleteFunc(states, func(v float64) bool { return v != 2 })), 2, "%s is calm", name)
				}
			})
		})
	}
}

// An anomaly that lasts stays one, however few calm steps there were before.
func TestALongAnomalyStaysOne(t *testing.T) {
	const trouble = 24
	f := func(method string, calm int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, specialistDetector+"    method: "+method+"\n    calm_interval: 0s\n")
			shop := newShop(s.start)
			for i := range calm + trouble + 2 {
				inTrouble := ""
				if calm <= i && i < calm+trouble {
					inTrouble = "chat"
				}
				s.send(time.Duration(i)*15*time.Second, shop.tick(inTrouble)...)
			}
			states := values(s.sink.verdictsBySeries(t)["guardian_anomaly_state detector=specialists specialist_type=chat"])
			require.Len(t, states, calm+trouble)
			anomalous := 0
			for _, state := range states[calm:] {
				if state == 2 {
					anomalous++
				}
			}
			assert.GreaterOrEqual(t, anomalous, trouble-2, "%s after %d calm steps: %v", method, calm, states[calm:])
		})
	}
	for _, method := range []string{"isolation_forest", "pca", "robust_z", "ewma"} {
		for _, calm := range []int{108, 300} {
			f(method, calm)
		}
	}
}

// told says in lines what is said of the one in trouble around that: states, and causes of anomalies.
func told(s *scene, shown map[string][]shown, from int) string {
	var lines []string
	for _, key := range keysOf(shown) {
		if !strings.Contains(key, "chat") || !strings.Contains(key, "guardian_anomaly_state") && !strings.Contains(key, "guardian_anomaly_z_score") {
			continue
		}
		for _, p := range shown[key] {
			if at := p.at.Sub(s.start); at >= time.Duration(from-4)*15*time.Second && at < time.Duration(from+16)*15*time.Second {
				text := fmt.Sprintf("%s %s %.3g", strings.TrimPrefix(key, "guardian_anomaly_"), at, p.value)
				if p.ended {
					text = fmt.Sprintf("%s %s ended", strings.TrimPrefix(key, "guardian_anomaly_"), at)
				}
				lines = append(lines, text)
			}
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// Nothing is said before there are enough rows, which the state says.
func TestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "detectors: [{name: d, group_by: [], metrics: [m], calm_interval: 0s, lateness: 0s, min_observations: 60}]")
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 400 {
			v := rng.NormFloat64()
			if i == 390 {
				v = 50
			}
			s.send(time.Duration(i)*15*time.Second, gauge("m", v))
		}
		shown := s.sink.verdictsBySeries(t)
		states, scores := shown["guardian_anomaly_state detector=d"], shown["guardian_anomaly_score detector=d"]
		require.Len(t, states, 399)
		for i, p := range states {
			want := 1.0
			switch {
			case i < 60:
				want = 0
			case i == 390:
				want = 2
			}
			assert.InDelta(t, want, p.value, 0, "%d", i)
		}
		require.Len(t, scores, 339, "no score before there is one")
		for _, p := range scores {
			assert.True(t, p.value >= 0 && p.value <= 1)
		}
		z := shown["guardian_anomaly_z_score detector=d metric=m"]
		require.Len(t, z, 2)
		assert.Greater(t, z[0].value, 20.0)
		assert.True(t, z[1].ended, "the cause is no longer one")
		assert.InDelta(t, 50, shown["guardian_anomaly_value detector=d metric=m"][0].value, 0)
		assert.InDelta(t, 1, shown["guardian_anomaly_contribution detector=d metric=m"][0].value, 1e-9)
		assert.InDelta(t, 0, shown["guardian_anomaly_baseline_mean detector=d metric=m"][0].value, 0.5)
		assert.InDelta(t, 1, shown["guardian_anomaly_baseline_std detector=d metric=m"][0].value, 0.3)
		assert.InDelta(t, 1.6, shown["guardian_anomaly_baseline_p95 detector=d metric=m"][0].value, 0.6)
		own := s.own()
		assert.EqualValues(t, 60, own["rows not_judged"])
		assert.EqualValues(t, 1, own["rows anomalous"])
		assert.EqualValues(t, 338, own["rows normal"])
		assert.InDelta(t, 1.0/339, own["alarm_rate"], 1e-9)
		assert.EqualValues(t, 1, own["models"])
		assert.GreaterOrEqual(t, own["trainings"], 1.0)
		assert.Zero(t, own["overdue"])
	})
}

// As many steps are called anomalies as contamination says; named without a value it is a tenth, of calm steps too.
func TestContamination(t *testing.T) {
	for section, share := range map[string]float64{"contamination:": 0.1, "contamination: 0.03": 0.03} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, "detectors:\n  - name: d\n    group_by: []\n    metrics: [a, b]\n    "+section+"\n")
			s.start = s.start.Add(-24 * time.Hour)
			rng := rand.New(rand.NewPCG(2, 1))
			for i := range 3000 {
				s.send(time.Duration(i)*15*time.Second, gauge("a", rng.NormFloat64()), gauge("b", rng.NormFloat64()))
			}
			assert.InEpsilon(t, share, s.own()["alarm_rate"], 0.5, section)
			assert.Greater(t, s.own()["rows normal"]+s.own()["rows anomalous"], 2900.0)
		})
	}
}

// A change that stays is accepted: the step at which it was is told, from then on and over a restart, and its series ends with the entity.
func TestAcceptedChange(t *testing.T) {
	const name = "guardian_anomaly_accepted_timestamp_seconds detector=d host=a"
	for _, method := range []string{"isolation_forest", "pca", "ewma"} {
		synctest.Test(t, func(t *testing.T) {
			storage := newStorage(t, t.TempDir())
			section := "{storage: file_storage, training_cpu: 1, detectors: [{name: d, group_by: [host], metrics: [m], method: " + method +
				", accept: 60, calm_interval: 1h, limits: {idle_after: 10m}}]}"
			s := newScene(t, section, storage)
			s.start = s.start.Add(-2 * time.Hour)
			rng := rand.New(rand.NewPCG(1, 1))
			send := func(from, to int, level float64) {
				for i := from; i < to; i++ {
					s.send(time.Duration(i)*15*time.Second, gauge("m", level+rng.NormFloat64(), "host", "a"))
				}
			}
			send(0, 200, 0)
			assert.Empty(t, s.sink.verdictsBySeries(t)[name], "nothing was accepted")
			send(200, 400, 50)
			shown := s.sink.verdictsBySeries(t)
			told, states := shown[name], shown["guardian_anomaly_state detector=d host=a"]
			require.NotEmpty(t, told, method)
			first := told[0].at
			assert.InDelta(t, 200+60, first.Sub(s.start)/(15*time.Second), 10, method)
			for _, p := range told {
				assert.InDelta(t, float64(first.UnixNano())/1e9, p.value, 1e-6, "%s: the time of the step", method)
			}
			at := func(when time.Time) float64 {
				for _, p := range states {
					if p.at.Equal(when) {
						return p.value
					}
				}
				return -1
			}
			assert.EqualValues(t, 2, at(first), "the step itself is anomalous")
			assert.EqualValues(t, 1, states[len(states)-1].value, "calm again")
			s.stop()

			start := s.start
			s = newScene(t, section, storage)
			s.start = start
			send(400, 800, 50)
			shown = s.sink.verdictsBySeries(t)
			told, states = shown[name], shown["guardian_anomaly_state detector=d host=a"]
			require.NotEmpty(t, states)
			require.Len(t, told, len(states), "beside each state")
			assert.InDelta(t, float64(first.UnixNano())/1e9, told[0].value, 1e-6)
			time.Sleep(12 * time.Minute)
			synctest.Wait()
			told = s.sink.verdictsBySeries(t)[name]
			assert.True(t, told[len(told)-1].ended)
			s.stop()
			require.NoError(t, storage.Shutdown(t.Context()))
		})
	}
}

// A calm entity is shown now and then, one in trouble and after it step by step.
func TestCalmInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "detectors: [{name: d, method: ewma, step: 1s, lateness: 0s, calm_interval: 20s, group_by: [], metrics: [m]}]")
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 200 {
			v := rng.NormFloat64()
			if i == 150 {
				v = 50
			}
			s.send(time.Duration(i)*time.Second, gauge("m", v))
		}
		var at []int
		for _, p := range s.sink.verdictsBySeries(t)["guardian_anomaly_state detector=d"] {
			at = append(at, int(p.at.Sub(s.start)/time.Second))
		}
		var want []int
		for i := 1; i <= 41; i += 20 {
			want = append(want, i)
		}
		for i := 51; i <= 51+16; i++ { // it begins to speak
			want = append(want, i)
		}
		want = append(want, 87, 107, 127, 147)
		for i := 151; i <= 152+16; i++ { // anomaly at 151, normal from 152 on
			want = append(want, i)
		}
		assert.Equal(t, append(want, 188), at)
	})
}

// A point that ends a series stands in a metric of its own, and what comes after it in another one: exporters drop what follows it.
func TestTheEndOfASeriesStandsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "detectors: [{name: d, method: robust_z, step: 1s, lateness: 0s, group_by: [host], metrics: [m]}]")
		s.sink.locked(func() { s.sink.refuseVerdicts = errRefused }) // so that many are in one batch
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 200 {
			v := rng.NormFloat64()
			if i > 150 && i%20 == 0 {
				v = 50
			}
			s.send(time.Duration(i)*time.Second, gauge("m", v, "host", "a"), gauge("m", v, "host", "b"))
		}
		s.sink.locked(func() { s.sink.refuseVerdicts = nil })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		ends, last := 0, map[string]time.Time{}
		for _, metrics := range s.sink.verdicts {
			for _, m := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
				points := m.Gauge().DataPoints()
				for _, p := range points.All() {
					host, _ := p.Attributes().Get("host")
					series := m.Name() + host.Str()
					assert.False(t, p.Timestamp().AsTime().Before(last[series]), "in the order of time")
					last[series] = p.Timestamp().AsTime()
					if p.Flags().NoRecordedValue() {
						ends++
						assert.Equal(t, 1, points.Len())
					}
				}
			}
		}
		assert.GreaterOrEqual(t, ends, 2*6*2, "two entities, six details, and several ends of each")
	})
}

// A batch that is refused and sent again counts once, and the sender learns of it.
func TestRefusedBatchesCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "detectors: [{name: d, group_by: [], metrics: [m], "+always+"}]")
		s.sink.refuse = 2
		for range 2 {
			require.ErrorIs(t, s.processor.ConsumeMetrics(t.Context(), newMetrics(s.start, gauge("m", 1))), errRefused)
		}
		s.send(0, gauge("m", 1))
		assert.EqualValues(t, 1, s.own()["points"])
		assert.Zero(t, s.own()["rejected_points duplicate"])
	})
}

// Verdicts that are refused are kept, in order, and sent again; the sender of the data learns nothing of it.
func TestRefusedVerdictsAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "detectors: [{name: d, group_by: [], metrics: [m], "+always+"}]")
		s.sink.locked(func() { s.sink.refuseVerdicts = errRefused })
		for i := range 10 {
			s.send(sec(float64(10*i)), gauge("m", float64(i)))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		assert.Empty(t, s.sink.verdicts)
		assert.GreaterOrEqual(t, s.own()["verdicts_refused"], 5.0)
		s.sink.locked(func() { s.sink.refuseVerdicts = nil })
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []float64{0, 1, 2, 3, 4, 5, 6, 7, 8}, values(s.sink.verdictsBySeries(t)["guardian_anomaly_value detector=d metric=m"])[:9])
		assert.Zero(t, s.own()["verdicts_dropped"])

		s.sink.locked(func() { s.sink.refuseVerdicts = consumererror.NewPermanent(errRefused) })
		s.send(sec(200), gauge("m", 1))
		s.send(sec(210), gauge("m", 1))
		assert.Positive(t, s.own()["verdicts_dropped"])
	})
}

// What passes is not changed, and verdicts come in batches of their own.
func TestThePassingStreamIsUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, specialistDetector)
		assert.False(t, s.processor.Capabilities().MutatesData)
		shop := newShop(s.start)
		for i := range 5 {
			s.send(time.Duration(i)*15*time.Second, shop.tick("")...)
		}
		assert.Len(t, s.sink.passed, 5)
		again := newShop(s.start)
		for i := range 5 {
			want := newMetrics(s.start.Add(time.Duration(i)*15*time.Second), again.tick("")...)
			assert.Equal(t, want, s.sink.passed[i])
		}
	})
}

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

// lives sends the metrics of a shop in as many lives of the processor as there are ends, and gives all verdicts. In the trouble of one specialist a
// restart changes nothing either.
func lives(t *testing.T, section string, ends ...int) map[string][]shown {
	t.Helper()
	directory := t.TempDir()
	all := map[string][]shown{}
	start := time.Now().Add(-2 * time.Hour).Truncate(time.Hour)
	shop := newShop(start)
	tick := 0
	for _, end := range ends {
		storage := newStorage(t, directory)
		s := newScene(t, section, storage)
		s.start = start
		for ; tick < end; tick++ {
			inTrouble := ""
			if 100 <= tick && tick < 108 {
				inTrouble = "chat"
			}
			require.NoError(t, s.processor.ConsumeMetrics(t.Context(), newMetrics(start.Add(time.Duration(tick)*15*time.Second), shop.tick(inTrouble)...)))
			s.settle()
		}
		s.stop()
		require.NoError(t, storage.Shutdown(t.Context()))
		for key, points := range s.sink.verdictsBySeries(t) {
			all[key] = append(all[key], points...)
		}
	}
	return all
}

// settle waits until nothing is to be trained.
func (s *scene) settle() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		s.engine.mu.Lock()
		defer s.engine.mu.Unlock()
		for _, d := range s.engine.detectors {
			for _, e := range d.list {
				if e.queued {
					return false
				}
			}
		}
		return true
	}, 10*time.Second, time.Millisecond)
}

// A restart changes no verdict, bit for bit, wherever it falls: before there is a model, between training and its model, during and
// after an anomaly.
func TestARestartChangesNothing(t *testing.T) {
	for _, method := range []string{"isolation_forest", "pca", "robust_z", "ewma"} {
		section := "{storage: file_storage, training_cpu: 1, detectors: [{name: specialists, method: " + method + ", group_by: [specialist.type], details: always, calm_interval: 0s, metrics: [" +
			"{name: specialist.request.duration, values: [mean, rate, p95]}, specialist.quality_score, {name: specialist.errors, absent_is_zero: true}]}]}"
		want := lives(t, section, 130)
		assert.NotEmpty(t, want["guardian_anomaly_score detector=specialists specialist_type=chat"])
		for _, at := range []int{1, 44, 103, 109} {
			assert.Equal(t, want, lives(t, section, at, 130), "%s, a restart at %d", method, at)
		}
	}
}

// A detector that is configured otherwise begins again, the others go on.
func TestAnotherConfigurationBeginsAgain(t *testing.T) {
	directory := t.TempDir()
	run := func(section string) (models, entities float64) {
		storage := newStorage(t, directory)
		s := newScene(t, section, storage)
		models, entities = s.own()["models"], s.own()["entries entities"]
		shop := newShop(s.start)
		for i := range 70 {
			require.NoError(t, s.processor.ConsumeMetrics(t.Context(), newMetrics(s.start.Add(time.Duration(i)*15*time.Second), shop.tick("")...)))
			s.settle()
		}
		s.stop()
		require.NoError(t, storage.Shutdown(t.Context()))
		return models, entities
	}
	detectors := func(metrics, more string) string {
		return "{storage: file_storage, training_cpu: 1, detectors: [{name: a, group_by: [specialist.type], metrics: " + metrics + "}" + more + "]}"
	}
	other := ", {name: b, group_by: [], metrics: [specialist.errors]}"
	run(detectors("[specialist.request.duration]", other))
	models, entities := run(detectors("[specialist.request.duration]", other))
	assert.EqualValues(t, 6, entities)
	assert.EqualValues(t, 6, models)
	_, entities = run(detectors("[specialist.quality_score]", other))
	assert.EqualValues(t, 1, entities, "b")
	models, entities = run(detectors("[specialist.quality_score], alpha: 0.01", ""))
	assert.EqualValues(t, 5, entities, "a")
	assert.EqualValues(t, 5, models, "another alpha changes nothing that was learned")
	models, entities = run(detectors("[specialist.quality_score], seed: 5", ""))
	assert.Zero(t, models, "another seed makes other models")
	assert.Zero(t, entities, "entities come again with their points")
}

// The log says what became of the state of the last run.
func TestTheLogSaysWhatWasRestored(t *testing.T) {
	directory := t.TempDir()
	detectors := func(more string) string {
		return "{storage: file_storage, detectors: [{name: d, method: robust_z, group_by: [host], metrics: [m]" + more + "}]}"
	}
	// run starts a processor, gives what it says of restoring, and has it see so many entities.
	run := func(section string, entities int) []string {
		storage := newStorage(t, directory)
		cfg, err := testutil.LoadConfig(t, NewFactory(), section)
		require.NoError(t, err)
		set, _ := newSettings(t)
		core, logs := observer.New(zapcore.InfoLevel)
		set.Logger = zap.New(core)
		p, err := createMetrics(t.Context(), set, cfg, &sink{})
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context(), storage))
		for host := range entities {
			require.NoError(t, p.ConsumeMetrics(t.Context(), newMetrics(time.Now(), gauge("m", 1, "host", fmt.Sprint(host)))))
		}
		require.NoError(t, p.Shutdown(t.Context()))
		require.NoError(t, storage.Shutdown(t.Context()))
		return testutil.Said(logs, "entities", "dropped", "refused", "without_room")
	}
	const again = "warn Nothing restored: every entity begins again. entities=0 "
	assert.Equal(t, []string{"info Nothing to restore: there is no state of a last run."}, run(detectors(""), 0))
	assert.Equal(t, []string{"info Nothing to restore: the last run knew no entity. entities=0 dropped=0 refused=0 without_room=0"}, run(detectors(""), 3))
	assert.Equal(t, []string{"info Models and baselines of the last run restored. entities=3 dropped=0 refused=0 without_room=0"}, run(detectors(""), 3))
	assert.Equal(t, []string{
		"warn Entities of the last run found no room: see limits. entities=1",
		"info Models and baselines of the last run restored. entities=2 dropped=0 refused=0 without_room=1",
	}, run(detectors(", limits: {entities: 2}"), 0))
	assert.Equal(t, []string{
		"warn Entities begin again with their next point: what they have learned cannot be used. entities=2",
		again + "dropped=0 refused=2 without_room=0",
	}, run(detectors(", window: 100"), 2))
	assert.Equal(t, []string{
		"warn Detector looks at something else than it did, or is gone: what it has learned is dropped. entities=2",
		again + "dropped=2 refused=0 without_room=0",
	}, run(detectors(", step: 20s"), 0))

	storage := newStorage(t, directory)
	set, _ := newSettings(t)
	store, err := checkpoint.Open(t.Context(), storage, component.KindProcessor, set.ID, checkpoint.Settings{Storage: &storageID, Name: "metrics", Logger: set.Logger})
	require.NoError(t, err)
	_, _ = store.Load(t.Context(), func(uint32, []byte) error { return nil })
	for range 2 {
		require.NoError(t, store.Save(t.Context(), stateSchema+1, []byte("of a later version")))
	}
	require.NoError(t, store.Close(t.Context()))
	require.NoError(t, storage.Shutdown(t.Context()))
	said := run(detectors(""), 0)
	assert.Equal(t, "warn Nothing restored: the state of the last run was refused, and every entity begins again.", said[len(said)-1])
}

// Buckets are memory too: where they take more than there may be, no other series of histograms finds room.
func TestHistogramsAreBounded(t *testing.T) {
	s := newStill(t, "detectors: [{name: d, method: ewma, group_by: [], metrics: [{name: h, values: [p95]}], limits: {memory_mib: 1}}]")
	bounds, counts := make([]float64, 2000), make([]uint64, 2001)
	for i := range bounds {
		bounds[i] = float64(i)
	}
	for tick := range 20 {
		at := time.Duration(tick) * 15 * time.Second
		for pod := range 10 * (tick + 1) {
			counts[pod]++
			s.take(at, histogramOf("h", cumulative, s.start, 1, bounds, counts, "pod", fmt.Sprint(pod)))
		}
		s.engine.tick(s.start.Add(at))
	}
	own := s.own()
	assert.Positive(t, own["limited bytes"])
	assert.Greater(t, own["memory"], 1e6)
	assert.Less(t, own["memory"], 4e6)
}

// A save lets the pipeline go on between one entity and the next.
func TestASaveHoldsUpNobody(t *testing.T) {
	s := newScene(t, "detectors: [{name: d, method: ewma, group_by: [host], metrics: [m]}]")
	for host := range 50 {
		require.NoError(t, s.processor.ConsumeMetrics(t.Context(), newMetrics(s.start, gauge("m", 1, "host", fmt.Sprint(host)))))
	}
	var to codec.Encoder
	locks := countingLock{Locker: &s.engine.mu}
	s.engine.detectors[0].encode(&to, &locks)
	assert.GreaterOrEqual(t, locks.n, 50)
}

type countingLock struct {
	sync.Locker
	n int
}

func (l *countingLock) Lock() {
	l.n++
	l.Locker.Lock()
}

// Batches that come at the same time, training, ticks, saves and own metrics do not get in each other's way, and every point counts.
func TestConcurrentBatches(t *testing.T) {
	storage := newStorage(t, t.TempDir())
	s := newScene(t, "{storage: file_storage, checkpoint_interval: 1s, training_cpu: 1, detectors: [{name: d, group_by: [host], metrics: [m], step: 1s, lateness: 0s, calm_interval: 0s}]}", storage)
	const workers, batches = 4, 150
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(worker), 1))
			for i := range batches {
				at := s.start.Add(time.Duration(i) * time.Second)
				assert.NoError(t, s.processor.ConsumeMetrics(t.Context(), newMetrics(at, gauge("m", rng.NormFloat64(), "host", fmt.Sprint(worker)))))
				if i%50 == 0 {
					s.own()
				}
			}
		})
	}
	group.Wait()
	own := s.own()
	assert.EqualValues(t, workers*batches, own["points"])
	assert.EqualValues(t, workers*(batches-1), own["rows not_judged"]+own["rows normal"]+own["rows anomalous"])
	s.stop()
	require.NoError(t, storage.Shutdown(t.Context()))
	assert.Len(t, s.sink.passed, workers*batches)
}

// Shutdown waits for training, and a processor can be stopped in the middle of it.
func TestShutdownDuringTraining(t *testing.T) {
	s := newScene(t, "detectors: [{name: d, group_by: [host], metrics: [m], step: 1s, lateness: 0s, min_observations: 20, training: {retrain: 1, delay: 1}}]")
	for i := range 60 {
		var all []fill
		for host := range 50 {
			all = append(all, gauge("m", float64(i%7), "host", fmt.Sprint(host)))
		}
		require.NoError(t, s.processor.ConsumeMetrics(t.Context(), newMetrics(s.start.Add(time.Duration(i)*time.Second), all...)))
	}
	s.engine.mu.Lock()
	waiting := len(s.engine.trainer.queue)
	s.engine.mu.Unlock()
	assert.Positive(t, waiting, "training is behind")
	s.stop()
}
