// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// translator makes notices of events.
type translator struct {
	static     []alerting.Label
	attributes []labelAttribute
	isLabel    map[string]bool // by the attributes' keys, in both spellings
	limits     alerting.Limits
	least      alerting.Severity
	lasts      time.Duration
	links      LinksConfig
}

// labelAttribute is an attribute that becomes a label.
type labelAttribute struct{ key, label string }

func newTranslator(config *Config) *translator {
	t := &translator{
		limits: alerting.Limits{Labels: config.Limits.Labels, ValueBytes: config.Limits.ValueBytes},
		lasts:  config.ResolveAfter,
		links:  config.Links,

		isLabel: map[string]bool{},
	}
	t.least, _ = alerting.ParseSeverity(config.MinSeverity) // Validate has seen it.
	for _, name := range slices.Sorted(maps.Keys(config.Labels)) {
		t.static = append(t.static, alerting.Label{Name: name, Value: config.Labels[name]})
	}
	for _, key := range slices.Sorted(maps.Keys(config.LabelAttributes)) {
		if label := config.LabelAttributes[key]; label != "" {
			t.attributes = append(t.attributes, labelAttribute{key, label})
			t.isLabel[key], t.isLabel[strings.ReplaceAll(key, ".", "_")] = true, true
		}
	}
	return t
}

// keyFeature is the attribute that only alerts about single features have as a label.
const keyFeature = "feature.name"

// keyService is the attribute that names a service, or says that nobody has named it.
const keyService = "service.name"

// isUnknownService reports whether a name is what OpenTelemetry calls a service without one: unknown_service, or unknown_service:PROCESS.
func isUnknownService(name string) bool {
	return name == "unknown_service" || strings.HasPrefix(name, "unknown_service:")
}

// notice makes a notice of a record. False means that it says nothing of an alert, such as that there was too little to judge.
func (t *translator) notice(resource pcommon.Resource, record plog.LogRecord, now time.Time, cuts *alerting.Cuts) (n alerting.Notice, ok bool, err error) {
	n.At = timeOf(record, now)
	switch record.EventName() {
	case event.NameDrift:
		ok, err = t.drift(&n, record)
	case event.NamePerformanceAlert:
		ok, err = t.performance(&n, record)
	case eventAnomaly:
		ok, err = t.anomaly(&n, record)
	default:
		ok = t.gpu(&n, record)
	}
	if !ok || err != nil {
		return n, false, err
	}
	if n.Severity < t.least {
		n.Severity = alerting.None
	}
	t.label(&n, resource, record, cuts)
	if n.Annotations != nil {
		t.annotate(&n)
	}
	return n, true, nil
}

// label gives a notice its labels: the configured ones, then the attributes of the record, then those of the resource.
func (t *translator) label(n *alerting.Notice, resource pcommon.Resource, record plog.LogRecord, cuts *alerting.Cuts) {
	for _, label := range t.static {
		n.Labels.Set(label.Name, label.Value, t.limits, cuts)
	}
	aboutFeature := n.Name == alerting.DataDriftDetected
	for _, attributes := range []pcommon.Map{record.Attributes(), resource.Attributes()} {
		for _, a := range t.attributes {
			if a.key == keyFeature && !aboutFeature {
				continue
			}
			value := scalar(attributes, a.key)
			if a.key == keyService && isUnknownService(value) {
				continue
			}
			n.Labels.Set(a.label, value, t.limits, cuts)
		}
	}
}

// scalar gives an attribute as text, by its key or as older applications spell it, with underscores; empty if it is a list or a map.
func scalar(attributes pcommon.Map, key string) string {
	value, found := attributes.Get(key)
	if !found {
		if value, found = attributes.Get(strings.ReplaceAll(key, ".", "_")); !found {
			return ""
		}
	}
	switch value.Type() {
	case pcommon.ValueTypeStr, pcommon.ValueTypeInt, pcommon.ValueTypeBool, pcommon.ValueTypeDouble:
		return value.AsString()
	default:
		return ""
	}
}

// entity gives what a verdict is about, by its text attributes but those of the verdict and those of the single event: also by keys
// that are no labels, so that what is said of one entity does not end what another one says of the same alert. The keys of labels
// count whatever they are: who makes an ID a label wants an alert of each.
func (t *translator) entity(attributes pcommon.Map) string {
	var parts []string
	for key, value := range attributes.All() {
		if value.Type() == pcommon.ValueTypeStr && !strings.HasPrefix(key, "guardian.") && (t.isLabel[key] || !ofOneEvent(key)) {
			parts = append(parts, key+"="+value.Str())
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// passing are the last words of keys whose values change from one event to the next, in the spelling of [lastWords]. README.md has them.
var passing = map[string]bool{
	"correlation_id": true, "request_id": true, "response_id": true, "event_id": true, "message_id": true, "trace_id": true, "span_id": true,
	"session_id": true, "conversation_id": true, "record_uid": true, "traceparent": true, "tracestate": true, "time": true, "timestamp": true,
	"content": true, "message": true, "messages": true, "prompt": true, "body": true, "record_original": true,
}

// ofOneEvent reports whether an attribute belongs to a single event, as ids, times and content do, and not to what it is about.
func ofOneEvent(key string) bool {
	if key == "id" || event.HasUniqueValues(key) {
		return true
	}
	last, two := lastWords(key)
	return passing[last] || passing[two]
}

// lastWords gives the last word of a key, and the last two, in small letters and joined by an underscore: "id" and "request_id" of
// "http.request.id" and of "http.request_id".
func lastWords(key string) (last, two string) {
	words := strings.FieldsFunc(strings.ToLower(key), func(r rune) bool { return r == '.' || r == '_' || r == '-' })
	if len(words) == 0 {
		return "", ""
	}
	return words[len(words)-1], strings.Join(words[max(0, len(words)-2):], "_")
}

// annotate completes the texts of a notice: what it is about, and the links.
func (t *translator) annotate(n *alerting.Notice) {
	for name, text := range n.Annotations {
		if text == "" {
			delete(n.Annotations, name)
			continue
		}
		n.Annotations[name] = alerting.Text(text)
	}
	if t.links.Runbooks != "" {
		n.Annotations[alerting.AnnotationRunbook] = strings.TrimSuffix(t.links.Runbooks, "/") + "/" + n.Name + ".md"
	}
	link, found := t.links.Dashboards[n.Name]
	if !found {
		link = t.links.Dashboards[defaultDashboard]
	}
	if link != "" {
		n.Annotations[alerting.AnnotationDashboard] = fill(link, n)
	}
}

// fill puts the values of labels into a URL. A label that is not there is empty.
func fill(link string, n *alerting.Notice) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(link, "{")
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return b.String()
		}
		value := n.Labels.Get(name)
		if name == alerting.LabelName {
			value = n.Name
		}
		b.WriteString(url.QueryEscape(value))
		link = after
	}
}

// severityOf translates the severity of a record. Errors do not get anyone out of bed; what is fatal does.
func severityOf(number plog.SeverityNumber) alerting.Severity {
	switch {
	case number >= plog.SeverityNumberFatal:
		return alerting.Critical
	case number >= plog.SeverityNumberWarn, number == plog.SeverityNumberUnspecified:
		return alerting.Warning
	default:
		return alerting.Info
	}
}

// gpu makes a notice of an event of the nvml receiver.
func (t *translator) gpu(n *alerting.Notice, record plog.LogRecord) bool {
	attributes := record.Attributes()
	n.Source = "gpu"
	n.Severity = severityOf(record.SeverityNumber())
	n.Name = alerting.GPULost
	what := "The GPU is lost."
	switch record.EventName() {
	case eventXID:
		n.Name, n.Lasts = alerting.GPUXIDError, t.lasts
		what = strings.TrimSpace(fmt.Sprintf("XID %s %s", scalar(attributes, "nvidia.xid"), scalar(attributes, "nvidia.xid.name")))
	case eventGPUFound:
		n.Severity = alerting.None
	}
	if text := record.Body().Str(); record.Body().Type() == pcommon.ValueTypeStr && text != "" {
		what = text
	}
	n.Annotations = map[string]string{
		alerting.AnnotationSummary:     what,
		alerting.AnnotationDescription: gpuDescription(attributes),
	}
	return true
}

func gpuDescription(attributes pcommon.Map) string {
	var parts []string
	add := func(format, key string) {
		if text := scalar(attributes, key); text != "" && text != "none" {
			parts = append(parts, fmt.Sprintf(format, text))
		}
	}
	add("XID %s, where any is one too many", "nvidia.xid")
	add("GPU %s", "nvidia.gpu.index")
	add("of type %s", "hw.name")
	add("at %s", "hw.pci.bus_id")
	add("what helps: %s", "guardian.gpu.action")
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + "."
}

var errNoFigure = errors.New("a performance alert needs a metric and a value")

// performance makes a notice of a figure that an application has found wrong itself.
func (t *translator) performance(n *alerting.Notice, record plog.LogRecord) (bool, error) {
	var a event.PerformanceAlert
	if err := event.Read(record, &a); err != nil {
		return false, err
	}
	if a.Metric == "" || !a.Value.Set {
		return false, errNoFigure
	}
	n.Name, n.Source, n.Lasts = alerting.PerformanceAlert, a.Source, t.lasts
	n.Severity = severityOf(a.Severity())
	value := fmt.Sprintf("%.4g", a.Value.Value)
	if a.Threshold.Set {
		value += fmt.Sprintf(", its limit is %.4g", a.Threshold.Value)
	}
	n.Annotations = map[string]string{
		alerting.AnnotationSummary:     fmt.Sprintf("%s%s is out of bounds.", a.Metric, of(a.Component, subject(a.Model, a.Specialist.Type))),
		alerting.AnnotationDescription: strings.TrimSpace(fmt.Sprintf("%s is %s. %s", a.Metric, value, a.Message)),
	}
	return true, nil
}

// subject names a model or a kind of specialist.
func subject(model event.Model, specialist string) string {
	switch {
	case model.Name != "":
		return strings.TrimSpace("model " + model.Name + " " + model.Version)
	case specialist != "":
		return "specialist " + specialist
	}
	return ""
}

// of joins what something belongs to.
func of(owners ...string) string {
	var b strings.Builder
	for _, owner := range owners {
		if owner != "" {
			b.WriteString(" of " + owner)
		}
	}
	return b.String()
}
