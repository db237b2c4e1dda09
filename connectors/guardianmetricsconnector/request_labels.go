// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import "strings"

// requestLabels are all that series of requests are told apart by.
type requestLabels struct {
	specialist, complexity string
	tier                   string // "" if it is not known yet
	model, version         string
	endpoint               string
	operation, provider    string
	errorType              string // "" of a request that succeeded
	batchSize, sequence    string // "" unless they are labels
}

const requestLabelCount = 11

// all gives the labels.
func (l *requestLabels) all() [requestLabelCount]*string {
	return [...]*string{
		&l.specialist, &l.complexity, &l.tier, &l.model, &l.version, &l.endpoint, &l.operation, &l.provider, &l.errorType,
		&l.batchSize, &l.sequence,
	}
}

// clone gives labels that keep nothing alive that these were cut from.
func (l *requestLabels) clone() requestLabels {
	var all strings.Builder
	for _, label := range l.all() {
		all.WriteString(*label)
	}
	kept, rest := *l, all.String()
	for _, label := range kept.all() {
		*label, rest = rest[:len(*label)], rest[len(*label):]
	}
	return kept
}
