// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/metering"
)

// workload shows what a specialist reports of itself and of what it runs on.
func (c *counts) workload(w *event.Workload, at *occasion) {
	specialist := w.Specialist.Type
	component := w.Memory.Component
	if component == "" {
		component = w.Component
	}
	if w.Memory.Used.Set && w.Memory.Total.Set && w.Memory.Total.Value > 0 {
		c.to.memoryEfficiency.Set(at.now, &metering.Labels{orUnknown(component), orUnknown(w.Memory.Type)}, w.Memory.Used.Value/w.Memory.Total.Value)
	}
	if specialist == "" {
		return
	}
	if w.TokensPerSecond.Set {
		c.tokens.reported(specialist, w.Specialist.ID, w.TokensPerSecond.Value, at.now)
	}
	if rate := w.Cache.HitRate(); rate.Set {
		c.to.cacheHitRate.Set(at.now, &metering.Labels{orUnknown(w.Cache.Type), specialist}, rate.Value)
	}
	if w.Batch.Used.Set && w.Batch.Total.Set && w.Batch.Total.Value > 0 {
		c.to.batchEfficiency.Set(at.now, &metering.Labels{specialist}, w.Batch.Used.Value/w.Batch.Total.Value)
	}
	if w.Memory.Used.Set {
		c.reported.set(specialist, orUnknown(w.Memory.Type), w.Specialist.ID, w.Memory.Used.Value, at.now)
	}
	if w.GPU.UtilizationPercent.Set {
		c.to.specialistGPU.Set(at.now, &metering.Labels{specialist, orUnknown(w.GPU.ID)}, w.GPU.UtilizationPercent.Value)
	}
	if w.GPU.MemoryBytes.Set && (!w.Memory.Used.Set || w.Memory.Type != "gpu") {
		c.reported.set(specialist, "gpu", w.Specialist.ID+"/"+w.GPU.ID, w.GPU.MemoryBytes.Value, at.now)
	}
}
