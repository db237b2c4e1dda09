// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package grafana

func drift() page {
	const feature = `max by (model_name, model_version, feature_name) `
	return page{
		file: "drift.json", uid: "guardian-drift", title: "Guardian / Drift",
		description: "Whether what goes into a model, and what comes out, still looks like the reference: how much, how surely, and on what evidence.",
		anyOf:       []string{"ml_data_drift_score", "ml_concept_drift_psi", "otelcol_drift_windows_total"},
		variables: []variable{
			{name: "model", title: "Model", label: "model_name", anyOf: []string{"ml_data_drift_score", "ml_concept_drift_psi"}},
			{name: "feature", title: "Feature", label: "feature_name", anyOf: []string{"ml_data_drift_score", "model_feature_value"}, apart: true},
		},
		rows: []row{
			{title: "Now", panels: []panel{
				{
					kind: gauge, title: "Drifted features", unit: "percentunit", width: 6, height: 9, lines: shareLines, runbook: "high_drift",
					description: "Share of a model's features that have drifted: D at or above warning, and significant after the correction for the number of features.",
					queries:     []query{{expr: `max by (model_name) (ml_data_drift_share{@})`, legend: "{{model_name}}"}},
				},
				{
					kind: table, title: "Features", unit: "none", width: 18, height: 9, runbook: "DataDriftDetected",
					description: "The last window of each feature. A large D with a large p is a small window; a small p with a small D is a large one: neither is an alarm alone.",
					queries: []query{
						{expr: feature + `(ml_data_drift_score{@,feature_name=~"$feature"})`},
						{expr: feature + `(ml_data_drift_p_value{@,feature_name=~"$feature"})`},
						{expr: feature + `(ml_data_drift_js{@,feature_name=~"$feature"})`},
						{expr: `sum by (model_name, model_version, feature_name) (increase(ml_data_drift_alerts_total{@,feature_name=~"$feature",severity="warning"}[$__range]))`},
					},
					columns: []column{
						{label: "model_name", title: "Model"},
						{label: "model_version", title: "Version"},
						{label: "feature_name", title: "Feature"},
						{query: 1, title: "D", unit: "none", lines: ksLines},
						{query: 2, title: "p", unit: "none", lines: significance},
						{query: 3, title: "JS distance", unit: "none"},
						{query: 4, title: "Windows at warning or above", unit: "short"},
					},
				},
			}},
			{title: "Data", panels: []panel{
				{
					kind: graph, title: "Kolmogorov–Smirnov D", unit: "none", width: 12, height: 10, min: new(0.), max: new(1.), lines: ksLines, runbook: "DataDriftDetected",
					description: "Distance of each feature's last window from the reference, 0 to 1; of categories their own distance. The lines are warning and critical. A value stands until the next window closes.",
					queries:     []query{{expr: feature + `(ml_data_drift_score{@,feature_name=~"$feature"})`, legend: "{{model_name}} {{feature_name}}"}},
				},
				{
					kind: graph, title: "p-value", unit: "none", width: 12, height: 10, min: new(0.), max: new(1.),
					description: "How likely such a distance is without drift, before the correction for the number of features: of 20 calm features one is below 0.05.",
					queries:     []query{{expr: feature + `(ml_data_drift_p_value{@,feature_name=~"$feature"})`, legend: "{{model_name}} {{feature_name}}"}},
				},
				{
					kind: graph, title: "Jensen–Shannon distance", unit: "none", width: 8, min: new(0.), max: new(1.),
					description: "Base 2, 0 to 1, over the bins of the reference. It sees changes of shape that leave D small.",
					queries:     []query{{expr: feature + `(ml_data_drift_js{@,feature_name=~"$feature"})`, legend: "{{model_name}} {{feature_name}}"}},
				},
				{
					kind: graph, title: "Drifted features", unit: "percentunit", width: 8, lines: shareLines, runbook: "high_drift",
					description: "Share of the features that have drifted. The alert looks at the mean of an hour, and its line is 0.3.",
					queries:     []query{{expr: `max by (model_name, model_version) (ml_data_drift_share{@})`, legend: "{{model_name}} {{model_version}}"}},
				},
				{
					kind: graph, title: "Windows at or above a severity", unit: "short", width: 8,
					description: "Per hour. A critical window counts as warning and as info too: do not add them up.",
					queries:     []query{{expr: `sum by (model_name, severity) (rate(ml_data_drift_alerts_total{@,feature_name=~"$feature"}[$__rate_interval])) * 3600`, legend: "{{model_name}} {{severity}}"}},
				},
			}},
			{title: "Concept", panels: []panel{
				{
					kind: graph, title: "Population Stability Index", unit: "none", width: 12, min: new(0.), lines: psiLines, runbook: "ConceptDriftDetected",
					description: "PSI of what comes out of the model. The lines are info, warning and critical. Not bounded by 1.",
					queries:     []query{{expr: `max by (model_name, model_version) (ml_concept_drift_psi{@})`, legend: "{{model_name}} {{model_version}}"}},
				},
				{
					kind: graph, title: "p-value", unit: "none", width: 6, min: new(0.), max: new(1.),
					description: "Of the Kolmogorov–Smirnov test of what comes out, or of the χ² test of categories.",
					queries:     []query{{expr: `min by (model_name, model_version) (ml_concept_drift_p_value{@})`, legend: "{{model_name}} {{model_version}}"}},
				},
				{
					kind: graph, title: "Jensen–Shannon distance", unit: "none", width: 6, min: new(0.), max: new(1.),
					description: "Of what comes out of the model, base 2.",
					queries:     []query{{expr: `max by (model_name, model_version) (ml_concept_drift_js{@})`, legend: "{{model_name}} {{model_version}}"}},
				},
			}},
			{title: "Features", panels: []panel{
				{
					kind: graph, title: "Mean of features", unit: "none", width: 12,
					description: "Of the last 5 to 6 minutes, each in its own unit.",
					queries:     []query{{expr: `max by (model_name, feature_name) (model_feature_value{@,feature_name=~"$feature",statistic="mean"})`, legend: "{{model_name}} {{feature_name}}"}},
				},
				{
					kind: graph, title: "Standard deviation of features", unit: "none", width: 12, min: new(0.),
					description: "Of the last 5 to 6 minutes. 0: the feature is stuck.",
					queries:     []query{{expr: `max by (model_name, feature_name) (model_feature_value{@,feature_name=~"$feature",statistic="std"})`, legend: "{{model_name}} {{feature_name}}"}},
				},
			}},
			{title: "Evidence", panels: []panel{
				{
					kind: graph, title: "Values judged", unit: "cps", width: 8,
					description: "Values per second that each monitor took in. None: no drift is ever found.",
					queries:     []query{{expr: `sum by (monitor) (rate(otelcol_drift_values_total{#}[$__rate_interval]))`, legend: "{{monitor}}"}},
				},
				{
					kind: graph, title: "Verdicts", unit: "short", width: 8, stacked: true,
					description: "Verdicts per hour. insufficient_data: a window closed with too few values to say anything, which is not the same as no drift.",
					queries:     []query{{expr: `sum by (monitor, severity) (rate(otelcol_drift_verdicts_total{#}[$__rate_interval])) * 3600`, legend: "{{monitor}} {{severity}}"}},
				},
				{
					kind: graph, title: "Windows closed", unit: "short", width: 8,
					description: "Per hour. A window closes when it is full or old enough.",
					queries:     []query{{expr: `sum by (monitor) (rate(otelcol_drift_windows_total{#}[$__rate_interval])) * 3600`, legend: "{{monitor}}"}},
				},
				{
					kind: graph, title: "What is kept", unit: "short", width: 12,
					description: "Groups, features and series that the monitors hold. At its limit a monitor turns new ones away, and counts them.",
					queries:     []query{{expr: `sum by (monitor, table) (otelcol_drift_entries{#})`, legend: "{{monitor}} {{table}}"}},
				},
				{
					kind: graph, title: "References that cannot be read", unit: "short", width: 12, lines: zeroIsGood,
					description: "Groups whose reference file cannot be read: they are not judged against it. 0 is well.",
					queries:     []query{{expr: `sum by (monitor) (otelcol_drift_degraded{#} or ignoring (table) otelcol_drift_entries{#,table="groups"} * 0)`, legend: "{{monitor}}"}},
				},
			}},
		},
	}
}
