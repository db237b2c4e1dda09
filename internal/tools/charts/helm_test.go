// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	loader3 "helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	engine3 "helm.sh/helm/v3/pkg/engine"
	lint3 "helm.sh/helm/v3/pkg/lint"
	support3 "helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	lint4 "helm.sh/helm/v4/pkg/chart/v2/lint"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
	engine4 "helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

const (
	root      = "../../.."
	chart     = root + "/charts/otelcol-guardian"
	release   = "guardian"
	namespace = "observability"
)

// values are what `helm install --values` is given.
type values = map[string]any

// helm is what the packages of one major version of Helm make of the chart.
type helm struct {
	name string
	// render gives each template's text, without the chart's name: `helm template`, and NOTES.txt besides.
	render func(values) (map[string]string, error)
	// lint gives what `helm lint --strict` would complain of.
	lint func(values) []string
}

var helms = []helm{
	{name: "helm 3", render: render3, lint: lintWith3},
	{name: "helm 4", render: render4, lint: lintWith4},
}

// clone keeps a caller's values as they are: Helm merges the defaults into what it is given.
func clone(vals values) values {
	text, err := yaml.Marshal(vals)
	if err != nil {
		panic(err)
	}
	cloned := values{}
	if err := yaml.Unmarshal(text, &cloned); err != nil {
		panic(err)
	}
	return cloned
}

func render3(vals values) (map[string]string, error) {
	loaded, err := loader3.Load(chart)
	if err != nil {
		return nil, err
	}
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	prepared, err := chartutil.ToRenderValues(loaded, clone(vals), options, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine3.Engine{LintMode: false, Strict: false}.Render(loaded, prepared)
	return withoutChart(files), err
}

func render4(vals values) (map[string]string, error) {
	loaded, err := loader4.Load(chart)
	if err != nil {
		return nil, err
	}
	options := common.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	prepared, err := util.ToRenderValues(loaded, clone(vals), options, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine4.Engine{}.RenderWithContext(context.Background(), loaded, prepared)
	return withoutChart(files), err
}

func withoutChart(files map[string]string) map[string]string {
	named := make(map[string]string, len(files))
	for path, text := range files {
		named[strings.TrimPrefix(path, "otelcol-guardian/templates/")] = text
	}
	return named
}

func lintWith3(vals values) []string {
	var complaints []string
	for _, message := range lint3.All(chart, clone(vals), namespace, true).Messages {
		if message.Severity >= support3.WarningSev {
			complaints = append(complaints, message.Error())
		}
	}
	return complaints
}

func lintWith4(vals values) []string {
	var complaints []string
	for _, message := range lint4.RunAll(chart, clone(vals), namespace).Messages {
		if message.Severity >= support3.WarningSev {
			complaints = append(complaints, message.Error())
		}
	}
	return complaints
}

// cases are the chart's defaults, and each values file of ci/ and examples/, by name.
func cases(t *testing.T) map[string]values {
	t.Helper()
	found := map[string]values{"defaults": {}}
	for _, pattern := range []string{"ci/*-values.yaml", "examples/*/values.yaml"} {
		paths, err := filepath.Glob(filepath.Join(chart, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, paths, "%s: no such file", pattern)
		for _, path := range paths {
			name, err := filepath.Rel(chart, path)
			require.NoError(t, err)
			found[strings.TrimSuffix(strings.TrimSuffix(name, "/values.yaml"), "-values.yaml")] = readValues(t, path)
		}
	}
	return found
}

func readValues(t *testing.T, path string) values {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return parseValues(t, string(text))
}

func parseValues(t *testing.T, text string) values {
	t.Helper()
	var vals values
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &vals))
	if vals == nil {
		vals = values{}
	}
	return vals
}

// documents splits a rendered template at its document marks and leaves out empty ones.
func documents(text string) []string {
	var found []string
	for document := range strings.SplitSeq("\n"+text, "\n---") {
		if strings.TrimSpace(document) != "" {
			found = append(found, strings.TrimPrefix(document, "\n"))
		}
	}
	return found
}

func TestEachHelmRendersEveryValuesFile(t *testing.T) {
	for name, vals := range cases(t) {
		t.Run(name, func(t *testing.T) {
			var first map[string]string
			for _, version := range helms {
				files, err := version.render(vals)
				require.NoError(t, err, version.name)
				require.Empty(t, version.lint(vals), version.name)
				if first == nil {
					first = files
					continue
				}
				require.Equal(t, first, files, "%s and %s differ", helms[0].name, version.name)
			}
			for path, text := range first {
				require.NotContains(t, text, "<no value>", path)
				require.NotContains(t, text, "%!", path) // a printf that went wrong
			}
		})
	}
}
