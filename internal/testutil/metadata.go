// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.yaml.in/yaml/v3"
)

// OwnMetrics watches which of the metrics that the metadata.yaml beside the test
// declares come about, each with every value that its attributes may have.
type OwnMetrics struct {
	t      testing.TB
	prefix string
	fixed  map[string]bool // attributes that have a fixed set of values
	want   []string
	seen   map[string]bool
}

// WatchOwnMetrics begins to watch. Metrics are named without prefix, and with the
// values of their attributes in the order of the attributes' names:
// "rejected_points late". It fails where the README.md beside the test lacks one of
// the metrics, as its name is there or as Prometheus shows a counter, with _total.
func WatchOwnMetrics(t testing.TB, prefix string) *OwnMetrics {
	t.Helper()
	var metadata struct {
		Attributes map[string]struct {
			Enum []string `yaml:"enum"`
			Name string   `yaml:"name_override"`
		} `yaml:"attributes"`
		Telemetry struct {
			Metrics map[string]struct {
				Attributes []string `yaml:"attributes"`
			} `yaml:"metrics"`
		} `yaml:"telemetry"`
	}
	require.NoError(t, yaml.Unmarshal(readFile(t, "metadata.yaml"), &metadata))
	o := &OwnMetrics{t: t, prefix: "otelcol_" + prefix, fixed: map[string]bool{}, seen: map[string]bool{}}
	nameOf := func(key string) string { return cmp.Or(metadata.Attributes[key].Name, key) }
	for key, attribute := range metadata.Attributes {
		if len(attribute.Enum) > 0 {
			o.fixed[nameOf(key)] = true
		}
	}
	readme := string(readFile(t, "README.md"))
	for name, m := range metadata.Telemetry.Metrics {
		assert.Regexp(t, "`otelcol_"+name+"(_total)?`", readme, "README.md")
		names := []string{strings.TrimPrefix(name, prefix)}
		slices.SortFunc(m.Attributes, func(a, b string) int { return strings.Compare(nameOf(a), nameOf(b)) })
		for _, key := range m.Attributes {
			names = eachWith(names, metadata.Attributes[key].Enum)
		}
		o.want = append(o.want, names...)
	}
	require.NotEmpty(t, o.want)
	return o
}

// Look takes note of what is above 0.
func (o *OwnMetrics) Look(reader sdkmetric.Reader) {
	o.t.Helper()
	var data metricdata.ResourceMetrics
	require.NoError(o.t, reader.Collect(context.Background(), &data))
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			name, own := strings.CutPrefix(m.Name, o.prefix)
			if !own {
				continue
			}
			switch of := m.Data.(type) {
			case metricdata.Sum[int64]:
				look(o, name, of.DataPoints)
			case metricdata.Sum[float64]:
				look(o, name, of.DataPoints)
			case metricdata.Gauge[int64]:
				look(o, name, of.DataPoints)
			case metricdata.Gauge[float64]:
				look(o, name, of.DataPoints)
			case metricdata.Histogram[float64]:
				o.seen[name] = o.seen[name] || len(of.DataPoints) > 0
			}
		}
	}
}

func look[N int64 | float64](o *OwnMetrics, name string, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		if p.Value <= 0 {
			continue
		}
		key := []string{name}
		for _, attribute := range p.Attributes.ToSlice() {
			if o.fixed[string(attribute.Key)] {
				key = append(key, attribute.Value.AsString())
			}
		}
		o.seen[strings.Join(key, " ")] = true
	}
}

// Check fails for what has not come about, but for what cannot, and for what has and
// is not declared.
func (o *OwnMetrics) Check(impossible ...string) {
	o.t.Helper()
	for _, name := range o.want {
		assert.Equal(o.t, !slices.Contains(impossible, name), o.seen[name], "comes about: %s", name)
	}
	for name := range o.seen {
		assert.Contains(o.t, o.want, name, "is declared")
	}
}

// eachWith gives each name with each of the values; without values it gives the names.
func eachWith(names, values []string) []string {
	if len(values) == 0 {
		return names
	}
	var all []string
	for _, name := range names {
		for _, value := range values {
			all = append(all, name+" "+value)
		}
	}
	return all
}
