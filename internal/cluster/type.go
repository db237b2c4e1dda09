// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import "github.com/llm-guardian/otelcol-guardian/internal/event"

// TypeOf gives the JSON type of an event of a Cluster.
func TypeOf(e event.Event) event.Type {
	switch e.(type) {
	case *event.Request:
		return event.TypeRequest
	case *event.Evaluation:
		return event.TypeEvaluation
	case *event.Improvement:
		return event.TypeImprovement
	case *event.Prediction:
		return event.TypePrediction
	case *event.Label:
		return event.TypeLabel
	case *event.Failure:
		return event.TypeError
	case *event.PerformanceAlert:
		return event.TypePerformanceAlert
	case *event.Workload:
		return event.TypeWorkload
	case *event.Detection:
		return event.TypeDetection
	case *event.Mapping:
		return event.TypeMapping
	case *event.Violation:
		return event.TypeViolation
	default:
		return ""
	}
}
