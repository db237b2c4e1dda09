// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package isolationforest

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// judgement is what was said of a row.
type judgement struct {
	score     float64 // the mean, of a processor that judges metric by metric; 0 where nothing was said
	points    int     // that were judged: one for a row, or one for each metric
	anomalous int     // of those
}

func (j judgement) percent() float64 { return 100 * float64(j.anomalous) / float64(j.points) }

// judge hands rows of the metrics of a host on and gives what was said of each.
func (s subject) judge(t *testing.T, rows [][]float64, seed uint64) []judgement {
	t.Helper()
	cfg := s.config(t, len(rows[0]), 1, seed)
	return s.judgeAll(t, cfg, len(rows), hostName(0), seed, func(i int, at time.Time) pmetric.Metrics { return metricsOf(rows[i], at) })
}

// judgeAll hands batches on, a step apart, and gives what was said of a host. It runs in a bubble, so that training, which has all the time between
// two steps, is always in time.
func (s subject) judgeAll(t *testing.T, cfg component.Config, rows int, host string, seed uint64, batch func(i int, at time.Time) pmetric.Metrics) []judgement {
	t.Helper()
	judged := make([]judgement, rows)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Duration(seed)) // The peer's seed is the clock.
		began := time.Now().Truncate(step).Add(step)
		var mu sync.Mutex
		run := s.start(t, cfg, func(what said) {
			mu.Lock()
			defer mu.Unlock()
			i := int(math.Ceil(float64(what.at.Sub(began))/float64(step))) - 1 // Of a time in a step, or of its end.
			if i < 0 || i >= rows || what.host != host {
				return
			}
			if what.scored {
				judged[i].score += what.score
				judged[i].points++
			}
			if what.anomalous {
				judged[i].anomalous++
			}
		})
		time.Sleep(time.Until(began.Add(step / 2)))
		for i := range rows {
			require.NoError(t, run.ConsumeMetrics(t.Context(), batch(i, time.Now())))
			synctest.Wait()
			time.Sleep(step)
		}
		time.Sleep(10 * step)
	})
	for i := range judged {
		judged[i].score /= max(1, float64(judged[i].points))
	}
	return judged
}

// metricsOf makes gauges of the values of a row of one host, each with a resource of its own, which the peer's selectors can tell.
func metricsOf(row []float64, at time.Time) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	for i, v := range row {
		point := addGauge(metrics, metricName(i), hostName(0))
		point.SetDoubleValue(v)
		point.SetTimestamp(pcommon.NewTimestampFromTime(at))
	}
	return metrics
}

func addGauge(to pmetric.Metrics, metric, host string) pmetric.NumberDataPoint {
	resource := to.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("host.name", host)
	resource.Resource().Attributes().PutStr("metric", metric)
	m := resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(metric)
	return m.SetEmptyGauge().DataPoints().AppendEmpty()
}

func scores(judged []judgement) []float64 {
	out := make([]float64, len(judged))
	for i := range judged {
		out[i] = judged[i].score
	}
	return out
}
