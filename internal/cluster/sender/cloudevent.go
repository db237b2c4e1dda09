// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// appendCloudEvent writes an event as CloudEvents 1.0 has it (structured mode), with the
// extension for distributed tracing.
func appendCloudEvent(dst []byte, e event.Event) []byte {
	meta := e.Common()
	dst = append(dst, `{"specversion":"1.0","datacontenttype":"application/json","id":`...)
	dst = appendString(dst, meta.ID)
	dst = appendString(append(dst, `,"source":`...), meta.Source)
	dst = appendString(append(dst, `,"type":`...), event.TypePrefix+string(cluster.TypeOf(e))+event.TypeSuffix)
	dst = appendString(append(dst, `,"time":`...), meta.Time.UTC().Format(time.RFC3339Nano))
	if !meta.SpanID.IsEmpty() {
		dst = append(dst, `,"traceparent":"`...)
		dst = event.AppendTraceparent(dst, meta.TraceID, meta.SpanID, meta.Flags)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"data":`...)
	return append(event.AppendData(dst, e), '}')
}

func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // It fails for what is not UTF-8 only, which the cluster does not make.
	return dst
}

// describe names the service of a source.
func describe(resource pcommon.Resource, source string) {
	resource.Attributes().PutStr("service.name", strings.TrimPrefix(source, "/"))
}
