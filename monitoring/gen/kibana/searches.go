// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package kibana

import (
	"fmt"
	"slices"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// search is a saved search: events that a query finds, newest first, and the fields that are shown of them.
type search struct {
	id, title, description string
	query                  string
	columns                []string
}

// of is a query for one kind of event.
func of(name string) string { return fmt.Sprintf("event_name : %q", name) }

func searches() []search { return slices.Concat(kinds(), concerns()) }

// kinds has a search for each kind of event.
func kinds() []search {
	var all []search
	add := func(id, title, name, description string, columns ...string) {
		all = append(all, search{"guardian-" + id, "Guardian: " + title, description, of(name), columns})
	}
	add("requests", "requests", event.NameRequest, "What specialists and model services were asked.",
		"request_id", "specialist.type", "model.name", "endpoint", "phase", "status", "duration_s", "quality_score", "error.type")
	add("evaluations", "evaluations", event.NameEvaluationResult, "What guardians say of answers: one record for each score.",
		"request_id", "guardian_type", "specialist.type", "evaluation_type", "gen_ai.evaluation.name", "gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label")
	add("issues", "issues", event.NameIssue, "Faults that guardians found.",
		"issue_id", "guardian_type", "specialist.id", "category", "severity")
	add("improvements", "improvements", event.NameImprovement, "What guardians suggest, and what has become of it.",
		"improvement_id", "guardian_type", "improvement_type", "priority", "status")
	add("predictions", "predictions", event.NamePrediction, "What models predicted.",
		"prediction_id", "model.name", "model.version", "predicted.class", "predicted.value", "confidence", "latency_ms", "outcome")
	add("labels", "labels", event.NameLabel, "What turned out to be true, minutes to days later.",
		"target.prediction_id", "target.evaluation_id", "actual.class", "actual.value", "model.name")
	add("errors", "errors", event.NameError, "Errors of components that are not the end of a request.",
		"component", "guardian_type", "specialist.id", "error.type", "error.message", "severity")
	add("performance-alerts", "performance alerts", event.NamePerformanceAlert, "Applications that say themselves that a figure has passed its threshold.",
		"component", "metric", "value", "threshold", "severity")
	add("workload", "workload", event.NameWorkload, "What specialists report of their caches, memory, batches and GPUs.",
		"specialist.type", "tokens_per_second", "cache.type", "memory.type", "memory.used", "batch.used", "gpu.id", "gpu.utilization_percent")
	add("detections", "detections", event.NameDetection, "Runs of detectors.",
		"detector_type", "tenant_id", "status")
	add("mappings", "mappings", event.NameMapping, "Mappings to controls of a framework.",
		"framework", "category", "confidence", "tenant_id")
	add("violations", "violations", event.NameViolation, "Breaches of controls.",
		"framework", "category", "severity")
	add("drift", "drift verdicts", event.NameDrift, "What the drift processor says of each window. The bins of reference and window are in guardian.drift.bins.*.",
		"model.name", "model.version", "feature.name", "guardian.drift.kind", "guardian.drift.method", "guardian.drift.score", "guardian.drift.p_adjusted",
		"guardian.drift.severity", "guardian.drift.state", "guardian.drift.n")
	return all
}

// concerns has the searches that ask for somebody.
func concerns() []search {
	return []search{
		{
			"guardian-failed-requests", "Guardian: failed requests",
			"Requests that failed. correlation_id finds what else belongs to one, trace_id its trace in Jaeger.",
			of(event.NameRequest) + " and status : \"error\"",
			[]string{"request_id", "specialist.type", "model.name", "endpoint", "error.type", "severity", "duration_s"},
		},
		{
			"guardian-failed-evaluations", "Guardian: failed evaluations",
			"Answers that a guardian called a failure. Guardians that use another word than fail for it: change the query. A guardian may be wrong: labels tell.",
			of(event.NameEvaluationResult) + " and gen_ai.evaluation.score.label : \"fail\"",
			[]string{"request_id", "guardian_type", "specialist.type", "evaluation_type", "gen_ai.evaluation.name", "gen_ai.evaluation.score.value", "score.threshold"},
		},
		{
			"guardian-serious-issues", "Guardian: serious issues",
			"Issues of severity high and critical.",
			of(event.NameIssue) + " and severity : (\"high\" or \"critical\")",
			[]string{"issue_id", "guardian_type", "specialist.id", "category", "severity"},
		},
		{
			"guardian-drift-raised", "Guardian: drift that was found",
			"Windows at warning or critical. One window may be chance: guardian.drift.p_adjusted has the correction, guardian.drift.state whether the alarm is raised.",
			of(event.NameDrift) + " and guardian.drift.severity : (\"warning\" or \"critical\")",
			[]string{"model.name", "model.version", "feature.name", "guardian.drift.kind", "guardian.drift.score", "guardian.drift.p_adjusted", "guardian.drift.severity", "guardian.drift.state"},
		},
		{
			"guardian-gpu-events", "Guardian: GPU events",
			"XID errors, lost and found GPUs, and the driver that goes and comes. guardian.gpu.action says what to do.",
			"event_name : (\"guardian.gpu.xid\" or \"guardian.gpu.lost\" or \"guardian.gpu.found\" or \"guardian.gpu.driver_unloaded\" or \"guardian.gpu.driver_loaded\"" +
				" or \"guardian.gpu.mig_changed\" or \"guardian.gpu.unavailable\" or \"guardian.gpu.recovery_action\")",
			[]string{"event_name", "hw.id", "host.name", "severity_text", "nvidia.xid", "nvidia.xid.name", "guardian.gpu.action"},
		},
	}
}

func (s *search) object() object {
	return object{Type: "search", ID: s.id, References: onDataView, Attributes: fields{
		"title": s.title, "description": s.description, "columns": s.columns, "sort": [][]string{{"@timestamp", "desc"}},
		"grid": fields{}, "hideChart": false, "isTextBasedQuery": false, "timeRestore": false, "kibanaSavedObjectMeta": source(s.query),
	}}
}
