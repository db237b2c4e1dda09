// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package grafana

import "fmt"

// anomalyStates are the numbers of guardian_anomaly_state.
var anomalyStates = states{{"0", "learning", blue}, {"1", "normal", green}, {"2", "anomaly", red}}

// anomalies is the row of what the anomaly processor says of entities that have a label: specialists, or models.
func anomalies(label, title string) row {
	legend := "{{" + label + "}} {{detector}}"
	each := func(figure string) string {
		return fmt.Sprintf(`max by (%[1]s, detector) (guardian_anomaly_%[2]s{@,%[1]s!=""})`, label, figure)
	}
	cause := func(figure string) query {
		return query{expr: fmt.Sprintf(`max by (%[1]s, detector, metric) (last_over_time(guardian_anomaly_%[2]s{@,%[1]s!=""}[$__range]))`, label, figure)}
	}
	return row{title: "Anomalies", panels: []panel{
		{
			kind: timeline, title: "State", unit: "short", width: 12, states: anomalyStates, lines: lines{blue, []line{{1, green}, {2, red}}}, runbook: "AnomalyDetected",
			description: "What the anomaly processor says of each step: unlike what it has learned, not bad. While it learns it says nothing, for 50 steps at least.",
			queries:     []query{{expr: each("state"), legend: legend}},
		},
		{
			kind: graph, title: "Score", unit: "none", width: 12, min: new(0.), max: new(1.), runbook: "AnomalyDetected",
			description: "How unlike, 0 to 1. Scores of different detectors do not compare; the state says what counts as an anomaly.",
			queries:     []query{{expr: each("score"), legend: legend}},
		},
		{
			kind: table, title: "What stood out", unit: "none", width: 24, empty: "no anomaly in the time shown", runbook: "AnomalyDetected",
			description: "The metrics that caused the last anomaly of each in the time shown: the value, the mean when all is well, how many standard deviations lie between, and their part in it.",
			queries:     []query{cause("value"), cause("baseline_mean"), cause("z_score"), cause("contribution")},
			columns: []column{
				{label: label, title: title},
				{label: "detector", title: "Detector"},
				{label: "metric", title: "Metric"},
				{query: 1, title: "Value", unit: "none"},
				{query: 2, title: "Mean", unit: "none"},
				{query: 3, title: "z", unit: "none"},
				{query: 4, title: "Part", unit: "percentunit"},
			},
		},
	}}
}
