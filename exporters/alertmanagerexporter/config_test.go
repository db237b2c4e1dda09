// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestContract(t *testing.T) {
	testutil.ExporterContract(t, NewFactory(), func(cfg component.Config) { cfg.(*Config).Endpoint = "http://localhost:9093" })
}

func TestReadmeExamples(t *testing.T) {
	testutil.ReadmeExamples(t, NewFactory(), "exporters")
}

// Every option stands in the README's table. Those of the client are confighttp's.
func TestReadmeNamesEveryOption(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var walk func(reflect.Type, string)
	walk = func(of reflect.Type, prefix string) {
		for field := range of.Fields() {
			key := field.Tag.Get("mapstructure")
			switch {
			case key == "" || strings.HasPrefix(key, ","):
			case field.Type == reflect.TypeFor[LinksConfig]() || field.Type == reflect.TypeFor[LimitsConfig]():
				walk(field.Type, prefix+key+"::")
			default:
				assert.Contains(t, string(readme), "| `"+prefix+key+"` |", "the README's table of options")
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
}

func TestEveryOptionIsRead(t *testing.T) {
	section, err := os.ReadFile("testdata/config.yaml")
	require.NoError(t, err)
	cfg, err := testutil.LoadConfig(t, NewFactory(), string(section))
	require.NoError(t, err)
	c := cfg.(*Config)
	assert.Equal(t, []string{"https://a.example/am", "https://b.example:9093"}, c.Endpoints)
	assert.Equal(t, 3*time.Second, c.Timeout)
	assert.Equal(t, int64(77), c.QueueConfig.Get().QueueSize)
	assert.Equal(t, 1, c.QueueConfig.Get().NumConsumers)
	assert.Equal(t, time.Hour, c.RetryConfig.MaxElapsedTime)
	assert.Equal(t, component.MustNewID("file_storage"), *c.Storage)
	assert.Equal(t, 2*time.Second, c.CheckpointInterval)
	assert.Equal(t, "warning", c.MinSeverity)
	assert.Equal(t, 10*time.Second, c.ResendInterval)
	assert.Equal(t, time.Minute, c.ExpireAfter)
	assert.Equal(t, 5*time.Minute, c.ResolveAfter)
	assert.Equal(t, time.Hour, c.ForgetAfter)
	assert.Equal(t, map[string]string{"cluster": "eu"}, c.Labels)
	assert.Equal(t, "tenant", c.LabelAttributes["tenant_id"])
	assert.Equal(t, "model_name", c.LabelAttributes["model.name"], "a default")
	assert.Empty(t, c.LabelAttributes["host.name"])
	assert.Equal(t, LinksConfig{Runbooks: "https://wiki.example/", Dashboards: map[string]string{"default": "https://grafana.example/d/x?var-m={model_name}"}}, c.Links)
	assert.Equal(t, LimitsConfig{Alerts: 1, Labels: 2, ValueBytes: 64}, c.Limits)
}

// All faults are reported at once, each with its key, its rule and what stands there.
func TestValidateReportsEverything(t *testing.T) {
	section, err := os.ReadFile("testdata/invalid.yaml")
	require.NoError(t, err)
	_, err = testutil.LoadConfig(t, NewFactory(), string(section))
	require.Error(t, err)
	for _, fault := range []string{
		`endpoint must be http://host:port or https://host:port, with or without a path, and no user or query (got "alertmanager:9093")`,
		`(got "https://…@am:9093")`,
		`endpoints "http://am:9093" and "http://am:9093/" are the same Alertmanager`,
		`min_severity must be info, warning or critical (got "none")`,
		"checkpoint_interval must be at least 1s (got 1ms)",
		"resend_interval must be at least 1s (got 0s)",
		"resolve_after must be at least 1m (got 1s)",
		"forget_after must be at least 1m (got 0s)",
		"a name in labels must not be severity, which the exporter sets",
		`a name in labels must be letters, digits and underscores, the first not a digit (got "9lives")`,
		"labels::empty must not be empty",
		"label_attributes: model.id and model.name must not become the same label, model_name",
		`links::runbooks must be an http or https URL (got "runbooks/")`,
		`links::dashboards: there is no alert "DriftDetected"`,
		"limits::alerts and limits::labels must be at least 1 (got 0 and 0)",
		"limits::value_bytes must be at least 16 (got 1)",
		"`num_consumers` must be positive",
	} {
		assert.ErrorContains(t, err, fault)
	}
}

func TestValidateOfSingleFaults(t *testing.T) {
	for section, fault := range map[string]string{
		"{}": "endpoint is required",
		"{endpoint: http://a:9093, endpoints: [http://b:9093]}":                "endpoint and endpoints must not both be set",
		"{endpoint: http://a:9093, resend_interval: 1m, expire_after: 90s}":    "expire_after must be at least twice the resend_interval, 1m0s",
		"endpoint: http://am:9093/api/v2/alerts":                               `endpoint must not end in /api/v2/alerts, which the exporter adds: write http://am:9093 (got "http://am:9093/api/v2/alerts")`,
		"endpoints: [https://b.example/am/api/v2/alerts/]":                     `write https://b.example/am (got "https://b.example/am/api/v2/alerts/")`,
		"{endpoint: http://a:9093, links: {dashboards: {default: 'x{bad'}}}":   `links::dashboards::default must be an http or https URL (got "x{bad")`,
		"{endpoint: http://a:9093, resend_intervall: 1m}":                      "resend_intervall",
		"{endpoint: http://a:9093, labels: {a: b, c: d}, limits: {labels: 1}}": "labels has 2 labels, more than limits::labels allows: 1",
	} {
		_, err := testutil.LoadConfig(t, NewFactory(), section)
		assert.ErrorContains(t, err, fault, section)
	}
}
