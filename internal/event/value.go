// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Value is the value of an open field such as a feature: a string, an integer, a
// double, a bool, or a list of these. The zero Value is the empty string.
type Value struct {
	kind pcommon.ValueType
	text string
	i    int64
	f    float64
	list []Value
}

// String gives a string Value.
func String(s string) Value { return Value{kind: pcommon.ValueTypeStr, text: s} }

// Integer gives an integer Value.
func Integer(i int64) Value { return Value{kind: pcommon.ValueTypeInt, i: i} }

// Double gives a double Value.
func Double(f float64) Value { return Value{kind: pcommon.ValueTypeDouble, f: f} }

// Boolean gives a bool Value.
func Boolean(b bool) Value {
	v := Value{kind: pcommon.ValueTypeBool}
	if b {
		v.i = 1
	}
	return v
}

func emptyList() Value { return Value{kind: pcommon.ValueTypeSlice} }

// Number gives the value as a number, and whether it is one.
func (v Value) Number() (float64, bool) {
	switch v.kind {
	case pcommon.ValueTypeInt:
		return float64(v.i), true
	case pcommon.ValueTypeDouble:
		return v.f, true
	default:
		return 0, false
	}
}

// Text gives the value as a string, and whether it is one.
func (v Value) Text() (string, bool) {
	return v.text, v.kind == pcommon.ValueTypeStr || v.kind == pcommon.ValueTypeEmpty
}

// List gives the elements of a list, or nil.
func (v Value) List() []Value { return v.list }

func (v Value) to(dst pcommon.Value) {
	switch v.kind {
	case pcommon.ValueTypeInt:
		dst.SetInt(v.i)
	case pcommon.ValueTypeDouble:
		dst.SetDouble(v.f)
	case pcommon.ValueTypeBool:
		dst.SetBool(v.i != 0)
	case pcommon.ValueTypeSlice:
		slice := dst.SetEmptySlice()
		slice.EnsureCapacity(len(v.list))
		for _, element := range v.list {
			element.to(slice.AppendEmpty())
		}
	default:
		dst.SetStr(v.text)
	}
}

func valueOf(src pcommon.Value) (Value, bool) {
	switch src.Type() {
	case pcommon.ValueTypeStr:
		return String(src.Str()), true
	case pcommon.ValueTypeInt:
		return Integer(src.Int()), true
	case pcommon.ValueTypeDouble:
		return Double(src.Double()), true
	case pcommon.ValueTypeBool:
		return Boolean(src.Bool()), true
	case pcommon.ValueTypeSlice:
		list := emptyList()
		for i := range src.Slice().Len() {
			element, ok := valueOf(src.Slice().At(i))
			if !ok || element.kind == pcommon.ValueTypeSlice {
				return Value{}, false
			}
			list.list = append(list.list, element)
		}
		return list, true
	default:
		return Value{}, false
	}
}

// Attribute is one entry of an open field.
type Attribute struct {
	// Key is the attribute's key on a record: the field's path, a dot and the
	// entry's own name, as in features.age.
	Key   string
	Value Value
}

// Name gives the entry's own name.
func (a Attribute) Name() string {
	_, name, _ := strings.Cut(a.Key, ".")
	return name
}

// Attributes are the entries of an open field, in the order in which they came.
type Attributes []Attribute

func (v Value) isBool() bool    { return v.kind == pcommon.ValueTypeBool }
func (v Value) isInteger() bool { return v.kind == pcommon.ValueTypeInt }
func (v Value) isList() bool    { return v.kind == pcommon.ValueTypeSlice }
