// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// OwnMetrics gives the metrics that the metadata.yaml beside the test declares,
// without prefix, once for each combination of the values that their attributes
// may have, in the order of the attributes' names: "rejected_points late". It
// fails where the README.md beside it lacks one of the metrics.
func OwnMetrics(t testing.TB, prefix string) []string {
	t.Helper()
	var metadata struct {
		Attributes map[string]struct {
			Enum []string `yaml:"enum"`
		} `yaml:"attributes"`
		Telemetry struct {
			Metrics map[string]struct {
				Attributes []string `yaml:"attributes"`
			} `yaml:"metrics"`
		} `yaml:"telemetry"`
	}
	require.NoError(t, yaml.Unmarshal(readFile(t, "metadata.yaml"), &metadata))
	readme := string(readFile(t, "README.md"))
	var all []string
	for name, m := range metadata.Telemetry.Metrics {
		assert.Contains(t, readme, "`otelcol_"+name+"`", "README.md")
		names := []string{strings.TrimPrefix(name, prefix)}
		for _, key := range slices.Sorted(slices.Values(m.Attributes)) {
			names = eachWith(names, metadata.Attributes[key].Enum)
		}
		all = append(all, names...)
	}
	require.NotEmpty(t, all)
	slices.Sort(all)
	return all
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
