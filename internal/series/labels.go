// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"encoding/binary"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Labels in their encoded form are a sequence of levels, each a tag and its content:
//
//	resource:   'r' attributes
//	scope:      's' name version attributes
//	metric:     'm' name unit type temporality monotonic
//	attributes: 'a' attributes
//
// Attributes are their number followed by pairs of name and value; a value is its type followed by its content. Numbers
// and lengths are unsigned varints, ints and doubles 8 bytes, little-endian. Checkpoints hold this form, so it may be
// added to (a new tag) but not changed.
const levelTags = "rsma"

// overflowAttribute marks the series that stands for all that found no room.
const overflowAttribute = "otel.metric.overflow"

// overflowLabels are the labels of the overflow series.
var overflowLabels = func() string {
	m := pcommon.NewMap()
	m.PutBool(overflowAttribute, true)
	id := ID{}.Attributes(m)
	return string(id.AppendLabels(nil))
}()

// AppendLabels appends the encoded labels of the ID to dst.
func (id *ID) AppendLabels(dst []byte) []byte {
	return id.appendOwn(id.appendGroup(dst))
}

// appendGroup appends the levels that a series shares with others, appendOwn the one that it does not.
func (id *ID) appendGroup(dst []byte) []byte {
	if id.given[levelResource] {
		dst = append(dst, levelTags[levelResource])
		dst = appendMap(dst, id.resource.Attributes(), 0)
	}
	if id.given[levelScope] {
		dst = append(dst, levelTags[levelScope])
		dst = appendString(dst, id.scope.Name())
		dst = appendString(dst, id.scope.Version())
		dst = appendMap(dst, id.scope.Attributes(), 0)
	}
	if id.given[levelMetric] {
		dst = append(dst, levelTags[levelMetric])
		dst = appendString(dst, id.metric.Name())
		dst = appendString(dst, id.metric.Unit())
		dst = appendKind(dst, kindOf(id.metric))
	}
	return dst
}

func (id *ID) appendOwn(dst []byte) []byte {
	if !id.given[levelAttributes] {
		return dst
	}
	dst = append(dst, levelTags[levelAttributes])
	if id.selector != nil {
		return id.appendSelected(dst)
	}
	return appendMap(dst, id.attributes, 0)
}

func (id *ID) appendSelected(dst []byte) []byte {
	found := 0
	for _, name := range id.selector.names {
		if _, ok := id.lookup(name); ok {
			found++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(found))
	for _, name := range id.selector.names {
		if v, ok := id.lookup(name); ok {
			dst = appendValue(appendString(dst, name), v, 0)
		}
	}
	return dst
}

func appendKind(dst []byte, k kind) []byte {
	monotonic := byte(0)
	if k.monotonic {
		monotonic = 1
	}
	dst = binary.AppendUvarint(dst, uint64(uint32(k.metricType)))
	dst = binary.AppendUvarint(dst, uint64(uint32(k.temporality)))
	return append(dst, monotonic)
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendMap(dst []byte, m pcommon.Map, depth int) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.Len()))
	for name, v := range m.All() {
		dst = appendValue(appendString(dst, name), v, depth)
	}
	return dst
}

func appendValue(dst []byte, v pcommon.Value, depth int) []byte {
	t := v.Type()
	if depth >= maxDepth && (t == pcommon.ValueTypeMap || t == pcommon.ValueTypeSlice) {
		t = pcommon.ValueTypeEmpty
	}
	dst = append(dst, byte(t))
	switch t {
	case pcommon.ValueTypeStr:
		return appendString(dst, v.Str())
	case pcommon.ValueTypeInt:
		return binary.LittleEndian.AppendUint64(dst, uint64(v.Int()))
	case pcommon.ValueTypeDouble:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Double()))
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return append(dst, 1)
		}
		return append(dst, 0)
	case pcommon.ValueTypeBytes:
		return appendString(dst, string(v.Bytes().AsRaw()))
	case pcommon.ValueTypeMap:
		return appendMap(dst, v.Map(), depth+1)
	case pcommon.ValueTypeSlice:
		dst = binary.AppendUvarint(dst, uint64(v.Slice().Len()))
		for _, item := range v.Slice().All() {
			dst = appendValue(dst, item, depth+1)
		}
	}
	return dst
}
