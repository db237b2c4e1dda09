// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"errors"
	"fmt"
	"slices"
)

// Kind says how a metric adds up its observations.
type Kind uint8

// The kinds of metrics.
const (
	Counter       Kind = iota // a sum that only grows
	UpDownCounter             // a sum that also falls
	Gauge                     // the last value
	Histogram                 // counts between fixed edges, and the sum
	Summary                   // count and sum, no quantiles

	kinds
)

func (k Kind) String() string {
	if k >= kinds {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return [kinds]string{"counter", "up-down counter", "gauge", "histogram", "summary"}[k]
}

// fromZero says whether a new series is shown at 0 before its first value. The others say what is, not what was added.
func (k Kind) fromZero() bool { return k == Counter || k == Histogram || k == Summary }

// hasDelta says whether the kind has a delta form. OTLP knows none for gauges and summaries, and one of up-down counters is
// of no use: nobody can add up from the middle.
func (k Kind) hasDelta() bool { return k == Counter || k == Histogram }

// Definition is what a metric is, whatever its values.
type Definition struct {
	Name        string // OpenTelemetry's dotted name
	Unit        string // UCUM
	Description string
	Kind        Kind
	Attributes  []string  // keys of the attributes of a series, in the order of Labels; at most MaxLabels
	Bounds      []float64 // upper edges of a histogram's buckets, ascending, inclusive, without +Inf
	Prometheus  string    // the name that Prometheus shows; documentation only
}

func (d *Definition) validate() error {
	switch {
	case d.Name == "":
		return errors.New("it needs a name")
	case d.Kind >= kinds:
		return fmt.Errorf("unknown kind %d", d.Kind)
	case len(d.Attributes) > MaxLabels:
		return fmt.Errorf("%d attributes, at most %d are allowed", len(d.Attributes), MaxLabels)
	case d.Kind != Histogram && len(d.Bounds) > 0:
		return fmt.Errorf("a %s has no bounds", d.Kind)
	}
	for i, key := range d.Attributes {
		if key == "" || key == overflowAttribute || slices.Contains(d.Attributes[:i], key) {
			return fmt.Errorf("attribute %q is empty, reserved or there twice", key)
		}
	}
	for i, bound := range d.Bounds {
		if !finite(bound) || i > 0 && bound <= d.Bounds[i-1] {
			return fmt.Errorf("bounds %v are not finite and ascending", d.Bounds)
		}
	}
	return nil
}

// buckets is the number of counts that a series keeps. The observations of a summary are all in one.
func (d *Definition) buckets() int {
	switch d.Kind {
	case Histogram:
		return len(d.Bounds) + 1
	case Summary:
		return 1
	default:
		return 0
	}
}
