// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import "slices"

// newPlan says what has to be read for the metrics that are on.
func newPlan(config *Config, enabled *[metricCount]bool) plan {
	p := plan{maxProcesses: config.MaxProcesses}
	for _, point := range points {
		p.figures[point.figure] = p.figures[point.figure] || enabled[point.metric]
	}
	for _, id := range healthFigures {
		p.figures[id] = true
	}
	if slices.Contains(config.Compat, compatNVIDIASMI) {
		want(&p, nvidiaSMIRows)
	}
	if slices.Contains(config.Compat, compatDCGM) {
		want(&p, dcgmRows)
	}
	if len(config.Specialists) > 0 {
		p.figures[figUtilization], p.figures[figMemoryUsed] = true, true
	}
	// A MIG device has no utilisation but what its counters say.
	p.figures[figGraphicsActivity] = p.figures[figGraphicsActivity] || p.figures[figUtilization]
	for class, of := range classes {
		p.classes[class] = slices.ContainsFunc(of.figures, func(id figureID) bool { return p.figures[id] })
	}
	p.classes[classFans] = enabled[hwFanSpeedRatio]
	p.classes[classProcesses] = wantsProcesses(config)
	p.classes[classProcessUtilization] = enabled[processUtilization] || p.classes[classProcesses] && len(config.Specialists) > 0
	return p
}

func want(p *plan, rows []row) {
	for _, row := range rows {
		p.figures[row.figure] = true
	}
}
