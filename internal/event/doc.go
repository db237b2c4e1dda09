// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package event is the vocabulary of what applications say: the names of the
// events, the fields of each, and how they are written as JSON and as
// OpenTelemetry log records.
//
// Each event type has a struct and one table of fields. The table is the only
// place that knows a field's JSON path, attribute key, other spellings, range and
// meaning; the JSON decoder and encoder, the reading and writing of log records
// and the JSON Schema all walk it. So an event that came as JSON and one that an
// OpenTelemetry SDK sent with the same attributes are the same downstream.
//
// # Attribute keys
//
// The key of a field is its JSON path, dotted (request_id, model.name,
// features.age), except where OpenTelemetry has a name for it: the field's key is
// then that name (gen_ai.usage.input_tokens, error.type), and older spellings of
// it are read too. Lists become one event each: an evaluation is one
// gen_ai.evaluation.result per result, one guardian.issue per issue and one
// guardian.improvement per improvement, with the attributes of the evaluation on
// all of them and with guardian.event.part counting them: the record without that
// attribute is the one that stands for the evaluation itself.
//
// # Correlation
//
// A record has the trace and span id of what it speaks of: the target's, else
// those of the event's traceparent, else a trace id derived from the request id
// (see DeriveTraceID), so that everything said of one request is found together
// though nobody traced it.
package event
