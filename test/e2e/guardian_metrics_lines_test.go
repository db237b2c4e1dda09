// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// linesOverlay reads the lines of applications that only write JSON, as an operator configures it.
const linesOverlay = `
receivers:
  file_log:
    include: ["${env:DIR}/*.log"]
    start_at: beginning
    poll_interval: 100ms
    storage: file_storage
    operators:
      - type: json_parser
        parse_to: attributes
        timestamp: {parse_from: attributes.timestamp, layout_type: gotime, layout: "2006-01-02T15:04:05Z07:00"}
service:
  pipelines:
    logs/lines: {receivers: [file_log], exporters: [guardian_metrics]}
`

// logLines is a log of each event type in use, with the event that the line stands for; none where it updates no metric.
var logLines = []struct {
	line  string
	means []event.Event
}{
	{`"event_type":"request_start","request_id":"r-1","correlation_id":"c-1","component":"legal","specialist_id":"legal-1","cluster_id":"a","version":"7","query_length":120,"context_size":900`, nil},
	{
		`"event_type":"request_complete","request_id":"r-1","component":"legal","specialist_id":"legal-1","duration":1.5,"context_size":900,"quality_score":0.9,"success":true`,
		means(lineRequest("r-1", 1.5, func(r *event.Request) {
			r.ContextSize, r.QualityScore = event.Some[int64](900), event.Some(0.9)
		})),
	},
	{
		`"event_type":"request_complete","request_id":"r-2","component":"legal","specialist_id":"legal-1","duration":3,"success":true`,
		means(lineRequest("r-2", 3, func(*event.Request) {})),
	},
	{
		`"event_type":"request_complete","request_id":"r-3","component":"legal","specialist_id":"legal-1","duration":12,"success":false,"error_type":"timeout"`,
		means(lineRequest("r-3", 12, func(r *event.Request) { r.Phase, r.ErrorType = event.PhaseFailed, "timeout" })),
	},
	{
		`"event_type":"guardian_evaluation","request_id":"r-2","guardian_type":"safety","specialist_id":"legal-1","evaluation_score":0.4,"duration":0.2,"issues_detected":["toxicity","toxicity_again"],"recommendations":["filter"]`,
		means(lineEvaluation("r-2", 0.2, "toxicity", "toxicity_again")),
	},
	{
		`"event_type":"error","component":"legal","error_type":"cache_full","error_message":"no room","context":"decoding"`,
		means(&event.Failure{Specialist: event.Specialist{Type: "legal"}, ErrorType: "cache_full"}),
	},
	{
		`"event_type":"error","component":"judge","guardian_type":"safety","error_type":"model_unavailable","error":"no answer"`,
		means(&event.Failure{GuardianType: "safety", ErrorType: "model_unavailable"}),
	},
	{`"event_type":"performance_alert","component":"legal","metric":"queue_length","value":61,"threshold":50`, nil},
	{
		`"event_type":"prediction_started","request_id":"p-1","model_name":"churn","model_version":"12","feature_count":5`,
		means(linePredictionRequest("p-1", event.PhaseStart, 0)),
	},
	{`"event_type":"preprocessing_complete","request_id":"p-1","transformed_shape":[1,5]`, nil},
	{
		`"event_type":"prediction_complete","request_id":"p-1","model_name":"churn","model_version":"12","prediction":"yes","probability":0.65,"latency_ms":12.5`,
		means(linePredictionRequest("p-1", event.PhaseComplete, 0.0125), linePrediction(event.Outcome{Class: "yes"}, 0.65, 12.5)),
	},
	{`"event_type":"prediction_complete","request_id":"p-1","model_name":"churn","model_version":"12","prediction":"yes","probability":0.65,"latency_ms":12.5`, nil}, // the same line again is the same prediction
	{
		`"event_type":"prediction_started","request_id":"p-2","model_name":"churn","model_version":"12"`,
		means(linePredictionRequest("p-2", event.PhaseStart, 0)),
	},
	{
		`"event_type":"prediction_failed","request_id":"p-2","model_name":"churn","model_version":"12","error":"no features","error_type":"feature_store","latency_ms":40`,
		means(linePredictionRequest("p-2", event.PhaseFailed, 0.04), linePrediction(event.Outcome{}, 0, 40)),
	},
	{
		`"event_type":"prediction_started","request_id":"p-3","model_name":"churn","model_version":"12"`,
		means(linePredictionRequest("p-3", event.PhaseStart, 0)),
	},
	{`"message":"a line that is no event","duration":4`, nil},
	// What was written again after a rotation went wrong counts no more.
	{`"event_type":"request_complete","request_id":"r-1","component":"legal","specialist_id":"legal-1","duration":1.5,"context_size":900,"quality_score":0.9,"success":true`, nil},
}

func means(events ...event.Event) []event.Event { return events }

// lineRequest is a request of a component that is a specialist.
func lineRequest(id string, seconds float64, change func(*event.Request)) *event.Request {
	r := &event.Request{Specialist: event.Specialist{ID: "legal-1", Type: "legal"}, Duration: event.Some(seconds)}
	r.RequestID = id
	change(r)
	return r
}

// lineEvaluation is an evaluation of the quality, which is low.
func lineEvaluation(request string, seconds float64, issues ...string) *event.Evaluation {
	e := &event.Evaluation{Verdict: event.Verdict{Duration: event.Some(seconds), QualityTier: "low"}}
	e.GuardianType, e.EvaluationType, e.Specialist.ID, e.Target.RequestID = "safety", "quality", "legal-1", request
	for _, issue := range issues {
		e.Issues = append(e.Issues, event.Issue{Category: issue})
	}
	return e
}

var churn = event.Model{Name: "churn", Version: "12"}

func linePredictionRequest(id, phase string, seconds float64) *event.Request {
	r := &event.Request{Phase: phase, Model: churn, Duration: event.Some(seconds)}
	if r.RequestID = id; phase == event.PhaseFailed {
		r.ErrorType = "feature_store"
	}
	return r
}

func linePrediction(predicted event.Outcome, confidence, milliseconds float64) *event.Prediction {
	p := &event.Prediction{Model: churn, Predicted: predicted, Latency: event.Some(milliseconds), Outcome: event.StatusError}
	if predicted.Class != "" {
		p.Outcome, p.Confidence = event.StatusSuccess, event.Some(confidence)
	}
	return p
}

// Applications that only write JSON lines have the same metrics.
func TestGuardianMetricsFromLogLines(t *testing.T) {
	m := startMetered(t, meteredSetup{flush: meteredFlush, tierWait: 3 * time.Second, overlay: linesOverlay})
	var text strings.Builder
	ledger := newMetricLedger()
	for _, line := range logLines {
		text.WriteString(`{"timestamp":"` + time.Now().UTC().Format(time.RFC3339) + `",` + line.line + "}\n")
		for _, e := range line.means {
			ledger.Observe(e)
		}
	}
	ledger.settle()
	require.NoError(t, os.WriteFile(filepath.Join(m.Dir, "application.log"), []byte(text.String()), 0o600))
	m.awaitSeries(t, exactly(ledger.grown), grown)
	m.awaitSeries(t, exactly(ledger.gauges), states)
}
