// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the chart's copies and the rendered examples anew")

// The chart has no configurations, rules and dashboards of its own: Helm reads only what lies in a chart's folder, so
// copies lie there, and this holds them to what they are copies of.
func TestCopiesAreEqual(t *testing.T) {
	for _, copied := range []struct{ from, pattern, to string }{
		{"configs", "{agent,agent_gateway,agent_gpu,agent_kubernetes,balance,cluster,gateway}.yaml", "configs"},
		{"monitoring/rules", "*.yaml", "rules"},
		{"monitoring/rules/optional", "*.yaml", "rules-optional"},
		{"monitoring/dashboards", "*.json", "dashboards"},
	} {
		t.Run(copied.to, func(t *testing.T) {
			originals := read(t, filepath.Join(root, copied.from), copied.pattern)
			to := filepath.Join(chart, "files", copied.to)
			if *update {
				replaceFiles(t, to, copied.pattern, originals)
			}
			assert.Equal(t, originals, read(t, to, copied.pattern), "run `make charts-update`")
		})
	}
}

// read gives the files of a folder that match a pattern, in which one {a,b} may stand.
func read(t *testing.T, dir, pattern string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, one := range alternatives(pattern) {
		paths, err := filepath.Glob(filepath.Join(dir, one))
		require.NoError(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			found[filepath.Base(path)] = string(text)
		}
	}
	return found
}

func alternatives(pattern string) []string {
	before, rest, has := strings.Cut(pattern, "{")
	if !has {
		return []string{pattern}
	}
	names, after, _ := strings.Cut(rest, "}")
	var all []string
	for name := range strings.SplitSeq(names, ",") {
		all = append(all, before+name+after)
	}
	return all
}

func replaceFiles(t *testing.T, dir, pattern string, files map[string]string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for name := range read(t, dir, pattern) {
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
	}
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
}

// What each example becomes can be read in rendered/, one file per template, NOTES.txt too.
func TestRenderedExamples(t *testing.T) {
	for name, vals := range cases(t) {
		if !strings.HasPrefix(name, "examples/") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			files, err := render3(vals)
			require.NoError(t, err)
			written := map[string]string{}
			for path, text := range files {
				// Rules and dashboards are copies, and would be read twice here.
				if path == "monitoring/prometheusrules.yaml" || path == "monitoring/dashboards.yaml" || strings.TrimSpace(text) == "" {
					continue
				}
				written[strings.ReplaceAll(path, "/", "-")] = strings.TrimLeft(text, "\n")
			}
			dir := filepath.Join(chart, name, "rendered")
			if *update {
				replaceFiles(t, dir, "*", written)
			}
			assert.Equal(t, written, read(t, dir, "*"), "run `make charts-update`, and look at what has changed")
		})
	}
}

// The chart installs the version of the collector that it was made with.
func TestAppVersion(t *testing.T) {
	var manifest struct{ Dist struct{ Version string } }
	var metadata struct{ AppVersion string }
	for path, into := range map[string]any{filepath.Join(root, "builder-config.yaml"): &manifest, filepath.Join(chart, "Chart.yaml"): &metadata} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(text, into))
	}
	assert.NotEmpty(t, manifest.Dist.Version)
	assert.Equal(t, manifest.Dist.Version, metadata.AppVersion)
}
