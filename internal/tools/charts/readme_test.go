// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var (
	roleNames = []string{"gateway", "router", "agent", "logs", "cluster"}
	valueRow  = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.+?) \\| (.*) \\|$")
)

// The README lists every value with its default, and no other.
func TestREADMEListsEveryValue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chart, "README.md"))
	require.NoError(t, err)
	_, tables, found := strings.Cut(string(text), "\n## Values\n")
	require.True(t, found)
	defaults := readValues(t, filepath.Join(chart, "values.yaml"))
	listed := map[string]bool{}
	for _, row := range valueRow.FindAllStringSubmatch(tables, -1) {
		path, value, meaning := row[1], strings.Trim(row[2], "`"), row[3]
		assert.NotEmpty(t, meaning, path)
		assert.False(t, listed[path], "%s twice", path)
		listed[path] = true
		for _, full := range expand(path) {
			got, has := lookUp(defaults, full)
			if strings.HasPrefix(path, "<role>.") && !has {
				continue // not every role has it
			}
			if assert.True(t, has, "%s is no value", path) && value != "see `values.yaml" {
				want, err := json.Marshal(got)
				require.NoError(t, err)
				assert.JSONEq(t, string(want), value, path)
			}
		}
	}
	require.NotEmpty(t, listed)
	everyLeaf(defaults, "", func(path string) {
		role, rest, _ := strings.Cut(path, ".")
		covered := func(p string) bool {
			return slices.ContainsFunc(slices.Collect(maps.Keys(listed)), func(l string) bool { return p == l || strings.HasPrefix(p, l+".") })
		}
		assert.True(t, covered(path) || slices.Contains(roleNames, role) && covered("<role>."+rest), "README.md lacks %s", path)
	})
}

// The schema knows the names of values.yaml, and no others.
func TestSchemaKnowsEveryValue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	require.NoError(t, err)
	var schema map[string]any
	require.NoError(t, json.Unmarshal(text, &schema))
	definitions := schema["definitions"].(map[string]any)
	var walk func(node map[string]any, vals any, path string)
	walk = func(node map[string]any, vals any, path string) {
		if name, refers := node["$ref"].(string); refers {
			node = definitions[strings.TrimPrefix(name, "#/definitions/")].(map[string]any)
		}
		properties, has := node["properties"].(map[string]any)
		object, isMap := vals.(map[string]any)
		if !has || !isMap || strings.HasSuffix(path, "ecurityContext") || strings.HasSuffix(path, ".config") || strings.HasSuffix(path, ".resources") {
			return
		}
		assert.Equal(t, false, node["additionalProperties"], "%s takes any name", path)
		for name, child := range properties {
			if path == "" && name == "global" || strings.HasSuffix(path, ".rollingUpdate") {
				continue
			}
			if assert.Contains(t, object, name, "values.yaml lacks %s.%s", path, name) {
				walk(child.(map[string]any), object[name], strings.TrimPrefix(path+"."+name, "."))
			}
		}
		for name := range object {
			assert.Contains(t, properties, name, "the schema lacks %s.%s", path, name)
		}
	}
	walk(schema, readValues(t, filepath.Join(chart, "values.yaml")), "")
}

func expand(path string) []string {
	rest, isCommon := strings.CutPrefix(path, "<role>.")
	if !isCommon {
		return []string{path}
	}
	var all []string
	for _, role := range roleNames {
		all = append(all, role+"."+rest)
	}
	return all
}

func lookUp(vals map[string]any, path string) (any, bool) {
	var at any = vals
	for name := range strings.SplitSeq(path, ".") {
		object, is := at.(map[string]any)
		if !is {
			return nil, false
		}
		var has bool
		if at, has = object[name]; !has {
			return nil, false
		}
	}
	return at, true
}

func everyLeaf(vals map[string]any, path string, visit func(string)) {
	for name, value := range vals {
		full := strings.TrimPrefix(path+"."+name, ".")
		if object, is := value.(map[string]any); is && len(object) > 0 && !strings.Contains(name, "/") {
			everyLeaf(object, full, visit)
			continue
		}
		visit(full)
	}
}

// What the README shows as values is accepted.
func TestREADMEExamplesRender(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chart, "README.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(.+?)```").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		var vals values
		require.NoError(t, yaml.UnmarshalStrict([]byte(block[1]), &vals))
		all := renderObjects(t, vals)
		for _, one := range all.workloads {
			output, err := validate(t, &all, one)
			require.NoError(t, err, "%s\n%s", block[1], output)
		}
	}
}
