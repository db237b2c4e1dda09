// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/metering"
)

// driftSeverities are the severities that a window may have, from the least.
var driftSeverities = []string{"info", "warning", "critical"}

// drift shows the verdict of the drift processor over a window.
func (c *counts) drift(d *event.Drift, at *occasion) {
	if d.State == "insufficient_data" {
		return // it says nothing of what it could not judge
	}
	model, version := orUnknown(d.Model.Name), d.Model.Version
	switch d.Kind {
	case event.DriftData:
		feature := &metering.Labels{model, d.Feature, version}
		set(c.to.driftScore, at, feature, d.Score)
		set(c.to.driftP, at, feature, d.PValue)
		set(c.to.driftJS, at, feature, d.JS)
		c.driftAlert(d, model, version, at)
	case event.DriftConcept:
		concept := &metering.Labels{model, version}
		set(c.to.conceptPSI, at, concept, d.PSI)
		set(c.to.conceptP, at, concept, conceptP(d))
		set(c.to.conceptJS, at, concept, d.JS)
	case event.DriftDataset:
		set(c.to.driftShare, at, &metering.Labels{model, version}, d.Score)
	}
}

// conceptP gives the p-value of the Kolmogorov–Smirnov test, or of the χ² test of
// categories, whatever test the monitor judges by.
func conceptP(d *event.Drift) event.Float {
	for _, detail := range d.Details {
		switch detail.Key {
		case "guardian.drift.details.ks_p_value", "guardian.drift.details.chi_square_p_value":
			if p, ok := detail.Value.Number(); ok {
				return event.Some(p)
			}
		}
	}
	return event.Float{}
}

// driftAlert counts the window under its severity and those below it: each series
// counts the windows at or above its severity.
func (c *counts) driftAlert(d *event.Drift, model, version string, at *occasion) {
	for i, severity := range driftSeverities {
		if severity != d.SeverityName {
			continue
		}
		for _, reached := range driftSeverities[:i+1] {
			c.to.driftAlerts.Add(at.now, &metering.Labels{model, d.Feature, reached, version}, 1, &at.exemplar)
		}
	}
}

func set(instrument *metering.Instrument, at *occasion, labels *metering.Labels, value event.Float) {
	if value.Set {
		instrument.Set(at.now, labels, value.Value)
	}
}
