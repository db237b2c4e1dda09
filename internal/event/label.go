// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import "go.opentelemetry.io/collector/pdata/plog"

// Label is the truth about a prediction, an evaluation or an issue, as somebody
// saw it later.
type Label struct {
	Meta
	LabelID    string
	Target     Target
	Actual     Outcome
	Annotator  Annotator
	ObservedAt string
	Revision   Int
	Operation  string
	Model      Model
	Specialist Specialist
}

// Annotator is who says so. IDHash is a keyed hash: people are not named here.
type Annotator struct{ Kind, Name, IDHash string }

// Operations of a label.
const (
	LabelUpsert  = "upsert"
	LabelRetract = "retract"
)

// Severity implements Event.
func (*Label) Severity() plog.SeverityNumber { return plog.SeverityNumberInfo }

func (l *Label) reset()      { *l = Label{} }
func (*Label) table() *table { return labelTable }

var labelTable = newTable(TypeLabel, NameLabel, func() Event { return new(Label) }, checkLabel, join(
	metaFields(requestIDOptional),
	fields{
		text("label_id", "id of the label", func(l *Label) *string { return &l.LabelID }).unique(),
	},
	targetFields(func(l *Label) *Target { return &l.Target }),
	outcomeFields("actual", "the truth", func(l *Label) *Outcome { return &l.Actual }),
	fields{
		text("annotator.kind", "who says so", func(l *Label) *string { return &l.Annotator.Kind }).oneOf("HUMAN", "LLM", "CODE", "SYSTEM").
			spelled("human", "HUMAN").spelled("llm", "LLM").spelled("code", "CODE").spelled("system", "SYSTEM"),
		text("annotator.name", "group or system that says so", func(l *Label) *string { return &l.Annotator.Name }),
		text("annotator.id_hash", "keyed hash of the person's id", func(l *Label) *string { return &l.Annotator.IDHash }).unique(),
		text("observed_at", "when the truth became known, RFC 3339", func(l *Label) *string { return &l.ObservedAt }).unique().date(),
		integer("revision", "counts the corrections; a higher one wins", func(l *Label) *Int { return &l.Revision }).notNegative(),
		text("op", "upsert by default; retract takes the label back", func(l *Label) *string { return &l.Operation }).oneOf(LabelUpsert, LabelRetract),
	},
	modelFields(func(l *Label) *Model { return &l.Model }),
	specialistFields(func(l *Label) *Specialist { return &l.Specialist }),
), shorthand{"annotator": "annotator.name", "model": "model.name", "actual": "actual.class", "actual#": "actual.value"})

func checkLabel(e Event) *Problem {
	l := e.(*Label)
	switch {
	case l.Target.none():
		return &Problem{Code: CodeMissingField, Pointer: "/target", Message: "a label needs the id of what it is about: target.prediction_id, .request_id, .response_id, .evaluation_id, .issue_id or .trace_id"}
	case l.Actual.none() && l.Operation != LabelRetract:
		return &Problem{Code: CodeMissingField, Pointer: "/actual", Message: "a label needs actual.class or actual.value, or the op retract"}
	default:
		return nil
	}
}
