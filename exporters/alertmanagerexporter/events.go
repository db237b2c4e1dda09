// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// Events that speak of alerts, beside those of internal/event.
const (
	eventAnomaly  = "guardian.anomaly"
	eventXID      = "guardian.gpu.xid"
	eventGPULost  = "guardian.gpu.lost"
	eventGPUFound = "guardian.gpu.found"
)

// speaks says whether an event speaks of an alert. It is asked for every record of a pipeline.
func speaks(eventName string) bool {
	switch eventName {
	case event.NameDrift, event.NamePerformanceAlert, eventAnomaly, eventXID, eventGPULost, eventGPUFound:
		return true
	}
	return false
}

// bulky are beginnings of the keys of attributes that nobody needs for an alert, and that a queue should not carry.
var bulky = []string{"guardian.drift.bins.", "guardian.drift.details."}

func isBulky(key string, _ pcommon.Value) bool {
	for _, prefix := range bulky {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// selection copies records into a batch of their own, under their resources.
type selection struct {
	logs    plog.Logs
	records plog.LogRecordSlice
	of      int // the resource that records belongs to, by number; -1 before the first
}

func newSelection() *selection { return &selection{logs: plog.NewLogs(), of: -1} }

func (s *selection) add(resource pcommon.Resource, number int, record plog.LogRecord) {
	if s.of != number {
		s.of = number
		to := s.logs.ResourceLogs().AppendEmpty()
		resource.CopyTo(to.Resource())
		s.records = to.ScopeLogs().AppendEmpty().LogRecords()
	}
	to := s.records.AppendEmpty()
	record.CopyTo(to)
	to.Attributes().RemoveIf(isBulky)
}

// concerns says whether any record of a batch speaks of an alert.
func concerns(logs plog.Logs) bool {
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				if speaks(record.EventName()) {
					return true
				}
			}
		}
	}
	return false
}

// records goes through the records of a batch that speak of alerts. The number is that of their resource.
func records(logs plog.Logs, visit func(resource pcommon.Resource, number int, record plog.LogRecord)) {
	for i, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				if speaks(record.EventName()) {
					visit(resource.Resource(), i, record)
				}
			}
		}
	}
}

// timeOf is when an event happened, and no later than now: a clock that is ahead must not make all that follows seem outdated.
func timeOf(record plog.LogRecord, now time.Time) time.Time {
	at := record.Timestamp()
	if at == 0 {
		at = record.ObservedTimestamp()
	}
	if at == 0 || at.AsTime().After(now) {
		return now
	}
	return at.AsTime()
}
