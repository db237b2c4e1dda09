// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package grouping tells the groups of telemetry that the key group_by names apart: by the values of attributes of a record or point, of its
// scope, or of its resource.
package grouping

import (
	"encoding/binary"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// MaxValue is the length in bytes to which longer values are cut.
const MaxValue = 256

// Place is where an attribute may stand.
type Place struct {
	// Record has the attributes of a log record or of a point.
	Record, Scope, Resource pcommon.Map
}

// Find gives the first attribute that has one of the spellings of a key, nearest first.
func (p *Place) Find(spellings []string) (pcommon.Value, bool) {
	if v, ok := Get(p.Record, spellings); ok {
		return v, true
	}
	if v, ok := Get(p.Scope, spellings); ok {
		return v, true
	}
	return Get(p.Resource, spellings)
}

// Get gives the first attribute that has one of the spellings of a key, in the order of the spellings.
func Get(attributes pcommon.Map, spellings []string) (pcommon.Value, bool) {
	for _, key := range spellings {
		if v, ok := attributes.Get(key); ok {
			return v, true
		}
	}
	return pcommon.Value{}, false
}

// AppendValue appends a value to the key of a group, with its length, so that no two lists of values have one key. A value that is not there
// is as an empty one.
func AppendValue(key []byte, v pcommon.Value, there bool) []byte {
	if !there {
		return append(key, 0)
	}
	var text string
	switch v.Type() {
	case pcommon.ValueTypeStr:
		text = v.Str()
	case pcommon.ValueTypeInt:
		var digits [20]byte
		number := strconv.AppendInt(digits[:0], v.Int(), 10)
		return append(append(key, byte(len(number))), number...)
	default:
		text = v.AsString()
	}
	if len(text) > MaxValue {
		text = strings.ToValidUTF8(text[:MaxValue], "")
	}
	return append(binary.AppendUvarint(key, uint64(len(text))), text...)
}

// Values takes a key apart into its n values; ok is false for what is none.
func Values(key string, n int) (values []string, ok bool) {
	for range n {
		length, size := binary.Uvarint([]byte(key[:min(len(key), binary.MaxVarintLen64)]))
		if size <= 0 || length > MaxValue || uint64(len(key)-size) < length {
			return nil, false
		}
		values = append(values, key[size:size+int(length)])
		key = key[size+int(length):]
	}
	return values, key == ""
}
