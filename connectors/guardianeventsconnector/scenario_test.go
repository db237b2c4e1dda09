// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.yaml.in/yaml/v3"

	"github.com/llm-guardian/otelcol-guardian/connectors/guardianeventsconnector/internal/metadata"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

var errRefused = errors.New("refused")

// sink takes events, and refuses as long as it is told.
type sink struct {
	mu     sync.Mutex
	refuse error
	taken  []plog.Logs
}

func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

func (s *sink) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		logs.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true }) // an owner may
		return s.refuse
	}
	s.taken = append(s.taken, logs)
	return nil
}

func (s *sink) answer(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

// records gives all events in one batch, without the time of their arrival.
func (s *sink) records() plog.Logs {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := plog.NewLogs()
	to := all.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, logs := range s.taken {
		for _, record := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			record.CopyTo(to.AppendEmpty())
			to.At(to.Len() - 1).SetObservedTimestamp(0)
		}
	}
	return all
}

// anomalies gives the anomaly events.
func (s *sink) anomalies(t testing.TB) []*event.Anomaly {
	t.Helper()
	var all []*event.Anomaly
	for _, record := range s.records().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		if record.EventName() == event.NameAnomaly {
			a := new(event.Anomaly)
			require.NoError(t, event.Read(record, a))
			all = append(all, a)
		}
	}
	return all
}

// scene is a running connector.
type scene struct {
	t         testing.TB
	connector connector.Metrics
	sink      *sink
	reader    *sdkmetric.ManualReader
}

func newScene(t testing.TB, section string, hosts ...component.Host) *scene {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, NewFactory(), section)
	require.NoError(t, err)
	s := &scene{t: t, sink: &sink{}, reader: sdkmetric.NewManualReader()}
	set := connectortest.NewNopSettings(metadata.Type)
	set.ID = component.NewID(metadata.Type)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.Background())) })
	set.MeterProvider = provider
	s.connector, err = createMetricsToLogs(t.Context(), set, cfg, s.sink)
	require.NoError(t, err)
	host := componenttest.NewNopHost()
	if len(hosts) > 0 {
		host = hosts[0]
	}
	require.NoError(t, s.connector.Start(t.Context(), host))
	t.Cleanup(s.stop)
	return s
}

func (s *scene) stop() {
	s.t.Helper()
	require.NoError(s.t, s.connector.Shutdown(context.Background()))
}

// send hands metrics on, and waits until what follows has been done.
func (s *scene) send(metrics pmetric.Metrics) {
	s.t.Helper()
	require.NoError(s.t, s.connector.ConsumeMetrics(s.t.Context(), metrics))
	synctest.Wait()
}

// own gives the connector's own counts by name and the values of their attributes.
func (s *scene) own() map[string]int64 {
	s.t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(s.t, s.reader.Collect(context.Background(), &collected))
	found := map[string]int64{}
	add := func(name string, points []metricdata.DataPoint[int64]) {
		for _, p := range points {
			key := []string{strings.TrimPrefix(name, "otelcol_guardian_events_")}
			for _, kv := range p.Attributes.ToSlice() {
				key = append(key, kv.Value.AsString())
			}
			found[strings.Join(key, " ")] = p.Value
		}
	}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				add(m.Name, data.DataPoints)
			case metricdata.Gauge[int64]:
				add(m.Name, data.DataPoints)
			}
		}
	}
	return found
}

// said is what verdict metrics say of one subject at one time, as scenarios spell it.
type said struct {
	At       time.Duration                 `yaml:"at"`
	Of       map[string]string             `yaml:"of"`
	State    *float64                      `yaml:"state"`
	Score    *float64                      `yaml:"score"`
	Accepted *time.Duration                `yaml:"accepted"`
	Causes   map[string]map[string]float64 `yaml:"causes"`
	Drift    map[string]float64            `yaml:"drift"`
}

var scenarioStart = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// metrics makes a batch as the processors do.
func (s *said) metrics() pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	all := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	put := func(name string, value float64, more ...string) {
		m := all.AppendEmpty()
		m.SetName(name)
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetDoubleValue(value)
		p.SetTimestamp(pcommon.NewTimestampFromTime(scenarioStart.Add(s.At)))
		for _, key := range slices.Sorted(maps.Keys(s.Of)) {
			p.Attributes().PutStr(key, s.Of[key])
		}
		for i := 0; i < len(more); i += 2 {
			p.Attributes().PutStr(more[i], more[i+1])
		}
	}
	if s.State != nil {
		put("guardian.anomaly.state", *s.State)
	}
	if s.Score != nil {
		put("guardian.anomaly.score", *s.Score)
	}
	if s.Accepted != nil {
		put("guardian.anomaly.accepted.timestamp", float64(scenarioStart.Add(*s.Accepted).UnixNano())/1e9)
	}
	for _, metric := range slices.Sorted(maps.Keys(s.Causes)) {
		for field, value := range s.Causes[metric] {
			name := "guardian.anomaly." + cmp.Or(map[string]string{
				"z": "z_score", "mean": "baseline.mean", "std": "baseline.std", "p95": "baseline.p95",
			}[field], field)
			put(name, value, "metric", metric)
		}
	}
	for name, value := range s.Drift {
		put(name, value)
	}
	return metrics
}

// scenario is a folder of testdata/scenarios: a configuration and what is said, in scenario.yaml, and the events in events.json.
type scenario struct {
	Config map[string]any `yaml:"config"`
	Said   []said         `yaml:"said"`
}

func readScenario(t testing.TB, folder string) (section string, all []said) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(folder, "scenario.yaml"))
	require.NoError(t, err)
	var s scenario
	decoder := yaml.NewDecoder(strings.NewReader(string(body)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&s))
	config, err := yaml.Marshal(s.Config)
	require.NoError(t, err)
	return string(config), s.Said
}

func scenarios(t testing.TB) []string {
	t.Helper()
	folders, err := filepath.Glob("testdata/scenarios/*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	return folders
}

func TestScenarios(t *testing.T) {
	for _, folder := range scenarios(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				section, all := readScenario(t, folder)
				s := newScene(t, section)
				for i := range all {
					s.send(all[i].metrics())
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				testutil.GoldenLogs(t, filepath.Join(folder, "events.json"), s.sink.records())
			})
		})
	}
}

// point is one of the chat specialist.
func point(at time.Duration, state, z float64) *said {
	score := 0.4
	s := &said{At: at, Of: map[string]string{"detector": "specialists", "specialist.type": "chat"}, State: &state, Score: &score}
	if state == stateAnomaly {
		score = 0.5 + math.Abs(z)/100
		s.Causes = map[string]map[string]float64{
			"specialist.request.duration": {"value": 5, "mean": 1, "std": 0.1, "p95": 1.2, "z": z, "contribution": 0.7},
		}
	}
	return s
}

// run sends one point per second, by the digits of states, and gives the events.
func run(t *testing.T, section, states string) []*event.Anomaly {
	t.Helper()
	var events []*event.Anomaly
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, section)
		for i, state := range states {
			if state == ' ' {
				time.Sleep(time.Hour)
				continue
			}
			s.send(point(time.Duration(i)*time.Second, float64(state-'0'), float64(i)).metrics())
		}
		events = s.sink.anomalies(t)
	})
	return events
}

// What states make of episodes: r the raised, c the calm and s the silent end.
func TestEpisodes(t *testing.T) {
	f := func(states, want string) {
		t.Helper()
		var got []byte
		for _, e := range run(t, "", states) {
			if e.State == event.StateRaised {
				got = append(got, 'r')
				continue
			}
			got = append(got, e.Episode.EndReason[0])
		}
		assert.Equal(t, want, string(got), states)
	}
	f("", "")
	f("11111111", "")
	f("12111121111211", "")           // single points are no episode
	f("1212111111", "")               // nor are two of five
	f("12121211", "r")                // three of five are
	f("1222222211111", "rc")          // it ends after five normal points
	f("122222221111", "r")            // not after four
	f("12222111222221111221111", "r") // which would be flapping
	f("1222111112221111122211111", "rcrcrc")
	f("0000222", "r")            // a detector may begin with one
	f("12220000000011111", "rc") // what is not trained says nothing
	f("12 22", "")               // an hour between: nothing came of it
	f("1222 ", "rs")             // the source is silent
	f("1222 22", "rs")           // and what comes then is new
	f("1222 222", "rsr")
}

// An episode in which a change was accepted as the new normal did not end because all is as it was.
func TestAcceptedChangeEndsAnEpisode(t *testing.T) {
	f := func(states string, acceptedAt time.Duration, want string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, "")
			for i, state := range states {
				p := point(time.Duration(i)*time.Second, float64(state-'0'), 5)
				if acceptedAt <= p.At {
					p.Accepted = &acceptedAt
				}
				s.send(p.metrics())
			}
			events := s.sink.anomalies(t)
			require.NotEmpty(t, events)
			assert.Equal(t, want, events[len(events)-1].Episode.EndReason, "%s, accepted at %s", states, acceptedAt)
		})
	}
	const states = "1112222222211111"
	f(states, 10*time.Second, "accepted")
	f(states, 4*time.Second, "accepted") // before it is raised, with its second point
	f(states, 3*time.Second, "accepted") // with its first
	f(states, 12*time.Second, "accepted")
	f(states, 15*time.Second, "accepted") // with the point that ends it
	f(states, 2*time.Second, "calm")      // another change, before
	f(states, -30*24*time.Hour, "calm")
	f(states, time.Hour, "calm") // never
}

// A time of acceptance that is none changes nothing.
func TestAbsurdTimes(t *testing.T) {
	for _, seconds := range []float64{0, 1e300, -1e300, math.MaxInt64} {
		assert.Zero(t, nanoseconds(seconds), "%v", seconds)
	}
	at := scenarioStart.Add(15 * time.Second)
	assert.Equal(t, at.UnixNano(), nanoseconds(float64(at.UnixNano())/1e9))
}

func TestHysteresisIsConfigurable(t *testing.T) {
	events := run(t, "anomaly: {hysteresis: {raise: 1, of: 1, clear: 2}}", "1211")
	require.Len(t, events, 2)
	assert.Equal(t, event.StateRaised, events[0].State)
	assert.Equal(t, event.StateClear, events[1].State)
}

// An event says when the episode began, peaked and ended, whatever the points around it.
func TestTimesOfAnEpisode(t *testing.T) {
	events := run(t, "", "12111222231111222211111") // the 3 is no state
	require.Len(t, events, 2)
	at := func(seconds int) string {
		return scenarioStart.Add(time.Duration(seconds) * time.Second).Format(time.RFC3339Nano)
	}
	begin, end := events[0], events[1]
	assert.Equal(t, at(5), begin.Episode.Start, "the point at 1 s does not belong to it")
	assert.Equal(t, scenarioStart.Add(7*time.Second), begin.Time.UTC(), "the third point")
	assert.Empty(t, begin.Episode.End)
	assert.Equal(t, at(7), begin.Episode.PeakTime)
	assert.Equal(t, at(5), end.Episode.Start)
	assert.Equal(t, at(17), end.Episode.End, "the last anomalous point")
	assert.Equal(t, at(17), end.Episode.PeakTime)
	assert.InDelta(t, 0.67, end.Episode.PeakScore.Value, 1e-9)
	assert.Equal(t, scenarioStart.Add(22*time.Second), end.Time.UTC())
	assert.Equal(t, begin.Episode.ID, end.Episode.ID)
	assert.NotEqual(t, begin.ID, end.ID)
}

// Severity follows from the cause that is furthest.
func TestSeverity(t *testing.T) {
	f := func(z float64, section, want string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, section)
			for i := range 3 {
				s.send(point(time.Duration(i)*time.Second, stateAnomaly, z).metrics())
			}
			events := s.sink.anomalies(t)
			require.Len(t, events, 1)
			assert.Equal(t, want, events[0].SeverityName)
		})
	}
	f(1, "", "info")
	f(2, "", "info")
	f(-2.1, "", "warning")
	f(3, "", "warning")
	f(3.1, "", "critical")
	f(-7, "", "critical")
	f(-7, "anomaly: {severities: {high: warning}}", "warning")
	f(1, "anomaly: {severities: {low: none}}", "none")
}

// Points that come again, or late, count once.
func TestDuplicatesAndOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "")
		for range 5 {
			s.send(point(time.Second, stateAnomaly, 5).metrics())
		}
		s.send(point(2*time.Second, stateAnomaly, 5).metrics())
		s.send(point(time.Second, stateAnomaly, 5).metrics())
		assert.Empty(t, s.sink.anomalies(t))
		assert.EqualValues(t, 5, s.own()["rejected_points anomaly out_of_order"])
	})
}

// What is no verdict is left out, and counted where it looks like one.
func TestWhatIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "anomaly: {hysteresis: {raise: 1, of: 1, clear: 1}}")
		for i, state := range []float64{math.NaN(), math.Inf(1), 7, 1.5} {
			s.send(point(time.Duration(i)*time.Second, state, 1).metrics())
		}
		nameless := point(9*time.Second, stateAnomaly, 1)
		delete(nameless.Of, "detector")
		s.send(nameless.metrics())
		scoreOnly := point(10*time.Second, stateAnomaly, 1)
		scoreOnly.State = nil
		s.send(scoreOnly.metrics())
		sum := pmetric.NewMetrics()
		m := sum.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("guardian.anomaly.state")
		m.SetEmptySum().DataPoints().AppendEmpty().SetIntValue(stateAnomaly)
		s.send(sum)
		stale := point(11*time.Second, stateAnomaly, 1).metrics()
		for _, m := range stale.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			m.Gauge().DataPoints().At(0).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		}
		s.send(stale)
		assert.Empty(t, s.sink.anomalies(t))
		assert.EqualValues(t, 4, s.own()["rejected_points anomaly invalid_value"])
		assert.EqualValues(t, 1, s.own()["rejected_points anomaly no_detector"])
	})
}

// Kinds that are not asked for are not looked at.
func TestKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "{kinds: [drift], anomaly: {hysteresis: {raise: 1, of: 1, clear: 1}}}")
		s.send(point(time.Second, stateAnomaly, 5).metrics())
		s.send((&said{Of: map[string]string{"model.name": "m"}, Drift: map[string]float64{"ml.concept_drift.psi": 0.3}}).metrics())
		assert.Empty(t, s.sink.anomalies(t))
		assert.EqualValues(t, 1, s.own()["events drift raised"])
		assert.Zero(t, s.own()["points anomaly"])
	})
}

// No more episodes than the limit; nobody makes room for another.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "{limits: {episodes: 2}, anomaly: {hysteresis: {raise: 1, of: 1, clear: 1}}}")
		send := func(at time.Duration, of string, state float64) {
			p := point(at, state, 5)
			p.Of["specialist.type"] = of
			s.send(p.metrics())
		}
		for _, of := range []string{"a", "b", "c", "d"} {
			send(time.Second, of, stateAnomaly)
		}
		assert.Len(t, s.sink.anomalies(t), 2)
		assert.EqualValues(t, 2, s.own()["limited anomaly"])
		assert.EqualValues(t, 2, s.own()["episodes anomaly"])
		send(2*time.Second, "a", stateNormal)
		assert.EqualValues(t, 1, s.own()["episodes anomaly"])
		send(2*time.Second, "c", stateAnomaly)
		assert.Len(t, s.sink.anomalies(t), 4)
		assert.EqualValues(t, 3, s.own()["events anomaly raised"])
		assert.EqualValues(t, 1, s.own()["events anomaly clear"])
	})
}

// The causes that are named are those that were furthest, each as it was then.
func TestCausesOfAnEpisode(t *testing.T) {
	c := func(metric string, z float64) cause { return cause{metric: metric, z: z} }
	kept := furthest(nil, []cause{c("a", 2), c("b", -5)}, 3)
	kept = furthest(kept, []cause{c("a", 7), c("b", 3), c("c", nan), c("d", 1)}, 3)
	assert.Equal(t, []cause{c("a", 7), c("b", -5), c("d", 1)}, kept)
}

// Events that are refused are kept and sent again; those that are refused for good are counted.
func TestRefusedEventsAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "anomaly: {hysteresis: {raise: 1, of: 1, clear: 1}}")
		s.sink.answer(errRefused)
		s.send(point(time.Second, stateAnomaly, 5).metrics())
		s.send(point(2*time.Second, stateNormal, 5).metrics())
		time.Sleep(5 * time.Second)
		assert.Empty(t, s.sink.anomalies(t))
		assert.GreaterOrEqual(t, s.own()["batches_refused"], int64(5))
		s.sink.answer(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		events := s.sink.anomalies(t)
		require.Len(t, events, 2)
		assert.Equal(t, event.StateRaised, events[0].State)
		assert.Zero(t, s.own()["batches_dropped"])
	})
}

// Every metric of its own that the connector declares, with every value of its attributes, comes about.
func TestOwnMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "{limits: {episodes: 2}, anomaly: {hysteresis: {raise: 1, of: 1, clear: 1}}}")
		seen := map[string]bool{}
		look := func() {
			for key, n := range s.own() {
				seen[key] = seen[key] || n > 0
			}
		}
		drift := func(at time.Duration, model string, psi float64) {
			s.send((&said{At: at, Of: map[string]string{"model.name": model}, Drift: map[string]float64{"ml.concept_drift.psi": psi}}).metrics())
		}
		anomaly := func(at time.Duration, state float64, of string) {
			p := point(at, state, 5)
			p.Of["detector"] = of
			s.send(p.metrics())
		}
		s.sink.answer(errRefused)
		anomaly(0, stateAnomaly, "a")
		drift(0, "m", 0.3)
		look()
		anomaly(0, stateAnomaly, "a")
		drift(0, "m", 0.3)
		anomaly(time.Second, stateAnomaly, "no room")
		drift(time.Second, "no room", 0.3)
		anomaly(time.Second, math.Inf(1), "a")
		drift(time.Second, "m", math.NaN())
		anomaly(time.Second, stateAnomaly, "")
		anomaly(2*time.Second, stateNormal, "a")
		drift(2*time.Second, "m", 0)
		s.sink.answer(consumererror.NewPermanent(errRefused))
		time.Sleep(2 * time.Second)
		look()
		want := slices.DeleteFunc(testutil.OwnMetrics(t, "guardian_events_"), func(name string) bool {
			return name == "rejected_points drift no_detector" // drift has none
		})
		for _, name := range want {
			assert.True(t, seen[name], name)
		}
		for name := range seen {
			assert.Contains(t, want, name)
		}
	})
}
