// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/connectors/guardianeventsconnector/internal/metadata"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// logs makes events of changes.
func (e *engine) logs(changes []change, now time.Time) plog.Logs {
	logs := plog.NewLogs()
	scope := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	scope.Scope().SetVersion(e.set.BuildInfo.Version)
	for _, c := range changes {
		c.write(e.set.ID.String(), now, scope.LogRecords())
		state := 0
		if c.ended {
			state = 1
		}
		e.telemetry.events[c.kind][state].n++
	}
	return logs
}

// write writes the event, with the labels of its subject.
func (c *change) write(source string, now time.Time, records plog.LogRecordSlice) {
	told := c.anomaly(source)
	if c.kind == kindDrift {
		told = c.drift(source)
	}
	event.Append(told, pcommon.NewTimestampFromTime(now), records)
	record := records.At(records.Len() - 1)
	record.Body().SetStr(c.describe())
	for _, l := range c.labels {
		if _, there := record.Attributes().Get(l.key); !there && l.key != keyDetector {
			record.Attributes().PutStr(l.key, l.value)
		}
	}
}

// id is the same for the same episode, however often it is told.
func (e *episode) id() string {
	parts := []string{kindNames[e.kind], e.of, strconv.FormatInt(e.start, 10)}
	for _, l := range e.labels {
		parts = append(parts, l.key, l.value)
	}
	return hash(parts...)
}

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func (c *change) state() string {
	if c.ended {
		return event.StateClear
	}
	return event.StateRaised
}

// meta is what both events have.
func (c *change) meta(source string) event.Meta {
	return event.Meta{ID: hash(c.id(), c.state()), Source: source, Time: time.Unix(0, c.at).UTC()}
}

func (c *change) episodeOf() event.Episode {
	told := event.Episode{
		ID: c.id(), Start: timeText(c.start), PeakScore: finite(c.peak), PeakTime: timeText(c.peakAt), EndReason: c.reason,
	}
	if c.ended {
		told.End = timeText(c.end)
	}
	return told
}

func timeText(at int64) string { return time.Unix(0, at).UTC().Format(time.RFC3339Nano) }

// finite is absent where there is no number.
func finite(v float64) event.Float {
	if v-v != 0 {
		return event.Float{}
	}
	return event.Some(v)
}

func (c *change) anomaly(source string) event.Event {
	return &event.Anomaly{
		Meta: c.meta(source), Detector: c.label(keyDetector), Score: finite(c.peak), State: c.state(),
		SeverityName: severityNames[c.severity], Episode: c.episodeOf(), Causes: causeLists(c.causes),
	}
}

// causeLists makes lists of equal length of the causes. A number that is not known is 0 there, as lists cannot have gaps.
func causeLists(causes []cause) event.Attributes {
	if len(causes) == 0 {
		return nil
	}
	var lists event.Attributes
	put := func(name string, value event.Value) {
		lists = append(lists, event.Attribute{Key: "guardian.anomaly.causes." + name, Value: value})
	}
	numbers := func(name string, of func(*cause) float64) {
		list := make([]float64, len(causes))
		known := false
		for i := range causes {
			if v := of(&causes[i]); v-v == 0 {
				list[i], known = v, true
			}
		}
		if known {
			put(name, event.Doubles(list))
		}
	}
	metrics, severities := make([]string, len(causes)), make([]string, len(causes))
	for i := range causes {
		metrics[i], severities[i] = causes[i].metric, causeSeverity(causes[i].z)
	}
	put("metric", event.Strings(metrics))
	numbers("value", func(c *cause) float64 { return c.value })
	numbers("mean", func(c *cause) float64 { return c.mean })
	numbers("std", func(c *cause) float64 { return c.std })
	numbers("p95", func(c *cause) float64 { return c.p95 })
	numbers("z", func(c *cause) float64 { return c.z })
	numbers("contribution", func(c *cause) float64 { return c.contribution })
	put("severity", event.Strings(severities))
	return lists
}

// Methods of a drift event, where the metric tells.
const (
	methodPSI   = "psi"
	methodShare = "share"
)

func (c *change) drift(source string) event.Event {
	d := &event.Drift{
		Meta: c.meta(source), Monitor: source, Kind: c.of,
		Model:   event.Model{Name: c.label(keyModelName), Version: c.label(keyModelVersion)},
		Feature: c.label(keyFeature),
		Score:   finite(c.peak), PValue: finite(c.evidence.p), JS: finite(c.evidence.js), NEffective: finite(c.evidence.nEffective),
		SeverityName: severityNames[c.severity], State: c.state(), Changed: event.Some(true), Episode: c.episodeOf(),
	}
	if n := finite(c.evidence.n); n.Set {
		d.N = event.Some(int64(n.Value))
	}
	switch c.of {
	case event.DriftConcept:
		d.Method, d.PSI = methodPSI, d.Score
	case event.DriftDataset:
		d.Method = methodShare
	}
	return d
}

// describe says the change in a sentence.
func (c *change) describe() string {
	var of []string
	for _, l := range c.labels {
		if l.key != keyDetector {
			of = append(of, l.key+" "+l.value)
		}
	}
	text := "anomaly (" + c.label(keyDetector) + ")"
	if c.kind == kindDrift {
		text = c.of + " drift"
	}
	if len(of) > 0 {
		text = strings.Join(of, ", ") + ": " + text
	}
	if c.ended {
		text += fmt.Sprintf(" over after %s", time.Duration(c.end-c.start).Round(time.Second))
		switch c.reason {
		case event.EndedAccepted:
			text += ", as it has become the new normal"
		case event.EndedSilence:
			text += ", as nothing came any more"
		}
	} else {
		text += ", " + severityNames[c.severity]
	}
	text += fmt.Sprintf(", score at most %.3g", c.peak)
	for i := range c.causes {
		text += c.causes[i].describe(i == 0)
	}
	return text
}

func (c *cause) describe(first bool) string {
	before := ", "
	if first {
		before = "; caused by "
	}
	return fmt.Sprintf("%s%s %.4g where %.4g is usual (z %+.1f)", before, c.metric, c.value, c.mean, c.z)
}
