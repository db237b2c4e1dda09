// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

const gpuMemory = 80 << 30 // bytes of a device

var (
	tenants    = []string{"acme", "globex", "initech", "umbrella", "wayne"}
	detectors  = []string{"personal_data", "secrets", "prompt_injection"}
	frameworks = []struct {
		name       string
		categories []string
	}{
		{"SOC2", []string{"CC6.1", "CC7.2"}},
		{"GDPR", []string{"art-5", "art-32"}},
		{"HIPAA", []string{"164.312"}},
	}
	violationSeverities = []string{"low", "medium", "high", "critical"}
)

// reportWorkload tells how busy a specialist is. The specialists take turns.
func (c *Cluster) reportWorkload(at time.Time) event.Event {
	i := int(c.counts.workloads % uint64(len(specialists)))
	c.counts.workloads++
	s, random := &specialists[i], c.sources.reports
	now := c.conditionOf(s, c.since(at))
	asked, rate := 200+random.IntN(800), 0.3+0.5*random.Float64()
	hits := float64(int(float64(asked) * rate))
	used := gpuMemory * (0.55 + 0.35*random.Float64())
	busy := min(35+50*random.Float64()+10*(now.latencyFactor-1), 100)
	w := &c.events.workload
	*w = event.Workload{
		Meta: event.Meta{Source: s.source}, Specialist: s.who(), Model: s.model, Component: s.id,
		TokensPerSecond: event.Some(round(s.output/s.latency*(0.8+0.4*random.Float64())/now.latencyFactor, 1)),
		Cache:           event.Cache{Type: "prefix", Hits: event.Some(hits), Misses: event.Some(float64(asked) - hits)},
		Memory:          event.Memory{Component: s.id, Type: "gpu", Used: event.Some(round(used, 0)), Total: event.Some[float64](gpuMemory)},
		Batch:           event.Batch{Used: event.Some(float64(1 + random.IntN(16))), Total: event.Some[float64](16)},
		GPU:             event.GPU{ID: s.gpu, UtilizationPercent: event.Some(round(busy, 1)), MemoryBytes: event.Some(round(used, 0))},
	}
	return w
}

// fail tells of an error that is no request's: of a specialist, of a guardian, or of
// another component.
func (c *Cluster) fail(time.Time) event.Event {
	random, f := c.sources.reports, &c.events.failure
	*f = event.Failure{Context: f.Context[:0]}
	f.Context = append(f.Context, event.Attribute{Key: "context.attempt", Value: event.Integer(int64(1 + random.IntN(3)))})
	switch draw := random.IntN(10); {
	case draw < 6:
		s := &specialists[random.IntN(len(specialists))]
		f.Meta = event.Meta{Source: s.source}
		f.Component, f.Specialist, f.Model = s.id, s.who(), s.model
		f.ErrorType, f.ErrorMessage, f.SeverityName = "cache_full", "no room for another sequence in the key-value cache", "warning"
	case draw < 9:
		g := &guardians[random.IntN(len(guardians))]
		f.Meta = event.Meta{Source: g.source}
		f.Component, f.GuardianType = g.id, g.kind
		f.ErrorType, f.ErrorMessage, f.SeverityName = "model_unavailable", "the model of the guardian does not answer", "high"
	default:
		f.Meta = event.Meta{Source: "/router"}
		f.Component = "router"
		f.ErrorType, f.ErrorMessage, f.SeverityName = "no_route", "no specialist takes requests of this kind", "error"
	}
	return f
}

// raiseAlert tells of a limit that an application watches itself.
func (c *Cluster) raiseAlert(time.Time) event.Event {
	random := c.sources.reports
	s := &specialists[random.IntN(len(specialists))]
	a := &c.events.alert
	*a = event.PerformanceAlert{
		Meta: event.Meta{Source: s.source}, Metric: "queue_length", Threshold: event.Some(50.0), Value: event.Some(float64(51 + random.IntN(100))),
		Component: s.id, SeverityName: "warning", Specialist: s.who(), Message: "the queue of the specialist grows",
	}
	return a
}

// detect tells of a run of a detector over a tenant's data.
func (c *Cluster) detect(time.Time) event.Event {
	random, d := c.sources.reports, &c.events.detection
	*d = event.Detection{
		Meta:         event.Meta{Source: "/detector", TenantID: pick(random, tenants)},
		DetectorType: pick(random, detectors), Status: event.StatusSuccess, Duration: event.Some(round(logNormal(random, 0.04, 0.5), 6)),
	}
	if chance(random, backgroundErrorShare) {
		d.Status = event.StatusError
	}
	return d
}

// mapFinding tells of a finding that was mapped to a framework.
func (c *Cluster) mapFinding(time.Time) event.Event {
	random, m := c.sources.reports, &c.events.mapping
	framework := pick(random, frameworks)
	c.counts.findings++
	*m = event.Mapping{
		Meta:      event.Meta{Source: "/compliance", TenantID: pick(random, tenants)},
		MappingID: c.id("mapping", c.counts.findings), Framework: framework.name, Category: pick(random, framework.categories),
		Confidence: event.Some(share(0.75 + 0.15*random.NormFloat64())),
	}
	return m
}

// violate tells of a breach of a framework.
func (c *Cluster) violate(time.Time) event.Event {
	random, v := c.sources.reports, &c.events.violation
	framework := pick(random, frameworks)
	c.counts.findings++
	*v = event.Violation{
		Meta:        event.Meta{Source: "/compliance", TenantID: pick(random, tenants)},
		ViolationID: c.id("violation", c.counts.findings), Framework: framework.name, Category: pick(random, framework.categories),
		SeverityName: pick(random, violationSeverities),
	}
	return v
}
