// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"errors"
	"fmt"
	"math"
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
	// Step is the time between rows.
	Step time.Duration
	// Calibration is the number of recent calm scores that a score is compared with.
	Calibration int
	// Raise of the last Of rows must be anomalous before the state is AnomalyDetected. 1 of 1 is at once. The rate above is that of
	// rows, so this makes alarms rarer than stated.
	Raise, Of int
	// Accept is the number of rows after which a change that stays is the new normal: when so many of the last Accept·4/3 rows were
	// anomalous, the detector learns again from those. 0 means never.
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
	SubSample int // rows that a tree is made of, 2 to 4096; fewer where there are fewer
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
	// Retrain is the number of rows from one training to the next, at first fewer. A model becomes active Delay rows after its
	// training is due, whenever it is ready before that, so that scores do not depend on the worker.
	Retrain, Delay int
	// Floor is the least scale of a metric, as a share of its level: a constant metric has no other.
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
		Window:          512,
		HalfLife:        256,
		Reservoir:       512,
		Horizon:         2048,
		Retrain:         256,
		Delay:           16,
		Floor:           1e-3,
	}
}

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
	check(s.HalfLife > 0 && s.HalfLife <= 1e9, "half_life must be above 0 and at most 1e9 rows (got %v)", s.HalfLife)
	check(s.Floor >= 0 && s.Floor <= 1, "floor must be 0 to 1 (got %v)", s.Floor)
	_ = within
	_ = math.Inf
	return errors.Join(errs...)
}
