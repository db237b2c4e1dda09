// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package alertmanager holds the routing of alerts to what was promised.
package alertmanager

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

// routing is alertmanager.yml, as far as the tests go. What the receivers hold is Alertmanager's business: the tests with a real one
// see what comes out.
type routing struct {
	Global    map[string]any   `yaml:"global"`
	Templates []string         `yaml:"templates"`
	Route     route            `yaml:"route"`
	Inhibit   []inhibition     `yaml:"inhibit_rules"`
	Receivers []map[string]any `yaml:"receivers"`
}

type route struct {
	Receiver       string   `yaml:"receiver"`
	Matchers       []string `yaml:"matchers"`
	Continue       bool     `yaml:"continue"`
	GroupBy        []string `yaml:"group_by"`
	GroupWait      string   `yaml:"group_wait"`
	GroupInterval  string   `yaml:"group_interval"`
	RepeatInterval string   `yaml:"repeat_interval"`
	Routes         []route  `yaml:"routes"`
}

type inhibition struct {
	Source []string `yaml:"source_matchers"`
	Target []string `yaml:"target_matchers"`
	Equal  []string `yaml:"equal"`
}

func load(t *testing.T) (r routing) {
	t.Helper()
	strictly(t, "alertmanager.yml", &r)
	return r
}

func strictly(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(into), path)
}

// expectation is a line of routes.yaml.
type expectation struct {
	Labels    map[string]string `yaml:"labels"`
	Receivers []string          `yaml:"receivers"`
	Profile   string            `yaml:"profile"`
}

func expectations(t *testing.T) (e []expectation) {
	t.Helper()
	strictly(t, "routes.yaml", &e)
	return e
}
