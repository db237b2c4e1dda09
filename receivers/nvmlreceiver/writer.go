// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/metadata"
)

const vendor = "NVIDIA"

// writer turns readings into metrics.
type writer struct {
	enabled *[metricCount]bool
	points  []point // those whose metric is on
	serial  bool
	smi     *nvidiaSMI // nil unless asked for
	dcgm    *dcgm      // nil unless asked for
	own     [metricCount]pmetric.NumberDataPointSlice
	made    [metricCount]bool
	// sizes are how many points each metric had last time.
	sizes [metricCount]int
	scope pmetric.MetricSlice
	now   pcommon.Timestamp
	pairs []pair // scratch
}

func newWriter(config *Config, enabled *[metricCount]bool) *writer {
	w := &writer{enabled: enabled, serial: config.SerialNumber}
	for _, point := range points {
		if enabled[point.metric] {
			w.points = append(w.points, point)
		}
	}
	for _, spelling := range config.Compat {
		switch spelling {
		case compatNVIDIASMI:
			w.smi = &nvidiaSMI{}
		case compatDCGM:
			w.dcgm = newDCGM()
		}
	}
	return w
}

// write makes the metrics of one scrape. There are none until a GPU has been seen.
func (w *writer) write(e *engine) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	if len(e.gpus) == 0 {
		return metrics
	}
	scope := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	w.scope, w.now, w.made = scope.Metrics(), timestamp(time.Now()), [metricCount]bool{}
	w.scope.EnsureCapacity(int(metricCount))
	for _, gpu := range e.gpus {
		w.gpu(e, gpu)
	}
	w.count(e.gpus)
	e.joiner.write(w, e)
	if w.smi != nil {
		w.smi.write(w, e)
	}
	if w.dcgm != nil {
		w.dcgm.write(w, e)
	}
	return metrics
}

// metric gives the points of a metric, which it begins if need be.
func (w *writer) metric(id metricID) pmetric.NumberDataPointSlice {
	if !w.made[id] {
		of := &catalogue[id]
		w.own[id], w.made[id] = begin(w.scope, of.name, of.unit, of.description, of.kind), true
		w.own[id].EnsureCapacity(w.sizes[id])
	}
	return w.own[id]
}

func begin(scope pmetric.MetricSlice, name, unit, description string, kind kind) pmetric.NumberDataPointSlice {
	metric := scope.AppendEmpty()
	metric.SetName(name)
	metric.SetUnit(unit)
	metric.SetDescription(description)
	if kind == gauge {
		return metric.SetEmptyGauge().DataPoints()
	}
	sum := metric.SetEmptySum()
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	sum.SetIsMonotonic(kind == counter)
	return sum.DataPoints()
}

// add writes a point with the attributes of an entity and some more.
func (w *writer) add(id metricID, start time.Time, value float64, of, more []pair) pmetric.NumberDataPoint {
	points := w.metric(id)
	point := points.AppendEmpty()
	w.sizes[id] = max(w.sizes[id], points.Len())
	point.SetTimestamp(w.now)
	if catalogue[id].kind != gauge {
		point.SetStartTimestamp(timestamp(start))
	}
	if catalogue[id].integer {
		point.SetIntValue(int64(value))
	} else {
		point.SetDoubleValue(value)
	}
	attributes := point.Attributes()
	attributes.EnsureCapacity(len(of) + len(more))
	put(attributes, of)
	put(attributes, more)
	return point
}

func timestamp(t time.Time) pcommon.Timestamp { return pcommon.NewTimestampFromTime(t) }

func put(attributes pcommon.Map, pairs []pair) {
	for _, pair := range pairs {
		attributes.PutStr(pair.key, pair.value)
	}
}

func (w *writer) gpu(e *engine, gpu *gpu) {
	entity := w.entity(e, gpu, gpu.UUID, gpu.Name)
	w.status(gpu, entity)
	w.xids(gpu, entity)
	if !gpu.seen {
		return
	}
	w.info(e, gpu, entity)
	if gpu.last == nil || gpu.last.err != nil {
		return
	}
	w.figures(&gpu.last.figures, gpu.start, entity)
	w.fans(e, gpu)
	w.processes(e, gpu)
	for i := range gpu.last.instances {
		w.instance(e, gpu, &gpu.last.instances[i])
	}
}

// entity are the attributes that every point of a GPU or MIG device has.
func (w *writer) entity(e *engine, gpu *gpu, uuid, name string) []pair {
	pairs := w.pairs[:0]
	pairs = append(pairs, pair{keyID, uuid}, pair{keyName, name}, pair{keyVendor, vendor})
	if uuid != gpu.UUID {
		pairs = append(pairs, pair{keyParent, gpu.UUID})
	}
	if w.serial && gpu.Serial != "" {
		pairs = append(pairs, pair{keySerial, gpu.Serial})
	}
	if owner, known := e.owner(uuid); known {
		pairs = append(pairs, pair{keyPod, owner.Pod}, pair{keyNamespace, owner.Namespace}, pair{keyContainer, owner.Container})
	}
	w.pairs = pairs
	return pairs
}

func (w *writer) figures(of *figures, start time.Time, entity []pair) {
	for i := range w.points {
		point := &w.points[i]
		if value, known := of.get(point.figure); known {
			w.add(point.metric, start, value, entity, point.pairs)
		}
	}
}

// statePairs are the attributes of each state, made once.
var statePairs = func() [][]pair {
	var pairs [][]pair
	for _, state := range states {
		pairs = append(pairs, []pair{{keyType, typeGPU}, {keyState, state}})
	}
	return pairs
}()

func (w *writer) status(gpu *gpu, entity []pair) {
	if !w.enabled[hwStatus] {
		return
	}
	current := gpu.state()
	for i, state := range states {
		w.add(hwStatus, gpu.since, oneIf(state == current), entity, statePairs[i])
	}
}

func (w *writer) xids(gpu *gpu, entity []pair) {
	if !w.enabled[xidErrors] {
		return
	}
	for _, code := range gpu.xids.codes() {
		point := w.add(xidErrors, gpu.since, float64(gpu.xids.byCode[code]), entity, nil)
		point.Attributes().PutInt(keyXID, int64(code))
	}
	if gpu.xids.overflow > 0 {
		point := w.add(xidErrors, gpu.since, float64(gpu.xids.overflow), entity, nil)
		point.Attributes().PutBool(keyOverflow, true)
	}
}

func (w *writer) info(e *engine, gpu *gpu, entity []pair) {
	if w.enabled[gpuInfo] {
		w.add(gpuInfo, gpu.start, 1, entity, []pair{
			{keyIndex, strconv.Itoa(gpu.index)},
			{keyBusID, gpu.PCIBusID},
			{keyDriver, e.versions.Driver},
			{keyFirmware, gpu.VBIOS},
			{keyCUDA, e.versions.CUDA},
		})
	}
}

func (w *writer) instance(e *engine, gpu *gpu, of *instance) {
	entity := w.entity(e, gpu, of.UUID, of.Name)
	w.figures(&of.figures, gpu.start, entity)
	if w.enabled[gpuInfo] {
		w.add(gpuInfo, gpu.start, 1, entity, []pair{
			{keyIndex, strconv.Itoa(gpu.index)},
			{keyMIGProfile, of.Profile},
			{keyGPUInstance, strconv.Itoa(of.GPUInstance)},
			{keyCompute, strconv.Itoa(of.ComputeInstance)},
		})
	}
}

func (w *writer) fans(e *engine, gpu *gpu) {
	if !w.enabled[hwFanSpeedRatio] {
		return
	}
	for fan, speed := range gpu.last.fans {
		entity := w.entity(e, gpu, gpu.UUID+"/fan"+strconv.Itoa(fan), "fan "+strconv.Itoa(fan))
		w.add(hwFanSpeedRatio, gpu.start, speed, entity, nil)
	}
}

func (w *writer) count(gpus []*gpu) {
	if !w.enabled[gpuCount] {
		return
	}
	lost := 0
	for _, gpu := range gpus {
		if gpu.lost != nil {
			lost++
		}
	}
	w.add(gpuCount, time.Time{}, float64(len(gpus)-lost), nil, []pair{{keyGPUState, "present"}})
	w.add(gpuCount, time.Time{}, float64(lost), nil, []pair{{keyGPUState, "lost"}})
}
