// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

// Code says what is wrong with an event, for machines.
type Code string

// The codes of a Problem.
const (
	CodeSyntax         Code = "syntax"              // not JSON
	CodeNotUTF8        Code = "not_utf8"            // a string that is not UTF-8
	CodeWrongType      Code = "wrong_type"          // a value of another type than the field has
	CodeUnknownType    Code = "unknown_type"        // an event type that does not exist
	CodeMissingField   Code = "missing_field"       // a field without which the event means nothing
	CodeInvalidValue   Code = "invalid_value"       // a value that the field cannot have
	CodeOutOfRange     Code = "out_of_range"        // a number beyond the field's range
	CodeTooDeep        Code = "too_deep"            // more levels than allowed
	CodeTooLarge       Code = "too_large"           // more bytes than allowed
	CodeTooManyFields  Code = "too_many_attributes" // more values than allowed
	CodeTimeOutOfRange Code = "time_out_of_range"   // a time too far from the receiver's clock
	CodeTooManyEvents  Code = "too_many_events"     // more events than a request may have
)

// Problem is why an event is not accepted.
type Problem struct { //nolint:errname // a reject that is returned as an error; answers call it that
	Code    Code
	Pointer string // RFC 6901, within the event; "" is the event itself
	Message string
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Pointer == "" {
		return p.Message
	}
	return p.Pointer + ": " + p.Message
}

const isRequired = "is required"
