// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// metricLedger says what each metric must be after the events that it has observed. It is written from sections 2 and 4 of
// the requirements; where these leave it open, the features of a prediction that failed are not counted. It knows no
// windows: all events must be younger than the shortest, of five minutes.
type metricLedger struct {
	grown  map[string]float64 // counters, and all of histograms and summaries, by series
	gauges map[string]float64

	untiered     map[string]untieredRequest // by request id
	open         map[string]string          // models of requests that have started and not ended, by request id
	improvements map[string]string          // states by improvement id
	reports      map[string]map[string]float64
	features     map[string][]float64 // by model and feature
	confidences  []float64            // of mappings
	tenants      map[string]bool
	requests     map[string]int // ended requests by model, which is there from its first start on
}

type untieredRequest struct{ specialist, status string }

const (
	lowConfidence  = 0.7
	highTier       = 0.8
	mediumTier     = 0.6
	highConfidence = 0.8
)

func newMetricLedger() *metricLedger {
	return &metricLedger{
		grown: map[string]float64{}, gauges: map[string]float64{},
		untiered: map[string]untieredRequest{}, open: map[string]string{}, improvements: map[string]string{},
		reports: map[string]map[string]float64{}, features: map[string][]float64{}, tenants: map[string]bool{}, requests: map[string]int{},
	}
}

// seriesOf names a series. The values are those of the metric's labels, in the order of owedMetrics; an empty one is a
// label that the series does not have.
func seriesOf(metric, suffix string, values ...string) string {
	m := owed(metric)
	labels := make(map[string]string, len(values)+1)
	for i, value := range values {
		if i == len(m.labels) {
			labels["le"] = value
			break
		}
		labels[m.labels[i]] = value
	}
	return seriesName(metric+suffix, labels)
}

func seriesName(name string, labels map[string]string) string {
	var text strings.Builder
	text.WriteString(name + "{")
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if labels[key] != "" {
			text.WriteString(key + "=" + strconv.Quote(labels[key]) + ",")
		}
	}
	return text.String() + "}"
}

func (l *metricLedger) count(metric string, values ...string) {
	l.grown[seriesOf(metric, "", values...)]++
}

func (l *metricLedger) add(metric string, n float64, values ...string) {
	l.grown[seriesOf(metric, "", values...)] += n
}

func (l *metricLedger) set(metric string, value float64, values ...string) {
	l.gauges[seriesOf(metric, "", values...)] = value
}

// record puts a value into a histogram or a summary.
func (l *metricLedger) record(metric string, value float64, values ...string) {
	m := owed(metric)
	l.grown[seriesOf(metric, "_sum", values...)] += value
	l.grown[seriesOf(metric, "_count", values...)]++
	if m.kind != kindHistogram {
		return
	}
	for _, edge := range slices.Concat(m.edges, []float64{math.Inf(1)}) {
		bucket := seriesOf(metric, "_bucket", slices.Concat(values, []string{formatEdge(edge)})...)
		l.grown[bucket] += 0
		if value <= edge {
			l.grown[bucket]++
		}
	}
}

func formatEdge(edge float64) string { return strconv.FormatFloat(edge, 'g', -1, 64) }

// Observe takes an event into account.
func (l *metricLedger) Observe(e event.Event) {
	if tenant := e.Common().TenantID; tenant != "" {
		l.tenants[tenant] = true
	}
	switch e := e.(type) {
	case *event.Request:
		l.request(e)
	case *event.Evaluation:
		l.evaluation(e)
	case *event.Improvement:
		l.improvement(e, e.GuardianType)
	case *event.Prediction:
		l.prediction(e)
	case *event.Failure:
		l.failure(e)
	case *event.Workload:
		l.workload(e)
	case *event.Detection:
		l.count("detector_requests_total", e.DetectorType, e.TenantID, e.Status)
	case *event.Mapping:
		l.record("mapping_confidence_score", e.Confidence.Value, e.Framework, e.Category)
		l.confidences = append(l.confidences, e.Confidence.Value)
	case *event.Violation:
		l.count("compliance_violations_total", e.Framework, e.SeverityName, e.Category)
	}
}

func (l *metricLedger) request(r *event.Request) {
	if r.Phase == event.PhaseStart {
		l.open[r.RequestID] = r.Model.Name
		l.requests[r.Model.Name] += 0
		return
	}
	delete(l.open, r.RequestID)
	status := event.StatusSuccess
	if r.Phase == event.PhaseFailed {
		status = event.StatusError
	}
	l.specialistRequest(r, status)
	l.modelRequest(r, status)
	l.genAIRequest(r, status)
}

func (l *metricLedger) specialistRequest(r *event.Request, status string) {
	specialist := r.Specialist.Type
	if specialist == "" {
		return
	}
	switch {
	case r.QualityTier != "":
		l.count("specialist_requests_total", specialist, status, r.QualityTier)
	case r.QualityScore.Set:
		l.count("specialist_requests_total", specialist, status, tierOfScore(r.QualityScore.Value))
	default:
		l.untiered[r.RequestID] = untieredRequest{specialist, status}
	}
	if r.Duration.Set {
		l.record("specialist_request_duration_seconds", r.Duration.Value, specialist, orUnknown(r.Complexity))
	}
	if r.QualityScore.Set {
		l.record("specialist_quality_score", r.QualityScore.Value, specialist)
	}
	if r.Confidence.Set {
		l.record("specialist_confidence_score", r.Confidence.Value, specialist)
	}
	if context := cmp.Or(r.ContextSize, r.Usage.Input); context.Set {
		l.record("context_length_tokens", float64(context.Value), specialist)
	}
	if status == event.StatusError {
		l.count("specialist_errors_total", specialist, r.ErrorType, orUnknown(r.SeverityName))
		if r.ErrorType == "timeout" {
			l.count("specialist_timeouts_total", specialist)
		}
	}
}

// orUnknown is the label of what an event need not say.
func orUnknown(label string) string { return or(label, "unknown") }

func tierOfScore(score float64) string {
	switch {
	case score >= highTier:
		return "high"
	case score >= mediumTier:
		return "medium"
	default:
		return "low"
	}
}

func (l *metricLedger) modelRequest(r *event.Request, status string) {
	if r.Model.Name == "" {
		return
	}
	endpoint := orUnknown(r.Endpoint)
	l.requests[r.Model.Name]++
	l.count("ml_requests_total", r.Model.Name, endpoint, r.Model.Version)
	if status == event.StatusError {
		l.count("ml_errors_total", r.Model.Name, endpoint, r.ErrorType)
	}
	if r.Duration.Set {
		l.record("ml_request_duration_seconds", r.Duration.Value, r.Model.Name, endpoint)
		l.record("model_inference_duration_seconds", r.Duration.Value, r.Model.Name, r.Model.Version)
	}
}

// genAIRequest follows OpenTelemetry's GenAI conventions: usage as one histogram with a token type (older), and as two
// counters and two histograms (newer).
func (l *metricLedger) genAIRequest(r *event.Request, status string) {
	if r.Operation == "" {
		return
	}
	errorType := ""
	if status == event.StatusError {
		errorType = r.ErrorType
	}
	if r.Duration.Set {
		l.record("gen_ai_client_operation_duration_seconds", r.Duration.Value, r.Operation, r.Provider, r.Model.Name, errorType)
	}
	for _, usage := range []struct {
		kind   string
		tokens event.Int
	}{{"input", r.Usage.Input}, {"output", r.Usage.Output}} {
		if !usage.tokens.Set {
			continue
		}
		n := float64(usage.tokens.Value)
		l.record("gen_ai_client_token_usage", n, r.Operation, r.Provider, r.Model.Name, usage.kind)
		l.add("gen_ai_client_inference_usage_"+usage.kind+"_tokens_total", n, r.Operation, r.Provider, r.Model.Name, "text")
		l.record("gen_ai_client_inference_operation_"+usage.kind+"_tokens", n, r.Operation, r.Provider, r.Model.Name)
	}
}

func (l *metricLedger) evaluation(e *event.Evaluation) {
	l.count("guardian_evaluations_total", e.GuardianType, e.Specialist.ID, e.EvaluationType)
	if e.Duration.Set {
		l.record("guardian_evaluation_duration_seconds", e.Duration.Value, e.GuardianType, e.EvaluationType)
	}
	if e.ErrorType != "" {
		l.count("guardian_errors_total", e.GuardianType, e.ErrorType)
	}
	if e.QualityTier != "" {
		l.tier(e, e.QualityTier)
	}
	for i := range e.Results {
		result := &e.Results[i]
		score := unitScore(result)
		switch result.Name {
		case "quality":
			l.record("specialist_quality_score", score, e.Specialist.Type)
			l.tier(e, tierOfScore(score))
		case "confidence":
			l.record("specialist_confidence_score", score, e.Specialist.Type)
		}
	}
	for i := range e.Issues {
		l.count("guardian_issues_detected_total", e.GuardianType, e.Specialist.ID, e.Issues[i].Category, orUnknown(e.Issues[i].SeverityName))
	}
	for i := range e.Improvements {
		l.improvement(&e.Improvements[i], e.GuardianType)
	}
}

// unitScore brings a score to 0–1, 1 being best.
func unitScore(r *event.Result) float64 {
	low, high := r.Min.Or(0), r.Max.Or(1)
	score := (r.Score.Value - low) / (high - low)
	if r.Direction == event.LowerIsBetter {
		return 1 - score
	}
	return score
}

// tier gives the request that was judged its tier, unless it has one.
func (l *metricLedger) tier(e *event.Evaluation, tier string) {
	id := cmp.Or(e.Target.RequestID, e.RequestID)
	if request, waits := l.untiered[id]; waits {
		delete(l.untiered, id)
		l.count("specialist_requests_total", request.specialist, request.status, tier)
	}
}

func (l *metricLedger) improvement(i *event.Improvement, guardian string) {
	before := l.improvements[i.ImprovementID]
	l.improvements[i.ImprovementID] = i.Status
	switch {
	case before == "" && i.Status == event.ImprovementSuggested:
		l.count("guardian_improvements_suggested_total", guardian, i.Type, i.Priority)
	case before != i.Status && i.Status == event.ImprovementImplemented:
		l.count("guardian_improvements_implemented_total", guardian, i.Type)
	}
}

func (l *metricLedger) prediction(p *event.Prediction) {
	model, version := p.Model.Name, p.Model.Version
	l.count("model_predictions_total", model, version, p.Outcome)
	if p.Latency.Set {
		l.record("model_prediction_latency_seconds", p.Latency.Value/1000, model, version)
	}
	if p.Outcome == event.StatusError {
		return
	}
	if p.Predicted.Class != "" {
		l.count("ml_predictions_by_class_total", model, p.Predicted.Class)
	}
	if p.Predicted.Value.Set {
		l.record("model_prediction_value", p.Predicted.Value.Value, model, version)
	}
	if p.Confidence.Set {
		l.record("ml_prediction_confidence", p.Confidence.Value, model)
		if p.Confidence.Value < lowConfidence {
			l.count("ml_low_confidence_predictions_total", model, strconv.FormatFloat(lowConfidence, 'g', -1, 64))
		}
	}
	for _, feature := range p.Features {
		if value, numeric := feature.Value.Number(); numeric {
			key := model + "\x00" + strings.TrimPrefix(feature.Key, "features.")
			l.features[key] = append(l.features[key], value)
		}
	}
}

func (l *metricLedger) failure(f *event.Failure) {
	if f.Specialist.Type != "" {
		l.count("specialist_errors_total", f.Specialist.Type, f.ErrorType, orUnknown(f.SeverityName))
	}
	if f.GuardianType != "" {
		l.count("guardian_errors_total", f.GuardianType, f.ErrorType)
	}
}

// workload keeps the last report of each specialist. What is additive is added up per type.
func (l *metricLedger) workload(w *event.Workload) {
	specialist := w.Specialist.Type
	l.report(seriesOf("specialist_tokens_per_second", "", specialist), w.Specialist.ID, w.TokensPerSecond.Value)
	l.report(seriesOf("specialist_memory_usage_bytes", "", specialist, w.Memory.Type), w.Specialist.ID, w.Memory.Used.Value)
	l.set("specialist_gpu_utilization_percent", w.GPU.UtilizationPercent.Value, specialist, w.GPU.ID)
	l.set("memory_efficiency_ratio", w.Memory.Used.Value/w.Memory.Total.Value, w.Memory.Component, w.Memory.Type)
	l.set("cache_hit_rate", w.Cache.Hits.Value/(w.Cache.Hits.Value+w.Cache.Misses.Value), w.Cache.Type, specialist)
	l.set("batch_processing_efficiency", w.Batch.Used.Value/w.Batch.Total.Value, specialist)
}

func (l *metricLedger) report(series, specialist string, value float64) {
	if l.reports[series] == nil {
		l.reports[series] = map[string]float64{}
	}
	l.reports[series][specialist] = value
}

// ended is the number of requests to models that have ended.
func (l *metricLedger) ended() int {
	ended := 0
	for _, n := range l.requests {
		ended += n
	}
	return ended
}

// settle gives requests that nobody has judged their tier, unknown, and computes the gauges. Nothing is observed after it.
func (l *metricLedger) settle() {
	for _, request := range l.untiered {
		l.count("specialist_requests_total", request.specialist, request.status, "unknown")
	}
	l.settleStates()
	for series, bySpecialist := range l.reports {
		l.gauges[series] = 0
		for _, value := range bySpecialist {
			l.gauges[series] += value
		}
	}
	for key, values := range l.features {
		model, feature, _ := strings.Cut(key, "\x00")
		mean, deviation := meanAndDeviation(values)
		l.set("model_feature_value", mean, model, feature, "mean")
		l.set("model_feature_value", deviation, model, feature, "std")
		l.set("model_feature_value", slices.Min(values), model, feature, "min")
		l.set("model_feature_value", slices.Max(values), model, feature, "max")
	}
	if len(l.tenants) > 0 {
		l.set("active_tenants_count", float64(len(l.tenants)))
	}
	if len(l.confidences) > 0 {
		mean, _ := meanAndDeviation(l.confidences)
		l.set("compliance_score", mean)
		high := 0
		for _, confidence := range l.confidences {
			if confidence > highConfidence {
				high++
			}
		}
		l.set("compliance_high_confidence_ratio", float64(high)/float64(len(l.confidences)))
	}
}

// settleStates counts what is in each state, those in which nothing is included.
func (l *metricLedger) settleStates() {
	for model := range l.requests {
		l.set("ml_requests_in_progress", 0, model)
	}
	for _, model := range l.open {
		l.gauges[seriesOf("ml_requests_in_progress", "", model)]++
	}
	if len(l.improvements) == 0 {
		return
	}
	for _, status := range []string{"pending", "accepted", "rejected", "implemented"} {
		l.set("improvement_suggestions", 0, status)
	}
	for _, status := range l.improvements {
		if status == event.ImprovementSuggested {
			status = "pending"
		}
		l.gauges[seriesOf("improvement_suggestions", "", status)]++
	}
}

// meanAndDeviation gives the mean and the standard deviation of a population, in two passes.
func meanAndDeviation(values []float64) (mean, deviation float64) {
	for _, value := range values {
		mean += value / float64(len(values))
	}
	for _, value := range values {
		deviation += (value - mean) * (value - mean) / float64(len(values))
	}
	return mean, math.Sqrt(deviation)
}
