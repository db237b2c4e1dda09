// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

// LoadConfig reads a component's section of a configuration as the collector
// does: over the defaults, with unknown keys as errors, and validated.
func LoadConfig(t testing.TB, f component.Factory, section string) (component.Config, error) {
	t.Helper()
	var keys map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(section), &keys))
	cfg := f.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(keys).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

// ReadmeExamples loads each fenced YAML block of the README.md beside the test
// that configures the component, where kind is the section that components of
// its kind stand in, such as "extensions". A README without one fails.
func ReadmeExamples(t testing.TB, f component.Factory, kind string) {
	t.Helper()
	loaded := 0
	for _, block := range yamlBlocks(string(readFile(t, "README.md"))) {
		var document map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(block), &document), block)
		components, _ := document[kind].(map[string]any)
		for key, section := range components {
			var id component.ID
			require.NoError(t, id.UnmarshalText([]byte(key)), block)
			if id.Type() != f.Type() {
				continue
			}
			text, err := yaml.Marshal(section)
			require.NoError(t, err)
			_, err = LoadConfig(t, f, string(text))
			assert.NoError(t, err, block)
			loaded++
		}
	}
	require.NotZero(t, loaded, "README.md has no example of %s", f.Type())
}

// yamlBlocks gives the fenced YAML blocks of a Markdown text.
func yamlBlocks(markdown string) []string {
	var blocks []string
	for _, rest := range strings.Split(markdown, "```yaml\n")[1:] {
		block, _, _ := strings.Cut(rest, "```")
		blocks = append(blocks, block)
	}
	return blocks
}
