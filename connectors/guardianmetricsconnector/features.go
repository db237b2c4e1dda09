// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"math"
	"strings"
	"time"
)

// Features are shown over the last five full minutes and the one that runs.
const (
	featureSlots = 6
	featureSlot  = time.Minute
)

// featureWindows keep statistics of numeric features, per model and feature.
type featureWindows struct {
	limit   int // features per model
	byModel map[string]map[string]*featureWindow
}

type featureWindow [featureSlots]moments

// moments are count, mean, sum of squared distances from it, least and greatest value
// of a slot (Welford 1962).
type moments struct {
	slot            int64
	n, mean, m2     float64
	least, greatest float64
}

func newFeatureWindows(limit int) *featureWindows {
	return &featureWindows{limit: limit, byModel: map[string]map[string]*featureWindow{}}
}

// add takes a value in and reports whether the model has too many features for that.
func (w *featureWindows) add(model, key string, value float64, now time.Time) (full bool) {
	features := w.byModel[model]
	if features == nil {
		if len(w.byModel) >= maxRates {
			return true
		}
		features = map[string]*featureWindow{}
		w.byModel[strings.Clone(model)] = features
	}
	window := features[key]
	if window == nil {
		if len(features) >= w.limit {
			return true
		}
		window = &featureWindow{}
		features[strings.Clone(key)] = window
	}
	slot := now.UnixNano() / int64(featureSlot)
	m := &window[slot%featureSlots]
	if m.slot != slot {
		*m = moments{slot: slot}
	}
	m.add(value)
	return false
}

func (m *moments) add(value float64) {
	if m.n == 0 {
		m.least, m.greatest = value, value
	}
	m.n++
	delta := value - m.mean
	m.mean += delta / m.n
	m.m2 += delta * (value - m.mean)
	m.least, m.greatest = min(m.least, value), max(m.greatest, value)
}

// merge adds the values of another slot (Chan, Golub and LeVeque 1979).
func (m *moments) merge(o *moments) {
	if o.n == 0 {
		return
	}
	if m.n == 0 {
		m.least, m.greatest = o.least, o.greatest
	}
	n := m.n + o.n
	delta := o.mean - m.mean
	m.m2 += o.m2 + delta*delta*m.n*o.n/n
	m.mean += delta * o.n / n
	m.n = n
	m.least, m.greatest = min(m.least, o.least), max(m.greatest, o.greatest)
}

// show gives the statistics of each feature. One without values is shown as gone, and
// forgotten.
func (w *featureWindows) show(now time.Time, set func(model, feature, statistic string, value float64, known bool)) {
	newest := now.UnixNano() / int64(featureSlot)
	for model, features := range w.byModel {
		for key, window := range features {
			var all moments
			for i := range window {
				if newest-window[i].slot < featureSlots {
					all.merge(&window[i])
				}
			}
			_, feature, _ := strings.Cut(key, ".")
			known := all.n > 0
			set(model, feature, "mean", all.mean, known)
			set(model, feature, "std", math.Sqrt(all.m2/max(all.n, 1)), known)
			set(model, feature, "min", all.least, known)
			set(model, feature, "max", all.greatest, known)
			if !known {
				delete(features, key)
			}
		}
		if len(features) == 0 {
			delete(w.byModel, model)
		}
	}
}

func (w *featureWindows) len() int {
	n := 0
	for _, features := range w.byModel {
		n += len(features)
	}
	return n
}
