// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const (
	cumulative = pmetric.AggregationTemporalityCumulative
	delta      = pmetric.AggregationTemporalityDelta
)

// always shows what is made of points: each row, with its values.
const always = "details: always, calm_interval: 0s, method: robust_z, step: 10s, lateness: 0s, carry: 30s"

// rows runs what sends points, and gives the values of a metric in the rows that came of them.
func rows(t *testing.T, metrics, metric string, send func(*scene)) (shownValues []float64, own map[string]float64) {
	t.Helper()
	return rowsWith(t, always, metrics, metric, send)
}

func rowsWith(t *testing.T, options, metrics, metric string, send func(*scene)) (shownValues []float64, own map[string]float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, fmt.Sprintf("detectors: [{name: d, group_by: [], metrics: %s, %s}]", metrics, options))
		send(s)
		time.Sleep(time.Minute) // the clock ends the last step
		synctest.Wait()
		shownValues = values(s.sink.verdictsBySeries(t)["guardian_anomaly_value detector=d metric="+metric])
		own = s.own()
	})
	return shownValues, own
}

// seconds makes a time of seconds.
func sec(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func TestGauges(t *testing.T) {
	got, _ := rows(t, "[m]", "m", func(s *scene) {
		s.send(0, gauge("m", 1.5))
		s.send(sec(5), gauge("m", 2.5)) // the last one of a step counts
		s.send(sec(10), intGauge("m", 7))
		s.send(sec(20), gauge("other", 1), gauge("m", -3))
	})
	assert.Equal(t, []float64{2.5, 7, -3}, got)
}

// Every point of a metric counts; series of one entity are folded into one value.
func TestSeveralSeries(t *testing.T) {
	send := func(s *scene) {
		for i := range 3 {
			s.send(sec(float64(10*i)), func(m pmetric.Metric, at pcommon.Timestamp) {
				gauge("m", 1, "gpu", "0")(m, at)
				for j, v := range []float64{3, 8} {
					p := m.Gauge().DataPoints().AppendEmpty()
					p.SetDoubleValue(v + float64(i))
					p.SetTimestamp(at + pcommon.Timestamp(j)) // not quite at the same time
					p.Attributes().PutStr("gpu", fmt.Sprint(j+1))
				}
			})
		}
	}
	for how, want := range map[string][]float64{
		"": {4, 14.0 / 3, 16.0 / 3}, "sum": {12, 14, 16}, "max": {8, 9, 10}, "min": {1, 1, 1}, "mean": {4, 14.0 / 3, 16.0 / 3},
	} {
		got, _ := rows(t, "[{name: m, combine: '"+how+"'}]", "m", send)
		assert.Equal(t, want, got, how)
	}
}

// Series that come in batches of their own are folded too, whatever their order within the step.
func TestSeriesOfSeveralBatches(t *testing.T) {
	got, own := rows(t, "[{name: m, combine: sum}]", "m", func(s *scene) {
		s.send(sec(2), gauge("m", 1, "host", "a"))
		s.send(sec(1), gauge("m", 10, "host", "b"))
		s.send(sec(2), gauge("m", 100, "host", "c"))
		s.send(sec(12), gauge("m", 2, "host", "a"))
	})
	assert.Equal(t, []float64{111, 112}, got, "those that are silent count with their last value")
	assert.Zero(t, own["rejected_points late"])
}

// A series that is silent for longer than it is carried no longer counts.
func TestCarry(t *testing.T) {
	got, _ := rows(t, "[{name: m, combine: sum}]", "m", func(s *scene) {
		s.send(0, gauge("m", 100, "host", "b"))
		for i := range 6 {
			s.send(sec(float64(10*i)), gauge("m", 1, "host", "a"))
		}
	})
	assert.Equal(t, []float64{101, 101, 101, 101, 1, 1}, got)
}

// Counters are judged by what they add per second of a step; a reset is no negative rate.
func TestCounters(t *testing.T) {
	start := time.Unix(1, 0)
	got, _ := rows(t, "[m]", "m", func(s *scene) {
		for i, v := range []float64{1000, 1010, 1030, 1030} {
			s.send(sec(float64(10*i)), counter("m", start, v))
		}
	})
	assert.Equal(t, []float64{1, 2, 0}, got, "the first point says nothing")

	got, _ = rows(t, "[m]", "m", func(s *scene) { // several points in a step
		for i := range 9 {
			s.send(sec(float64(5*i)), counter("m", start, float64(i*i)))
		}
	})
	assert.Equal(t, []float64{0.2, 0.8, 1.6, 2.4, 3}, got)

	got, _ = rows(t, "[m]", "m", func(s *scene) { // a reset without a new start
		for i, v := range []float64{1000, 1010, 5, 25} {
			s.send(sec(float64(10*i)), counter("m", start, v))
		}
	})
	assert.Equal(t, []float64{1, 0.5, 2}, got)

	got, _ = rows(t, "[m]", "m", func(s *scene) { // a restart with one, although the value is higher
		s.send(0, counter("m", start, 10))
		s.send(sec(10), counter("m", start, 20))
		s.send(sec(20), counter("m", s.start.Add(sec(15)), 30))
	})
	assert.Equal(t, []float64{1, 6}, got)

	got, _ = rows(t, "[m]", "m", func(s *scene) { // a gap is no burst
		s.send(0, counter("m", start, 10))
		s.send(sec(10), counter("m", start, 20))
		s.send(sec(310), counter("m", start, 320))
	})
	assert.Equal(t, []float64{1, 1}, got)

	got, _ = rows(t, "[m]", "m", func(s *scene) { // the rates of series add up
		for i := range 3 {
			s.send(sec(float64(10*i)), counter("m", start, float64(10*i), "type", "a"), counter("m", start, float64(20*i), "type", "b"))
		}
	})
	assert.Equal(t, []float64{3, 3}, got)
}

func TestDeltaSums(t *testing.T) {
	got, _ := rows(t, "[m, alive]", "m", func(s *scene) {
		for i := range 5 {
			all := []fill{gauge("alive", 1)}
			if i != 2 { // silence is 0
				all = append(all, sum("m", delta, true, s.start, float64(10*i), "type", "a"))
			}
			s.send(sec(float64(10*i+1)), all...)
		}
	})
	assert.Equal(t, []float64{0, 1, 0, 3, 4}, got)
}

func TestUpDownCounters(t *testing.T) {
	got, _ := rows(t, "[m]", "m", func(s *scene) {
		for i, v := range []float64{5, 3, 4} {
			s.send(sec(float64(10*i)), sum("m", cumulative, false, s.start, v, "queue", "a"), sum("m", cumulative, false, s.start, 1, "queue", "b"))
		}
	})
	assert.Equal(t, []float64{6, 4, 5}, got)
}

func TestHistograms(t *testing.T) {
	bounds := []float64{1, 2}
	send := func(temporality pmetric.AggregationTemporality) func(*scene) {
		return func(s *scene) {
			total, counts := 0.0, []uint64{0, 0, 0}
			for i := range 4 {
				if temporality == delta {
					total, counts = 0, []uint64{0, 0, 0}
				}
				total += 15 * float64(i+1)
				counts[1] += 10 * uint64(i+1)
				s.send(sec(float64(10*i)), histogramOf("m", temporality, s.start, total, bounds, counts))
			}
		}
	}
	metrics := "[{name: m, values: [mean, rate, p50]}]"
	for _, c := range []struct {
		temporality pmetric.AggregationTemporality
		value       string
		want        []float64
	}{
		{cumulative, "m.mean", []float64{1.5, 1.5, 1.5}},
		{cumulative, "m.rate", []float64{2, 3, 4}},
		{cumulative, "m.p50", []float64{1.5, 1.5, 1.5}},
		{delta, "m.mean", []float64{1.5, 1.5, 1.5, 1.5}},
		{delta, "m.rate", []float64{1, 2, 3, 4}},
		{delta, "m.p50", []float64{1.5, 1.5, 1.5, 1.5}},
	} {
		got, _ := rows(t, metrics, c.value, send(c.temporality))
		assert.InDeltaSlice(t, c.want, got, 1e-9, "%s %s", c.temporality, c.value)
	}
	got, _ := rows(t, "[m]", "m", send(cumulative))
	assert.InDeltaSlice(t, []float64{1.5, 1.5, 1.5}, got, 1e-9, "a histogram is its mean unless more is asked for")
}

// Series of histograms are pooled: each observation counts once, whatever series it is in.
func TestHistogramsArePooled(t *testing.T) {
	got, _ := rows(t, "[{name: m, values: [mean, p95]}]", "m.mean", func(s *scene) {
		for i := range 3 {
			n := uint64(i)
			s.send(sec(float64(10*i)),
				histogramOf("m", cumulative, s.start, float64(9*n), []float64{1}, []uint64{9 * n, 0}, "complexity", "low"),
				histogramOf("m", cumulative, s.start, float64(21*n), []float64{1}, []uint64{0, n}, "complexity", "high"))
		}
	})
	assert.InDeltaSlice(t, []float64{3, 3}, got, 1e-9)
}

func TestExponentialHistograms(t *testing.T) {
	for _, temporality := range []pmetric.AggregationTemporality{cumulative, delta} {
		for value, want := range map[string]float64{"m.mean": 3, "m.rate": 1, "m.p50": 2.8} {
			got, _ := rows(t, "[{name: m, values: [mean, rate, p50]}]", value, func(s *scene) {
				for i := range 4 {
					n := uint64(10)
					if temporality == cumulative {
						n = 10 * uint64(i+1)
					}
					s.send(sec(float64(10*i)), exponentialOf("m", temporality, s.start, float64(3*n), 0, 1, []uint64{n})) // (2, 4]
				}
			})
			assert.NotEmpty(t, got)
			for _, v := range got {
				assert.InDelta(t, want, v, 0.05, "%s %s", temporality, value)
			}
		}
	}
}

// A histogram that began again, or whose buckets are others, counts from 0.
func TestHistogramReset(t *testing.T) {
	got, _ := rows(t, "[{name: m, values: [rate, mean]}]", "m.rate", func(s *scene) {
		s.send(0, histogramOf("m", cumulative, s.start, 10, []float64{1}, []uint64{100, 0}))
		s.send(sec(10), histogramOf("m", cumulative, s.start, 20, []float64{1}, []uint64{120, 0}))
		s.send(sec(20), histogramOf("m", cumulative, s.start.Add(sec(10)), 30, []float64{1}, []uint64{40, 0}))
	})
	assert.Equal(t, []float64{2, 4}, got)
}

// Points that come late, within the lateness, when other series have gone on to the next step already: both have part in the row of the step,
// each with what it was then.
func TestSeriesThatHaveGoneOn(t *testing.T) {
	const late = "details: always, calm_interval: 0s, method: robust_z, step: 10s, lateness: 5s, carry: 30s"
	start := time.Unix(1, 0)
	bounds := []float64{1}
	for name, c := range map[string]struct {
		value string
		want  []float64
		point func(s *scene, n, total float64, pod string) fill
	}{
		"gauge": {"m.value", []float64{110, 110, 110}, func(_ *scene, n, _ float64, pod string) fill {
			return gauge("m", n, "pod", pod)
		}},
		"counter": {"m.rate", []float64{11, 11}, func(_ *scene, _, total float64, pod string) fill {
			return counter("m", start, total, "pod", pod)
		}},
		"delta": {"m.rate", []float64{11, 11, 11}, func(s *scene, n, _ float64, pod string) fill {
			return sum("m", delta, true, s.start, n, "pod", pod)
		}},
		"histogram": {"m.mean", []float64{200. / 110, 200. / 110}, func(_ *scene, _, total float64, pod string) fill { // of 100 at 1 and 10 at 10
			if pod == "a" {
				return histogramOf("m", cumulative, start, total, bounds, []uint64{uint64(total), 0}, "pod", pod)
			}
			return histogramOf("m", cumulative, start, 10*total, bounds, []uint64{0, uint64(total)}, "pod", pod)
		}},
		"delta histogram": {"m.rate", []float64{11, 11, 11}, func(s *scene, n, _ float64, pod string) fill {
			return histogramOf("m", delta, s.start, n, bounds, []uint64{uint64(n), 0}, "pod", pod)
		}},
	} {
		values := "[" + c.value[len("m."):] + "]"
		got, own := rowsWith(t, late, "[{name: m, combine: sum, values: "+values+"}]", c.value, func(s *scene) {
			s.send(sec(1), c.point(s, 100, 100, "a"))
			for i := range 3 {
				next := float64(i + 2)
				s.send(sec(10*next-9), c.point(s, 100, 100*next, "a")) // a has gone on to the next step
				s.send(sec(10*next-11), c.point(s, 10, 10*(next-1), "b"))
			}
		})
		assert.InDeltaSlice(t, c.want, got[:len(c.want)], 1e-9, name)
		assert.Zero(t, own["rejected_points late"], name)
	}
}

// A series that has been heard in two later steps does not know what it was before: what comes late for the step then is left out, rather than
// taken for all there is.
func TestSeriesThatHaveGoneFurther(t *testing.T) {
	const late = "details: always, calm_interval: 0s, method: robust_z, step: 10s, lateness: 25s, carry: 30s"
	got, own := rowsWith(t, late, "[m]", "m", func(s *scene) {
		for i := range 3 {
			s.send(sec(float64(10*i)), sum("m", delta, true, s.start, 100, "pod", "a"))
		}
		s.send(sec(5), sum("m", delta, true, s.start, 10, "pod", "b"))
		s.send(sec(25), sum("m", delta, true, s.start, 10, "pod", "b"))
	})
	assert.Equal(t, []float64{10, 10, 11}, got)
	assert.EqualValues(t, 1, own["rejected_points late"])
}

// A source that says that it does not know since when it counts, as a Prometheus receiver does after its restart, has not counted all of it in
// this step.
func TestUnknownStart(t *testing.T) {
	metrics := "[{name: m, values: [mean]}, {name: n}]"
	send := func(s *scene) {
		start := s.start.Add(-time.Hour)
		for i, total := range []float64{1000, 1010, 1020, 1030, 1040} {
			if i == 3 { // of 1 each from now on, but lifelong of 5
				start = s.start.Add(sec(30))
			}
			s.send(sec(float64(10*i)), histogramOf("m", cumulative, start, 5000+total, []float64{1}, []uint64{uint64(total), 0}), counter("n", start, total))
		}
	}
	for metric, want := range map[string][]float64{"m.mean": {1, 1, 1}, "n": {1, 1, 1}} {
		got, _ := rows(t, metrics, metric, send)
		assert.Equal(t, want, got[len(got)-3:], metric)
	}
}

// A start that is a little off, as that of a host that works it out from its uptime, is no new start.
func TestStartThatIsALittleOff(t *testing.T) {
	send := func(s *scene) {
		for i, total := range []float64{1000, 1010, 1020, 1030, 1040} {
			start := s.start.Add(-time.Hour + sec(float64(i%2)))
			s.send(sec(float64(10*i)), histogramOf("m", cumulative, start, 5000+total, []float64{1}, []uint64{uint64(total), 0}), counter("n", start, total))
		}
	}
	for metric, want := range map[string][]float64{"m.mean": {1, 1, 1, 1}, "m.rate": {1, 1, 1, 1}, "n": {1, 1, 1, 1}} {
		got, _ := rows(t, "[{name: m, values: [mean, rate]}, n]", metric, send)
		assert.Equal(t, want, got[len(got)-4:], metric)
	}
}

// The row of the last step of a phase is of that phase, although it has the time at which the next one begins.
func TestTheLastStepOfAPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "detectors: [{name: d, group_by: [], metrics: [m], season: {phases: 2, length: 1m}, "+always+"}]")
		for i := range 120 {
			level := 100.0
			if i/6%2 == 1 {
				level = 900
			}
			s.send(sec(float64(10*i)), gauge("m", level+float64(i%2)))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		shown := s.sink.verdictsBySeries(t)
		z := values(shown["guardian_anomaly_z_score detector=d metric=m"])
		assert.NotEmpty(t, z)
		for _, v := range z {
			assert.InDelta(t, 0, v, 3)
		}
		for _, v := range values(shown["guardian_anomaly_baseline_mean detector=d metric=m"]) {
			assert.Contains(t, []float64{1, 9}, math.Round(v/100))
		}
		for _, v := range values(shown["guardian_anomaly_baseline_std detector=d metric=m"]) {
			assert.Less(t, v, 2.0)
		}
	})
}

// The z-score of a calm row, too, counts from the floor of the standard deviation.
func TestZOfAConstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "detectors: [{name: d, group_by: [], metrics: [m], "+always+"}]")
		for i := range 30 {
			s.send(sec(float64(10*i)), gauge("m", 5))
		}
		s.send(sec(300), gauge("m", 5.001))
		s.send(sec(310), gauge("m", 5))
		z := values(s.sink.verdictsBySeries(t)["guardian_anomaly_z_score detector=d metric=m"])
		assert.InDelta(t, 0.2, z[len(z)-1], 0.05, "a fifth of a thousandth of 5")
	})
}

// A counter of which nothing comes in a step has its last rate, also where 0 stands for one that there never was.
func TestAbsentIsNotLate(t *testing.T) {
	got, _ := rows(t, "[alive, {name: m, absent_is_zero: true}]", "m", func(s *scene) {
		for i := range 8 {
			all := []fill{gauge("alive", 1)}
			if i < 3 {
				all = append(all, counter("m", s.start, float64(100*i)))
			}
			s.send(sec(float64(10*i)), all...)
		}
	})
	assert.Equal(t, []float64{0, 10, 10, 10, 10, 10, 0, 0}, got, "it is carried, and is absent after that")
}

// Metrics of one entity that come at different times stand in one row.
func TestAlignment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "detectors: [{name: d, group_by: [host], metrics: [a, b], "+always+"}]")
		for i := range 5 {
			s.send(sec(float64(10*i+1)), gauge("a", float64(i), "host", "x"))
			s.send(sec(float64(10*i+7)), gauge("b", float64(-i), "host", "x"), gauge("b", 9, "host", "y"))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		shown := s.sink.verdictsBySeries(t)
		a, b := shown["guardian_anomaly_value detector=d host=x metric=a"], shown["guardian_anomaly_value detector=d host=x metric=b"]
		assert.Equal(t, []float64{0, 1, 2, 3, 4}, values(a))
		assert.Equal(t, []float64{0, -1, -2, -3, -4}, values(b))
		for i := range a {
			assert.Equal(t, s.start.Add(sec(float64(10*i+10))).UTC(), a[i].at, "the end of the step")
			assert.Equal(t, a[i].at, b[i].at)
		}
		assert.Len(t, shown["guardian_anomaly_value detector=d host=y metric=b"], 5)
		assert.EqualValues(t, 2, s.own()["entries entities"])
	})
}

// The keys of an entity may stand on the point, its scope or its resource, in OpenTelemetry's or in Prometheus' spelling.
func TestGroupBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "detectors: [{name: d, group_by: [specialist.type, service.name, zone], metrics: [m], "+always+"}]")
		s.send(0, gauge("m", 1, "specialist.type", "chat"), gauge("m", 2, "specialist_type", "legal"), gauge("m", 3))
		time.Sleep(time.Minute)
		synctest.Wait()
		shown := s.sink.verdictsBySeries(t)
		assert.Equal(t, []float64{1}, values(shown["guardian_anomaly_value detector=d specialist_type=chat service_name=s metric=m"]))
		assert.Equal(t, []float64{2}, values(shown["guardian_anomaly_value detector=d specialist_type=legal service_name=s metric=m"]))
		assert.Equal(t, []float64{3}, values(shown["guardian_anomaly_value detector=d service_name=s metric=m"]))
	})
}

// A counter that has counted nothing yet is 0 where that is said.
func TestAbsentIsZero(t *testing.T) {
	send := func(s *scene) {
		for i := range 5 {
			all := []fill{gauge("alive", 1)}
			if i >= 2 {
				all = append(all, counter("m", s.start, float64(10*(i-2))))
			}
			s.send(sec(float64(10*i)), all...)
		}
	}
	got, _ := rows(t, "[alive, {name: m, absent_is_zero: true}]", "m", send)
	assert.Equal(t, []float64{0, 0, 0, 1, 1}, got)
	got, _ = rows(t, "[alive, m]", "m", send)
	assert.Equal(t, []float64{1, 1}, got)
}

// What the README's table says of input that is not as it should be.
func TestBadInput(t *testing.T) {
	start := time.Unix(1, 0)
	f := func(name string, want []float64, counts map[string]float64, send func(*scene)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			got, own := rows(t, "[{name: m, combine: sum}]", "m", send)
			assert.Equal(t, want, got)
			for key, n := range counts {
				assert.Equal(t, n, own[key], key)
			}
		})
	}
	f("NaN and infinity", []float64{1, 1}, map[string]float64{"rejected_points not_finite": 3}, func(s *scene) {
		s.send(0, gauge("m", 1))
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			s.send(sec(1), gauge("m", v))
		}
		s.send(sec(10), gauge("m", 1))
	})
	f("values whose square is infinite", []float64{1, 2, 1}, map[string]float64{"rejected_points not_finite": 2}, func(s *scene) {
		s.send(0, gauge("m", 1))
		s.send(sec(10), gauge("m", -1e300))
		s.send(sec(15), gauge("m", 2))
		s.send(sec(20), gauge("m", 1))
		s.send(sec(30), gauge("m", 1.01e150)) // nothing else comes: the step has no value of its own
	})
	f("a sum that is infinite", []float64{2, 2}, map[string]float64{"rejected_points not_finite": 2}, func(s *scene) {
		s.send(0, gauge("m", 1e308, "host", "a"), gauge("m", 1e308, "host", "b"))
		s.send(sec(5), gauge("m", 1, "host", "a"))
		s.send(sec(6), gauge("m", 1, "host", "b"))
		s.send(sec(10), gauge("m", 1, "host", "a"), gauge("m", 1, "host", "b"))
	})
	f("points of one time", []float64{1}, map[string]float64{"rejected_points duplicate": 2}, func(s *scene) {
		for v := range 3 {
			s.send(0, gauge("m", float64(v+1)))
		}
	})
	f("out of order", []float64{2, 3}, map[string]float64{"rejected_points out_of_order": 1}, func(s *scene) {
		s.send(sec(5), gauge("m", 2))
		s.send(sec(4), gauge("m", 1))
		s.send(sec(10), gauge("m", 3))
	})
	f("late", []float64{2, 3}, map[string]float64{"rejected_points late": 1}, func(s *scene) {
		s.send(sec(5), gauge("m", 2))
		s.send(sec(15), gauge("m", 3))
		s.send(sec(6), gauge("m", 7, "other", "series"))
	})
	f("ahead of the clock", []float64{1, 2}, map[string]float64{"rejected_points ahead": 1}, func(s *scene) {
		s.send(0, gauge("m", 1))
		s.send(time.Since(s.start)+2*time.Minute, gauge("m", 9))
		s.send(sec(10), gauge("m", 2))
	})
	f("a clock that is set back", []float64{1, 31, 32, 33, 34}, map[string]float64{"rejected_points out_of_order": 4, "rejected_points late": 16}, func(s *scene) {
		s.send(2*time.Hour-time.Minute, gauge("m", 1))
		s.send(2*time.Hour-50*time.Second, gauge("m", 2))
		for i := range 24 { // believed when it goes on; the open step is lost
			s.send(sec(float64(600+10*i)), gauge("m", float64(11+i)))
		}
	})
	f("a constant series", []float64{5, 5, 5}, nil, func(s *scene) {
		for i := range 3 {
			s.send(sec(float64(10*i)), gauge("m", 5))
		}
	})
	f("a series that changes its type", []float64{1, 2, 2}, map[string]float64{"rejected_points wrong_type": 3}, func(s *scene) {
		s.send(0, gauge("m", 1))
		for i := range 6 { // not believed as long as the gauge may come again
			s.send(sec(float64(10*(i+1))), counter("m", start, float64(20*i)))
		}
	})
	f("a series that has ended", []float64{3, 1}, nil, func(s *scene) {
		s.send(0, gauge("m", 1, "host", "a"), gauge("m", 2, "host", "b"))
		s.send(sec(10), gauge("m", 1, "host", "a"), stale(gauge("m", 2, "host", "b")))
	})
	f("a summary", nil, map[string]float64{"rejected_points unsupported": 1}, func(s *scene) {
		s.send(0, func(m pmetric.Metric, at pcommon.Timestamp) {
			m.SetName("m")
			m.SetEmptySummary().DataPoints().AppendEmpty().SetTimestamp(at)
		})
	})
	f("no time", []float64{4}, nil, func(s *scene) {
		s.send(0, func(m pmetric.Metric, _ pcommon.Timestamp) { gauge("m", 4)(m, 0) })
	})
	f("an empty metric", nil, nil, func(s *scene) {
		s.send(0, func(m pmetric.Metric, _ pcommon.Timestamp) { m.SetName("m") })
	})
	f("a gap", []float64{1, 2}, nil, func(s *scene) {
		s.send(0, gauge("m", 1))
		s.send(30*time.Minute, gauge("m", 2))
	})
}

// Buckets that contradict themselves, and a value that the type does not have.
func TestBadHistograms(t *testing.T) {
	got, own := rows(t, "[{name: m, values: [p95]}]", "m.p95", func(s *scene) {
		s.send(0, histogramOf("m", delta, s.start, 1, []float64{1, 2, 3}, []uint64{1, 1}))
		s.send(sec(1), gauge("m", 1))
	})
	assert.Empty(t, got)
	assert.EqualValues(t, 1, own["rejected_points invalid_buckets"])
	assert.EqualValues(t, 1, own["rejected_points wrong_type"]+own["rejected_points unsupported"])
}

// More entities, series and bytes than there is room for are left out and counted; those that are there go on.
func TestLimits(t *testing.T) {
	f := func(limits, left string, entities float64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, "detectors: [{name: d, group_by: [host], metrics: [m], limits: "+limits+", "+always+"}]")
			for i := range 20 {
				all := []fill{}
				for host := range 100 {
					all = append(all, gauge("m", float64(i), "host", fmt.Sprint(host)))
				}
				s.send(sec(float64(10*i)), all...)
			}
			own := s.own()
			assert.Equal(t, entities, own["entries entities"], limits)
			assert.Equal(t, entities, own["entries series"], "%s: who has no place holds no series", limits)
			assert.Equal(t, 20*(100-entities), own["limited "+left], limits)
			assert.Equal(t, 20*entities, own["points"])
			assert.Len(t, s.sink.verdictsBySeries(t)["guardian_anomaly_value detector=d host=0 metric=m"], 19)
		})
	}
	f("{entities: 10}", "entities", 10)
	f("{series: 10}", "series", 10)
	f("{memory_mib: 1}", "bytes", math.Floor(float64(1<<20)/float64(newExpectation(t))))
}

// newExpectation is about what an entity of TestLimits takes.
func newExpectation(t *testing.T) int {
	t.Helper()
	c := defaultDetector()
	c.Name, c.Metrics, c.Method, c.GroupBy = "d", []MetricConfig{{Name: "m"}}, "robust_z", []string{"host"}
	return newDetector(&c, nil, nil).largest
}

// What is idle is forgotten, makes room, and says so.
func TestIdleEntitiesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "detectors: [{name: d, group_by: [host], metrics: [m], limits: {entities: 1, idle_after: 10m}, "+always+"}]")
		s.send(time.Since(s.start), gauge("m", 1, "host", "a"))
		s.send(time.Since(s.start), gauge("m", 1, "host", "b"))
		time.Sleep(12 * time.Minute)
		synctest.Wait()
		assert.Zero(t, s.own()["entries entities"])
		assert.EqualValues(t, 1, s.own()["evicted entities"])
		shown := s.sink.verdictsBySeries(t)
		for _, name := range []string{"guardian_anomaly_state detector=d host=a", "guardian_anomaly_value detector=d host=a metric=m"} {
			points := shown[name]
			assert.Len(t, points, 2, name)
			assert.True(t, points[1].ended && points[1].at.After(points[0].at), name)
		}
		s.send(time.Since(s.start), gauge("m", 1, "host", "b"))
		assert.EqualValues(t, 1, s.own()["entries entities"])
		s.send(time.Since(s.start)+sec(20), gauge("m", 1, "host", "b"))
		assert.NotEmpty(t, s.sink.verdictsBySeries(t)["guardian_anomaly_state detector=d host=b"])
	})
}
