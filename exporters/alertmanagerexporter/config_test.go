// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestContract(t *testing.T) {
	testutil.ExporterContract(t, NewFactory(), func(cfg component.Config) { cfg.(*Config).Endpoint = "http://localhost:9093" })
}

func TestReadmeExamples(t *testing.T) {
	testutil.ReadmeExamples(t, NewFactory(), "exporters")
}

// Every option stands in the README's table with its default, and every attribute that is a label by default below it.
func TestReadmeTables(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.Endpoint = "required"
	testutil.ReadmeOptions(t, config)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, list, _ := strings.Cut(string(readme), "\n`label_attributes` by default: ")
	list, _, _ = strings.Cut(list, "\n\n")
	for attribute, label := range config.LabelAttributes {
		assert.Contains(t, list, "`"+attribute+"`")
		if label != strings.ReplaceAll(attribute, ".", "_") {
			assert.Regexp(t, "`"+attribute+"` \\(?as `"+label+"`", list)
		}
	}
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

// All faults are reported at once, each with its key, its rule and what stands there, and each once.
func TestValidateReportsEverything(t *testing.T) {
	section, err := os.ReadFile("testdata/invalid.yaml")
	require.NoError(t, err)
	_, err = testutil.LoadConfig(t, NewFactory(), string(section))
	require.Error(t, err)
	const url = "must be http://host:port or https://host:port, with or without a path, and no user or query"
	assert.Equal(t, []string{
		`endpoints::0 ` + url + ` (got "alertmanager:9093")`,
		`endpoints::1 ` + url + ` (got "https://…@am:9093")`,
		`endpoints::3 must be another Alertmanager than endpoints::2 (got "http://am:9093/")`,
		"timeout must not be negative (got -1s)",
		`min_severity must be info, warning or critical (got "none")`,
		"checkpoint_interval must be at least 1s (got 1ms)",
		"resend_interval must be at least 1s (got 0s)",
		"expire_after must be at least twice resend_interval, 1s, or one lost request ends an alert (got 0s)",
		"resolve_after must be at least 1m (got 1s)",
		"forget_after must be at least 1m (got 0s)",
		`a name in labels must be letters, digits and underscores, the first not a digit (got "9lives")`,
		"labels::empty must not be empty",
		`a name in labels must not be alertname or severity, which the exporter sets (got "severity")`,
		`label_attributes::model.name must not become the same label as model.id (got "model_name")`,
		`label_attributes::xid must not be alertname or severity, which the exporter sets (got "alertname")`,
		`links::runbooks must be an http or https URL (got "runbooks/")`,
		`links::dashboards must have names of ` + strings.Join(alerting.Names, ", ") + ` or default (got "DriftDetected")`,
		"limits::alerts must be at least 1 (got 0)",
		"limits::labels must be at least 1 (got 0)",
		"limits::value_bytes must be at least 16 (got 1)",
		"sending_queue: `num_consumers` must be positive",
	}, strings.Split(err.Error(), "\n"))
}

func TestValidateOfSingleFaults(t *testing.T) {
	for section, fault := range map[string]string{
		"{}": "endpoint is required: the URL of Alertmanager, such as http://alertmanager:9093",
		"{endpoint: http://u:p@a:9093, endpoints: [http://b:9093]}":            `endpoint and endpoints must not both be set: endpoints are for several Alertmanagers (got "http://…@a:9093" and 1 others)`,
		"{endpoint: http://a:9093, resend_interval: 1m, expire_after: 90s}":    "expire_after must be at least twice resend_interval, 1m0s, or one lost request ends an alert (got 1m30s)",
		"endpoint: http://am:9093/api/v2/alerts":                               `endpoint must not end in /api/v2/alerts, which the exporter adds: write http://am:9093 (got "http://am:9093/api/v2/alerts")`,
		"endpoints: [https://b.example/am/api/v2/alerts/]":                     `endpoints::0 must not end in /api/v2/alerts, which the exporter adds: write https://b.example/am (got "https://b.example/am/api/v2/alerts/")`,
		"{endpoint: http://a:9093, links: {dashboards: {default: 'x{bad'}}}":   `links::dashboards::default must be an http or https URL (got "x{bad")`,
		"{endpoint: http://a:9093, labels: {a: b, c: d}, limits: {labels: 1}}": "labels must have at most limits::labels, 1 (got 2)",
	} {
		_, err := testutil.LoadConfig(t, NewFactory(), section)
		assert.EqualError(t, err, fault, section)
	}
}

func TestUnknownKeysAreErrors(t *testing.T) {
	_, err := testutil.LoadConfig(t, NewFactory(), "{endpoint: http://a:9093, resend_intervall: 1m}")
	require.ErrorContains(t, err, "resend_intervall")
}
