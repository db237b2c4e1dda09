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

func (v *Value) to(dst pcommon.Value) {
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
		for i := range v.list {
			v.list[i].to(slice.AppendEmpty())
		}
	default:
		dst.SetStr(v.text)
	}
}

// What an attribute of an open field must be, and was not.
const (
	notOpen   = "must be a string, a number, a bool or a list of these"
	notFinite = "must be a finite number"
)

// from reads the value of an attribute. It says what the attribute should have
// been, or nothing.
func (v *Value) from(src pcommon.Value) (problem string) {
	switch v.kind = src.Type(); v.kind {
	case pcommon.ValueTypeStr:
		v.text = src.Str()
	case pcommon.ValueTypeInt:
		v.i = src.Int()
	case pcommon.ValueTypeDouble:
		if v.f = src.Double(); !isFinite(v.f) {
			return notFinite
		}
	case pcommon.ValueTypeBool:
		*v = Boolean(src.Bool())
	case pcommon.ValueTypeSlice:
		return v.fromSlice(src.Slice())
	default:
		return notOpen
	}
	return ""
}

func (v *Value) fromSlice(src pcommon.Slice) (problem string) {
	v.list = make([]Value, src.Len())
	for i := range v.list {
		if src.At(i).Type() == pcommon.ValueTypeSlice {
			return notOpen
		}
		if problem := v.list[i].from(src.At(i)); problem != "" {
			return problem
		}
	}
	return ""
}

func isFinite(f float64) bool { return f-f == 0 }

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
