// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/grouping"
	"github.com/llm-guardian/otelcol-guardian/internal/shared"
)

// logsProcessor stands in a logs pipeline.
type logsProcessor struct {
	*shared.Instance[*engine]
	next consumer.Logs
}

func (*logsProcessor) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeLogs hands the batch on, and judges what was in it once it was accepted.
func (p *logsProcessor) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	e := p.Engine()
	b := e.extractLogs(logs, time.Now())
	defer b.release()
	if err := p.next.ConsumeLogs(ctx, logs); err != nil {
		return err
	}
	e.commit(b, time.Now())
	return nil
}

// featuresPrefix is what the attribute keys of a prediction's features begin with.
const featuresPrefix = "features."

// logSource says where on a record a monitor finds what it looks at.
type logSource struct {
	monitor   *monitor
	eventName string     // "" means any record
	groups    [][]string // attribute keys of each key of group_by
	features  bool       // every attribute with the prefix is a feature
	values    []field
	// Of evaluations: the name of a result is that of the feature.
	names  []string
	wanted string // "" means every result
	// phase is where a request says that it has only begun.
	phase []string
}

// field is a feature that stands in an attribute.
type field struct {
	name string
	keys []string
}

// requestFields are what a monitor of requests looks at by default.
var requestFields = []string{
	"duration_s", "ttft_s", "usage.input_tokens", "usage.output_tokens", "quality_score", "confidence",
}

func newLogSource(m *monitor) *logSource {
	s := &logSource{monitor: m}
	input := &m.config.Input
	switch {
	case input.Attribute != "":
		s.eventName = input.EventName
		s.values = []field{{input.Attribute, []string{input.Attribute}}}
	case input.Events == inputEvaluations:
		s.eventName = event.NameEvaluationResult
		s.names, s.wanted = event.AttributeKeys(s.eventName, "name"), m.config.Value
		s.values = []field{{"", event.AttributeKeys(s.eventName, "score")}}
	case input.Events == inputRequests:
		s.eventName = event.NameRequest
		s.phase = event.AttributeKeys(s.eventName, "phase")
		s.addFields(requestFields)
	default:
		s.eventName = event.NamePrediction
		s.features = m.config.many()
		if !s.features {
			s.addFields([]string{"prediction"})
		}
	}
	for _, key := range m.config.GroupBy {
		s.groups = append(s.groups, keysOf(s.eventName, key))
	}
	return s
}

// addFields adds the fields of the configuration, or else the given ones.
func (s *logSource) addFields(defaults []string) {
	if value := s.monitor.config.Value; value != "" {
		defaults = []string{value}
	}
	for _, name := range defaults {
		s.values = append(s.values, field{strings.TrimPrefix(name, featuresPrefix), keysOf(s.eventName, name)})
	}
}

// keysOf gives the attribute keys under which a field of an event is read; what is no field is an attribute.
func keysOf(eventName, name string) []string {
	if eventName == event.NamePrediction {
		switch name {
		case "prediction", "predicted":
			return append(event.AttributeKeys(eventName, "predicted.value"), event.AttributeKeys(eventName, "predicted.class")...)
		case "confidence":
			return append(event.AttributeKeys(eventName, "confidence"), event.AttributeKeys(eventName, "probability")...)
		}
	}
	if keys := event.AttributeKeys(eventName, name); keys != nil {
		return keys
	}
	return []string{name}
}

// logReader finds the records that monitors look at.
type logReader struct {
	sources []*logSource
	byLine  bool // JSON log lines may stand for events that are looked at
	lines   event.Lines
	scratch plog.LogRecordSlice
}

func newLogReader(monitors []*monitor) *logReader {
	r := &logReader{scratch: plog.NewLogRecordSlice()}
	for _, m := range monitors {
		r.sources = append(r.sources, newLogSource(m))
		r.byLine = r.byLine || m.config.Input.Events != ""
	}
	return r
}

// read extracts what the monitors look at.
func (r *logReader) read(logs plog.Logs, now time.Time, b *batch) {
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			at := grouping.Place{Scope: scope.Scope().Attributes(), Resource: resource.Resource().Attributes()}
			for _, record := range scope.LogRecords().All() {
				r.record(record, &at, now, b)
			}
		}
	}
}

// record extracts from one record: an event, another record, or a JSON log line that stands for an event.
func (r *logReader) record(record plog.LogRecord, at *grouping.Place, now time.Time, b *batch) {
	name := record.EventName()
	if name == "" {
		if v, ok := record.Attributes().Get("event.name"); ok { // as SDKs wrote it before event names had a field
			name = v.Str()
		}
	}
	r.named(name, record, at, now, b)
	if name != "" || !r.byLine {
		return
	}
	if fields, lineType, ok := event.LineFields(record); ok {
		r.lines.Read(record, fields, lineType, func(e event.Event, _ error) {
			r.scratch.RemoveIf(func(plog.LogRecord) bool { return true })
			event.Append(e, record.ObservedTimestamp(), r.scratch)
			for _, written := range r.scratch.All() {
				r.named(written.EventName(), written, at, now, b)
			}
		})
	}
}

// named gives a record to the monitors that look at events of its name. A JSON log line has none.
func (r *logReader) named(name string, record plog.LogRecord, at *grouping.Place, now time.Time, b *batch) {
	for _, s := range r.sources {
		if s.eventName == name || s.eventName == "" {
			at.Record = record.Attributes()
			s.row(record, at, now, b)
		}
	}
}

// row extracts a row: the values that a record has for a monitor.
func (s *logSource) row(record plog.LogRecord, at *grouping.Place, now time.Time, b *batch) {
	if !s.concerns(at.Record) {
		return
	}
	m := s.monitor
	g := m.group(at, s.groups, now)
	if g == nil {
		return
	}
	first := len(b.values)
	if g.ready {
		s.extract(g, at.Record, b)
		if m.config.absentIsMissing() {
			m.addAbsent(g, b, first)
		}
		if len(b.values) == first {
			return
		}
	}
	b.addRow(g, timeOf(record, now), first)
}

// concerns says whether the record has something to look at, so that others make no group.
func (s *logSource) concerns(attributes pcommon.Map) bool {
	if s.phase != nil {
		if v, ok := grouping.Get(attributes, s.phase); ok && v.Str() == event.PhaseStart {
			return false
		}
	}
	if s.features {
		return true
	}
	if name := s.resultName(attributes); s.names != nil && (name == "" || s.wanted != "" && name != s.wanted) {
		return false
	}
	for i := range s.values {
		if _, ok := grouping.Get(attributes, s.values[i].keys); ok {
			return true
		}
	}
	return false
}

// resultName gives the name of an evaluation's result.
func (s *logSource) resultName(attributes pcommon.Map) string {
	if v, ok := grouping.Get(attributes, s.names); ok {
		return v.Str()
	}
	return ""
}

// extract adds the values of a record.
func (s *logSource) extract(g *group, attributes pcommon.Map, b *batch) {
	if s.features {
		i := 0
		for key, v := range attributes.All() {
			if len(key) > len(featuresPrefix) && key[:len(featuresPrefix)] == featuresPrefix {
				s.add(g, i, key[len(featuresPrefix):], v, b)
				i++
			}
		}
		return
	}
	for i := range s.values {
		name := s.values[i].name
		if s.names != nil {
			name = s.resultName(attributes)
		}
		if v, ok := grouping.Get(attributes, s.values[i].keys); ok {
			s.add(g, i, name, v, b)
		}
	}
}

// add adds the i-th value of a record.
func (s *logSource) add(g *group, i int, name string, v pcommon.Value, b *batch) {
	m := s.monitor
	f := m.featureAt(g, i, name, v)
	if f == nil {
		return
	}
	if value, ok := m.measure(f, v); ok {
		b.values = append(b.values, value)
	}
}

// timeOf is when it happened.
func timeOf(record plog.LogRecord, now time.Time) int64 {
	switch {
	case record.Timestamp() != 0:
		return int64(record.Timestamp())
	case record.ObservedTimestamp() != 0:
		return int64(record.ObservedTimestamp())
	default:
		return now.UnixNano()
	}
}
