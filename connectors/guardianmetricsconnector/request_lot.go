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

// requestLot is requests that follow one another, read and not yet counted: whether they were counted before is asked for
// all of them at once, which takes half the time.
type requestLot struct {
	readers [lotSize]*event.Reader
	events  [lotSize]event.Event
	keys    [lotSize]duplicates.Key
	isNew   [lotSize]bool
	n       int
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
	if lot.readers[lot.n] == nil {
		lot.readers[lot.n] = event.NewReader(event.NameRequest)
	}
	ev, err := lot.readers[lot.n].Read(record)
	if c.refuse(event.NameRequest, ev, err, now) {
		return
	}
	id := c.seen.identify(ev, record)
	if !id.known {
		c.countLot(resource, now)
		c.countOnce(event.NameRequest, ev, resource, now)
		return
	}
	lot.events[lot.n], lot.keys[lot.n] = ev, id.key
	lot.n++
	if lot.n == lotSize {
		c.countLot(resource, now)
	}
}

func (c *counts) countLot(resource pcommon.Map, now time.Time) {
	lot := &c.lot
	c.seen.table.AdmitAll(lot.keys[:lot.n], lot.isNew[:lot.n], now)
	for i, ev := range lot.events[:lot.n] {
		if lot.isNew[i] {
			c.countOnce(event.NameRequest, ev, resource, now)
		} else {
			c.telemetry.duplicate(event.NameRequest)
		}
	}
	lot.n = 0
}
