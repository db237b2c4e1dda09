// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"strings"
	"unsafe"
)

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

const requestLabelCount = unsafe.Sizeof(requestLabels{}) / unsafe.Sizeof("")

// all gives the labels as an array, as which the fields of the struct lie in memory.
func (l *requestLabels) all() *[requestLabelCount]string {
	return (*[requestLabelCount]string)(unsafe.Pointer(l))
}

// clone gives labels that keep nothing alive that these were cut from.
func (l *requestLabels) clone() (kept requestLabels) {
	rest := strings.Join(l.all()[:], "")
	for i, label := range l.all() {
		kept.all()[i], rest = rest[:len(label)], rest[len(label):]
	}
	return kept
}
