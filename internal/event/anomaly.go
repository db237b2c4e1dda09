// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import "go.opentelemetry.io/collector/pdata/plog"

// NameAnomaly is the event that says that something has begun, or ceased, to be unlike the others. It comes from the collector
// itself and has no JSON type.
const NameAnomaly = "guardian.anomaly"

// States of an alarm, in anomaly and drift events.
const (
	StateClear  = "clear"
	StateRaised = "raised"
)

// Anomaly is the begin or the end of an episode of one entity, whose keys are further attributes of the record.
type Anomaly struct {
	Meta
	Detector            string
	Score               Float // 0 to 1, the highest so far
	State, SeverityName string
	Episode             Episode
	Causes              Attributes // lists of equal length: metric, value, mean, std, p95, z, severity, contribution
}

// Episode is the time that an alarm lasts, from its first cause to its last.
type Episode struct {
	ID         string
	Start, End string // RFC 3339; an episode that lasts has no end
	PeakScore  Float
	PeakTime   string // RFC 3339
	EndReason  string
}

// Reasons for the end of an episode.
const (
	EndedCalm     = "calm"     // what was unusual is usual again
	EndedAccepted = "accepted" // what was unusual has stayed and is usual now; of anomalies
	EndedSilence  = "silence"  // nothing came any more
)

// Severity implements Event.
// The end of an episode is good news, however bad it was.
func (a *Anomaly) Severity() plog.SeverityNumber {
	if a.State == StateClear {
		return plog.SeverityNumberInfo
	}
	return severityNumber(a.SeverityName, plog.SeverityNumberInfo)
}

func (a *Anomaly) reset()      { *a = Anomaly{Causes: a.Causes[:0]} }
func (*Anomaly) table() *table { return anomalyTable }

var anomalyTable = newTable("", NameAnomaly, func() Event { return new(Anomaly) }, nil, join(
	metaFields(requestIDOptional),
	fields{
		text("detector", "name of the detector that judged", func(a *Anomaly) *string { return &a.Detector }).as("guardian.anomaly.detector").needed(),
		double("score", "how unlike the others it was at most, 1 is most", func(a *Anomaly) *Float { return &a.Score }).as("guardian.anomaly.score").upTo(1),
		text("state", "whether the episode begins or ends", func(a *Anomaly) *string { return &a.State }).as("guardian.anomaly.state").oneOf(StateClear, StateRaised),
		text("severity", "how bad it was at most", func(a *Anomaly) *string { return &a.SeverityName }).as("guardian.anomaly.severity").
			oneOf("none", "info", "warning", "critical"),
	},
	episodeFields("guardian.anomaly.", func(a *Anomaly) *Episode { return &a.Episode }, EndedCalm, EndedAccepted, EndedSilence),
	fields{
		open("causes", "the metrics that caused it, each as it was when it was furthest from its baseline: lists of metric, value, mean, std, p95, z, severity and contribution",
			func(a *Anomaly) *Attributes { return &a.Causes }).as("guardian.anomaly.causes"),
	},
), nil)

func init() { byEventName[NameAnomaly] = anomalyTable }

func episodeFields[T any](prefix string, at func(*T) *Episode, endReasons ...string) fields {
	return fields{
		text("episode.id", "id of the episode, the same at its begin and its end", func(e *T) *string { return &at(e).ID }).as(prefix + "episode.id").unique(),
		text("episode.start", "when it began, RFC 3339", func(e *T) *string { return &at(e).Start }).as(prefix + "episode.start").unique().date(),
		text("episode.end", "when the last of it was seen, RFC 3339; none while it lasts", func(e *T) *string { return &at(e).End }).
			as(prefix + "episode.end").unique().date(),
		double("episode.peak_score", "highest score so far", func(e *T) *Float { return &at(e).PeakScore }).as(prefix + "episode.peak_score").notNegative(),
		text("episode.peak_time", "when that was, RFC 3339", func(e *T) *string { return &at(e).PeakTime }).as(prefix + "episode.peak_time").unique().date(),
		text("episode.end_reason", "why it ended", func(e *T) *string { return &at(e).EndReason }).
			as(prefix + "episode.end_reason").oneOf(endReasons...),
	}
}
