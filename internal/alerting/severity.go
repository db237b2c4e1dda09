// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alerting

import "fmt"

// Severity says how soon somebody must look. The zero Severity is that of what is over.
type Severity uint8

// Severities, from the least.
const (
	None     Severity = iota
	Info              // on the next working day
	Warning           // within an hour
	Critical          // within 15 minutes
	severities
)

var severityNames = [severities]string{"none", "info", "warning", "critical"}

// String returns the severity as it stands in the label.
func (s Severity) String() string {
	if s >= severities {
		return "unknown"
	}
	return severityNames[s]
}

// ParseSeverity reads what String writes.
func ParseSeverity(text string) (Severity, error) {
	for s, name := range severityNames {
		if text == name {
			return Severity(s), nil
		}
	}
	return None, fmt.Errorf("there is no severity %q: it must be none, info, warning or critical", text)
}
