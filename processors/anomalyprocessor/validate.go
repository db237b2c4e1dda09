// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly"
)

// Validate says everything that is wrong.
func (c *Config) Validate() error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	if c.CheckpointInterval < time.Second {
		fault("checkpoint_interval must be at least 1s (got %s)", c.CheckpointInterval)
	}
	if !(c.TrainingCPU > 0 && c.TrainingCPU <= 1) {
		fault("training_cpu must be above 0 and at most 1 (got %v)", c.TrainingCPU)
	}
	if len(c.Detectors) == 0 {
		fault("detectors must not be empty: say what to judge")
	}
	names := map[string]bool{}
	for i := range c.Detectors {
		d := &c.Detectors[i]
		for _, err := range d.faults() {
			fault("detectors::%d (%s): %w", i, d.Name, err)
		}
		if names[d.Name] {
			fault("detectors::%d: the name %q is that of another detector", i, d.Name)
		}
		names[d.Name] = true
	}
	return errors.Join(faults...)
}

// faults says everything that is wrong with a detector.
func (c *DetectorConfig) faults() []error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	if c.Name == "" {
		fault("name is required")
	}
	faults = append(faults, c.metricFaults()...)
	seen := map[string]bool{}
	for _, key := range c.GroupBy {
		if key == "" || key == keyDetector || key == keyMetric || seen[key] {
			fault("group_by must not hold a key twice, an empty one, %s or %s (got %q)", keyDetector, keyMetric, c.GroupBy)
		}
		seen[key] = true
	}
	if c.GroupBy == nil {
		fault("group_by is required: the keys that make an entity, or [] for one entity of all")
	}
	if c.Details != detailsAnomalies && c.Details != detailsAlways {
		fault("details must be anomalies or always (got %q)", c.Details)
	}
	if c.CalmInterval < 0 {
		fault("calm_interval must not be negative (got %s)", c.CalmInterval)
	}
	if c.Limits.Entities < 1 || c.Limits.Series < 1 || c.Limits.MemoryMiB < 1 {
		fault("limits::entities, limits::series and limits::memory_mib must be at least 1 (got %d, %d and %d)", c.Limits.Entities, c.Limits.Series, c.Limits.MemoryMiB)
	}
	if c.Limits.IdleAfter < time.Minute || c.Limits.IdleAfter < 2*c.Step {
		fault("limits::idle_after must be at least 1m and two steps (got %s)", c.Limits.IdleAfter)
	}
	settings, alignment := c.settings(), c.alignment()
	faults = append(faults, parts(settings.Validate())...)
	faults = append(faults, parts(alignment.Validate())...)
	if len(faults) == 0 { // what is wrong only together
		if _, err := anomaly.NewDetector(settings, c.columnNames()); err != nil {
			fault("metrics: %w", err)
		}
	}
	return faults
}

// parts takes joined errors apart.
func parts(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if err == nil {
			return nil
		}
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, parts(e)...)
	}
	return all
}

func (c *DetectorConfig) metricFaults() []error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	if len(c.Metrics) == 0 {
		fault("metrics must not be empty")
	}
	names := map[string]bool{}
	for i := range c.Metrics {
		m := &c.Metrics[i]
		switch {
		case m.Name == "":
			fault("metrics::%d: name is required", i)
		case names[m.Name]:
			fault("metrics::%d: %s is there twice", i, m.Name)
		case strings.HasPrefix(m.Name, metricPrefix):
			fault("metrics::%d: %s is a verdict, which is not judged", i, m.Name)
		}
		names[m.Name] = true
		if !slices.Contains([]string{"", combineMean, combineSum, combineMax, combineMin}, m.Combine) {
			fault("metrics::%d (%s): combine must be mean, sum, max or min (got %q)", i, m.Name, m.Combine)
		}
		for j, v := range m.Values {
			if _, err := parseValue(v); err != nil || slices.Contains(m.Values[:j], v) {
				fault("metrics::%d (%s): values must be value, rate, mean or a quantile such as p95, none of them twice (got %q)", i, m.Name, m.Values)
			}
		}
	}
	return faults
}

// value is what is made of the points of a metric.
type value struct {
	kind     valueKind
	quantile float64
}

type valueKind uint8

const (
	valueAuto     valueKind = iota // what the type has
	valueLevel                     // of gauges
	valueRate                      // per second
	valueMean                      // of histograms
	valueQuantile                  // of histograms
)

var errValue = errors.New("no such value")

func parseValue(text string) (value, error) {
	switch text {
	case "value":
		return value{kind: valueLevel}, nil
	case "rate":
		return value{kind: valueRate}, nil
	case "mean":
		return value{kind: valueMean}, nil
	}
	digits, ok := strings.CutPrefix(text, "p")
	percent, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(percent > 0 && percent < 100) {
		return value{}, errValue
	}
	return value{valueQuantile, percent / 100}, nil
}

// values are what is made of the points of a metric, with the names under which they are judged.
func (c *MetricConfig) values() (all []value, names []string) {
	if len(c.Values) == 0 {
		return []value{{}}, []string{c.Name}
	}
	for _, text := range c.Values {
		v, _ := parseValue(text) // it was validated
		all, names = append(all, v), append(names, c.Name+"."+text)
	}
	return all, names
}

// columnNames are the names of all that is judged.
func (c *DetectorConfig) columnNames() (all []string) {
	for i := range c.Metrics {
		_, names := c.Metrics[i].values()
		all = append(all, names...)
	}
	return all
}
