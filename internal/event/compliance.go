// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import "go.opentelemetry.io/collector/pdata/plog"

// Detection is one run of a detector over a tenant's data.
type Detection struct {
	Meta
	DetectorType, Status string
	Duration             Float // seconds
}

// Mapping is a finding that was mapped to a control of a framework.
type Mapping struct {
	Meta
	MappingID, Framework, Category string
	Confidence                     Float
}

// Violation is a breach of a control of a framework.
type Violation struct {
	Meta
	ViolationID, Framework, Category string
	SeverityName                     string
	Message                          string
}

// Severity implements Event.
func (d *Detection) Severity() plog.SeverityNumber {
	if d.Status == StatusError {
		return plog.SeverityNumberError
	}
	return plog.SeverityNumberInfo
}

// Severity implements Event.
func (*Mapping) Severity() plog.SeverityNumber { return plog.SeverityNumberInfo }

// Severity implements Event.
func (v *Violation) Severity() plog.SeverityNumber {
	return severityNumber(v.SeverityName, plog.SeverityNumberWarn)
}

func (d *Detection) reset() { *d = Detection{} }
func (m *Mapping) reset()   { *m = Mapping{} }
func (v *Violation) reset() { *v = Violation{} }

func (*Detection) table() *table { return detectionTable }
func (*Mapping) table() *table   { return mappingTable }
func (*Violation) table() *table { return violationTable }

var detectionTable = newTable(TypeDetection, NameDetection, func() Event { return new(Detection) }, nil, join(
	metaFields(requestIDOptional),
	fields{
		text("detector_type", "which detector", func(d *Detection) *string { return &d.DetectorType }).needed(),
		text("status", "how it ended, such as success or error", func(d *Detection) *string { return &d.Status }).needed(),
		double("duration_s", "seconds that it took", func(d *Detection) *Float { return &d.Duration }).notNegative(),
	},
), nil)

var mappingTable = newTable(TypeMapping, NameMapping, func() Event { return new(Mapping) }, nil, join(
	metaFields(requestIDOptional),
	fields{
		text("mapping_id", "id of the mapping", func(m *Mapping) *string { return &m.MappingID }).unique(),
		text("framework", "which framework, such as SOC2", func(m *Mapping) *string { return &m.Framework }).needed(),
		text("category", "control or category of the framework", func(m *Mapping) *string { return &m.Category }).needed(),
		double("confidence", "how sure the mapping is", func(m *Mapping) *Float { return &m.Confidence }).notNegative().needed(),
	},
), nil)

var violationTable = newTable(TypeViolation, NameViolation, func() Event { return new(Violation) }, nil, join(
	metaFields(requestIDOptional),
	fields{
		text("violation_id", "id of the violation", func(v *Violation) *string { return &v.ViolationID }).unique(),
		text("framework", "which framework, such as SOC2", func(v *Violation) *string { return &v.Framework }).needed(),
		text("severity", "how bad it is", func(v *Violation) *string { return &v.SeverityName }).oneOf(severities...).needed(),
		text("category", "control or category of the framework", func(v *Violation) *string { return &v.Category }).needed(),
		text("message", "what happened; kept only as the receiver's content setting says", func(v *Violation) *string { return &v.Message }).content(),
	},
), nil)
