// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// identity is what a store needs to know of a series that comes as encoded labels.
type identity struct {
	key, group Key
	own        int // where the labels of the series itself begin, after those of its group
}

// rekey computes the identity of encoded labels under the secrets of this process, with no detour over pdata: a restart
// does this for every series.
func rekey(labels []byte) (identity, error) {
	r := newReader(labels)
	id := identity{own: len(labels)}
	for previous := -1; r.Remaining() > 0; {
		begin := len(labels) - r.Remaining()
		l := r.level(previous)
		id.key = id.key.level(l, r.hashLevel(l))
		if l == levelAttributes {
			id.own = begin
		} else {
			id.group = id.key
		}
		previous = int(l)
	}
	return id, r.err(labels)
}

func (r *reader) hashLevel(l level) Key {
	switch l {
	case levelScope:
		return hashScope(hashString(r.Bytes()), hashString(r.Bytes()), r.hashMap(0))
	case levelMetric:
		return hashMetric(hashString(r.Bytes()), hashString(r.Bytes()), r.kind())
	default:
		return r.hashMap(0)
	}
}

func (r *reader) hashMap(depth int) (sum Key) {
	for range r.Count(1) {
		name := hashString(r.Bytes())
		sum = sum.plus(r.hashNamed(name, depth))
	}
	return sum
}

func (r *reader) hashNamed(name Key, depth int) Key {
	t := r.valueType(depth)
	if t == pcommon.ValueTypeStr {
		return hashText(name, r.Bytes())
	}
	return hashAttribute(name, r.hashOf(t, depth))
}

func (r *reader) hashValue(depth int) Key { return r.hashOf(r.valueType(depth), depth) }

// hashOf hashes a value whose type was read.
func (r *reader) hashOf(t pcommon.ValueType, depth int) Key {
	switch t {
	case pcommon.ValueTypeStr:
		return hashString(r.Bytes())
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		return hashWord(t, r.Uint64())
	case pcommon.ValueTypeBool:
		return hashBool(r.Bool())
	case pcommon.ValueTypeBytes:
		return hashBytes(slices.All(r.Bytes()))
	case pcommon.ValueTypeMap:
		return secret.types[t].then(r.hashMap(depth + 1))
	case pcommon.ValueTypeSlice:
		return r.hashSlice(depth + 1)
	}
	return hashEmpty()
}

func (r *reader) hashSlice(depth int) Key {
	k := secret.types[pcommon.ValueTypeSlice]
	for range r.Count(1) {
		k = k.then(r.hashValue(depth))
	}
	return k
}
