// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/reference"
)

// Validate says everything that is wrong.
func (c *Config) Validate() error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	if c.CheckpointInterval < time.Second {
		fault("checkpoint_interval must be at least 1s (got %s)", c.CheckpointInterval)
	}
	if c.FlushInterval < time.Second {
		fault("flush_interval must be at least 1s (got %s)", c.FlushInterval)
	}
	if len(c.Monitors) == 0 {
		fault("monitors must not be empty: say what to compare with what")
	}
	names, subjects, concepts := map[string]bool{}, map[string]string{}, map[string]string{}
	for i := range c.Monitors {
		m := &c.Monitors[i]
		for _, err := range m.faults() {
			fault("monitors::%d (%s): %w", i, m.Name, err)
		}
		if names[m.Name] {
			fault("monitors::%d: the name %q is that of another monitor", i, m.Name)
		}
		names[m.Name] = true
		if other, taken := subjects[m.subject()]; taken {
			fault("monitors::%d (%s): it looks at what %s looks at, and their metrics would be the same series: set attributes to tell them apart", i, m.Name, other)
		}
		subjects[m.subject()] = m.Name
		if m.Kind != kindConcept || m.Muted {
			continue
		}
		if other, taken := concepts[m.conceptSeries()]; taken {
			fault("monitors::%d (%s): ml_concept_drift_psi of a model has no label that tells it from %s: give one of them kind: data with method: psi, which shows it as the ml_data_drift_score of its feature", i, m.Name, other)
		}
		concepts[m.conceptSeries()] = m.Name
	}
	if err := c.checkLabels(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// subject is what two monitors may not share.
func (m *MonitorConfig) subject() string {
	input := m.Input
	parts := []string{m.Kind, input.Events, input.Attribute, input.EventName, input.Metric, m.Value, strings.Join(slices.Sorted(slices.Values(m.GroupBy)), ",")}
	for _, key := range slices.Sorted(maps.Keys(m.Attributes)) {
		parts = append(parts, key, m.Attributes[key])
	}
	return strings.Join(parts, "\x00")
}

// conceptSeries is the same for two concept monitors whose metrics would be the same series, whatever they look at: of events the labels are
// the model and its version only.
func (m *MonitorConfig) conceptSeries() string {
	keys := []string{keyModelName, keyModelVersion}
	parts := []string{"logs"}
	if m.Input.Metric != "" {
		keys, parts[0] = slices.Concat(m.GroupBy, slices.Collect(maps.Keys(m.Attributes))), "metrics"
		slices.Sort(keys)
	}
	for _, key := range keys {
		if value, fixed := m.Attributes[key]; fixed {
			parts = append(parts, key, "=", value)
		} else if slices.Contains(m.GroupBy, key) {
			parts = append(parts, key)
		}
	}
	return strings.Join(parts, "\x00")
}

// faults says everything that is wrong with a monitor.
func (m *MonitorConfig) faults() []error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	oneOf := func(key, value string, values ...string) {
		if !slices.Contains(values, value) {
			fault("%s must be %s (got %q)", key, listOr(values), value)
		}
	}
	if m.Name == "" {
		fault("name is required")
	}
	oneOf("kind", m.Kind, kindData, kindConcept)
	oneOf("type", m.Type, typeAuto, typeNumeric, typeCategorical)
	oneOf("events", m.Events, eventsWindows, eventsChanges)
	faults = append(faults, m.inputFaults()...)
	faults = append(faults, m.groupFaults()...)
	faults = append(faults, m.referenceFaults()...)
	oneOf("bins::type", m.Bins.Type, binsEqualShare, binsEqualWidth)
	if n := len(m.Bins.Range); n != 0 && (n != 2 || m.Bins.Type != binsEqualWidth || !(m.Bins.Range[0] < m.Bins.Range[1])) {
		fault("bins::range must be two ascending numbers, for equal_width only (got %v)", m.Bins.Range)
	}
	if m.Limits.Groups < 1 || m.Limits.Series < 1 {
		fault("limits::groups and limits::series must be at least 1 (got %d and %d)", m.Limits.Groups, m.Limits.Series)
	}
	if m.Limits.IdleAfter < time.Minute {
		fault("limits::idle_after must be at least 1m (got %s)", m.Limits.IdleAfter)
	}
	settings := m.settings()
	if err, ok := settings.Validate().(interface{ Unwrap() []error }); ok {
		faults = append(faults, err.Unwrap()...)
	}
	return faults
}

func (m *MonitorConfig) inputFaults() []error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	given := 0
	for _, input := range []string{m.Input.Events, m.Input.Attribute, m.Input.Metric} {
		if input != "" {
			given++
		}
	}
	if given != 1 {
		fault("input must be predictions, evaluations, requests, {attribute: …} or {metric: …}: exactly one of them")
	}
	switch m.Input.Events {
	case "", inputPredictions, inputEvaluations, inputRequests:
	default:
		fault("input must be predictions, evaluations, requests, {attribute: …} or {metric: …} (got %q)", m.Input.Events)
	}
	if m.Input.EventName != "" && m.Input.Attribute == "" {
		fault("input::event_name restricts input::attribute, which is not set")
	}
	if m.Input.Sums != "" && m.Input.Sums != sumsDelta && m.Input.Sums != sumsRate {
		fault("input::sums must be delta or rate (got %q)", m.Input.Sums)
	}
	if m.Value != "" && m.Input.Events == "" {
		fault("value is a field of predictions, evaluations or requests: it says nothing of an attribute or a metric")
	}
	if m.Kind == kindConcept && m.Value == "" && (m.Input.Events == inputEvaluations || m.Input.Events == inputRequests) {
		fault("value is required: a concept monitor of %s looks at one field", m.Input.Events)
	}
	if m.Input.Metric != "" && m.Type == typeCategorical {
		fault("type must not be categorical: the points of a metric are numbers")
	}
	return faults
}

func (m *MonitorConfig) groupFaults() []error {
	var faults []error
	seen := map[string]bool{}
	for _, key := range m.GroupBy {
		if key == "" || seen[key] {
			faults = append(faults, fmt.Errorf("group_by must not hold a key twice, or an empty one (got %q)", m.GroupBy))
		}
		seen[key] = true
	}
	for key := range m.Attributes {
		if key == "" || seen[key] || key == keyFeatureName || key == keySeverity {
			faults = append(faults, fmt.Errorf("attributes::%s is empty or stands on the verdicts already", key))
		}
	}
	return faults
}

func (m *MonitorConfig) referenceFaults() []error {
	var faults []error
	r := &m.Reference
	if r.File == "" && r.First == 0 {
		faults = append(faults, errors.New("reference needs a file, or first: the number of values of production that make one"))
	}
	if r.ReloadInterval < time.Second {
		faults = append(faults, fmt.Errorf("reference::reload_interval must be at least 1s (got %s)", r.ReloadInterval))
	}
	if r.File == "" {
		return faults
	}
	template, err := reference.ParseTemplate(r.File)
	if err != nil {
		return append(faults, fmt.Errorf("reference::file: %w", err))
	}
	for _, key := range template.Keys() {
		switch {
		case key == phaseKey && m.Season.Phases < 2:
			faults = append(faults, errors.New("reference::file: {season.phase} needs season::phases: a file for each phase"))
		case key == phaseKey && slices.Contains(m.GroupBy, key):
			faults = append(faults, errors.New("reference::file: {season.phase} is the number of the phase, which a key of group_by hides"))
		case key != phaseKey && !slices.Contains(m.GroupBy, key):
			faults = append(faults, fmt.Errorf("reference::file: {%s} is not in group_by (%s)", key, strings.Join(m.GroupBy, ", ")))
		}
	}
	return faults
}

func listOr(values []string) string {
	last := len(values) - 1
	return strings.Join(values[:last], ", ") + " or " + values[last]
}
