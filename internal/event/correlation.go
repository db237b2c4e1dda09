// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"crypto/sha256"
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// DeriveTraceID gives the trace id of a request that nobody traced: the first 16
// bytes of the SHA-256 of its id, as UTF-8. Whoever knows the request id can find
// its records without a look-up, and records made of several events about one
// request meet in one trace.
func DeriveTraceID(requestID string) pcommon.TraceID {
	sum := sha256.Sum256([]byte(requestID))
	return pcommon.TraceID(sum[:16])
}

// correlate gives an event the trace and span id of what it speaks of: those of
// its target; else those that it has; else a trace id that is derived from the first
// of its request id, its target's request id, its prediction id, its target's
// prediction id, its response id and its target's response id.
func correlate(e Event) *Problem {
	meta := e.Common()
	if target := targetOf(e); target != nil && (target.TraceID != "" || target.SpanID != "") {
		return correlateWithTarget(meta, target)
	}
	if !meta.TraceID.IsEmpty() {
		return nil
	}
	if id := traceKey(e); id != "" {
		meta.TraceID = DeriveTraceID(id)
	}
	return nil
}

func correlateWithTarget(meta *Meta, target *Target) *Problem {
	var traceID pcommon.TraceID
	if !decodeHex(traceID[:], []byte(target.TraceID)) || traceID.IsEmpty() {
		return &Problem{Code: CodeInvalidValue, Pointer: "/target/trace_id", Message: "must be 32 hexadecimal digits, not all 0"}
	}
	var spanID pcommon.SpanID
	if target.SpanID != "" && (!decodeHex(spanID[:], []byte(target.SpanID)) || spanID.IsEmpty()) {
		return &Problem{Code: CodeInvalidValue, Pointer: "/target/span_id", Message: "must be 16 hexadecimal digits, not all 0"}
	}
	if meta.TraceID != traceID || meta.SpanID != spanID {
		meta.Flags = 0
	}
	meta.TraceID, meta.SpanID = traceID, spanID
	return nil
}

func targetOf(e Event) *Target {
	switch e := e.(type) {
	case *Evaluation:
		return &e.Target
	case *Result:
		return &e.Target
	case *Issue:
		return &e.Target
	case *Improvement:
		return &e.Target
	case *Label:
		return &e.Target
	default:
		return nil
	}
}

func traceKey(e Event) string {
	ids := [6]string{e.Common().RequestID}
	if target := targetOf(e); target != nil {
		ids[1], ids[3], ids[5] = target.RequestID, target.PredictionID, target.ResponseID
	}
	switch e := e.(type) {
	case *Prediction:
		ids[2] = e.PredictionID
	case *Request:
		ids[4] = e.ResponseID
	}
	for _, id := range ids {
		if id != "" {
			return id
		}
	}
	return ""
}

// ParseTraceparent reads the header of W3C Trace Context, versions 00 to fe.
func ParseTraceparent(header string) (trace pcommon.TraceID, span pcommon.SpanID, flags uint32, ok bool) {
	return parseTraceparent([]byte(header))
}

func parseTraceparent(header []byte) (trace pcommon.TraceID, span pcommon.SpanID, flags uint32, ok bool) {
	var version, flag [1]byte
	if len(header) < 55 || header[2] != '-' || header[35] != '-' || header[52] != '-' ||
		!decodeHex(version[:], header[:2]) || version[0] == 0xff ||
		(len(header) > 55 && (version[0] == 0 || header[55] != '-')) ||
		!decodeHex(trace[:], header[3:35]) || !decodeHex(span[:], header[36:52]) || !decodeHex(flag[:], header[53:55]) ||
		trace.IsEmpty() || span.IsEmpty() {
		return pcommon.TraceID{}, pcommon.SpanID{}, 0, false
	}
	return trace, span, uint32(flag[0]), true
}

// AppendTraceparent appends the header for a trace and span id.
func AppendTraceparent(dst []byte, trace pcommon.TraceID, span pcommon.SpanID, flags uint32) []byte {
	dst = append(dst, "00-"...)
	dst = hex.AppendEncode(dst, trace[:])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, span[:])
	dst = append(dst, '-')
	return hex.AppendEncode(dst, []byte{byte(flags)})
}

// decodeHex decodes hexadecimal digits that fill dst exactly. Upper case is read
// too, for ids that people copy.
func decodeHex(dst, src []byte) bool {
	if len(src) != 2*len(dst) {
		return false
	}
	_, err := hex.Decode(dst, src)
	return err == nil
}

// NaturalID gives an id for an event that came without one, made of the ids that
// its fields have, so that the same event sent twice is still recognised: the type
// and the event's own id, with what tells its states apart. It is empty where the
// fields identify nothing.
func NaturalID(e Event) string {
	switch e := e.(type) {
	case *Request:
		if e.RequestID != "" {
			phase := e.Phase
			if phase == "" {
				phase = PhaseComplete
			}
			return "request:" + e.RequestID + ":" + phase
		}
	case *Evaluation:
		if e.EvaluationID != "" {
			return "evaluation:" + e.EvaluationID
		}
	case *Improvement:
		if e.ImprovementID != "" {
			status := e.Status
			if status == "" {
				status = ImprovementSuggested
			}
			return "improvement:" + e.ImprovementID + ":" + status
		}
	case *Prediction:
		if e.PredictionID != "" {
			return "prediction:" + e.PredictionID
		}
	case *Label:
		if e.LabelID != "" {
			return "label:" + e.LabelID + ":" + labelState(e)
		}
	case *Mapping:
		if e.MappingID != "" {
			return "mapping:" + e.MappingID
		}
	case *Violation:
		if e.ViolationID != "" {
			return "violation:" + e.ViolationID
		}
	}
	return ""
}

func labelState(l *Label) string {
	operation := l.Operation
	if operation == "" {
		operation = LabelUpsert
	}
	return operation + ":" + formatInt(l.Revision.Value)
}
