// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

// State is what a detector says about an entity.
type State uint8

// States.
const (
	// NotTrained means that too few rows have come to say anything.
	NotTrained State = iota
	Normal
	AnomalyDetected
)

// String returns the state as in events.
func (s State) String() string {
	switch s {
	case NotTrained:
		return "not_trained"
	case Normal:
		return "normal"
	case AnomalyDetected:
		return "anomaly_detected"
	}
	return "unknown"
}

// Severity says how far a metric is off its baseline.
type Severity uint8

// Severities, in ascending order.
const (
	Low    Severity = iota
	Medium          // |z| > 2
	High            // |z| > 3
)

// String returns the severity as in events.
func (s Severity) String() string {
	switch s {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	}
	return "unknown"
}

// Verdict is what a detector says about one row.
type Verdict struct {
	// At is the time of the row, in Unix nanoseconds.
	At int64
	// State is of the entity after the row, and Changed whether it was another before.
	State   State
	Changed bool
	// Judged says that the row has a score. It has none before the detector is trained, or without a value.
	Judged bool
	// Anomalous says that the score of this row alone is an anomaly.
	Anomalous bool
	// Accepted says that with this row, an anomalous one, a change has stayed for so long that it is the new normal. Rows like it are called
	// normal from now on, or as soon as a model that knows them is active.
	Accepted bool
	// Score is 0 to 1, 1 most anomalous. An isolation forest's is scikit-learn's for a row within the range of the training rows, and
	// nears 1 with the distance beyond it. Of the other methods it is one half at a distance of 3 standard deviations.
	Score float64
	// P is the p-value of the score against recent calm ones, 1 for a row that is not judged. Extrapolated says that it lies beyond
	// what their number can show, and comes from the shape of their tail.
	P            float64
	Extrapolated bool
	// Causes are the metrics of an anomalous row that are off their baseline, and at least the one that contributes most, which is
	// the first. They are valid until the next row.
	Causes []Cause
}

// Baseline is what is usual for a metric, learned from calm rows.
type Baseline struct {
	N              uint64 // rows learned
	Mean, Std, P95 float64
}

// Cause is a metric of an anomalous row.
type Cause struct {
	Index  int // of the metric
	Metric string
	Value  float64
	Baseline
	// Z is (Value - Mean) / Std, signed. Std is not less than the floor.
	Z        float64
	Severity Severity
	// Contribution is the share of the score that this metric is responsible for, 0 to 1; those of all metrics add up to 1.
	Contribution float64
}

// Tally counts what came to a detector, since it was made.
type Tally struct {
	// Rows came, of which Judged have a score and Anomalous are anomalies: their ratio is the achieved rate.
	Rows, Judged, Anomalous uint64
	// Incomplete rows lacked a metric, Empty ones all. NonFinite are the values that were ±Inf, or
	// beyond 1e150.
	Incomplete, Empty, NonFinite uint64
	// Backward rows were no later than the row before. They are judged as they come.
	Backward uint64
	// Gaps are rows so long after, or before, the row before that its values are no features of theirs.
	Gaps uint64
	// Models became active, and Overdue rows were judged by an older one because theirs was not installed.
	Models, Overdue uint64
	// Accepted are changes that stayed until they were the new normal, and Relearned are new starts because the entity got or lost
	// a metric.
	Accepted, Relearned uint64
	// Extrapolated are p-values beyond what the number of calm scores can show.
	Extrapolated uint64
}
