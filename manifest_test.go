// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/modfile"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const ourModule = "github.com/llm-guardian/otelcol-guardian"

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

// manifest is builder-config.yaml. ocb ignores unknown keys in silence, so this
// names every key that it knows and we use.
type manifest struct {
	Dist struct {
		Module      string `yaml:"module"`
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
		Version     string `yaml:"version"`
		OutputPath  string `yaml:"output_path"`
		CgoEnabled  bool   `yaml:"cgo_enabled"`
	} `yaml:"dist"`
	Receivers  []module `yaml:"receivers"`
	Processors []module `yaml:"processors"`
	Exporters  []module `yaml:"exporters"`
	Connectors []module `yaml:"connectors"`
	Extensions []module `yaml:"extensions"`
	Providers  []module `yaml:"providers"`
	Replaces   []string `yaml:"replaces"`
}

type module struct {
	GoMod  string `yaml:"gomod"`
	Import string `yaml:"import"`
}

func (m module) path() string    { p, _, _ := strings.Cut(m.GoMod, " "); return p }
func (m module) version() string { _, v, _ := strings.Cut(m.GoMod, " "); return v }

func (m module) importPath() string {
	if m.Import != "" {
		return m.Import
	}
	return m.path()
}

func (m manifest) components() map[string][]module {
	return map[string][]module{
		"receivers": m.Receivers, "processors": m.Processors, "exporters": m.Exporters,
		"connectors": m.Connectors, "extensions": m.Extensions,
	}
}

func parseManifest(body []byte) (manifest, error) {
	var m manifest
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	decoder.KnownFields(true)
	return m, decoder.Decode(&m)
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	m, err := parseManifest(readFile(t, "builder-config.yaml"))
	require.NoError(t, err)
	return m
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	return body
}

func TestManifestRejectsUnknownKeys(t *testing.T) {
	_, err := parseManifest([]byte("dist: {nmae: otelcol}\n"))
	require.ErrorContains(t, err, "nmae")
	_, err = parseManifest([]byte("procesors: []\n"))
	require.ErrorContains(t, err, "procesors")
}

// builder-config.yaml, components.go, main.go and go.mod say the same.
func TestManifestAgrees(t *testing.T) {
	m := readManifest(t)
	assert.Equal(t, version, m.Dist.Version, "version in main.go and dist.version in builder-config.yaml")
	assert.Equal(t, settings().BuildInfo.Command, m.Dist.Name)
	assert.Equal(t, settings().BuildInfo.Description, m.Dist.Description)

	mod, err := modfile.Parse("go.mod", readFile(t, "go.mod"), nil)
	require.NoError(t, err)
	assert.Empty(t, mod.Replace, "go.mod has no replace lines")
	required := map[string]string{ourModule: "v0.0.0"}
	for _, line := range mod.Require {
		required[line.Mod.Path] = line.Mod.Version
	}

	generated := string(readFile(t, "components.go"))
	listed := 0
	for kind, modules := range m.components() {
		for _, module := range modules {
			assert.Equal(t, module.version(), required[module.path()],
				"%s: version in builder-config.yaml and in go.mod", module.path())
			assert.Contains(t, generated, `"`+module.importPath()+`"`,
				"%s %s stands in builder-config.yaml but not in components.go: run make generate", kind, module.importPath())
			assert.Contains(t, generated, `"`+module.path()+" "+module.version()+`"`,
				"components.go has another version of %s: run make generate", module.path())
			listed++
		}
	}
	assert.Equal(t, listed, strings.Count(generated, "NewFactory().Type():"),
		"components.go has components that builder-config.yaml has not: run make generate")

	source := string(readFile(t, "main.go"))
	for _, provider := range m.Providers {
		assert.Equal(t, provider.version(), required[provider.path()],
			"%s: version in builder-config.yaml and in go.mod", provider.path())
		assert.Contains(t, source, `"`+provider.importPath()+`"`, "add the provider to both builder-config.yaml and main.go, or remove it from both")
	}
	assert.Len(t, settings().ConfigProviderSettings.ResolverSettings.ProviderFactories, len(m.Providers))
}

// Each component stands in a shipped configuration, and each component that a
// shipped configuration uses is one of ours.
func TestEveryComponentIsUsed(t *testing.T) {
	used := map[string]map[component.Type]string{}
	files, err := filepath.Glob("configs/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		var sections map[string]any
		require.NoError(t, yaml.Unmarshal(readFile(t, file), &sections), file)
		for kind, section := range sections {
			byID, ok := section.(map[string]any)
			if !ok || kind == "service" {
				continue
			}
			if used[kind] == nil {
				used[kind] = map[component.Type]string{}
			}
			for key := range byID {
				var id component.ID
				require.NoError(t, id.UnmarshalText([]byte(key)), file)
				used[kind][id.Type()] = file
			}
		}
	}

	factories, err := components()
	require.NoError(t, err)
	check := func(kind string, built map[component.Type]bool) {
		for name := range built {
			assert.Contains(t, used[kind], name, "%s %s stands in builder-config.yaml but in no file of configs/", kind, name)
		}
		for name, file := range used[kind] {
			assert.Contains(t, built, name, "%s uses %s %s, which builder-config.yaml does not list (or it is an old alias)", file, kind, name)
		}
	}
	check("receivers", types(factories.Receivers))
	check("processors", types(factories.Processors))
	check("exporters", types(factories.Exporters))
	check("connectors", types(factories.Connectors))
	check("extensions", types(factories.Extensions))
}

// types gives the types of factories by their own names, without deprecated aliases.
func types[F component.Factory](factories map[component.Type]F) map[component.Type]bool {
	names := map[component.Type]bool{}
	for _, factory := range factories {
		names[factory.Type()] = true
	}
	return names
}
