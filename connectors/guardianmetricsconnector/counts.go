// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/connectors/guardianmetricsconnector/internal/metadata"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/metering"
)

// Bounds beyond which a value is taken for nonsense: no request takes a month, and
// none has a billion tokens.
const (
	absurdSeconds = 30 * 24 * 3600
	absurdTokens  = 1e9
	// A clock may be this far ahead of ours.
	clockSkew = 5 * time.Minute
)

// counts is everything that is counted. It is not safe for concurrent use.
type counts struct {
	config    *Config
	telemetry *telemetry
	meter     *metering.Meter
	to        instruments

	readers      readers
	lot          requestLot
	labels       keyedLabels // of a request that comes in no lot
	keys         *keyMaker
	seen         *identities
	displaced    uint64 // ids that were counted as given up
	tiers        *tierJoin
	requests     *requestTotals
	open         *openRequests
	throughput   *rates
	tokens       *tokenRates
	reported     *reportedSums
	tenants      *tenantWindow
	mappings     *mappingWindow
	improvements *improvements
	features     *featureWindows
	tenantNames  *labelLimit
	classNames   *labelLimit

	qualityNames, confidenceNames map[string]bool
	lowConfidence                 string
	inferenceOptions              []string // optional attributes of model.inference.duration
}

// instruments are those of the catalogue; one that is switched off is nil.
type instruments struct {
	specialistRequests, specialistErrors, specialistTimeouts                              *metering.Instrument
	specialistDuration, specialistQuality, specialistConfidence                           *metering.Instrument
	specialistTokens, specialistGPU, specialistMemory                                     *metering.Instrument
	evaluations, evaluationDuration, issues, guardianErrors                               *metering.Instrument
	improvementsSuggested, improvementsImplemented, improvementStates                     *metering.Instrument
	inferenceDuration, contextLength, memoryEfficiency, cacheHitRate, batchEfficiency     *metering.Instrument
	mlRequests, mlErrors, mlDuration, mlInProgress, mlThroughput                          *metering.Instrument
	predictionsByClass, predictionConfidence, lowConfidence                               *metering.Instrument
	predictionLatency, predictions, predictionValue, featureValue                         *metering.Instrument
	detectorRequests, mappingConfidence, violations                                       *metering.Instrument
	driftScore, driftP, driftJS, driftAlerts, driftShare, conceptPSI, conceptP, conceptJS *metering.Instrument
	activeTenants, complianceScore, highConfidence                                        *metering.Instrument
	genAIDuration, genAITokens, genAIInput, genAIOutput, genAIInputPerOp, genAIOutPerOp   *metering.Instrument
}

func newInstruments(m *metering.Meter) instruments {
	return instruments{
		specialistRequests:      m.Instrument("specialist.requests"),
		specialistErrors:        m.Instrument("specialist.errors"),
		specialistTimeouts:      m.Instrument("specialist.timeouts"),
		specialistDuration:      m.Instrument("specialist.request.duration"),
		specialistQuality:       m.Instrument("specialist.quality_score"),
		specialistConfidence:    m.Instrument("specialist.confidence_score"),
		specialistTokens:        m.Instrument("specialist.tokens"),
		specialistGPU:           m.Instrument("specialist.gpu.utilization"),
		specialistMemory:        m.Instrument("specialist.memory.usage"),
		evaluations:             m.Instrument("guardian.evaluations"),
		evaluationDuration:      m.Instrument("guardian.evaluation.duration"),
		issues:                  m.Instrument("guardian.issues_detected"),
		guardianErrors:          m.Instrument("guardian.errors"),
		improvementsSuggested:   m.Instrument("guardian.improvements_suggested"),
		improvementsImplemented: m.Instrument("guardian.improvements_implemented"),
		improvementStates:       m.Instrument("improvement.suggestions"),
		inferenceDuration:       m.Instrument("model.inference.duration"),
		contextLength:           m.Instrument("context.length.tokens"),
		memoryEfficiency:        m.Instrument("memory.efficiency"),
		cacheHitRate:            m.Instrument("cache.hit_rate"),
		batchEfficiency:         m.Instrument("batch.processing.efficiency"),
		mlRequests:              m.Instrument("ml.requests"),
		mlErrors:                m.Instrument("ml.errors"),
		mlDuration:              m.Instrument("ml.request.duration"),
		mlInProgress:            m.Instrument("ml.requests.in_progress"),
		mlThroughput:            m.Instrument("ml.throughput.requests"),
		predictionsByClass:      m.Instrument("ml.predictions_by_class"),
		predictionConfidence:    m.Instrument("ml.prediction.confidence"),
		lowConfidence:           m.Instrument("ml.low_confidence_predictions"),
		predictionLatency:       m.Instrument("model.prediction.latency"),
		predictions:             m.Instrument("model.predictions"),
		predictionValue:         m.Instrument("model.prediction.value"),
		featureValue:            m.Instrument("model.feature.value"),
		detectorRequests:        m.Instrument("detector.requests"),
		mappingConfidence:       m.Instrument("mapping.confidence.score"),
		violations:              m.Instrument("compliance.violations"),
		driftScore:              m.Instrument("ml.data_drift.score"),
		driftP:                  m.Instrument("ml.data_drift.p_value"),
		driftJS:                 m.Instrument("ml.data_drift.js"),
		driftAlerts:             m.Instrument("ml.data_drift.alerts"),
		driftShare:              m.Instrument("ml.data_drift.share"),
		conceptPSI:              m.Instrument("ml.concept_drift.psi"),
		conceptP:                m.Instrument("ml.concept_drift.p_value"),
		conceptJS:               m.Instrument("ml.concept_drift.js"),
		activeTenants:           m.Instrument("active.tenants.count"),
		complianceScore:         m.Instrument("compliance.score"),
		highConfidence:          m.Instrument("compliance.high_confidence"),
		genAIDuration:           m.Instrument("gen_ai.client.operation.duration"),
		genAITokens:             m.Instrument("gen_ai.client.token.usage"),
		genAIInput:              m.Instrument("gen_ai.client.inference.usage.input_tokens"),
		genAIOutput:             m.Instrument("gen_ai.client.inference.usage.output_tokens"),
		genAIInputPerOp:         m.Instrument("gen_ai.client.inference.operation.input_tokens"),
		genAIOutPerOp:           m.Instrument("gen_ai.client.inference.operation.output_tokens"),
	}
}

func newCounts(config *Config, telemetry *telemetry) (*counts, error) {
	meter, err := metering.New(metering.Config{
		SeriesLimit: config.Series.Limit, IdleAfter: config.Series.IdleAfter, Delta: config.Temporality == temporalityDelta,
	}, definitions(config.Metrics))
	if err != nil {
		return nil, err
	}
	keys := newKeyMaker()
	c := &counts{
		config: config, telemetry: telemetry, meter: meter, to: newInstruments(meter),
		readers:         newReaders(),
		lot:             newRequestLot(),
		keys:            keys,
		seen:            newIdentities(config.Duplicates, keys),
		requests:        newRequestTotals(config.Series.Limit),
		open:            newOpenRequests(config.Limits.OpenRequests),
		throughput:      newRates(),
		tokens:          newTokenRates(),
		reported:        newReportedSums(),
		tenants:         newTenantWindow(),
		mappings:        &mappingWindow{},
		improvements:    newImprovements(config.Limits.Improvements),
		features:        newFeatureWindows(config.Limits.Features),
		tenantNames:     newLabelLimit(config.Limits.Tenants),
		classNames:      newLabelLimit(config.Limits.Classes),
		qualityNames:    setOf(config.Results.Quality),
		confidenceNames: setOf(config.Results.Confidence),
		lowConfidence:   formatThreshold(config.LowConfidence),
	}
	c.tiers = newTierJoin(config.QualityTier, keys, c.countHeld, telemetry.limited)
	c.inferenceOptions = config.Metrics["model.inference.duration"].Attributes
	return c, nil
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// occasion is when and of what something is counted.
type occasion struct {
	now      time.Time // arrival: decides what is new, idle, or late
	exemplar metering.Exemplar
	traced   bool // the exemplar is one
}

func (o *occasion) of(meta *event.Meta) {
	if o.traced = !meta.TraceID.IsEmpty(); o.traced {
		o.exemplar = metering.Exemplar{TraceID: meta.TraceID, SpanID: meta.SpanID, Time: meta.Time}
	}
}

// settle brings the metrics up to now: by the requests since the last flush, those that have waited long enough for
// their tier, and the gauges of windows and states.
func (c *counts) settle(now time.Time, last bool) {
	c.showRequests()
	c.tiers.expire(now, last && c.config.Storage == nil)
	c.countDisplaced()
	c.showDerived(now)
}

// countDisplaced counts the ids that had to make room for younger ones before their time: what comes with them again counts again.
func (c *counts) countDisplaced() {
	displaced := c.seen.table.Stats().Displaced
	c.telemetry.limitedBy("duplicates", int(displaced-c.displaced))
	c.displaced = displaced
}

// flush gives what is to be emitted at now: one set of metrics, or two when a series
// must show 0 and then its value although nothing comes after. With a storage something
// does: a series that has not shown its value yet shows 0 again after the restart, and
// then the value, so that a page that is scraped shows both.
func (c *counts) flush(now time.Time, last bool, version string) []pmetric.Metrics {
	values, zeros := newPicture(version), newPicture(version)
	if last && c.config.Storage == nil {
		c.meter.FlushFinal(now, zeros.metrics(), values.metrics())
	} else {
		c.meter.Flush(now, values.metrics())
	}
	var pictures []pmetric.Metrics
	for _, p := range []picture{zeros, values} {
		if p.metrics().Len() > 0 {
			pictures = append(pictures, p.Metrics)
		}
	}
	return pictures
}

// picture is all metrics at a time, under one resource without attributes: the
// sources' service.* would become labels.
type picture struct{ pmetric.Metrics }

func newPicture(version string) picture {
	p := picture{pmetric.NewMetrics()}
	scope := p.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Scope()
	scope.SetName(metadata.ScopeName)
	scope.SetVersion(version)
	return p
}

func (p picture) metrics() pmetric.MetricSlice {
	return p.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
}

// showDerived sets the gauges that are made of windows and states.
func (c *counts) showDerived(now time.Time) {
	c.open.expire(now)
	c.open.show(func(model string, requests int) {
		c.to.mlInProgress.Set(now, &metering.Labels{model}, float64(requests))
	})
	c.throughput.show(now, func(model string, perSecond float64) {
		c.to.mlThroughput.Set(now, &metering.Labels{model}, perSecond)
	})
	c.tokens.show(now, func(specialist string, perSecond float64) {
		c.to.specialistTokens.Set(now, &metering.Labels{specialist}, perSecond)
	})
	c.reported.show(now, func(specialist, memory string, bytes float64) {
		c.to.specialistMemory.Set(now, &metering.Labels{specialist, memory}, bytes)
	})
	if tenants, known := c.tenants.estimate(now); known {
		c.to.activeTenants.Set(now, &metering.Labels{}, tenants)
	} else {
		c.to.activeTenants.Forget(&metering.Labels{})
	}
	if score, high, known := c.mappings.shares(now); known {
		c.to.complianceScore.Set(now, &metering.Labels{}, score)
		c.to.highConfidence.Set(now, &metering.Labels{}, high)
	} else {
		c.to.complianceScore.Forget(&metering.Labels{})
		c.to.highConfidence.Forget(&metering.Labels{})
	}
	c.improvements.expire(now)
	c.improvements.show(func(status string, n int) {
		c.to.improvementStates.Set(now, &metering.Labels{status}, float64(n))
	})
	c.features.show(now, func(model, feature, statistic string, value float64, known bool) {
		labels := &metering.Labels{model, feature, statistic}
		if known {
			c.to.featureValue.Set(now, labels, value)
		} else {
			c.to.featureValue.Forget(labels)
		}
	})
}
