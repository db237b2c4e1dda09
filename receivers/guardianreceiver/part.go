// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/receivers/guardianreceiver/internal/metadata"
)

// part is events that are handed on together: a resource for each source, in
// order of first appearance.
type part struct {
	logs    plog.Logs
	version string // of the scope
	sources map[string]plog.LogRecordSlice
	source  string // that current belongs to
	current plog.LogRecordSlice
	records int
	events  byKind
}

// reset empties the part. What it held is not touched: it may belong to others.
func (p *part) reset() {
	p.logs = plog.Logs{}
	clear(p.sources)
	p.source, p.records, p.events = "", 0, byKind{}
}

func (p *part) add(e event.Event, observed pcommon.Timestamp) {
	records := p.of(e.Common().Source)
	before := records.Len()
	event.Append(e, observed, records)
	p.records += records.Len() - before
	p.events[kindOf(e)]++
}

// of gives the records of a source.
func (p *part) of(source string) plog.LogRecordSlice {
	if p.records > 0 && source == p.source {
		return p.current
	}
	records, ok := p.sources[source]
	if !ok {
		records = p.open(source)
		p.sources[source] = records
	}
	p.source, p.current = source, records
	return records
}

func (p *part) open(source string) plog.LogRecordSlice {
	service := strings.TrimPrefix(source, "/")
	if service == "" {
		service = "unknown_service"
	}
	if len(p.sources) == 0 {
		p.logs = plog.NewLogs()
	}
	resource := p.logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", service)
	scope := resource.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	scope.Scope().SetVersion(p.version)
	return scope.LogRecords()
}
