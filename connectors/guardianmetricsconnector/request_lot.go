// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// lotSize is how many requests are looked up together.
const lotSize = 16

// requestLot is requests that follow one another, read and not yet counted. Each step is taken with all of them before the
// next: their keys are made, and whether they were counted before is asked for, in half the time.
type requestLot struct {
	readers  [lotSize]*event.RequestReader
	requests [lotSize]*event.Request
	keys     [lotSize]duplicates.Key
	isNew    [lotSize]bool
	n        int
}

func newRequestLot() (lot requestLot) {
	for i := range lot.readers {
		lot.readers[i] = event.NewRequestReader()
	}
	return lot
}

// records counts the log records of one scope.
func (c *counts) records(records plog.LogRecordSlice, resource pcommon.Map, now time.Time) {
	for i := range records.Len() {
		record := records.At(i)
		if record.EventName() != event.NameRequest {
			c.countLot(resource, now)
			c.record(record, resource, now)
			continue
		}
		c.requestRecord(record, resource, now)
	}
	c.countLot(resource, now)
}

// requestRecord reads a request, and counts it together with those that follow.
func (c *counts) requestRecord(record plog.LogRecord, resource pcommon.Map, now time.Time) {
	lot := &c.lot
	request, err := lot.readers[lot.n].Read(record)
	if c.refuse(event.NameRequest, &request.Meta, err, now) {
		return
	}
	if request.RequestID == "" {
		c.countLot(resource, now)
		c.takeRead(event.NameRequest, request, record, resource, now)
		return
	}
	lot.requests[lot.n] = request
	lot.n++
	if lot.n == lotSize {
		c.countLot(resource, now)
	}
}

func (c *counts) countLot(resource pcommon.Map, now time.Time) {
	lot := &c.lot
	for i, request := range lot.requests[:lot.n] {
		lot.keys[i] = c.seen.requestKey(request)
	}
	c.seen.table.AdmitAll(lot.keys[:lot.n], lot.isNew[:lot.n], now)
	for i, request := range lot.requests[:lot.n] {
		if lot.isNew[i] {
			c.countOnce(event.NameRequest, request, resource, now)
		} else {
			c.telemetry.duplicate(event.NameRequest)
		}
	}
	lot.n = 0
}
