// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"encoding/json"
	"fmt"
	"math"
)

// Bounds are the least and the greatest value that make sense.
type Bounds struct{ Least, Most float64 }

var (
	share   = Bounds{0, 1}
	percent = Bounds{0, 100}
	amount  = Bounds{0, math.Inf(1)}
	number  = Bounds{math.Inf(-1), math.Inf(1)}
)

// Units are the units of Grafana that our panels use, with what a value in them can be. A unit that is not listed here is a
// mistake, or has to be added with its bounds.
var Units = map[string]Bounds{
	"percentunit": share,
	"percent":     percent,
	"short":       amount, // counts and indices
	"none":        number, // numbers without a unit that may be negative
	"s":           amount,
	"bytes":       amount,
	"Bps":         amount,
	"reqps":       amount, // requests per second
	"cps":         amount, // other things per second
	"watt":        amount,
	"joule":       amount,
	"celsius":     {-40, 150},
	"hertz":       amount,
	"bool_on_off": share,
}

// Bounds gives what the values of a field can be: what its unit allows, and its own minimum and maximum.
func (f *Field) Bounds() (Bounds, error) {
	b, known := Units[f.Unit]
	if !known {
		return Bounds{}, fmt.Errorf("the unit %q has no bounds", f.Unit)
	}
	if f.Min != nil {
		b.Least = max(b.Least, *f.Min)
	}
	if f.Max != nil {
		b.Most = min(b.Most, *f.Max)
	}
	return b, nil
}

// FieldOf gives how the values of a target are shown: the panel's field with what overrides it for that query. A table that
// joins queries names its columns "Value #A" and so on.
func (p *Panel) FieldOf(refID string) (Field, error) {
	f := p.FieldConfig.Defaults
	for _, override := range p.FieldConfig.Overrides {
		column := override.Matcher.ID == "byName" &&
			(override.Matcher.Options == "Value #"+refID || override.Matcher.Options == "Value" && len(p.Targets) == 1)
		query := override.Matcher.ID == "byFrameRefID" && override.Matcher.Options == refID
		if !column && !query {
			continue
		}
		for _, property := range override.Properties {
			var into any
			switch property.ID {
			case "unit":
				into = &f.Unit
			case "min":
				into = &f.Min
			case "max":
				into = &f.Max
			default:
				continue
			}
			if err := json.Unmarshal(property.Value, into); err != nil {
				return f, fmt.Errorf("override of %s: %w", refID, err)
			}
		}
	}
	return f, nil
}
