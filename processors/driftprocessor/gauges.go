// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/drift"
	"github.com/llm-guardian/otelcol-guardian/internal/metering"
	"github.com/llm-guardian/otelcol-guardian/internal/outbox"
	"github.com/llm-guardian/otelcol-guardian/processors/driftprocessor/internal/metadata"
)

const (
	// maxWaitingMetrics is the number of emissions that are kept while the next consumer refuses them.
	maxWaitingMetrics = 20
	// metricIdleAfter is how long a verdict is shown when no other follows it.
	metricIdleAfter = 24 * time.Hour
	// maxVerdictSeries is the number of series of a verdict metric.
	maxVerdictSeries = 100_000
)

// Names of the verdict metrics.
const (
	metricScore       = "ml.data_drift.score"
	metricPValue      = "ml.data_drift.p_value"
	metricJS          = "ml.data_drift.js"
	metricN           = "ml.data_drift.n"
	metricNEffective  = "ml.data_drift.n_effective"
	metricAlerts      = "ml.data_drift.alerts"
	metricShare       = "ml.data_drift.share"
	metricPSI         = "ml.concept_drift.psi"
	metricConceptP    = "ml.concept_drift.p_value"
	metricConceptJS   = "ml.concept_drift.js"
	metricConceptN    = "ml.concept_drift.n"
	metricConceptNEff = "ml.concept_drift.n_effective"
)

// definitions are the verdict metrics, whose series have the given labels.
func definitions(labels []string) []metering.Definition {
	gauge := func(name, prometheus, meaning string, more ...string) metering.Definition {
		return metering.Definition{
			Name: name, Prometheus: prometheus, Description: meaning, Kind: metering.Gauge, Attributes: slices.Concat(labels, more),
		}
	}
	alerts := gauge(metricAlerts, "ml_data_drift_alerts_total", "Windows of a feature at or above a severity.", keyFeatureName, keySeverity)
	alerts.Kind, alerts.Unit = metering.Counter, "{window}"
	return []metering.Definition{
		gauge(metricScore, "ml_data_drift_score", "How far the last window lies from the reference: Kolmogorov–Smirnov D, or what the monitor's method measures.", keyFeatureName),
		gauge(metricPValue, "ml_data_drift_p_value", "How likely such a score is without drift.", keyFeatureName),
		gauge(metricJS, "ml_data_drift_js", "Jensen–Shannon distance, base 2.", keyFeatureName),
		gauge(metricN, "ml_data_drift_n", "Values in the last window.", keyFeatureName),
		gauge(metricNEffective, "ml_data_drift_n_effective", "Independent values that those of the last window stand for.", keyFeatureName),
		alerts,
		gauge(metricShare, "ml_data_drift_share", "Share of features that have drifted."),
		gauge(metricPSI, "ml_concept_drift_psi", "Population Stability Index of what comes out of the model."),
		gauge(metricConceptP, "ml_concept_drift_p_value", "p-value of the Kolmogorov–Smirnov test, or the χ² test of categories."),
		gauge(metricConceptJS, "ml_concept_drift_js", "Jensen–Shannon distance, base 2."),
		gauge(metricConceptN, "ml_concept_drift_n", "Values in the last window."),
		gauge(metricConceptNEff, "ml_concept_drift_n_effective", "Independent values that those of the last window stand for."),
	}
}

// verdictLabels are the keys of group_by and attributes of all monitors of metrics, those of the model first.
func (c *Config) verdictLabels() []string {
	used := map[string]bool{}
	for i := range c.Monitors {
		m := &c.Monitors[i]
		if m.Input.Metric == "" {
			continue
		}
		for _, key := range m.GroupBy {
			used[key] = true
		}
		for key := range m.Attributes {
			used[key] = true
		}
	}
	return slices.SortedFunc(maps.Keys(used), func(a, b string) int {
		if model := afterModel(a) - afterModel(b); model != 0 {
			return model
		}
		return strings.Compare(a, b)
	})
}

func afterModel(key string) int {
	if key == keyModelName || key == keyModelVersion {
		return 0
	}
	return 1
}

// ownLabels is the number of labels that verdict metrics add to those of the configuration.
const ownLabels = 2

func (c *Config) checkLabels() error {
	if labels := c.verdictLabels(); len(labels) > metering.MaxLabels-ownLabels {
		return fmt.Errorf("monitors of metrics may have %d different keys in group_by and attributes together (got %s)",
			metering.MaxLabels-ownLabels, strings.Join(labels, ", "))
	}
	return nil
}

// metricOutput makes metrics of verdicts, which it shows at every flush.
type metricOutput struct {
	outbox  *outbox.Outbox[pmetric.Metrics]
	wake    func()
	meter   *metering.Meter
	labels  []string
	version string
}

func newMetricOutput(e *engine, next consumer.Metrics) *metricOutput {
	o := &metricOutput{labels: e.config.verdictLabels(), version: e.set.BuildInfo.Version, wake: func() { signal(e.work) }}
	o.meter = o.newMeter()
	o.outbox = outbox.New(outbox.Settings[pmetric.Metrics]{
		Consume: next.ConsumeMetrics, Clone: cloneMetrics, Limit: maxWaitingMetrics, Refused: e.refused, Dropped: e.dropped,
	})
	return o
}

// newMeter makes a meter. Its definitions are literals and labels that were validated, so there is no error.
func (o *metricOutput) newMeter() *metering.Meter {
	meter, _ := metering.New(metering.Config{SeriesLimit: maxVerdictSeries, IdleAfter: metricIdleAfter}, definitions(o.labels))
	return meter
}

func cloneMetrics(metrics pmetric.Metrics) pmetric.Metrics {
	clone := pmetric.NewMetrics()
	metrics.CopyTo(clone)
	return clone
}

func (o *metricOutput) send(ctx context.Context) { o.outbox.Send(ctx) }

// take updates the metrics. A window of too few values says how many, and leaves the score as it was.
func (o *metricOutput) take(g *group, r *drift.Report, now time.Time) {
	var labels metering.Labels
	for i, key := range o.labels {
		labels[i] = g.label(key)
	}
	concept := g.monitor.config.Kind == kindConcept
	for i := range r.Features {
		v := &r.Features[i]
		if concept {
			o.concept(now, labels, v)
		} else {
			o.data(now, labels, v)
		}
	}
	if g.monitor.config.many() && r.ShareState != drift.InsufficientData {
		o.meter.Instrument(metricShare).Set(now, &labels, r.Share)
	}
}

// label gives the value of a label of verdicts.
func (g *group) label(key string) string {
	for _, a := range g.monitor.attributes {
		if a.key == key {
			return a.value
		}
	}
	return g.value(key)
}

func (o *metricOutput) data(now time.Time, labels metering.Labels, v *drift.Verdict) {
	labels[len(o.labels)] = v.Feature
	o.set(now, &labels, metricN, float64(v.N))
	o.set(now, &labels, metricNEffective, v.NEffective)
	for severity := drift.Info; severity <= drift.Critical; severity++ {
		reached := 0.0
		if v.Severity >= severity {
			reached = 1
		}
		labels[len(o.labels)+1] = severity.String()
		o.meter.Instrument(metricAlerts).Add(now, &labels, reached, nil)
	}
	if v.State == drift.InsufficientData {
		return
	}
	o.set(now, &labels, metricScore, v.Score)
	o.set(now, &labels, metricPValue, v.P)
	o.set(now, &labels, metricJS, v.JS.Effect)
}

func (o *metricOutput) concept(now time.Time, labels metering.Labels, v *drift.Verdict) {
	o.set(now, &labels, metricConceptN, float64(v.N))
	o.set(now, &labels, metricConceptNEff, v.NEffective)
	if v.State == drift.InsufficientData {
		return
	}
	p := v.KS.P
	if v.Kind == drift.Categorical {
		p = v.ChiSquare.P
	}
	o.set(now, &labels, metricPSI, v.PSI.Effect)
	o.set(now, &labels, metricConceptP, p)
	o.set(now, &labels, metricConceptJS, v.JS.Effect)
}

func (o *metricOutput) set(now time.Time, labels *metering.Labels, name string, value float64) {
	o.meter.Instrument(name).Set(now, labels, value)
}

// flush makes a picture of the metrics.
func (o *metricOutput) flush(now time.Time, last bool) {
	zeros, values := o.newPicture(), o.newPicture()
	if last {
		o.meter.FlushFinal(now, metricsOf(zeros), metricsOf(values))
	} else {
		o.meter.Flush(now, metricsOf(values))
	}
	for _, picture := range []pmetric.Metrics{zeros, values} {
		if metricsOf(picture).Len() > 0 {
			o.outbox.Put(picture)
			o.wake()
		}
	}
}

// newPicture makes metrics under a resource without attributes: those of the sources would become labels.
func (o *metricOutput) newPicture() pmetric.Metrics {
	picture := pmetric.NewMetrics()
	scope := picture.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Scope()
	scope.SetName(metadata.ScopeName)
	scope.SetVersion(o.version)
	return picture
}

func metricsOf(picture pmetric.Metrics) pmetric.MetricSlice {
	return picture.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
}

func (o *metricOutput) encode(e *codec.Encoder) { o.meter.AppendState(e) }

func (o *metricOutput) decode(d *codec.Decoder, now time.Time) (apply func(), err error) {
	fresh := o.newMeter()
	return func() { o.meter = fresh }, fresh.RestoreState(d, now)
}
