// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/metering"
)

// highConfidence is the confidence above which a mapping is one of high confidence.
const highConfidence = 0.8

func (c *counts) detection(d *event.Detection, at *occasion) {
	tenant, limited := "", false
	if d.TenantID != "" {
		tenant, limited = c.tenantNames.admit("", d.TenantID)
	}
	c.limited("tenants", limited)
	c.to.detectorRequests.Add(at.now, &metering.Labels{orUnknown(d.DetectorType), tenant, orUnknown(d.Status)}, 1, &at.exemplar)
}

func (c *counts) mapping(m *event.Mapping, at *occasion) {
	if !m.Confidence.Set {
		return
	}
	c.to.mappingConfidence.Record(at.now, &metering.Labels{orUnknown(m.Framework), orUnknown(m.Category)}, m.Confidence.Value, &at.exemplar)
	c.mappings.add(m.Confidence.Value, at.now)
}

func (c *counts) violation(v *event.Violation, at *occasion) {
	c.to.violations.Add(at.now, &metering.Labels{orUnknown(v.Framework), orUnknown(v.SeverityName), orUnknown(v.Category)}, 1, &at.exemplar)
}
