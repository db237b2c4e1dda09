// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"strconv"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/metering"
)

// otherLabel stands for values beyond a label's limit.
const otherLabel = "_OTHER"

func formatThreshold(threshold float64) string { return strconv.FormatFloat(threshold, 'g', -1, 64) }

func (c *counts) prediction(p *event.Prediction, at *occasion) {
	model, version := p.Model.Name, p.Model.Version
	if model == "" {
		c.telemetry.rejected(event.NamePrediction, "missing_field")
		return
	}
	c.to.predictions.Add(at.now, &metering.Labels{model, version, status(p.Failed())}, 1, &at.exemplar)
	if p.Latency.Set {
		if seconds := p.Latency.Value / 1000; seconds <= absurdSeconds {
			c.to.predictionLatency.Record(at.now, &metering.Labels{model, version}, seconds, &at.exemplar)
		} else {
			c.telemetry.rejected(event.NamePrediction, "absurd")
		}
	}
	if p.Failed() {
		return
	}
	if p.Predicted.Class != "" {
		class, limited := c.classNames.admit(model, p.Predicted.Class)
		c.limited("classes", limited)
		c.to.predictionsByClass.Add(at.now, &metering.Labels{model, class}, 1, &at.exemplar)
	}
	if p.Predicted.Value.Set {
		c.to.predictionValue.Record(at.now, &metering.Labels{model, version}, p.Predicted.Value.Value, &at.exemplar)
	}
	if certainty := p.Certainty(); certainty.Set {
		c.to.predictionConfidence.Record(at.now, &metering.Labels{model}, certainty.Value, &at.exemplar)
		if certainty.Value < c.config.LowConfidence {
			c.to.lowConfidence.Add(at.now, &metering.Labels{model, c.lowConfidence}, 1, &at.exemplar)
		}
	}
	for i := range p.Features {
		if value, ok := p.Features[i].Value.Number(); ok {
			c.limited("features", c.features.add(model, p.Features[i].Key, value, at.now))
		}
	}
}
