// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import "go.opentelemetry.io/collector/pdata/plog"

// Workload is how busy a specialist and what it runs on are.
type Workload struct {
	Meta
	Specialist      Specialist
	Model           Model
	Component       string
	TokensPerSecond Float
	Cache           Cache
	Memory          Memory
	Batch           Batch
	GPU             GPU
}

// Cache counts hits and misses since the last report, or gives the rate.
type Cache struct {
	Type               string
	Hits, Misses, Rate Float
}

// HitRate gives hits / (hits + misses), or the rate that was given; absent where
// nothing was asked of the cache.
func (c *Cache) HitRate() Float {
	if c.Rate.Set {
		return c.Rate
	}
	asked := c.Hits.Value + c.Misses.Value
	if !c.Hits.Set || asked <= 0 {
		return Float{}
	}
	return Some(c.Hits.Value / asked)
}

// Memory is what a component uses of a kind of memory, in bytes.
type Memory struct {
	Component, Type string
	Used, Total     Float
}

// Batch is how much of a batch's room was used.
type Batch struct{ Used, Total Float }

// GPU is the share of a device that a specialist has.
type GPU struct {
	ID                 string
	UtilizationPercent Float // 0 to 100
	MemoryBytes        Float
}

// Severity implements Event.
func (*Workload) Severity() plog.SeverityNumber { return plog.SeverityNumberInfo }

func (w *Workload) reset()      { *w = Workload{} }
func (*Workload) table() *table { return workloadTable }

var workloadTable = newTable(TypeWorkload, NameWorkload, func() Event { return new(Workload) }, checkWorkload, join(
	metaFields(requestIDOptional),
	specialistFields(func(w *Workload) *Specialist { return &w.Specialist }),
	modelFields(func(w *Workload) *Model { return &w.Model }),
	fields{
		text("component", "whose figures these are", func(w *Workload) *string { return &w.Component }),
		double("tokens_per_second", "tokens that come out per second", func(w *Workload) *Float { return &w.TokensPerSecond }).notNegative(),
		text("cache.type", "which cache, such as prefix", func(w *Workload) *string { return &w.Cache.Type }),
		double("cache.hits", "look-ups that found something since the last report", func(w *Workload) *Float { return &w.Cache.Hits }).notNegative(),
		double("cache.misses", "look-ups that found nothing since the last report", func(w *Workload) *Float { return &w.Cache.Misses }).notNegative(),
		double("cache.rate", "share of the look-ups that found something", func(w *Workload) *Float { return &w.Cache.Rate }).upTo(1),
		text("memory.component", "what uses the memory", func(w *Workload) *string { return &w.Memory.Component }),
		text("memory.type", "kind of memory, such as gpu or ram", func(w *Workload) *string { return &w.Memory.Type }),
		double("memory.used", "bytes in use", func(w *Workload) *Float { return &w.Memory.Used }).notNegative(),
		double("memory.total", "bytes there are", func(w *Workload) *Float { return &w.Memory.Total }).notNegative(),
		double("batch.used", "requests in the batch", func(w *Workload) *Float { return &w.Batch.Used }).notNegative(),
		double("batch.total", "requests that the batch has room for", func(w *Workload) *Float { return &w.Batch.Total }).notNegative(),
		text("gpu.id", "device, as nvidia-smi numbers it or its UUID", func(w *Workload) *string { return &w.GPU.ID }).anyScalar(),
		double("gpu.utilization_percent", "how busy the device is", func(w *Workload) *Float { return &w.GPU.UtilizationPercent }).upTo(100),
		double("gpu.memory_bytes", "bytes of the device in use", func(w *Workload) *Float { return &w.GPU.MemoryBytes }).notNegative(),
	},
), shorthand{"model": "model.name"})

func checkWorkload(e Event) *Problem {
	w := e.(*Workload)
	for _, figure := range []Float{
		w.TokensPerSecond, w.Cache.Hits, w.Cache.Rate, w.Memory.Used, w.Batch.Used, w.GPU.UtilizationPercent, w.GPU.MemoryBytes,
	} {
		if figure.Set {
			return nil
		}
	}
	return &Problem{Code: CodeMissingField, Pointer: "/tokens_per_second", Message: "a workload needs one of tokens_per_second, cache.hits, cache.rate, memory.used, batch.used, gpu.utilization_percent, gpu.memory_bytes"}
}
