// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/otlptranslator"

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
	names := map[string]bool{}
	for i := range c.Monitors {
		m := &c.Monitors[i]
		for _, err := range m.faults() {
			fault("monitors::%d (%s): %w", i, m.Name, err)
		}
		if m.Name != "" && names[m.Name] {
			fault("monitors::%d (%s): name must be unique, and is that of another monitor", i, m.Name)
		}
		names[m.Name] = true
	}
	return errors.Join(append(append(faults, c.seriesFaults()...), c.labelFaults()...)...)
}

// seriesFaults says which monitors would write the same series. It passes over those of which it is not known what they look at.
func (c *Config) seriesFaults() []error {
	var faults []error
	subjects, concepts := map[string]string{}, map[string]string{}
	for i := range c.Monitors {
		m := &c.Monitors[i]
		if m.Input.fault() != nil {
			continue
		}
		fault := func(format, other string) {
			faults = append(faults, fmt.Errorf("monitors::%d (%s): "+format, i, m.Name, other))
		}
		other, taken := subjects[m.subject()]
		if taken {
			fault("it looks at what %s looks at, and their metrics would be the same series: set attributes to tell them apart", other)
		}
		subjects[m.subject()] = m.Name
		if m.Kind != kindConcept || m.Muted {
			continue
		}
		if other, shared := concepts[m.conceptSeries()]; shared && !taken {
			fault("ml_concept_drift_psi of a model has no label that tells it from %s: give one of them kind: data with method: psi, which shows it as the ml_data_drift_score of its feature", other)
		}
		concepts[m.conceptSeries()] = m.Name
	}
	return faults
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
	settings := m.settings()
	if err := m.Bins.rangeFault(); err != nil {
		faults = append(faults, err)
		settings.Bins.Low, settings.Bins.High = 0, 0
	}
	if w := settings.Window; m.Input.Metric == "" && w.Samples > 0 && m.MinEffective > float64(w.Samples) {
		fault("min_effective must be at most window::samples, %d: no window has more values (got %v)", w.Samples, m.MinEffective)
	}
	if m.Limits.Groups < 1 {
		fault("limits::groups must be at least 1 (got %d)", m.Limits.Groups)
	}
	if m.Limits.Series < 1 {
		fault("limits::series must be at least 1 (got %d)", m.Limits.Series)
	}
	if m.Limits.IdleAfter < time.Minute {
		fault("limits::idle_after must be at least 1m (got %s)", m.Limits.IdleAfter)
	}
	if err, ok := settings.Validate().(interface{ Unwrap() []error }); ok {
		faults = append(faults, err.Unwrap()...)
	}
	return faults
}

func (c *BinsConfig) rangeFault() error {
	switch {
	case len(c.Range) == 0:
		return nil
	case c.Type != binsEqualWidth:
		return fmt.Errorf("bins::range is for bins::type equal_width (got %v for %s)", c.Range, c.Type)
	case len(c.Range) != 2 || !(c.Range[0] < c.Range[1]) || math.IsInf(c.Range[1]-c.Range[0], 0):
		return fmt.Errorf("bins::range must be two finite numbers that ascend (got %v)", c.Range)
	}
	return nil
}

const inputs = "predictions, evaluations, requests, {attribute: …} or {metric: …}"

// fault says why it is not known what to look at.
func (c *InputConfig) fault() error {
	switch given := c.given(); {
	case len(given) == 0:
		return errors.New("input is required: " + inputs)
	case len(given) > 1:
		return fmt.Errorf("input must be one of "+inputs+" (got %s)", strings.Join(given, " and "))
	case c.Events != "" && !slices.Contains([]string{inputPredictions, inputEvaluations, inputRequests}, c.Events):
		return fmt.Errorf("input must be "+inputs+" (got %q)", c.Events)
	}
	return nil
}

// inputFaults says what is wrong with the input, or does not go with it.
func (m *MonitorConfig) inputFaults() []error {
	input := &m.Input
	if err := input.fault(); err != nil {
		return []error{err}
	}
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	if input.EventName != "" && input.Attribute == "" {
		fault("input::event_name is for input::attribute, which is not set (got %q)", input.EventName)
	}
	switch input.Sums {
	case "", sumsDelta:
	case sumsRate:
		if input.Metric == "" {
			fault("input::sums is for input::metric, which is not set (got %q)", input.Sums)
		}
	default:
		fault("input::sums must be delta or rate (got %q)", input.Sums)
	}
	if m.Value != "" && input.Events == "" {
		fault("value is for predictions, evaluations and requests, of which it is a field (got %q)", m.Value)
	}
	if m.Kind == kindConcept && m.Value == "" && (input.Events == inputEvaluations || input.Events == inputRequests) {
		fault("value is required: a concept monitor of %s looks at one field", input.Events)
	}
	if input.Metric != "" && m.Type == typeCategorical {
		fault("type must not be categorical: the points of a metric are numbers")
	}
	if input.Metric != "" && m.Events == eventsChanges {
		fault("events must be windows with input::metric, of which no events are made (got %q)", m.Events)
	}
	if m.absentIsMissing() && !m.recordsAreWhole() {
		fault("absent_is_missing is for predictions, requests, and an input::attribute with input::event_name: no other record must have every value (got true)")
	}
	return faults
}

// given are the inputs that are set.
func (c *InputConfig) given() (given []string) {
	for _, input := range []struct{ key, value string }{{"events", c.Events}, {"attribute", c.Attribute}, {"metric", c.Metric}} {
		if input.value != "" {
			given = append(given, fmt.Sprintf("%s: %s", input.key, input.value))
		}
	}
	return given
}

// recordsAreWhole says that each record that is looked at ought to have every value that is looked at.
func (m *MonitorConfig) recordsAreWhole() bool {
	switch m.Input.Events {
	case inputPredictions, inputRequests:
		return true
	case inputEvaluations: // one record for each result
		return false
	}
	return m.Input.Attribute != "" && m.Input.EventName != ""
}

// groupFaults says what is wrong with the keys of a group and of the attributes beside them.
func (m *MonitorConfig) groupFaults() []error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	set := map[string]bool{}
	faulty := false
	for _, key := range m.GroupBy {
		faulty = faulty || key == "" || set[key] || ofVerdicts(key)
		set[key] = true
	}
	if faulty {
		fault("group_by must not hold a key twice, an empty one, %s or %s, which verdicts have (got %q)", keyFeatureName, keySeverity, m.GroupBy)
	}
	for _, key := range slices.Sorted(maps.Keys(m.Attributes)) {
		switch {
		case key == "" || ofVerdicts(key):
			fault("attributes must not have an empty key, %s or %s, which verdicts have (got %q)", keyFeatureName, keySeverity, key)
		case set[key]:
			fault("attributes::%s must not be a key of group_by, which verdicts have (got %q)", key, m.Attributes[key])
		}
	}
	return faults
}

// ofVerdicts says that a key stands on verdicts, whatever the configuration.
func ofVerdicts(key string) bool {
	label, _ := (&otlptranslator.LabelNamer{}).Build(key)
	return label == "feature_name" || label == keySeverity
}

func (m *MonitorConfig) referenceFaults() []error {
	var faults []error
	r := &m.Reference
	if r.File == "" && r.First == 0 {
		faults = append(faults, errors.New("reference::file is required, or reference::first: the number of values of production that make a reference"))
	}
	if r.ReloadInterval < time.Second {
		faults = append(faults, fmt.Errorf("reference::reload_interval must be at least 1s (got %s)", r.ReloadInterval))
	}
	if r.Ordered && r.File == "" {
		faults = append(faults, errors.New("reference::ordered is for reference::file, which is not set (got true)"))
	}
	if r.File == "" {
		return faults
	}
	if scheme, _, isURL := strings.Cut(r.File, "://"); isURL && !slices.Contains([]string{"file", "s3", "gs"}, scheme) {
		faults = append(faults, fmt.Errorf("reference::file must be a path, or a URL of file, s3 or gs (got one of %s)", scheme))
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
