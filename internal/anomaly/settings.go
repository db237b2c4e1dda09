// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"errors"
	"fmt"
	"time"
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
)

// Validate returns everything that is wrong with the settings.
func (s *Settings) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	within := func(name string, v, low, high int) {
		check(v >= low && v <= high, "%s must be %d to %d (got %d)", name, low, high, v)
	}
	check(s.Method.Trained() || s.Method == RobustZ || s.Method == EWMA,
		"method must be isolation_forest, pca, robust_z or ewma (got %q)", s.Method)
	within("min observations", s.MinObservations, 2*minRows, maxRows)
	within("window", s.Window, 2*block, 1<<16)
	within("trees", s.Forest.Trees, 1, 1000)
	within("sub-sample", s.Forest.SubSample, 2, maxSubSample)
	within("reservoir", s.Reservoir, 2*minRows, 1<<14)
	within("horizon", s.Horizon, 1, 1<<30)
	within("retrain", s.Retrain, 1, 1<<30)
	within("delay", s.Delay, 0, 1<<30)
	within("lags", s.Features.Lags, 0, 16)
	check(s.Method.Trained() || s.Features == Features{}, "lags and differences are for methods that are trained, %s is not", s.Method)
	check(s.PCA.Variance > 0 && s.PCA.Variance < 1, "variance must lie between 0 and 1 (got %v)", s.PCA.Variance)
	check(s.HalfLife >= 1 && s.HalfLife <= 1e9, "half-life must be 1 to 1e9 rows (got %v)", s.HalfLife)
	check(s.Floor > 0 && s.Floor <= 1, "floor must be above 0 and at most 1 (got %v)", s.Floor)
	errs = append(errs, s.Season.validate(), s.Decision.validate(s.Method, s.MinObservations))
	return errors.Join(errs...)
}

func (d *Decision) validate(method Method, minObservations int) error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	set := 0
	for _, rate := range []float64{d.Alpha, d.FalseAlarmsPerDay, d.Contamination} {
		if rate != 0 {
			set++
		}
	}
	check(set == 1, "exactly one of alpha, false alarms per day and contamination must be set (got %v, %v, %v)",
		d.Alpha, d.FalseAlarmsPerDay, d.Contamination)
	check(d.Alpha >= 0 && d.Alpha <= 0.5, "alpha must be 0 to 0.5 (got %v)", d.Alpha)
	check(d.Contamination >= 0 && d.Contamination <= 0.5, "contamination must be 0 to 0.5 (got %v)", d.Contamination)
	check(d.Contamination == 0 || method.Trained(), "contamination is for methods that are trained, %s is not", method)
	check(d.Step >= 0, "step must not be negative (got %s)", d.Step)
	check(d.FalseAlarmsPerDay == 0 || d.Step > 0, "false alarms per day need the step between rows")
	check(d.FalseAlarmsPerDay >= 0 && d.alpha() <= 0.5, "false alarms per day must be at most half of the rows of a day (got %v of %v)",
		d.FalseAlarmsPerDay, float64(day)/float64(max(1, d.Step)))
	check(d.Calibration >= 2*block && d.Calibration <= 1<<16, "calibration must be %d to %d scores (got %d)", 2*block, 1<<16, d.Calibration)
	check(d.Of >= 1 && d.Of <= 64 && d.Raise >= 1 && d.Raise <= d.Of, "raise and of must be 1 to 64 rows (got %d of %d)", d.Raise, d.Of)
	check(d.Accept == 0 || d.Accept >= minObservations && d.Accept <= maxRows,
		"accept must be 0, or %d (min observations) to %d rows (got %d)", minObservations, maxRows, d.Accept)
	return errors.Join(errs...)
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
