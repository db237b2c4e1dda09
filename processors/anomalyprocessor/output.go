// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly"
	"github.com/llm-guardian/otelcol-guardian/internal/outbox"
	"github.com/llm-guardian/otelcol-guardian/processors/anomalyprocessor/internal/metadata"
)

const (
	// maxWaiting is the number of batches of verdicts that are kept while the next consumer refuses them. There is about one a second.
	maxWaiting = 300
	// maxWaitingPoints is the number of points in them.
	maxWaitingPoints = 250_000
	// livelyRows is the number of rows after an anomaly that are emitted whatever they say.
	livelyRows = 16
	// metricPrefix begins the names of verdict metrics.
	metricPrefix = "guardian.anomaly."
)

// Attributes of verdict metrics.
const (
	keyDetector = "detector"
	keyMetric   = "metric"
)

// field is a verdict metric.
type field uint8

const (
	fieldScore field = iota
	fieldState
	fieldAccepted
	fieldValue
	fieldZ
	fieldContribution
	fieldMean
	fieldStd
	fieldP95
	fields
)

// verdictMetrics are the verdict metrics. Those of metrics have no unit: theirs differ.
var verdictMetrics = [fields]struct{ name, unit, meaning string }{
	fieldScore:        {name: "guardian.anomaly.score", meaning: "How unlike what was before, 0 to 1, 1 is most."},
	fieldState:        {name: "guardian.anomaly.state", meaning: "0 not trained, 1 normal, 2 anomaly detected."},
	fieldAccepted:     {name: "guardian.anomaly.accepted.timestamp", unit: "s", meaning: "When a change was last accepted as the new normal, in Unix time."},
	fieldValue:        {name: "guardian.anomaly.value", meaning: "Value of a metric that caused an anomaly."},
	fieldZ:            {name: "guardian.anomaly.z_score", meaning: "How many standard deviations it lies off its mean."},
	fieldContribution: {name: "guardian.anomaly.contribution", meaning: "Share of the anomaly that it is responsible for, 0 to 1."},
	fieldMean:         {name: "guardian.anomaly.baseline.mean", meaning: "Mean of the metric when all is well."},
	fieldStd:          {name: "guardian.anomaly.baseline.std", meaning: "Standard deviation of the metric when all is well."},
	fieldP95:          {name: "guardian.anomaly.baseline.p95", meaning: "95th percentile of the metric when all is well."},
}

// details are the verdict metrics that have the attribute metric.
const details = fieldValue

// output makes metrics of verdicts. Its methods but send are called under the engine's lock.
type output struct {
	outbox  *outbox.Outbox[pmetric.Metrics]
	wake    func()
	version string

	pending pmetric.Metrics
	empty   bool
	points  [fields]pmetric.NumberDataPointSlice
	has     [fields]bool
}

func newOutput(e *engine, next consumer.Metrics) *output {
	o := &output{version: e.set.BuildInfo.Version, wake: func() { signal(e.work) }}
	o.outbox = outbox.New(outbox.Settings[pmetric.Metrics]{
		Consume: next.ConsumeMetrics, Clone: cloneMetrics, Limit: maxWaiting, Size: pmetric.Metrics.DataPointCount, MaxSize: maxWaitingPoints,
		Refused: func() { e.telemetry.builder.ProcessorAnomalyVerdictsRefused.Add(context.Background(), 1) },
		Dropped: func() { e.telemetry.builder.ProcessorAnomalyVerdictsDropped.Add(context.Background(), 1) },
	})
	o.begin()
	return o
}

func cloneMetrics(metrics pmetric.Metrics) pmetric.Metrics {
	clone := pmetric.NewMetrics()
	metrics.CopyTo(clone)
	return clone
}

// begin makes an empty batch, under a resource without attributes: those of the sources would become labels.
func (o *output) begin() {
	o.pending, o.empty = pmetric.NewMetrics(), true
	o.has = [fields]bool{}
	scope := o.pending.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Scope()
	scope.SetName(metadata.ScopeName)
	scope.SetVersion(o.version)
}

// cut puts what was gathered into the outbox.
func (o *output) cut() {
	if !o.empty {
		o.outbox.Put(o.pending)
		o.begin()
	}
}

// send hands on what is in the outbox.
func (o *output) send(ctx context.Context) { o.outbox.Send(ctx) }

// take shows the verdict over a row: each while there is an anomaly and shortly after it, else now and then.
func (o *output) take(e *entity, v *anomaly.Verdict, row []float64) {
	c := e.detector.config
	switch {
	case v.Anomalous || v.Changed:
		e.lively = livelyRows
	case e.lively > 0:
		e.lively--
	case e.emitted != 0 && v.At-e.emitted < int64(c.CalmInterval) && v.At > e.emitted:
		return
	}
	e.emitted = v.At
	if v.Judged {
		o.point(e, fieldScore, v.At).SetDoubleValue(v.Score)
	}
	o.point(e, fieldState, v.At).SetDoubleValue(float64(v.State))
	if v.Accepted {
		e.accepted = v.At
	}
	if e.accepted != 0 {
		o.point(e, fieldAccepted, v.At).SetDoubleValue(float64(e.accepted) / 1e9)
	}
	shown := e.shown
	e.shown = 0
	switch {
	case c.Details == detailsAlways:
		o.always(e, v, row)
	case v.Anomalous:
		for i := range v.Causes {
			o.cause(e, v.At, &v.Causes[i])
		}
	}
	o.endDetails(e, v.At, shown&^e.shown)
	o.wake()
}

// always shows the details of all metrics, of calm rows too.
func (o *output) always(e *entity, v *anomaly.Verdict, row []float64) {
	for i, name := range e.detector.columns {
		c := anomaly.Cause{Index: i, Metric: name, Value: row[i], Baseline: e.judge.Baseline(i), Z: e.judge.Z(i)}
		for j := range v.Causes {
			if v.Causes[j].Index == i {
				c = v.Causes[j]
			}
		}
		if c.Value == c.Value && c.N > 0 {
			o.cause(e, v.At, &c)
		}
	}
}

func (o *output) cause(e *entity, at int64, c *anomaly.Cause) {
	e.shown |= 1 << c.Index
	numbers := [fields]float64{
		fieldValue: c.Value, fieldZ: c.Z, fieldContribution: c.Contribution, fieldMean: c.Mean, fieldStd: c.Std, fieldP95: c.P95,
	}
	for f, number := range numbers[details:] {
		p := o.point(e, details+field(f), at)
		p.Attributes().PutStr(keyMetric, c.Metric)
		p.SetDoubleValue(number)
	}
}

// point adds a point of an entity.
func (o *output) point(e *entity, f field, at int64) pmetric.NumberDataPoint {
	if !o.has[f] {
		o.points[f], o.has[f] = o.newMetric(f), true
	}
	return o.add(o.points[f], e, at)
}

func (o *output) add(points pmetric.NumberDataPointSlice, e *entity, at int64) pmetric.NumberDataPoint {
	o.empty = false
	p := points.AppendEmpty()
	p.SetTimestamp(pcommon.Timestamp(at))
	p.Attributes().EnsureCapacity(2 + len(e.values))
	p.Attributes().PutStr(keyDetector, e.detector.config.Name)
	for i, key := range e.detector.config.GroupBy {
		if e.values[i] != "" {
			p.Attributes().PutStr(key, e.values[i])
		}
	}
	return p
}

func (o *output) newMetric(f field) pmetric.NumberDataPointSlice {
	m := o.pending.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
	m.SetName(verdictMetrics[f].name)
	m.SetUnit(verdictMetrics[f].unit)
	m.SetDescription(verdictMetrics[f].meaning)
	return m.SetEmptyGauge().DataPoints()
}

// endDetails says that details of metrics, one bit each, are no longer shown.
func (o *output) endDetails(e *entity, at int64, metrics uint64) {
	for i, name := range e.detector.columns {
		if metrics&(1<<i) == 0 {
			continue
		}
		for f := details; f < fields; f++ {
			o.endSeries(e, f, at).Attributes().PutStr(keyMetric, name)
		}
	}
}

// end says that nothing more will be said of an entity.
func (o *output) end(e *entity) {
	if e.emitted == 0 {
		return
	}
	at := e.emitted + 1
	o.endSeries(e, fieldScore, at)
	o.endSeries(e, fieldState, at)
	if e.accepted != 0 {
		o.endSeries(e, fieldAccepted, at)
	}
	o.endDetails(e, at, e.shown)
	o.wake()
}

// endSeries adds a point without a value. Exporters may drop what follows it in its metric, so that it stands in one of its own, and what
// comes later in another one after it.
func (o *output) endSeries(e *entity, f field, at int64) pmetric.NumberDataPoint {
	o.has[f] = false
	p := o.add(o.newMetric(f), e, at)
	p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	return p
}
