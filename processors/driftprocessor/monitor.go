// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
	"github.com/llm-guardian/otelcol-guardian/internal/grouping"
	"github.com/llm-guardian/otelcol-guardian/internal/series"
)

// Attribute keys of verdicts, and of what most monitors group by.
const (
	keyModelName    = "model.name"
	keyModelVersion = "model.version"
	keyFeatureName  = "feature.name"
	keySeverity     = "severity"
)

// maxFeatureName is the length of the longest name of a feature.
const maxFeatureName = 256

// monitor is a monitor at work.
type monitor struct {
	config     *MonitorConfig
	settings   drift.Settings // with the budget of all groups
	attributes []label        // those of the configuration, sorted
	groups     map[string]*group
	references *references // nil without a file
	tally      tally

	// Of metrics; series is nil in logs pipelines.
	series     *series.Store[pointState]
	evicted    func(series.Ref, *pointState)
	histograms histograms
	numbered   []*group // by number; nil where there is none
	unused     []uint32 // numbers of groups that are gone

	last    *group // that a record belonged to; nil if it is gone
	key     []byte // scratch
	present map[*drift.Feature]struct{}
}

// label is an attribute of verdicts.
type label struct{ key, value string }

func newMonitor(config *MonitorConfig) *monitor {
	m := &monitor{config: config, settings: config.settings(), groups: map[string]*group{}, numbered: []*group{nil}, present: map[*drift.Feature]struct{}{}}
	for _, key := range slices.Sorted(maps.Keys(config.Attributes)) {
		m.attributes = append(m.attributes, label{key, config.Attributes[key]})
	}
	if config.Reference.File != "" {
		m.references = newReferences(m)
	}
	return m
}

// group gives the group of a record, which it makes if there is room; else nil. fields are the keys of each key of group_by.
func (m *monitor) group(p *grouping.Place, fields [][]string, now time.Time) *group {
	if m.last != nil && m.last.holds(p, fields) {
		return m.last
	}
	m.key = m.key[:0]
	for _, keys := range fields {
		v, ok := p.Find(keys)
		m.key = grouping.AppendValue(m.key, v, ok)
	}
	if g := m.groups[string(m.key)]; g != nil {
		m.last = g
		return g
	}
	if len(m.groups) >= m.config.Limits.Groups {
		m.tally.limited[tableGroups]++
		return nil
	}
	return m.addGroup(string(m.key), now)
}

// holds says whether the record is sure to belong to the group: most have the group of the one before. Values that are no texts, or
// empty, do not tell.
func (g *group) holds(p *grouping.Place, fields [][]string) bool {
	for i, keys := range fields {
		v, ok := p.Find(keys)
		if !ok || v.Type() != pcommon.ValueTypeStr || g.values[i] == "" || v.Str() != g.values[i] {
			return false
		}
	}
	return true
}

// addGroup makes a group. Its file, if the monitor has one, is read by the loader.
func (m *monitor) addGroup(key string, now time.Time) *group {
	values, _ := grouping.Values(key, len(m.config.GroupBy))
	g := &group{monitor: m, key: key, values: values, seen: now}
	g.drift, _ = drift.NewGroup(m.settings) // the settings were validated
	m.groups[key] = g
	m.giveNumber(g)
	if m.references == nil {
		g.ready = true
	} else {
		m.references.add(g)
	}
	return g
}

// giveNumber gives a group a number, by which series know it.
func (m *monitor) giveNumber(g *group) {
	if last := len(m.unused) - 1; last >= 0 {
		g.number, m.unused = m.unused[last], m.unused[:last]
		m.numbered[g.number] = g
		return
	}
	g.number = uint32(len(m.numbered))
	m.numbered = append(m.numbered, g)
}

// takeNumbers makes the numbers of groups that are gone free again, once no series knows them.
func (m *monitor) takeNumbers(gone []uint32) {
	for _, number := range gone {
		m.numbered[number] = nil
	}
	if m.series != nil && len(gone) > 0 {
		for _, state := range m.series.All() {
			if m.numbered[state.group] == nil {
				state.group = 0
			}
		}
	}
	m.unused = append(m.unused, gone...)
}

// forget removes groups for which nothing has come for long.
func (m *monitor) forget(now time.Time) {
	var gone []uint32
	for key, g := range m.groups {
		if now.Sub(g.seen) > m.config.Limits.IdleAfter {
			gone = append(gone, g.number)
			delete(m.groups, key)
			if m.references != nil {
				m.references.remove(g)
			}
		}
	}
	if len(gone) > 0 {
		m.last = nil
	}
	m.takeNumbers(gone)
}

// inOrder gives the groups in an order that does not change.
func (m *monitor) inOrder() []*group {
	groups := make([]*group, 0, len(m.groups))
	for _, key := range slices.Sorted(maps.Keys(m.groups)) {
		groups = append(groups, m.groups[key])
	}
	return groups
}

// featureAt is feature for the value that comes i-th in a record: mostly it is of the same feature as in the record before.
func (m *monitor) featureAt(g *group, i int, name string, v pcommon.Value) *drift.Feature {
	if i < len(g.order) && g.order[i].Name() == name {
		return g.order[i]
	}
	f := m.feature(g, name, v)
	switch {
	case f == nil:
	case i < len(g.order):
		g.order[i] = f
	case i == len(g.order):
		g.order = append(g.order, f)
	}
	return f
}

// feature gives the feature of a name, which it makes of the kind that the configuration, the reference or the value says. It
// gives nil, and counts that, where there is no room or no kind.
func (m *monitor) feature(g *group, name string, v pcommon.Value) *drift.Feature {
	if f := g.drift.Find(name); f != nil {
		return f
	}
	if len(name) > maxFeatureName || len(g.drift.Features()) >= m.config.Limits.Features {
		m.tally.limited[tableFeatures]++
		return nil
	}
	kind, ok := m.kind(g, name, v)
	if !ok {
		return nil
	}
	return m.addFeature(g, name, kind)
}

func (m *monitor) addFeature(g *group, name string, kind drift.Kind) *drift.Feature {
	f := g.drift.Feature(strings.Clone(name), kind)
	if f != nil {
		g.refer(f)
	}
	return f
}

func (m *monitor) kind(g *group, name string, v pcommon.Value) (kind drift.Kind, ok bool) {
	switch m.config.Type {
	case typeNumeric:
		return drift.Numeric, true
	case typeCategorical:
		return drift.Categorical, true
	}
	if r := g.reference(name); r != nil && r.Kind() != drift.Aggregated {
		return r.Kind(), true
	}
	switch v.Type() {
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		return drift.Numeric, true
	case pcommon.ValueTypeStr, pcommon.ValueTypeBool:
		return drift.Categorical, true
	case pcommon.ValueTypeEmpty:
		return 0, false
	default:
		m.tally.rejected[reasonUnsupported]++
		return 0, false
	}
}

// measure makes a value of an attribute; ok is false where it is neither a value nor a missing one.
func (m *monitor) measure(f *drift.Feature, v pcommon.Value) (value drift.Value, ok bool) {
	value.Feature = f
	if f.Kind() == drift.Numeric {
		value.Number, ok = m.number(v)
		return value, ok
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return f.Category(v.Str()), true
	case pcommon.ValueTypeBool:
		value.Category = strconv.FormatBool(v.Bool())
	case pcommon.ValueTypeInt:
		value.Category = strconv.FormatInt(v.Int(), 10)
	case pcommon.ValueTypeDouble:
		value.Category, value.Missing = strconv.FormatFloat(v.Double(), 'g', -1, 64), v.Double() != v.Double()
	case pcommon.ValueTypeEmpty:
		value.Missing = true
	default:
		m.tally.rejected[reasonUnsupported]++
		return value, false
	}
	return value, true
}

// number gives the number of an attribute. What stands in its place, such as a string, is a missing value, and is counted.
func (m *monitor) number(v pcommon.Value) (float64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeDouble:
		return v.Double(), true
	case pcommon.ValueTypeInt:
		return float64(v.Int()), true
	case pcommon.ValueTypeEmpty:
		return nan, true
	case pcommon.ValueTypeStr, pcommon.ValueTypeBool:
		m.tally.rejected[reasonWrongType]++
		return nan, true
	default:
		m.tally.rejected[reasonUnsupported]++
		return 0, false
	}
}

// addAbsent adds a missing value for every feature of the group that a row lacks.
func (m *monitor) addAbsent(g *group, b *batch, first int) {
	features := g.drift.Features()
	if len(b.values)-first >= len(features) {
		return
	}
	clear(m.present)
	for _, v := range b.values[first:] {
		m.present[v.Feature] = struct{}{}
	}
	for _, f := range features {
		if _, there := m.present[f]; !there {
			b.values = append(b.values, drift.Value{Feature: f, Number: nan, Missing: true})
		}
	}
}
