// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/hex"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// AppendJSON appends the event in its envelope, as the receiver takes it. It must
// have a JSON type: results and issues stand in evaluations only. Numbers must be
// finite. A trace id without a span id is written where the event has a target.
func AppendJSON(dst []byte, e Event) []byte {
	meta := e.Common()
	dst = append(dst, '{')
	dst = appendMember(dst, "id", meta.ID)
	dst = appendMember(dst, "source", meta.Source)
	dst = appendMember(dst, "type", string(e.table().typ))
	dst = appendMember(dst, "subject", meta.Subject)
	if !meta.Time.IsZero() {
		dst = appendMember(dst, "time", meta.Time.UTC().Format(time.RFC3339Nano))
	}
	if !meta.TraceID.IsEmpty() && !meta.SpanID.IsEmpty() {
		dst = append(dst, `"traceparent":"`...)
		dst = AppendTraceparent(dst, meta.TraceID, meta.SpanID, meta.Flags)
		dst = append(dst, `",`...)
	}
	if target := targetOf(e); target != nil && target.TraceID == "" && !meta.TraceID.IsEmpty() && meta.SpanID.IsEmpty() {
		target.TraceID = TraceIDText(meta.TraceID)
		defer func() { target.TraceID = "" }()
	}
	dst = append(dst, `"data":`...)
	dst = AppendData(dst, e)
	return append(dst, '}')
}

// AppendData appends the event as bare data.
func AppendData(dst []byte, e Event) []byte {
	before := len(dst)
	if dst = e.table().root.appendTo(dst, e); len(dst) == before {
		dst = append(dst, "{}"...)
	}
	return dst
}

func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(append(dst, '"'), name...), '"', ':')
	return append(appendString(dst, value), ',')
}

func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // What is not UTF-8 becomes U+FFFD.
	return dst
}

// appendTo appends an object with the fields below the node that the event has,
// and nothing if it has none of them.
func (n *node) appendTo(dst []byte, event any) []byte {
	start := len(dst)
	dst = append(dst, '{')
	for _, name := range n.order {
		mark := len(dst)
		dst = append(append(append(dst, '"'), name...), '"', ':')
		value := len(dst)
		if child := n.children[name]; child.children != nil {
			dst = child.appendTo(dst, event)
		} else {
			dst = child.field.appendTo(dst, event)
		}
		if len(dst) == value {
			dst = dst[:mark]
			continue
		}
		dst = append(dst, ',')
	}
	if len(dst) == start+1 {
		return dst[:start]
	}
	dst[len(dst)-1] = '}'
	return dst
}

// appendTo appends the field's value, and nothing if the event does not have it.
func (f *field) appendTo(dst []byte, event any) []byte {
	if !f.set(event) {
		return dst
	}
	switch v := f.at(event).(type) {
	case *string:
		return appendString(dst, *v)
	case *Float:
		return appendFloat(dst, v.Value)
	case *Int:
		return strconv.AppendInt(dst, v.Value, 10)
	case *Bool:
		return strconv.AppendBool(dst, v.Value)
	case *[]string:
		dst = append(dst, '[')
		for _, s := range *v {
			dst = append(appendString(dst, s), ',')
		}
		dst[len(dst)-1] = ']'
		return dst
	case *Attributes:
		dst = append(dst, '{')
		for i := range *v {
			attribute := &(*v)[i]
			dst = append(appendString(dst, attribute.Name()), ':')
			dst = append(attribute.Value.appendTo(dst), ',')
		}
		dst[len(dst)-1] = '}'
		return dst
	case listOf:
		dst = append(dst, '[')
		for i := range v.len() {
			before := len(dst)
			if dst = f.elements.root.appendTo(dst, v.element(i)); len(dst) == before {
				dst = append(dst, "{}"...)
			}
			dst = append(dst, ',')
		}
		dst[len(dst)-1] = ']'
		return dst
	default:
		return dst
	}
}

func (v *Value) appendTo(dst []byte) []byte {
	switch v.kind {
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.i, 10)
	case pcommon.ValueTypeDouble:
		return appendFloat(dst, v.f)
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.i != 0)
	case pcommon.ValueTypeSlice:
		dst = append(dst, '[')
		for i := range v.list {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = v.list[i].appendTo(dst)
		}
		return append(dst, ']')
	default:
		return appendString(dst, v.text)
	}
}

// appendFloat appends a double so that it is read as a double again: a whole
// number keeps its fraction.
func appendFloat(dst []byte, f float64) []byte {
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	if f == math.Trunc(f) && isDigits(dst[start:]) {
		dst = append(dst, ".0"...)
	}
	return dst
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if c != '-' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// TraceIDText gives the id as it stands in target.trace_id.
func TraceIDText(id [16]byte) string { return hex.EncodeToString(id[:]) }
