// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"fmt"
	"math"
	"strconv"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
)

// column gathers the values of a feature: numbers, until the first value that is none makes all of them names.
type column struct {
	numbers []float64
	names   []string
	textual bool
	known   map[string]string // every name once, so that values share its memory
}

func (c *column) addNumber(v float64) {
	switch {
	case math.IsNaN(v):
	case c.textual:
		c.addName(formatNumber(v))
	default:
		c.numbers = append(c.numbers, v)
	}
}

func (c *column) addText(text string) {
	if !c.textual {
		c.textual = true
		for _, v := range c.numbers {
			c.addName(formatNumber(v))
		}
		c.numbers = nil
	}
	c.addName(text)
}

func (c *column) addName(name string) {
	kept, ok := c.known[name]
	if !ok {
		if c.known == nil {
			c.known = map[string]string{}
		}
		kept = name
		c.known[name] = name
	}
	c.names = append(c.names, kept)
}

// formatNumber writes a number as short as it can be, so that a code that is a number here and a string there is one category.
func formatNumber(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// reference makes a reference of the values of so many rows; those without a value are missing.
func (c *column) reference(rows int, s drift.ReferenceSettings) (*drift.Reference, error) {
	if c.textual {
		return drift.NewCategoricalReference(c.names, uint64(max(0, rows-len(c.names))), s)
	}
	numbers := c.numbers
	for range rows - len(c.numbers) {
		numbers = append(numbers, math.NaN())
	}
	return drift.NewNumericReference(numbers, s)
}

// columns are the columns of a file.
type columns struct {
	order  []string
	byName map[string]*column
	rows   int
	values int
	limit  int
}

// maxColumns is the number of columns of a file.
const maxColumns = 100_000

func newColumns(limit int) *columns { return &columns{byName: map[string]*column{}, limit: limit} }

// at gives the column of a name, nil if it holds no feature.
func (c *columns) at(name string) (*column, error) {
	if found := c.byName[name]; found != nil {
		return found, c.admit()
	}
	feature := featureName(name)
	if feature == "" {
		return nil, nil
	}
	found := c.byName[feature]
	if found == nil {
		if len(c.order) >= maxColumns {
			return nil, fmt.Errorf("it has more than %d columns", maxColumns)
		}
		found = &column{}
		c.order = append(c.order, feature)
		c.byName[feature] = found
	}
	return found, c.admit()
}

// admit counts a value.
func (c *columns) admit() error {
	c.values++
	if c.values > c.limit {
		return fmt.Errorf("it has more than %d values: make a compact one of it with `otelcol-guardian reference build`, or sample it", c.limit)
	}
	return nil
}
