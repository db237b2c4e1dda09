// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// comparison is one value beside what nvidia-smi said before and after it.
type comparison struct {
	uuid, metric        string
	ours, before, later float64
	agrees              bool
}

// query is a column of nvidia-smi and the metric that shows the same.
type query struct {
	column, metric, key, value string
	// scale turns nvidia-smi's unit into ours, slack is what the two may differ by
	// beside what changed in between, in our unit.
	scale, slack float64
}

const mebibyte = 1 << 20

var queries = []query{
	{"utilization.gpu", "hw.gpu.utilization", "hw.gpu.task", "general", 0.01, 0.15},
	{"utilization.memory", "nvidia.gpu.memory.controller.utilization", "", "", 0.01, 0.15},
	{"memory.total", "hw.gpu.memory.limit", "", "", mebibyte, mebibyte},
	{"memory.used", "hw.gpu.memory.usage", "", "", mebibyte, mebibyte},
	{"memory.reserved", "nvidia.gpu.memory.reserved", "", "", mebibyte, mebibyte},
	{"power.draw.instant", "hw.power", "", "", 1, 50},
	{"enforced.power.limit", "nvidia.gpu.power.limit", "nvidia.limit", "enforced", 1, 0.01},
	{"power.limit", "nvidia.gpu.power.limit", "nvidia.limit", "requested", 1, 0.01},
	{"power.default_limit", "nvidia.gpu.power.limit", "nvidia.limit", "default", 1, 0.01},
	{"temperature.gpu", "hw.temperature", "hw.sensor_location", "gpu", 1, 2},
	{"temperature.memory", "hw.temperature", "hw.sensor_location", "memory", 1, 2},
	{"clocks.current.sm", "nvidia.gpu.clock.frequency", "nvidia.clock", "sm", 1e6, 100e6},
	{"clocks.current.memory", "nvidia.gpu.clock.frequency", "nvidia.clock", "memory", 1e6, 1e6},
	{"clocks.max.sm", "nvidia.gpu.clock.limit", "nvidia.clock", "sm", 1e6, 1e6},
	{"pcie.link.gen.current", "nvidia.gpu.pcie.link.generation", "nvidia.limit", "current", 1, 0},
	{"pcie.link.width.current", "nvidia.gpu.pcie.link.width", "nvidia.limit", "current", 1, 0},
	{"ecc.errors.uncorrected.volatile.total", "hw.errors", "error.type", "uncorrected", 1, 0},
	{"remapped_rows.uncorrectable", "nvidia.gpu.remapped_rows", "nvidia.remap.cause", "uncorrectable", 1, 0},
	{"clocks_event_reasons_counters.sw_power_cap", "nvidia.gpu.throttle.time", "nvidia.throttle.reason", "sw_power_cap", 1e-6, 1},
	{"clocks_event_reasons_counters.sw_thermal_slowdown", "nvidia.gpu.throttle.time", "nvidia.throttle.reason", "sw_thermal", 1e-6, 1},
	{"clocks_event_reasons_counters.hw_thermal_slowdown", "nvidia.gpu.throttle.time", "nvidia.throttle.reason", "hw_thermal", 1e-6, 1},
}

// values are nvidia-smi's, by UUID and column.
type values map[string]map[string]float64

// ask runs nvidia-smi once.
func ask(ctx context.Context) (values, error) {
	columns := []string{"uuid"}
	for _, query := range queries {
		columns = append(columns, query.column)
	}
	output, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu="+strings.Join(columns, ","), "--format=csv,noheader,nounits").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot ask nvidia-smi: %w", err)
	}
	return parse(string(output), columns)
}

// parse reads nvidia-smi's table. What it does not know, such as [N/A], is left out.
func parse(table string, columns []string) (values, error) {
	reader := csv.NewReader(strings.NewReader(table))
	reader.TrimLeadingSpace = true
	reader.FieldsPerRecord = len(columns)
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("cannot read what nvidia-smi wrote: %w", err)
	}
	found := values{}
	for _, row := range rows {
		of := map[string]float64{}
		for i, column := range columns[1:] {
			if value, err := strconv.ParseFloat(row[i+1], 64); err == nil {
				of[column] = value
			}
		}
		found[row[0]] = of
	}
	return found, nil
}

// compare asks nvidia-smi before and after another scrape.
func (l *lastScrape) compare(ctx context.Context, interval time.Duration) ([]comparison, error) {
	before, err := ask(ctx)
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, interval+interval/10); err != nil {
		return nil, err
	}
	after, err := ask(ctx)
	if err != nil {
		return nil, err
	}
	var compared []comparison
	l.each(func(metric pmetric.Metric, point pmetric.NumberDataPoint) {
		for _, query := range queries {
			if c, ok := query.compare(metric, point, before, after); ok {
				compared = append(compared, c)
			}
		}
	})
	return compared, nil
}

func (q query) compare(metric pmetric.Metric, point pmetric.NumberDataPoint, before, after values) (comparison, bool) {
	if metric.Name() != q.metric {
		return comparison{}, false
	}
	if value, has := point.Attributes().Get(q.key); q.key != "" && (!has || value.Str() != q.value) {
		return comparison{}, false
	}
	if scope, has := point.Attributes().Get("nvidia.ecc.scope"); has && scope.Str() != "volatile" {
		return comparison{}, false
	}
	id, _ := point.Attributes().Get("hw.id")
	first, known := before[id.Str()][q.column]
	second, still := after[id.Str()][q.column]
	if !known || !still {
		return comparison{}, false
	}
	ours := point.DoubleValue()
	if point.ValueType() == pmetric.NumberDataPointValueTypeInt {
		ours = float64(point.IntValue())
	}
	c := comparison{uuid: id.Str(), metric: q.metric + " " + q.value, ours: ours, before: first * q.scale, later: second * q.scale}
	c.agrees = ours >= min(c.before, c.later)-q.slack && ours <= max(c.before, c.later)+q.slack
	return c, true
}
