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

	"github.com/prometheus/otlptranslator"
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
		if d.Name != "" && names[d.Name] {
			fault("detectors::%d (%s): name must be unique, and is that of another detector", i, d.Name)
		}
		names[d.Name] = true
	}
	return errors.Join(faults...)
}

// faults says everything that is wrong with a detector, each fault once.
func (c *DetectorConfig) faults() []error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	if c.Name == "" {
		fault("name is required")
	}
	faults = append(faults, c.metricFaults()...)
	if err := c.groupFault(); err != nil {
		faults = append(faults, err)
	}
	if c.Details != detailsAnomalies && c.Details != detailsAlways {
		fault("details must be anomalies or always (got %q)", c.Details)
	}
	if c.CalmInterval < 0 {
		fault("calm_interval must not be negative (got %s)", c.CalmInterval)
	}
	for _, r := range c.rules() {
		if v := *r.value; v != nil && *v == 0 {
			fault("%s must be above 0 (got 0): leave it out for the default", r.key)
		}
	}
	settings, alignment := c.settings(), c.alignment()
	settings.Decision.Step = max(settings.Decision.Step, time.Millisecond) // the alignment says what is wrong with it
	wrong := parts(errors.Join(settings.ValidateFor(len(c.columnNames())), alignment.Validate()))
	return append(append(faults, wrong...), c.limitFaults(len(wrong) == 0)...)
}

// limitFaults says what is wrong with the limits. What an entity takes is known where the settings make sense.
func (c *DetectorConfig) limitFaults(sizeKnown bool) []error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	atLeast := func(key string, v, least int, why string) {
		if v < least {
			fault("limits::%s must be at least %d%s (got %d)", key, least, why, v)
		}
	}
	atLeast("entities", c.Limits.Entities, 1, "")
	atLeast("series", c.Limits.Series, 1, "")
	if sizeKnown {
		atLeast("memory_mib", c.Limits.MemoryMiB, (c.expectedBytes()-1)>>20+1, ", which one entity takes with its model")
	} else {
		atLeast("memory_mib", c.Limits.MemoryMiB, 1, "")
	}
	if c.Limits.MemoryMiB > maxMemoryMiB {
		fault("limits::memory_mib must be at most %d (got %d)", maxMemoryMiB, c.Limits.MemoryMiB)
	}
	if c.Limits.IdleAfter < time.Minute || c.Limits.IdleAfter < 2*c.Step {
		fault("limits::idle_after must be at least 1m and two steps (got %s)", c.Limits.IdleAfter)
	}
	return faults
}

// maxMemoryMiB is more than there is, and can be counted in bytes.
const maxMemoryMiB = 1 << 30

// groupFault says what is wrong with the keys of an entity. Those that Prometheus cannot tell apart cannot be labels of one series.
func (c *DetectorConfig) groupFault() error {
	if c.GroupBy == nil {
		return errors.New("group_by is required: the keys that make an entity, or [] for one entity of all")
	}
	byLabel := map[string]string{}
	for _, key := range c.GroupBy {
		label, err := (&otlptranslator.LabelNamer{}).Build(key)
		other, taken := byLabel[label]
		switch {
		case err != nil || label == keyDetector || label == keyMetric || other == key && taken:
			return fmt.Errorf("group_by must not hold a key twice, an empty one, %s or %s (got %q)", keyDetector, keyMetric, c.GroupBy)
		case taken:
			return fmt.Errorf("group_by must not hold two keys that are the same label of Prometheus, as %s and %s are %s (got %q)", other, key, label, c.GroupBy)
		}
		byLabel[label] = key
	}
	return nil
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
	metrics, columns := map[string]bool{}, map[string]int{}
	for i := range c.Metrics {
		m := &c.Metrics[i]
		fault := func(format string, arguments ...any) {
			faults = append(faults, fmt.Errorf("metrics::%d (%s): %w", i, m.Name, fmt.Errorf(format, arguments...)))
		}
		switch {
		case m.Name == "":
			fault("name is required")
		case metrics[m.Name]:
			fault("name must be unique, and is that of another of the metrics: list all values in one")
		case strings.HasPrefix(m.Name, metricPrefix):
			fault("name must not be that of a verdict, which is not judged")
		case strings.ContainsAny(m.Name, patternCharacters):
			fault("name must be the whole name of a metric: patterns are not known")
		}
		if !slices.Contains([]string{"", combineMean, combineSum, combineMax, combineMin}, m.Combine) {
			fault("combine must be mean, sum, max or min (got %q)", m.Combine)
		}
		if !m.valuesAreGood() {
			fault("values must be value, rate, mean or a quantile such as p95, none of them twice (got %q)", m.Values)
		} else if !metrics[m.Name] {
			_, names := m.values()
			for _, name := range names {
				if other, taken := columns[name]; taken {
					fault("its value must have a name of its own, and %s is also one of metrics::%d: judge one of them in another detector", name, other)
				}
				columns[name] = i
			}
		}
		metrics[m.Name] = true
	}
	return faults
}

// patternCharacters stand in patterns, and in no name of a metric.
const patternCharacters = `*?^$|[]\`

func (c *MetricConfig) valuesAreGood() bool {
	var seen []value
	for _, text := range c.Values {
		v, err := parseValue(text)
		if err != nil || slices.Contains(seen, v) {
			return false
		}
		seen = append(seen, v)
	}
	return true
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
