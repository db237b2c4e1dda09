// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/yaml"
)

// The schemas come from these modules, which nothing is built of: the API that is checked against, and its extensions.
const (
	kubernetes         = "k8s.io/kubernetes@v1.35.4"
	prometheusOperator = "github.com/prometheus-operator/prometheus-operator@v0.93.1"
)

func TestKubeconform(t *testing.T) {
	check := conformity(t)
	for name, vals := range cases(t) {
		t.Run(name, func(t *testing.T) {
			all := renderObjects(t, vals)
			for _, one := range all.objects {
				require.NoError(t, check(one.text), "%s: %s %s", one.file, one.Kind, one.Metadata.Name)
			}
		})
	}
}

// The check can fail: a field that a kind lacks, one of the wrong type, one that is missing, an unknown kind.
func TestKubeconformFindsFaults(t *testing.T) {
	check := conformity(t)
	for fault, document := range map[string]string{
		"replica":        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: x}\nspec: {replica: 1, serviceName: x, selector: {}, template: {}}",
		"selector":       "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x}\nspec: {template: {}}",
		"intervals":      "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: x}\nspec: {selector: {}, endpoints: [{port: a, intervals: 1s}]}",
		"could not find": "apiVersion: monitoring.coreos.com/v2\nkind: ServiceMonitor\nmetadata: {name: x}",
		"replicas":       "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: two, selector: {}, template: {}}",
	} {
		require.ErrorContains(t, check(document), fault)
	}
}

var schemaDir = sync.OnceValues(writeSchemas)

func conformity(t *testing.T) func(document string) error {
	t.Helper()
	dir, err := schemaDir()
	require.NoError(t, err)
	checker, err := validator.New([]string{filepath.Join(dir, "{{ .ResourceKind }}{{ .KindSuffix }}.json")}, validator.Opts{Strict: true})
	require.NoError(t, err)
	return func(document string) error {
		for _, result := range checker.Validate("rendered.yaml", io.NopCloser(strings.NewReader(document))) {
			if result.Status != validator.Valid {
				return result.Err
			}
		}
		return nil
	}
}

// writeSchemas makes one JSON Schema per kind, as kubeconform looks for them: of Kubernetes' OpenAPI file, with all
// definitions in each, and of the operator's CustomResourceDefinitions.
func writeSchemas() (string, error) {
	dir := filepath.Join(root, "build", "schemas")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := kubernetesSchemas(dir); err != nil {
		return "", err
	}
	return dir, operatorSchemas(dir)
}

// moduleDir is where the go command has unpacked a module; it fetches and checks it first.
func moduleDir(module string) (string, error) {
	command := exec.Command("go", "mod", "download", "-json", module)
	command.Dir = os.TempDir() // outside this module, which does not require it
	output, failure := command.Output()
	var downloaded struct{ Dir, Error string }
	if err := json.Unmarshal(output, &downloaded); err != nil {
		return "", errors.Join(failure, err)
	}
	if downloaded.Error != "" {
		return "", errors.New(downloaded.Error)
	}
	return downloaded.Dir, failure
}

func kubernetesSchemas(dir string) error {
	module, err := moduleDir(kubernetes)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(module, "api/openapi-spec/swagger.json"))
	if err != nil {
		return err
	}
	var swagger struct{ Definitions map[string]map[string]any }
	if err := json.Unmarshal(text, &swagger); err != nil {
		return err
	}
	for name, definition := range swagger.Definitions {
		closeObjects(definition)
		switch name { // unions, which OpenAPI 2 cannot say
		case "io.k8s.apimachinery.pkg.util.intstr.IntOrString":
			swagger.Definitions[name] = map[string]any{"type": []string{"integer", "string"}}
		case "io.k8s.apimachinery.pkg.api.resource.Quantity":
			swagger.Definitions[name] = map[string]any{"type": []string{"number", "string"}}
		}
	}
	if err := writeJSON(filepath.Join(dir, "definitions.json"), map[string]any{"definitions": swagger.Definitions}); err != nil {
		return err
	}
	for name, definition := range swagger.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		for _, kind := range kinds {
			id := kind.(map[string]any)
			file := schemaFile(id["group"].(string), id["version"].(string), id["kind"].(string))
			if err := writeJSON(filepath.Join(dir, file), map[string]any{"$ref": "definitions.json#/definitions/" + name}); err != nil {
				return err
			}
		}
	}
	return nil
}

func operatorSchemas(dir string) error {
	module, err := moduleDir(prometheusOperator)
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(module, "example/prometheus-operator-crd/*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var crd struct {
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct {
						OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
					}
				}
			}
		}
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return err
		}
		for _, version := range crd.Spec.Versions {
			closeObjects(version.Schema.OpenAPIV3Schema)
			file := schemaFile(crd.Spec.Group, version.Name, crd.Spec.Names.Kind)
			if err := writeJSON(filepath.Join(dir, file), version.Schema.OpenAPIV3Schema); err != nil {
				return err
			}
		}
	}
	return nil
}

func schemaFile(group, version, kind string) string {
	suffix := "-" + version
	if group != "" {
		suffix = "-" + strings.Split(group, ".")[0] + suffix
	}
	return strings.ToLower(kind + suffix + ".json")
}

func writeJSON(path string, content any) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// closeObjects makes a schema strict: an object with named properties has no others. References lead to definitions.json.
func closeObjects(schema any) {
	switch node := schema.(type) {
	case map[string]any:
		if properties, has := node["properties"].(map[string]any); has {
			if _, open := node["additionalProperties"]; !open && node["x-kubernetes-preserve-unknown-fields"] != true && len(properties) > 0 {
				node["additionalProperties"] = false
			}
		}
		if node["x-kubernetes-int-or-string"] == true {
			delete(node, "type")
			delete(node, "anyOf")
			node["type"] = []string{"integer", "string"}
		}
		for child := range maps.Values(node) {
			closeObjects(child)
		}
	case []any:
		for _, child := range node {
			closeObjects(child)
		}
	}
}
