// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"cmp"
	"slices"
	"strings"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

const (
	// MaxCategories is the number of categories of a reference that have a count of their own, the most frequent ones.
	MaxCategories = 256
	// MaxCategoryBytes is the length to which longer names of categories are cut.
	MaxCategoryBytes = 256
)

// categories are the values of a categorical reference. The last count is that of all names without one of their own: 0, or of
// those that were too many.
type categories struct {
	names  []string
	counts []uint32 // one more than names
	index  map[string]uint32
}

func newCategories(byName map[string]uint32) *categories {
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(byName[b], byName[a]), strings.Compare(a, b))
	})
	kept := min(len(names), MaxCategories)
	c := &categories{names: slices.Clone(names[:kept]), counts: make([]uint32, kept+1)}
	for i, name := range names {
		c.counts[min(i, kept)] += byName[name]
	}
	c.makeIndex()
	return c
}

func (c *categories) makeIndex() {
	c.index = make(map[string]uint32, len(c.names))
	for i, name := range c.names {
		c.index[name] = uint32(i)
	}
}

// of returns the number of a name.
func (c *categories) of(name string) uint32 {
	if i, ok := c.find(cutName(name)); ok {
		return i
	}
	return c.rest()
}

// frequent is the number of names that are looked at one by one: those of a few categories are most of all values.
const frequent = 4

// find returns the number of a name that has one of its own.
func (c *categories) find(name string) (uint32, bool) {
	for i, frequent := range c.names[:min(frequent, len(c.names))] {
		if frequent == name {
			return uint32(i), true
		}
	}
	i, ok := c.index[name]
	return i, ok
}

// number returns the number of the category of a value, which may have been looked up in an older reference.
func (c *categories) number(v *Value) uint32 {
	if i := v.number - 1; i < uint32(len(c.names)) && c.names[i] == v.Category {
		return i
	}
	return c.of(v.Category)
}

// rest is the number of names without one of their own.
func (c *categories) rest() uint32 { return uint32(len(c.names)) }

// complete says that names without a number of their own are such that the reference has not seen.
func (c *categories) complete() bool { return c.counts[c.rest()] == 0 }

func cutName(name string) string { return name[:min(len(name), MaxCategoryBytes)] }

// labels are the names with one for the rest, for pictures.
func (c *categories) labels() []string { return append(slices.Clone(c.names), "_OTHER") }

func (c *categories) encode(e *codec.Encoder) {
	e.Count(len(c.names))
	for _, name := range c.names {
		e.String(name)
	}
	for _, n := range c.counts {
		e.Uvarint(uint64(n))
	}
}

func decodeCategories(d *codec.Decoder) *categories {
	names := make([]string, d.Count(2))
	d.Require(len(names) > 0 && len(names) <= MaxCategories)
	for i := range names {
		names[i] = d.String()
		d.Require(len(names[i]) <= MaxCategoryBytes)
	}
	c := &categories{names: names, counts: make([]uint32, len(names)+1)}
	for i := range c.counts {
		c.counts[i] = uint32(d.Below(maxReference + 1))
	}
	c.makeIndex()
	sum := total(c.counts)
	d.Require(sum > 0 && sum <= maxReference && len(c.index) == len(names))
	return c
}
