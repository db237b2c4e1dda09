// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
)

// Settings say how to make references of a file.
type Settings struct {
	// ID names the references in verdicts; the location of the file by default. A compact file has its own.
	ID string
	// Created is the time that their age counts from; the time of the file's last change by default. A compact file has its own.
	Created time.Time
	// Ordered says that the rows stand in the order of their time.
	Ordered bool
	// Bins cut up numbers for PSI and Jensen–Shannon. A compact file has its own.
	Bins drift.BinSettings
	// MaxValues is the number of values of a file, of all columns together, beyond which it is not read; DefaultMaxValues by default.
	MaxValues int
	// MaxBytes is the size of a file in an object store beyond which it is not read; DefaultMaxBytes by default.
	MaxBytes int64
}

// Defaults of [Settings].
const (
	DefaultMaxValues = 1 << 26 // 0.5 GiB of numbers, for as long as the file is read
	DefaultMaxBytes  = 1 << 30
)

func (s Settings) withDefaults() Settings {
	if s.MaxValues <= 0 {
		s.MaxValues = DefaultMaxValues
	}
	if s.MaxBytes <= 0 {
		s.MaxBytes = DefaultMaxBytes
	}
	return s
}

// check says what is wrong with the bins, before the values are read.
func (s *Settings) check() error {
	settings := drift.DefaultSettings()
	settings.Bins = s.Bins
	return settings.Validate()
}

// Set is the references of a file, by feature.
type Set struct {
	byName map[string]*drift.Reference
	// Skipped are columns of which no reference could be made, with the reason.
	Skipped map[string]error
}

// aliases are the columns that serve a name, the preferred one first: the outputs of a model have several spellings.
var aliases = map[string][]string{
	"prediction":      {"prediction", "predicted", "predicted.value", "predicted.class"},
	"predicted.value": {"predicted.value", "prediction", "predicted"},
	"predicted.class": {"predicted.class", "prediction", "predicted"},
	"confidence":      {"confidence", "probability"},
}

// Find returns the reference of a feature, or nil.
func (s *Set) Find(feature string) *drift.Reference {
	feature = strings.TrimPrefix(feature, featurePrefix)
	if names, ok := aliases[feature]; ok {
		for _, name := range names {
			if r := s.byName[name]; r != nil {
				return r
			}
		}
	}
	return s.byName[feature]
}

// Names returns the features in alphabetical order.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.byName)) }

const featurePrefix = "features."

// identities are columns that say which record it is, or whose.
var identities = map[string]bool{
	"request_id": true, "prediction_id": true, "correlation_id": true, "trace_id": true, "span_id": true, "tenant_id": true,
	"timestamp": true, "time": true, "observed_timestamp": true, "date": true, "hour": true, "label": true,
	"model": true, "model_name": true, "model_version": true, "model.name": true, "model.version": true, "endpoint": true,
	"id": true, "source": true, "type": true, "subject": true, "traceparent": true,
}

// featureName gives the name of the feature that a column holds, "" if it holds none.
func featureName(column string) string {
	if name, ok := strings.CutPrefix(column, featurePrefix); ok {
		return name
	}
	if identities[column] {
		return ""
	}
	return column
}

// finish makes references of columns.
func (s *Set) finish(columns *columns, settings Settings) (*Set, error) {
	s.byName, s.Skipped = map[string]*drift.Reference{}, map[string]error{}
	for _, name := range columns.order {
		s.put(name, columns.byName[name], columns.rows, settings)
	}
	if len(s.byName) == 0 {
		return nil, fmt.Errorf("it has no column with values: %w", drift.ErrNoValues)
	}
	return s, nil
}

func (s *Set) put(name string, c *column, rows int, settings Settings) {
	r, err := c.reference(rows, drift.ReferenceSettings{
		ID: settings.ID, Created: settings.Created, Ordered: settings.Ordered, Bins: settings.Bins,
	})
	if err != nil {
		s.Skipped[name] = err
		return
	}
	s.byName[name] = r
}
