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
const lotSize = 32

// lotExpected is how many of them are known to come before the others are read.
const lotExpected = lotSize / 2

// requestLot is requests that follow one another, read and not yet counted. Each step is taken with all of them before the
// next: so what it reads, which hardly ever is in the processor's caches, is fetched during the one before.
type requestLot struct {
	readers  [lotSize]*event.RequestReader
	requests [lotSize]*event.Request
	labels   [lotSize]keyedLabels
	keys     [lotSize]duplicates.Key
	isNew    [lotSize]bool
	n, keyed int // requests, and those with a key
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
			c.countLot(now)
			c.record(record, resource, now)
			continue
		}
		c.requestRecord(record, resource, now)
	}
	c.countLot(now)
}

// requestRecord reads a request, and counts it together with those that follow.
func (c *counts) requestRecord(record plog.LogRecord, resource pcommon.Map, now time.Time) {
	lot := &c.lot
	request, err := lot.readers[lot.n].Read(record)
	if c.refuse(event.NameRequest, &request.Meta, err, now) {
		return
	}
	fillSpecialist(request, resource)
	if request.RequestID == "" {
		c.countLot(now)
		c.takeRead(event.NameRequest, request, record, resource, now)
		return
	}
	lot.requests[lot.n] = request
	lot.n++
	if lot.n%lotExpected == 0 {
		c.expectLot()
	}
	if lot.n == lotSize {
		c.countLot(now)
	}
}

// expectLot makes the keys that are still missing, of requests and of their labels, and has fetched what the tables know of them.
func (c *counts) expectLot() {
	lot := &c.lot
	from := lot.keyed
	for ; lot.keyed < lot.n; lot.keyed++ {
		request := lot.requests[lot.keyed]
		lot.keys[lot.keyed] = c.keys.of(kindOf(request), request.RequestID)
		c.labelNext()
	}
	c.seen.table.Expect(lot.keys[from:lot.n])
}

// labelNext makes the labels of the next request without a key. Requests of one sender come together, often with the same ones.
func (c *counts) labelNext() {
	lot := &c.lot
	labels := &lot.labels[lot.keyed]
	c.label(lot.requests[lot.keyed], labels)
	if lot.keyed > 0 && labels.requestLabels == lot.labels[lot.keyed-1].requestLabels {
		labels.key = lot.labels[lot.keyed-1].key
		return
	}
	labels.key = c.requests.keys.of(&labels.requestLabels)
	c.requests.expect(&labels.key)
}

// fetchTotals has the totals fetched that the requests will be added to.
func (c *counts) fetchTotals() {
	lot := &c.lot
	for i := range lot.n {
		if key := &lot.labels[i].key; i == 0 || *key != lot.labels[i-1].key {
			c.requests.fetch(key)
		}
	}
}

// countLot counts the requests that are new.
func (c *counts) countLot(now time.Time) {
	lot := &c.lot
	if lot.n == 0 {
		return
	}
	c.expectLot()
	c.seen.table.AdmitAll(lot.keys[:lot.n], lot.isNew[:lot.n], now)
	c.fetchTotals()
	counted := 0
	for i, request := range lot.requests[:lot.n] {
		switch {
		case !lot.isNew[i]:
			c.telemetry.duplicate(event.NameRequest)
		case c.countRequest(request, &lot.labels[i], now):
			counted++
		}
	}
	c.telemetry.counted(event.NameRequest, counted)
	lot.n, lot.keyed = 0, 0
}
