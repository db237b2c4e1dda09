// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// decodedLabels are the decoded labels of a series. Levels that the series does not have are empty.
type decodedLabels struct {
	Resource   pcommon.Resource
	Scope      pcommon.InstrumentationScope
	Metric     pmetric.Metric // name, unit, type, temporality and monotonicity; no points
	Attributes pcommon.Map
}

// decodeLabels decodes what [ID.AppendLabels] wrote. Any other input gives an error that wraps [ErrLabels], never a
// panic. Of a key that occurs twice in a map the last value is kept.
func decodeLabels(encoded []byte) (decodedLabels, error) {
	r := newReader(encoded)
	l := decodedLabels{pcommon.NewResource(), pcommon.NewInstrumentationScope(), pmetric.NewMetric(), pcommon.NewMap()}
	for previous := -1; r.Remaining() > 0; {
		next := r.level(previous)
		r.decodeLevel(next, &l)
		previous = int(next)
	}
	return l, r.err(encoded)
}

func (r *reader) decodeLevel(l level, to *decodedLabels) {
	switch l {
	case levelResource:
		r.decodeMap(to.Resource.Attributes(), 0)
	case levelScope:
		to.Scope.SetName(r.String())
		to.Scope.SetVersion(r.String())
		r.decodeMap(to.Scope.Attributes(), 0)
	case levelMetric:
		to.Metric.SetName(r.String())
		to.Metric.SetUnit(r.String())
		setKind(to.Metric, r.kind())
	case levelAttributes:
		r.decodeMap(to.Attributes, 0)
	}
}

func setKind(m pmetric.Metric, k kind) {
	switch k.metricType {
	case pmetric.MetricTypeGauge:
		m.SetEmptyGauge()
	case pmetric.MetricTypeSum:
		m.SetEmptySum().SetAggregationTemporality(k.temporality)
		m.Sum().SetIsMonotonic(k.monotonic)
	case pmetric.MetricTypeHistogram:
		m.SetEmptyHistogram().SetAggregationTemporality(k.temporality)
	case pmetric.MetricTypeExponentialHistogram:
		m.SetEmptyExponentialHistogram().SetAggregationTemporality(k.temporality)
	case pmetric.MetricTypeSummary:
		m.SetEmptySummary()
	}
}

func (r *reader) decodeMap(to pcommon.Map, depth int) {
	for range r.Count(1) {
		name := r.String()
		r.decodeValue(to.PutEmpty(name), depth)
		if r.Err() != nil {
			return
		}
	}
}

func (r *reader) decodeValue(to pcommon.Value, depth int) {
	switch r.valueType(depth) {
	case pcommon.ValueTypeStr:
		to.SetStr(r.String())
	case pcommon.ValueTypeInt:
		to.SetInt(int64(r.Uint64()))
	case pcommon.ValueTypeDouble:
		to.SetDouble(math.Float64frombits(r.Uint64()))
	case pcommon.ValueTypeBool:
		to.SetBool(r.Bool())
	case pcommon.ValueTypeBytes:
		to.SetEmptyBytes().FromRaw(r.Bytes())
	case pcommon.ValueTypeMap:
		r.decodeMap(to.SetEmptyMap(), depth+1)
	case pcommon.ValueTypeSlice:
		items := to.SetEmptySlice()
		for range r.Count(1) {
			r.decodeValue(items.AppendEmpty(), depth+1)
			if r.Err() != nil {
				return
			}
		}
	}
}
