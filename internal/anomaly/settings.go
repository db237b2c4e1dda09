// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"errors"
	"fmt"
	"time"
	"unsafe"
)

// Method is how a row gets its score.
type Method string

// Methods. All take one metric or several.
const (
	// IsolationForest isolates rows by random splits. It is trained.
	IsolationForest Method = "isolation_forest"
	// PCA measures how far a row lies off the usual relations of the metrics (Q) and off the centre along them (T²). It is trained.
	PCA Method = "pca"
	// RobustZ is the distance from the median in standard deviations estimated by the median absolute deviation, of a window of
	// rows; the largest of the metrics counts. It learns with every row and is never trained.
	RobustZ Method = "robust_z"
	// EWMA is the distance from an exponentially weighted mean in exponentially weighted standard deviations. It learns with every
	// row and is never trained.
	EWMA Method = "ewma"
)

// Trained says whether the method needs [Detector.Training].
func (m Method) Trained() bool { return m == IsolationForest || m == PCA }

// Season is a number of phases of equal length that return one after the other, counted from 1970-01-01 UTC plus Offset. Every
// metric has a level and a scale of its own in every phase, and rows are judged by how far they are from those. A phase speaks
// after it has come round twice.
type Season struct {
	Phases int           // 0 and 1 mean no season; 24 hours of a day, 7 days or 168 hours of a week; at most 168
	Length time.Duration // of a phase
	Offset time.Duration // for phases that start with the local day or the week, which starts on a Thursday otherwise
}

// Decision says when a score is an anomaly. Exactly one of Alpha, FalseAlarmsPerDay and Contamination is above 0.
type Decision struct {
	// Alpha is the probability that a calm row is called an anomaly.
	Alpha float64
	// FalseAlarmsPerDay is how many calm rows may be called anomalies in a day; Step says how many rows a day has.
	FalseAlarmsPerDay float64
	// Contamination is scikit-learn's: the share of the training rows that lie beyond the threshold, above 0 and at most 0.5. About
	// that share of all rows will be called anomalies, whatever the data. Only methods that are trained have it.
	Contamination float64
	// Step is the time between rows; 0 means that it is not known. After more than four steps without a row, the rows before are no
	// features of the next.
	Step time.Duration
	// Calibration is the number of recent calm scores that a score is compared with.
	Calibration int
	// Raise of the last Of rows must be anomalous before the state is AnomalyDetected. 1 of 1 is at once. The rate above is that of
	// rows, so this makes alarms rarer than stated.
	Raise, Of int
	// Accept is the number of anomalous rows after which what they are is as normal as what was before, or half as many as there were
	// calm ones if that is less, but no fewer than MinObservations. Nine calm rows in between take one of them back, so what is less than a
	// tenth of the rows never is. 0 means never.
	Accept int
}

// Features say what is derived from each metric beside its value. For methods that are trained only.
type Features struct {
	Lags        int  // earlier values, 0 to 16
	Differences bool // the difference to the value before
}

// Forest are the settings of an isolation forest.
type Forest struct {
	Trees     int // 1 to 1000
	SubSample int // rows that a tree is made of, 2 to 4096, but no more than there are
}

// Components are the settings of a principal component analysis.
type Components struct {
	// Variance is the share of the variance that the first components must explain, above 0 and less than 1; the rest is residual.
	Variance float64
}

// Settings say how to judge the rows of an entity.
type Settings struct {
	Method   Method
	Decision Decision
	Season   Season
	Features Features
	Forest   Forest
	PCA      Components
	// MinObservations is the number of complete rows before which nothing is said.
	MinObservations int
	// Window is the number of rows of which RobustZ knows the median.
	Window int
	// HalfLife is the number of rows after which a row counts half in EWMA and in the baselines.
	HalfLife float64
	// Reservoir is the number of rows that a model is trained on, and Horizon the mean age, in rows, of those it holds.
	Reservoir, Horizon int
	// Retrain is the number of calm rows from one training to the next; at first the number doubles. A model becomes active Delay
	// rows after its training is due, whenever it is ready before that, so that scores do not depend on who trains it where.
	Retrain, Delay int
	// Floor is the least scale of a metric, as a share of its level: a constant metric has no other. Of a level of 0 it is 1e-12.
	Floor float64
	// Seed makes the random choices. Equal seeds and rows give equal scores.
	Seed uint64
}

// DefaultSettings are an isolation forest as scikit-learn's, decided at alpha = 0.001.
func DefaultSettings() Settings {
	return Settings{
		Method:          IsolationForest,
		Decision:        Decision{Alpha: 0.001, Calibration: 1024, Raise: 1, Of: 1, Accept: 240},
		Forest:          Forest{Trees: 100, SubSample: 256},
		PCA:             Components{Variance: 0.9},
		MinObservations: 50,
		Window:          400,
		HalfLife:        256,
		Reservoir:       512,
		Horizon:         2048,
		Retrain:         256,
		Delay:           16,
		Floor:           1e-3,
	}
}

const (
	// minRows is the least number of rows that anything is learned from.
	minRows = 10
	maxRows = 1 << 20
	day     = 24 * time.Hour
	// maxOffset is a year, and what is added to it to begin a phase at an end of a step.
	maxOffset = 8760*time.Hour + time.Nanosecond
	// maxLags is the number of earlier values of a metric that can be features.
	maxLags = 16
)

// Validate returns everything that is wrong with the settings, each fault once. Faults name what is set by the key that it has in the
// configuration of a detector, such as training::reservoir.
func (s *Settings) Validate() error {
	var wrong faults
	within := func(key string, v, low, high int) {
		wrong.unless(v >= low && v <= high, "%s must be %d to %d (got %d)", key, low, high, v)
	}
	untrained := s.Method == RobustZ || s.Method == EWMA
	wrong.unless(untrained || s.Method.Trained(), "method must be isolation_forest, pca, robust_z or ewma (got %q)", s.Method)
	within("min_observations", s.MinObservations, 2*minRows, maxRows)
	within("window", s.Window, 2*block, 1<<16)
	within("forest::trees", s.Forest.Trees, 1, 1000)
	within("forest::sub_sample", s.Forest.SubSample, 2, maxSubSample)
	within("training::reservoir", s.Reservoir, 2*minRows, 1<<14)
	within("training::horizon", s.Horizon, 1, 1<<30)
	within("training::retrain", s.Retrain, 1, 1<<30)
	within("training::delay", s.Delay, 0, 1<<30)
	within("lags", s.Features.Lags, 0, maxLags)
	wrong.unless(!untrained || s.Features == Features{}, "lags and differences are for isolation_forest and pca (got %d and %t for %s)",
		s.Features.Lags, s.Features.Differences, s.Method)
	wrong.unless(s.Method != IsolationForest || s.Forest.SubSample <= s.Reservoir || s.Reservoir < 2*minRows || s.Forest.SubSample > maxSubSample,
		"forest::sub_sample must be at most training::reservoir, %d, of which a tree is a part (got %d)", s.Reservoir, s.Forest.SubSample)
	wrong.unless(s.PCA.Variance > 0 && s.PCA.Variance < 1, "pca::variance must lie between 0 and 1 (got %v)", s.PCA.Variance)
	wrong.unless(s.HalfLife >= 1 && s.HalfLife <= 1e9, "half_life must be 1 to 1e9 (got %v)", s.HalfLife)
	wrong.unless(s.Floor > 0 && s.Floor <= 1, "floor must be above 0 and at most 1 (got %v)", s.Floor)
	s.Season.validate(&wrong)
	s.Decision.validate(&wrong, s.MinObservations)
	wrong.unless(s.Decision.Contamination == 0 || !untrained, "contamination is for isolation_forest and pca (got %v for %s)",
		s.Decision.Contamination, s.Method)
	return errors.Join(wrong...)
}

// ValidateFor returns everything that is wrong with the settings, or with so many metrics for them.
func (s *Settings) ValidateFor(metrics int) error {
	wrong := faults{s.Validate()}
	wrong.unless(metrics >= 1 && metrics <= maxMetrics, "metrics must have 1 to %d values (got %d)", maxMetrics, metrics)
	if n := s.Features.perMetric(); s.Features.Lags <= maxLags && metrics <= maxMetrics {
		wrong.unless(metrics*n <= maxColumns, "metrics must have at most %d values, their lags and differences among them (got %d of %d each)",
			maxColumns, metrics, n)
	}
	return errors.Join(wrong...)
}

// faults are what is wrong.
type faults []error

func (f *faults) unless(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

func (s Season) validate(wrong *faults) {
	wrong.unless(s.Phases >= 0 && s.Phases <= maxPhases, "season::phases must be 0 to %d (got %d)", maxPhases, s.Phases)
	wrong.unless(!s.on() || s.Length >= time.Second, "season::length must be at least 1s (got %s)", s.Length)
	wrong.unless(s.Offset.Abs() <= maxOffset, "season::offset must be -8760h to 8760h (got %s)", s.Offset.Truncate(time.Millisecond))
}

func (d *Decision) validate(wrong *faults, minObservations int) {
	set := 0
	for _, rate := range []float64{d.Alpha, d.FalseAlarmsPerDay, d.Contamination} {
		if rate != 0 {
			set++
		}
	}
	wrong.unless(set == 1, "one of alpha, false_alarms_per_day and contamination must be set, and no other (got %v, %v and %v)",
		d.Alpha, d.FalseAlarmsPerDay, d.Contamination)
	wrong.unless(d.Alpha >= 0 && d.Alpha <= 0.5, "alpha must be above 0 and at most 0.5 (got %v)", d.Alpha)
	wrong.unless(d.Contamination >= 0 && d.Contamination <= 0.5, "contamination must be above 0 and at most 0.5 (got %v)", d.Contamination)
	wrong.unless(d.Step >= 0, "step must not be negative (got %s)", d.Step)
	if d.FalseAlarmsPerDay != 0 && d.Step >= 0 {
		wrong.unless(d.Step > 0, "false_alarms_per_day needs step, the time between rows (got %s)", d.Step)
		most := float64(day) / float64(d.Step) / 2 // without a step it is infinite
		wrong.unless(d.FalseAlarmsPerDay > 0 && d.FalseAlarmsPerDay <= most,
			"false_alarms_per_day must be above 0 and at most %g, half of the steps of a day (got %v)", most, d.FalseAlarmsPerDay)
	}
	wrong.unless(d.Calibration >= 2*block && d.Calibration <= 1<<16, "calibration must be %d to %d (got %d)", 2*block, 1<<16, d.Calibration)
	wrong.unless(d.Of >= 1 && d.Of <= 64 && d.Raise >= 1 && d.Raise <= d.Of,
		"hysteresis::raise must be 1 to hysteresis::of, and that at most 64 (got %d of %d)", d.Raise, d.Of)
	if least := max(minObservations, 2*minRows); least <= maxRows {
		wrong.unless(d.Accept == 0 || d.Accept >= least && d.Accept <= maxRows,
			"accept must be 0, or min_observations, %d, to %d (got %d)", least, maxRows, d.Accept)
	}
}

// alpha is the probability that a calm row is called an anomaly. By contamination it decides nothing, but how many scores of
// anomalies the calm ones may have among them.
func (d *Decision) alpha() float64 {
	switch {
	case d.FalseAlarmsPerDay > 0:
		return d.FalseAlarmsPerDay * float64(d.Step) / float64(day)
	case d.Contamination > 0:
		return d.Contamination
	}
	return d.Alpha
}

// Bytes is about how much memory a detector of so many metrics takes once it has learned, without what it keeps of a change that lasts. What
// it takes now is [Detector.Bytes].
func (s *Settings) Bytes(metrics int) int {
	columns := metrics * s.Features.perMetric()
	bytes := int(unsafe.Sizeof(Detector{})) + 16*s.Decision.Calibration + metrics*100
	if s.Season.on() {
		bytes += metrics * s.Season.Phases * int(unsafe.Sizeof(phase{}))
	}
	switch s.Method {
	case RobustZ:
		return bytes + 16*s.Window*metrics
	case IsolationForest:
		bytes += 4 * s.Forest.Trees * s.Forest.SubSample
	}
	if s.Method.Trained() {
		bytes += 16 * s.Reservoir * columns
	}
	return bytes
}
