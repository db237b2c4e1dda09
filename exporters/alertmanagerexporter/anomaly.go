// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// keyAnomaly is what the keys of an anomaly event begin with.
const keyAnomaly = "guardian.anomaly."

// maxCauses is the number of metrics that an alert names.
const maxCauses = 5

var errNoDetector = errors.New("an anomaly needs guardian.anomaly.detector and a guardian.anomaly.state of raised or clear")

// anomaly makes a notice of the begin or the end of an episode. One alert of a detector and an entity stands for all its episodes.
func (t *translator) anomaly(n *alerting.Notice, record plog.LogRecord) (bool, error) {
	attributes := record.Attributes()
	detector, state := scalar(attributes, keyAnomaly+"detector"), scalar(attributes, keyAnomaly+"state")
	if detector == "" || state != stateRaised && state != stateClear {
		return false, errNoDetector
	}
	n.Name, n.Source = alerting.AnomalyDetected, strings.Join([]string{scalar(attributes, "guardian.event.source"), detector, t.entity(attributes)}, " ")
	if state == stateRaised {
		severity, err := alerting.ParseSeverity(scalar(attributes, keyAnomaly+"severity"))
		if err != nil || severity == alerting.None {
			severity = severityOf(record.SeverityNumber())
		}
		n.Severity = severity
	}
	n.Labels.Set("detector", detector, t.limits, &alerting.Cuts{})
	n.Annotations = map[string]string{
		alerting.AnnotationSummary:     "Detector " + detector + " sees what it has not learned as normal" + at(attributes) + ".",
		alerting.AnnotationDescription: anomalyDescription(attributes),
	}
	return true, nil
}

// at names the model or the specialist that an anomaly is about.
func at(attributes pcommon.Map) string {
	whole := subject(event.Model{Name: scalar(attributes, "model.name"), Version: scalar(attributes, "model.version")}, scalar(attributes, "specialist.type"))
	if whole == "" {
		return ""
	}
	return " in " + whole
}

func anomalyDescription(attributes pcommon.Map) string {
	var b strings.Builder
	b.WriteString("Anomaly")
	if score, ok := number(attributes, keyAnomaly+"score"); ok {
		fmt.Fprintf(&b, " score %.3f", score)
	}
	if start := scalar(attributes, keyAnomaly+"episode.start"); start != "" {
		fmt.Fprintf(&b, ", since %s", start)
	}
	b.WriteByte('.')
	metrics := list(attributes, "metric")
	values, means, zs := list(attributes, "value"), list(attributes, "mean"), list(attributes, "z")
	for i := range min(metrics.Len(), maxCauses) {
		fmt.Fprintf(&b, " %s", metrics.At(i).AsString())
		put(&b, " is %.4g", values, i)
		put(&b, ", its mean is %.4g", means, i)
		put(&b, " (z %.1f)", zs, i)
		b.WriteByte('.')
	}
	if more := metrics.Len() - maxCauses; more > 0 {
		fmt.Fprintf(&b, " %d more metrics.", more)
	}
	return b.String()
}

// list gives one of the lists of causes, empty if it is not there.
func list(attributes pcommon.Map, name string) pcommon.Slice {
	if value, found := attributes.Get(keyAnomaly + "causes." + name); found && value.Type() == pcommon.ValueTypeSlice {
		return value.Slice()
	}
	return pcommon.NewSlice()
}

func put(b *strings.Builder, format string, numbers pcommon.Slice, i int) {
	if i >= numbers.Len() {
		return
	}
	if x, ok := asNumber(numbers.At(i)); ok {
		fmt.Fprintf(b, format, x)
	}
}

func number(attributes pcommon.Map, key string) (float64, bool) {
	value, found := attributes.Get(key)
	if !found {
		return 0, false
	}
	return asNumber(value)
}

func asNumber(value pcommon.Value) (float64, bool) {
	switch value.Type() {
	case pcommon.ValueTypeDouble:
		return value.Double(), true
	case pcommon.ValueTypeInt:
		return float64(value.Int()), true
	default:
		return 0, false
	}
}
