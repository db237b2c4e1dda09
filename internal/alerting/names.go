// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alerting

// Names of the alerts that are made of events. The first three are also those of Prometheus rules.
const (
	DataDriftDetected    = "DataDriftDetected"
	ConceptDriftDetected = "ConceptDriftDetected"
	HighDrift            = "high_drift"
	AnomalyDetected      = "AnomalyDetected"
	GPUXIDError          = "GPUXIDError"
	GPULost              = "GPULost"
	PerformanceAlert     = "PerformanceAlert"
)

// Names are the names of all alerts that are made of events.
var Names = []string{DataDriftDetected, ConceptDriftDetected, HighDrift, AnomalyDetected, GPUXIDError, GPULost, PerformanceAlert}

// Labels and annotations with a meaning of their own.
const (
	LabelName     = "alertname"
	LabelSeverity = "severity"

	AnnotationSummary     = "summary"
	AnnotationDescription = "description"
	AnnotationRunbook     = "runbook_url"
	AnnotationDashboard   = "dashboard_url"
)
