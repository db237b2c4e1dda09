// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// NameDrift is the event that says whether a feature, or the whole of them, has changed. It comes from the collector itself and has
// no JSON type.
const NameDrift = "guardian.drift"

// Kinds of a drift event.
const (
	DriftData    = "data"    // a feature that goes into a model
	DriftConcept = "concept" // what comes out of it
	DriftDataset = "dataset" // the share of features that have drifted
)

// Drift is a verdict over a window: of one feature, or of all features of a group (the kind dataset, whose score is a share).
type Drift struct {
	Meta
	Monitor, Kind, Method string
	Model                 Model
	Feature               string
	Score                 Float // what Method measures; for histograms the proven lower end
	ScoreHigh             Float // the upper end where the score is known as an interval
	PValue, PAdjusted     Float // 0 to 1
	PSI, JS               Float
	SeverityName, State   string
	Cause                 string
	Effect, Threshold     Float // of the test that Cause names; for a dataset Threshold is that of the share
	Changed               Bool
	N                     Int
	NEffective            Float
	Detectable            Float
	WindowStart           string
	WindowEnd             string
	Reference             DriftReference
	Episode               Episode // of the guardian_events connector, which says when an alarm begins and ends
	Bins                  Attributes
	Details               Attributes
}

// DriftReference is what a window was compared with.
type DriftReference struct {
	ID, Hash    string
	Age         Float // seconds
	Provisional Bool
}

// Severity implements Event.
func (d *Drift) Severity() plog.SeverityNumber {
	return severityNumber(d.SeverityName, plog.SeverityNumberInfo)
}

func (d *Drift) reset() {
	*d = Drift{Bins: d.Bins[:0], Details: d.Details[:0]}
}
func (*Drift) table() *table { return driftTable }

var driftTable = newTable("", NameDrift, func() Event { return new(Drift) }, nil, join(
	metaFields(requestIDOptional),
	fields{
		text("monitor", "name of the monitor that judged", func(d *Drift) *string { return &d.Monitor }).as("guardian.drift.monitor").needed(),
		text("kind", "what may have changed", func(d *Drift) *string { return &d.Kind }).as("guardian.drift.kind").
			oneOf(DriftData, DriftConcept, DriftDataset).needed(),
		text("method", "what the score is: ks, psi, js, chi_square or share", func(d *Drift) *string { return &d.Method }).as("guardian.drift.method"),
	},
	modelFields(func(d *Drift) *Model { return &d.Model }),
	fields{
		text("feature", "name of the feature; none for a dataset", func(d *Drift) *string { return &d.Feature }).as("feature.name"),
		double("score", "how large the difference is, in terms of the method", func(d *Drift) *Float { return &d.Score }).as("guardian.drift.score").notNegative(),
		double("score_high", "how large it may be, where it is known as an interval", func(d *Drift) *Float { return &d.ScoreHigh }).
			as("guardian.drift.score_high").notNegative(),
		double("p_value", "how likely such a difference is without drift", func(d *Drift) *Float { return &d.PValue }).as("guardian.drift.p_value").upTo(1),
		double("p_adjusted", "the same, corrected for the number of tests", func(d *Drift) *Float { return &d.PAdjusted }).as("guardian.drift.p_adjusted").upTo(1),
		double("psi", "Population Stability Index", func(d *Drift) *Float { return &d.PSI }).as("guardian.drift.psi").notNegative(),
		double("js", "Jensen–Shannon distance, base 2", func(d *Drift) *Float { return &d.JS }).as("guardian.drift.js").upTo(1),
		text("severity", "how bad it is", func(d *Drift) *string { return &d.SeverityName }).as("guardian.drift.severity").oneOf("none", "info", "warning", "critical"),
		text("state", "the alarm after this window", func(d *Drift) *string { return &d.State }).as("guardian.drift.state").
			oneOf("clear", "raised", "insufficient_data"),
		text("cause", "the test that decided the severity", func(d *Drift) *string { return &d.Cause }).as("guardian.drift.cause"),
		double("effect", "what that test measured", func(d *Drift) *Float { return &d.Effect }).as("guardian.drift.effect").notNegative(),
		double("threshold", "the limit that the effect has reached, or that the share of a dataset is held to", func(d *Drift) *Float { return &d.Threshold }).
			as("guardian.drift.threshold").notNegative(),
		boolean("changed", "whether this window raised or cleared the alarm", func(d *Drift) *Bool { return &d.Changed }).as("guardian.drift.changed"),
		integer("n", "number of values", func(d *Drift) *Int { return &d.N }).as("guardian.drift.n").notNegative(),
		double("n_effective", "number of independent values they stand for", func(d *Drift) *Float { return &d.NEffective }).as("guardian.drift.n_effective").notNegative(),
		double("detectable", "smallest Kolmogorov–Smirnov statistic that would have been significant", func(d *Drift) *Float { return &d.Detectable }).
			as("guardian.drift.detectable").upTo(1),
		text("window.start", "when the window began, RFC 3339", func(d *Drift) *string { return &d.WindowStart }).as("guardian.drift.window.start").unique().date(),
		text("window.end", "when it ended, RFC 3339", func(d *Drift) *string { return &d.WindowEnd }).as("guardian.drift.window.end").unique().date(),
		text("reference.id", "name of the reference: a file, or the values it was learned from", func(d *Drift) *string { return &d.Reference.ID }).
			as("guardian.drift.reference.id"),
		text("reference.hash", "content of the reference, 32 hexadecimal digits", func(d *Drift) *string { return &d.Reference.Hash }).as("guardian.drift.reference.hash"),
		double("reference.age", "seconds from the time of the reference to the end of the window", func(d *Drift) *Float { return &d.Reference.Age }).
			as("guardian.drift.reference.age").notNegative(),
		boolean("reference.provisional", "whether nobody has found the reference stable yet", func(d *Drift) *Bool { return &d.Reference.Provisional }).
			as("guardian.drift.reference.provisional"),
	},
	episodeFields("guardian.drift.", func(d *Drift) *Episode { return &d.Episode }, EndedCalm, EndedSilence),
	fields{
		open("bins", "shares of both sides on the same edges", func(d *Drift) *Attributes { return &d.Bins }).as("guardian.drift.bins"),
		open("details", "what else the tests say", func(d *Drift) *Attributes { return &d.Details }).as("guardian.drift.details"),
	},
), nil)

func init() { byEventName[NameDrift] = driftTable }

// Doubles gives a list Value of numbers.
func Doubles(numbers []float64) Value {
	v := Value{kind: pcommon.ValueTypeSlice, list: make([]Value, len(numbers))}
	for i, number := range numbers {
		v.list[i] = Double(number)
	}
	return v
}

// Strings gives a list Value of strings.
func Strings(texts []string) Value {
	v := Value{kind: pcommon.ValueTypeSlice, list: make([]Value, len(texts))}
	for i, text := range texts {
		v.list[i] = String(text)
	}
	return v
}
