// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"bytes"
	"iter"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// ScanIDs returns the ledger ids in an OTLP request, in the order of the bytes, without decoding the message: that is what
// keeps a sink cheaper than the server it measures. It ends at the first malformed byte of protobuf. JSON must be compact, with the key
// of an attribute before its value, as the collector's exporters write it.
func ScanIDs(body []byte, encoding Encoding, signal Signal) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		if encoding == JSON {
			scanJSON(body, yield)
			return
		}
		scanProtobuf(body, requestFields[signal], yield)
	}
}

// scanField is a field of a message that leads to the attributes of items. The attributes themselves have no inner fields.
type scanField struct {
	number protowire.Number
	inner  []scanField
}

// requestFields are the ways from each signal's export request, over resources and scopes, to attributes of items.
var requestFields = [...][]scanField{
	Traces: oneField(1, oneField(2, oneField(2, oneField(9, nil)))),
	Logs:   oneField(1, oneField(2, oneField(2, oneField(6, nil)))),
	Metrics: oneField(1, oneField(2, oneField(2, []scanField{
		{5, oneField(1, oneField(7, nil))},  // gauge
		{7, oneField(1, oneField(7, nil))},  // sum
		{9, oneField(1, oneField(9, nil))},  // histogram
		{10, oneField(1, oneField(1, nil))}, // exponential histogram
		{11, oneField(1, oneField(7, nil))}, // summary
	}))),
}

func oneField(number protowire.Number, inner []scanField) []scanField {
	return []scanField{{number, inner}}
}

// scanProtobuf follows the fields into a message and reports whether to go on. Fields may stand in any order.
func scanProtobuf(message []byte, fields []scanField, yield func(int64) bool) bool {
	for len(message) > 0 {
		number, value, rest, ok := cutField(message)
		if !ok {
			return false
		}
		message = rest
		for _, f := range fields {
			if f.number != number {
				continue
			}
			if f.inner == nil {
				if id, ok := attributeID(value); ok && !yield(id) {
					return false
				}
			} else if !scanProtobuf(value, f.inner, yield) {
				return false
			}
		}
	}
	return true
}

// cutField splits the first field off a message. The value is that of a length-delimited field, nil for other types.
func cutField(message []byte) (number protowire.Number, value, rest []byte, ok bool) {
	number, kind, n := protowire.ConsumeTag(message)
	if n < 0 {
		return 0, nil, nil, false
	}
	message = message[n:]
	if kind == protowire.BytesType {
		value, n = protowire.ConsumeBytes(message)
	} else {
		n = protowire.ConsumeFieldValue(number, kind, message)
	}
	if n < 0 {
		return 0, nil, nil, false
	}
	return number, value, message[n:], true
}

// attributeID returns the integer value of an attribute if its key is the ledger's.
func attributeID(attribute []byte) (id int64, ok bool) {
	var key, value []byte
	for len(attribute) > 0 {
		number, bytes, rest, ok := cutField(attribute)
		if !ok {
			return 0, false
		}
		switch number {
		case 1:
			key = bytes
		case 2:
			value = bytes
		}
		attribute = rest
	}
	if string(key) != IDKey {
		return 0, false
	}
	number, kind, n := protowire.ConsumeTag(value)
	if n < 0 || number != 3 || kind != protowire.VarintType {
		return 0, false
	}
	integer, n := protowire.ConsumeVarint(value[n:])
	return int64(integer), n > 0
}

// jsonMark is what stands before a ledger id in JSON.
const jsonMark = `"` + IDKey + `","value":{"intValue":"`

func scanJSON(body []byte, yield func(int64) bool) {
	for {
		_, rest, found := bytes.Cut(body, []byte(jsonMark))
		if !found {
			return
		}
		digits, _, closed := bytes.Cut(rest[:min(len(rest), 20)], []byte{'"'})
		if id, err := strconv.ParseInt(string(digits), 10, 64); closed && err == nil && !yield(id) {
			return
		}
		body = rest
	}
}
