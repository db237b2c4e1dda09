// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func resourceOf(t testing.TB, raw map[string]any) pcommon.Resource {
	t.Helper()
	r := pcommon.NewResource()
	mapOf(t, raw).CopyTo(r.Attributes())
	return r
}

func scopeOf(t testing.TB, name, version string, raw map[string]any) pcommon.InstrumentationScope {
	t.Helper()
	s := pcommon.NewInstrumentationScope()
	s.SetName(name)
	s.SetVersion(version)
	mapOf(t, raw).CopyTo(s.Attributes())
	return s
}

func metricOf(name, unit string, fill func(pmetric.Metric)) pmetric.Metric {
	m := pmetric.NewMetric()
	m.SetName(name)
	m.SetUnit(unit)
	if fill != nil {
		fill(m)
	}
	return m
}

func TestLevelsAreToldApart(t *testing.T) {
	same := map[string]any{"a": "b"}
	r, s, m := resourceOf(t, same), scopeOf(t, "", "", same), mapOf(t, same)
	none := pcommon.NewMap()
	ids := map[string]ID{
		"nothing":             {},
		"resource":            ID{}.Resource(r),
		"scope":               ID{}.Scope(s),
		"attributes":          ID{}.Attributes(m),
		"resource and scope":  ID{}.Resource(r).Scope(s),
		"resource, attribute": ID{}.Resource(r).Attributes(m),
		"empty attributes":    ID{}.Resource(r).Attributes(none),
		"scope name":          ID{}.Scope(scopeOf(t, "x", "", nil)),
		"scope version":       ID{}.Scope(scopeOf(t, "", "x", nil)),
	}
	sum := func(temporality pmetric.AggregationTemporality, monotonic bool) func(pmetric.Metric) {
		return func(m pmetric.Metric) {
			m.SetEmptySum().SetAggregationTemporality(temporality)
			m.Sum().SetIsMonotonic(monotonic)
		}
	}
	for name, m := range map[string]pmetric.Metric{
		"metric without type": metricOf("m", "s", nil),
		"other unit":          metricOf("m", "ms", nil),
		"unit in name":        metricOf("ms", "", nil),
		"gauge":               metricOf("m", "s", func(m pmetric.Metric) { m.SetEmptyGauge() }),
		"counter":             metricOf("m", "s", sum(pmetric.AggregationTemporalityCumulative, true)),
		"delta counter":       metricOf("m", "s", sum(pmetric.AggregationTemporalityDelta, true)),
		"up-down counter":     metricOf("m", "s", sum(pmetric.AggregationTemporalityCumulative, false)),
		"histogram": metricOf("m", "s", func(m pmetric.Metric) {
			m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		}),
		"exponential histogram": metricOf("m", "s", func(m pmetric.Metric) {
			m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		}),
		"summary": metricOf("m", "s", func(m pmetric.Metric) { m.SetEmptySummary() }),
	} {
		ids[name] = ID{}.Metric(m)
	}
	seen := map[Key]string{}
	for name, id := range ids {
		assert.NotContains(t, seen, id.Key(), "%s has the key of %s", name, seen[id.Key()])
		seen[id.Key()] = name
	}
}

func TestIdentityIgnoresWhatDescribes(t *testing.T) {
	plain, described := metricOf("m", "s", nil), metricOf("m", "s", nil)
	described.SetDescription("how long it takes")
	described.Metadata().PutStr("k", "v")
	assert.Equal(t, ID{}.Metric(plain).key, ID{}.Metric(described).key)
}

func TestAttributesKeyIsKeyOfAttributes(t *testing.T) {
	group := ID{}.Resource(resourceOf(t, map[string]any{"r": 1}))
	m := mapOf(t, map[string]any{"a": "b"})
	id := group.Attributes(m)
	assert.Equal(t, id.Key(), group.AttributesKey(m))
}

func TestSelect(t *testing.T) {
	const name, version, region = "model.name", "model.version", "region"
	selector := NewSelector(region, name, version, name)
	resource := resourceOf(t, map[string]any{name: "of resource", region: "eu", "other": 1})
	scope := scopeOf(t, "scope", "1", map[string]any{name: "of scope", version: "2"})
	id := func(point, expected map[string]any) {
		t.Helper()
		selected := ID{}.Select(selector, mapOf(t, point), scope, resource)
		want := ID{}.Attributes(mapOf(t, expected))
		assert.Equal(t, want.Key(), selected.Key())

		restored, err := rekey(selected.AppendLabels(nil))
		assert.NoError(t, err)
		assert.Equal(t, selected.Key(), restored.key)
	}
	id(map[string]any{name: "of point", "noise": 3}, map[string]any{name: "of point", version: "2", region: "eu"})
	id(nil, map[string]any{name: "of scope", version: "2", region: "eu"})
	id(map[string]any{version: ""}, map[string]any{name: "of scope", version: "", region: "eu"})

	// What is absent everywhere is left out, which is not the same as empty.
	scope, resource = scopeOf(t, "", "", nil), resourceOf(t, nil)
	id(map[string]any{name: "x"}, map[string]any{name: "x"})
	id(map[string]any{name: "x", version: ""}, map[string]any{name: "x", version: ""})
}
