// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"fmt"
	"regexp"
	"strings"
)

// Values are what stands for variables in a query, without the dollar sign: job, __rate_interval and so on.
type Values map[string]string

var variableUse = regexp.MustCompile(`\$\{(\w+)(?::\w+)*\}|\$(\w+)`)

// Substitute puts values in the place of variables, as Grafana does before it asks. A variable without value is an error.
func (v Values) Substitute(text string) (string, error) {
	var unknown []string
	out := variableUse.ReplaceAllStringFunc(text, func(use string) string {
		match := variableUse.FindStringSubmatch(use)
		name := match[1] + match[2]
		value, known := v[name]
		if !known {
			unknown = append(unknown, name)
		}
		return value
	})
	if unknown != nil {
		return "", fmt.Errorf("no value for the variables %s in %s", strings.Join(unknown, ", "), text)
	}
	return out, nil
}

var labelValues = regexp.MustCompile(`^label_values\((.+), ?(\w+)\)$`)

// LabelValues gives the selector and the label of a variable's query.
func (v *Variable) LabelValues() (selector, label string, err error) {
	match := labelValues.FindStringSubmatch(v.Query)
	if match == nil {
		return "", "", fmt.Errorf("the query of the variable %s is not label_values(selector, label): %s", v.Name, v.Query)
	}
	return match[1], match[2], nil
}

var legendLabel = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// LegendLabels are the labels that a legend shows.
func (t *Target) LegendLabels() []string {
	var labels []string
	for _, match := range legendLabel.FindAllStringSubmatch(t.LegendFormat, -1) {
		labels = append(labels, match[1])
	}
	return labels
}
