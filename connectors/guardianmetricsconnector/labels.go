// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import "strings"

// labelLimit bounds the values of a label, per group: the first ones are kept, the
// others become _OTHER.
type labelLimit struct {
	limit  int
	groups map[string]map[string]string
}

func newLabelLimit(limit int) *labelLimit {
	return &labelLimit{limit: limit, groups: map[string]map[string]string{}}
}

// admit gives the value to use, and whether it was one too many.
func (l *labelLimit) admit(group, value string) (string, bool) {
	values := l.groups[group]
	if kept, ok := values[value]; ok {
		return kept, false
	}
	if len(values) >= l.limit || (values == nil && len(l.groups) >= maxRates) {
		return otherLabel, true
	}
	if values == nil {
		values = map[string]string{}
		l.groups[strings.Clone(group)] = values
	}
	kept := strings.Clone(value)
	values[kept] = kept
	return kept, false
}

func (l *labelLimit) len() int {
	n := 0
	for _, values := range l.groups {
		n += len(values)
	}
	return n
}
