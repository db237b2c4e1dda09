// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// States of a drift or an anomaly event.
const (
	stateClear  = "clear"
	stateRaised = "raised"
)

var errNoMonitor = errors.New("a drift event needs guardian.drift.monitor and guardian.drift.kind")

// drift makes a notice of a verdict of the drift processor.
func (t *translator) drift(n *alerting.Notice, record plog.LogRecord) (bool, error) {
	var d event.Drift
	if err := event.Read(record, &d); err != nil {
		return false, err
	}
	if d.Monitor == "" || d.Kind == "" {
		return false, errNoMonitor
	}
	if d.State != stateClear && d.State != stateRaised {
		return false, nil // too little data says nothing: an alarm stays as it is
	}
	n.Severity = driftSeverity(&d)
	n.Repeats = d.Changed.Set && !d.Changed.Value
	n.Source = strings.Join([]string{d.Source, d.Monitor, d.Kind, t.entity(record.Attributes())}, " ")
	switch d.Kind {
	case event.DriftData:
		n.Name = alerting.DataDriftDetected
	case event.DriftConcept:
		n.Name = alerting.ConceptDriftDetected
	default:
		n.Name = alerting.HighDrift
	}
	if n.Severity > alerting.None || !n.Repeats { // most verdicts are calm again, and nobody reads of that
		n.Annotations = map[string]string{
			alerting.AnnotationSummary:     driftSummary(&d, subject(d.Model, scalar(record.Attributes(), "specialist.type"))),
			alerting.AnnotationDescription: driftDescription(&d),
		}
	}
	return true, nil
}

// driftSummary begins as that of the Prometheus rule of the same name.
func driftSummary(d *event.Drift, whole string) string {
	switch d.Kind {
	case event.DriftData:
		return "Feature " + d.Feature + of(whole) + " has drifted."
	case event.DriftConcept:
		return "Predictions" + of(whole) + " have drifted."
	default:
		return "Much of the input" + of(whole) + " has drifted."
	}
}

// driftSeverity is that of the alarm. An alarm that waits for calm windows is at least a warning, whatever the last window was, and
// a window that does not raise the alarm yet is none; what is worth a look only never raises one.
func driftSeverity(d *event.Drift) alerting.Severity {
	severity, _ := alerting.ParseSeverity(d.SeverityName)
	switch {
	case d.State == stateRaised:
		return max(severity, alerting.Warning)
	case severity == alerting.Info:
		return alerting.Info
	}
	return alerting.None
}

// effects name what tests measure.
var effects = map[string]string{
	"ks":         "Drift score",
	"psi":        "PSI",
	"js":         "Jensen–Shannon distance",
	"chi_square": "Drift score of categories",
	"missing":    "Share of missing values differs by",
	"unseen":     "Share of unseen categories",
	"tail":       "Share beyond a tail differs by",
}

func driftDescription(d *event.Drift) string {
	if d.Kind == event.DriftDataset {
		features := "the"
		if d.N.Set {
			features = strconv.FormatInt(d.N.Value, 10)
		}
		return fmt.Sprintf("%.0f%% of %s features drifted%s.", 100*d.Score.Value, features, limitOf(d.Threshold, ", above %.0f%%", 100))
	}
	name, effect := effects[d.Cause], d.Effect
	if name == "" {
		name, effect = effects[cmp.Or(d.Method, "ks")], d.Score
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %.3f%s", name, effect.Or(d.Score.Value), limitOf(d.Threshold, ", limit %.3f", 1))
	if d.Kind == event.DriftConcept && d.Feature != "" {
		fmt.Fprintf(&b, ", of %s", d.Feature)
	}
	if d.PAdjusted.Set {
		fmt.Fprintf(&b, ", p %.2g after correction", d.PAdjusted.Value)
	}
	if d.N.Set {
		fmt.Fprintf(&b, ", over %d values", d.N.Value)
	}
	if d.Reference.ID != "" {
		fmt.Fprintf(&b, " against %s", d.Reference.ID)
	}
	if d.Reference.Provisional.Value {
		b.WriteString(" (provisional)")
	}
	if d.WindowEnd != "" {
		fmt.Fprintf(&b, ", window to %s", d.WindowEnd)
	}
	b.WriteByte('.')
	return b.String()
}

func limitOf(threshold event.Float, format string, times float64) string {
	if !threshold.Set {
		return ""
	}
	return fmt.Sprintf(format, times*threshold.Value)
}
