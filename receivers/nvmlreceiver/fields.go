// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
)

// field says which figure a field of NVML is.
type field struct {
	id, scope uint32
	figure    figureID
	// scale turns NVML's unit into ours.
	scale float64
	// slow fields cost milliseconds and are asked for by themselves.
	slow bool
	// wraps fields are counters that start again at 0.
	wraps bool
}

const (
	fromMilli = 1e-3
	fromNano  = 1e-9
	fromKibi  = 1 << 10
)

// Stand-ins for the fields whose numbers depend on the driver.
const (
	fieldSoftwareThermal = iota + 1<<20
	fieldHardwareThermal
	fieldPowerBrake
)

var fields = []field{
	{id: driver.FieldPowerInstant, figure: figPower, scale: fromMilli},
	{id: driver.FieldPowerCurrentLimit, figure: figPowerLimit, scale: fromMilli},
	{id: driver.FieldPowerDefaultLimit, figure: figPowerDefaultLimit, scale: fromMilli},
	{id: driver.FieldPowerRequestedLimit, figure: figPowerRequestedLimit, scale: fromMilli},
	{id: driver.FieldPowerMinLimit, figure: figPowerMinLimit, scale: fromMilli},
	{id: driver.FieldPowerMaxLimit, figure: figPowerMaxLimit, scale: fromMilli},
	{id: driver.FieldThrottlePowerCap, figure: figThrottledPowerCap, scale: fromNano},
	{id: driver.FieldThrottleSyncBoost, figure: figThrottledSyncBoost, scale: fromNano},
	{id: fieldSoftwareThermal, figure: figThrottledSoftwareThermal, scale: fromNano},
	{id: fieldHardwareThermal, figure: figThrottledHardwareThermal, scale: fromNano},
	{id: fieldPowerBrake, figure: figThrottledPowerBrake, scale: fromNano},
	{id: driver.FieldECCCorrectedVolatile, figure: figECCCorrectedVolatile, scale: 1},
	{id: driver.FieldECCUncorrectedVolatile, figure: figECCUncorrectedVolatile, scale: 1},
	{id: driver.FieldECCCorrectedAggregate, figure: figECCCorrectedAggregate, scale: 1},
	{id: driver.FieldECCUncorrectedAggregate, figure: figECCUncorrectedAggregate, scale: 1},
	{id: driver.FieldPCIeReplay, figure: figPCIeReplay, scale: 1},
	{id: driver.FieldNVLinkCRCFlit, figure: figNVLinkCRCFlit, scale: 1},
	{id: driver.FieldNVLinkCRCData, figure: figNVLinkCRCData, scale: 1},
	{id: driver.FieldNVLinkReplay, figure: figNVLinkReplay, scale: 1},
	{id: driver.FieldNVLinkRecovery, figure: figNVLinkRecovery, scale: 1},
	{id: driver.FieldRemappedCorrectable, figure: figRemappedCorrectable, scale: 1},
	{id: driver.FieldRemappedUncorrectable, figure: figRemappedUncorrectable, scale: 1},
	{id: driver.FieldRemapPending, figure: figRemapPending, scale: 1},
	{id: driver.FieldRemapFailure, figure: figRemapFailure, scale: 1},
	{id: driver.FieldRecoveryAction, figure: figRecoveryAction, scale: 1},
	{id: driver.FieldPCIeSent, figure: figPCIeSent, scale: 1, wraps: true},
	{id: driver.FieldPCIeReceived, figure: figPCIeReceived, scale: 1, wraps: true},
	{id: driver.FieldNVLinkSent, scope: driver.AllLinks, figure: figNVLinkSent, scale: fromKibi, wraps: true},
	{id: driver.FieldNVLinkReceived, scope: driver.AllLinks, figure: figNVLinkReceived, scale: fromKibi, wraps: true},
	{id: driver.FieldMemoryTemperature, figure: figTemperatureMemory, scale: 1, slow: true},
	{id: driver.FieldPowerAverage, figure: figPowerAverage, scale: fromMilli, slow: true},
}

// healthFigures are wanted whatever metrics are on: the state of a GPU needs them.
var healthFigures = []figureID{figRecoveryAction, figRemapPending, figRemapFailure, figThrottleReasons, figMIGCurrent}

func fieldFigures(slow bool) []figureID {
	var figures []figureID
	for _, field := range fields {
		if field.slow == slow {
			figures = append(figures, field.figure)
		}
	}
	return figures
}

// batch are fields that are asked for with one call. What a GPU does not have
// is not asked for again.
type batch struct {
	fields []field
	values []driver.Field
}

// newBatch picks the wanted fields with the numbers of a driver.
func newBatch(slow bool, wanted *[figureCount]bool, throttle driver.ThrottleFields) batch {
	var b batch
	for _, field := range fields {
		if field.slow != slow || !wanted[field.figure] {
			continue
		}
		switch field.id {
		case fieldSoftwareThermal:
			field.id = throttle.SoftwareThermal
		case fieldHardwareThermal:
			field.id = throttle.HardwareThermal
		case fieldPowerBrake:
			field.id = throttle.PowerBrake
		}
		b.fields = append(b.fields, field)
		b.values = append(b.values, driver.Field{ID: field.id, Scope: field.scope})
	}
	return b
}

// read asks for the fields. The failure of one is no failure of the others.
func (b *batch) read(device driver.Device, class class, into *reading, counters *counters) {
	if len(b.fields) == 0 {
		return
	}
	if err := device.Fields(b.values); err != nil {
		if into.failed(class, err) && isAbsent(err) {
			b.fields, b.values = nil, nil
		}
		return
	}
	kept := 0
	for i, value := range b.values {
		field := b.fields[i]
		switch {
		case value.Err == nil && field.wraps && value.Bits > 0:
			into.set(field.figure, counters.total(field.figure, value)*field.scale)
		case value.Err == nil:
			into.set(field.figure, value.Value*field.scale)
		case isAbsent(value.Err):
			continue
		default:
			into.failed(class, value.Err)
		}
		b.fields[kept], b.values[kept] = field, driver.Field{ID: value.ID, Scope: value.Scope}
		kept++
	}
	b.fields, b.values = b.fields[:kept], b.values[:kept]
}

func (r *reader) readFields(into *reading) { r.fast.read(r.device, classFields, into, r.counters) }

func (r *reader) readSlowFields(into *reading) {
	r.slow.read(r.device, classSlowFields, into, r.counters)
}
