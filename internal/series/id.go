// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// level is a part of an identity. Levels below come after levels above, in keys and in labels.
type level byte

const (
	levelResource level = iota
	levelScope
	levelMetric
	levelAttributes
)

// ID is the identity of a series, or of what series have in common: every method takes an ID one level down and leaves
// its receiver as it was. Levels may be left out, but those that are given must come in the order Resource, Scope,
// Metric, Attributes (or Select). The zero ID has no level.
//
// An ID borrows from the data that it was made of: it is good until they are handed on or changed. Its [Key] borrows
// nothing.
type ID struct {
	key   Key
	group Key // the key without the attributes

	given      [levelAttributes + 1]bool
	resource   pcommon.Resource
	scope      pcommon.InstrumentationScope
	metric     pmetric.Metric
	attributes pcommon.Map
	selector   *Selector
}

// Key returns the key of the ID.
func (id *ID) Key() Key { return id.key }

// Resource adds the attributes of a resource. Schema URLs are no part of an identity.
func (id ID) Resource(r pcommon.Resource) ID {
	id.resource = r
	return id.down(levelResource, hashMap(r.Attributes(), 0))
}

// Scope adds name, version and attributes of an instrumentation scope.
func (id ID) Scope(s pcommon.InstrumentationScope) ID {
	id.scope = s
	return id.down(levelScope, hashScope(hashString(s.Name()), hashString(s.Version()), hashMap(s.Attributes(), 0)))
}

// Metric adds name, unit, type, temporality and monotonicity of a metric; its description and metadata are no part of
// its identity.
func (id ID) Metric(m pmetric.Metric) ID {
	id.metric = m
	return id.down(levelMetric, hashMetric(hashString(m.Name()), hashString(m.Unit()), kindOf(m)))
}

func (id ID) down(l level, content Key) ID {
	id.key = id.key.level(l, content)
	id.group = id.key
	id.given[l] = true
	return id
}

// Attributes adds the attributes of a data point, log record or span.
func (id ID) Attributes(m pcommon.Map) ID {
	id.key = id.AttributesKey(m)
	id.given[levelAttributes] = true
	id.attributes, id.selector = m, nil
	return id
}

// AttributesKey returns the key of Attributes(m), without the rest of that ID.
func (id *ID) AttributesKey(m pcommon.Map) Key {
	return id.group.level(levelAttributes, hashMap(m, 0))
}

// Select adds those attributes that the selector names, each looked up in the attributes of the point or record, then
// of its scope, then of its resource. The series is the same as that of Attributes with just these; one that is found
// nowhere is left out, which is not the same as found and empty.
func (id ID) Select(sel *Selector, m pcommon.Map, s pcommon.InstrumentationScope, r pcommon.Resource) ID {
	id.given[levelAttributes] = true
	id.attributes, id.scope, id.resource, id.selector = m, s, r, sel
	id.key = id.SelectKey(sel, m, s, r)
	return id
}

// SelectKey returns the key of Select(sel, m, s, r), without the rest of that ID.
func (id *ID) SelectKey(sel *Selector, m pcommon.Map, s pcommon.InstrumentationScope, r pcommon.Resource) Key {
	var sum Key
	for i, name := range sel.names {
		if v, ok := lookup(name, m, s, r); ok {
			sum = sum.plus(hashNamed(sel.hashes[i], v, 0))
		}
	}
	return id.group.level(levelAttributes, sum)
}

func (id *ID) lookup(name string) (pcommon.Value, bool) {
	return lookup(name, id.attributes, id.scope, id.resource)
}

func lookup(name string, m pcommon.Map, s pcommon.InstrumentationScope, r pcommon.Resource) (pcommon.Value, bool) {
	if v, ok := m.Get(name); ok {
		return v, true
	}
	if v, ok := s.Attributes().Get(name); ok {
		return v, true
	}
	return r.Attributes().Get(name)
}

// Selector is a list of attribute keys to group by, see [ID.Select].
type Selector struct {
	names  []string
	hashes []Key
}

// NewSelector returns a selector of the given keys. Their order and repetitions do not matter.
func NewSelector(keys ...string) *Selector {
	sel := &Selector{names: slices.Clone(keys)}
	slices.Sort(sel.names)
	sel.names = slices.Compact(sel.names)
	for _, name := range sel.names {
		sel.hashes = append(sel.hashes, hashString(name))
	}
	return sel
}

// kind is what the type of a metric contributes to its identity.
type kind struct {
	metricType  pmetric.MetricType
	temporality pmetric.AggregationTemporality
	monotonic   bool
}

func kindOf(m pmetric.Metric) kind {
	k := kind{metricType: m.Type()}
	switch k.metricType {
	case pmetric.MetricTypeSum:
		k.temporality, k.monotonic = m.Sum().AggregationTemporality(), m.Sum().IsMonotonic()
	case pmetric.MetricTypeHistogram:
		k.temporality = m.Histogram().AggregationTemporality()
	case pmetric.MetricTypeExponentialHistogram:
		k.temporality = m.ExponentialHistogram().AggregationTemporality()
	}
	return k
}

func hashMetric(name, unit Key, k kind) Key {
	return Key{}.then(name).then(unit).
		then(hashWord(pcommon.ValueTypeInt, uint64(k.metricType))).
		then(hashWord(pcommon.ValueTypeInt, uint64(k.temporality))).
		then(hashBool(k.monotonic))
}

func hashScope(name, version, attributes Key) Key {
	return Key{}.then(name).then(version).then(attributes)
}
