// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

// rule is a rule and the file that it stands in, relative to this folder.
type rule struct {
	rulefmt.Rule
	file string
}

// level gives what a rule is told apart by from others of its name: the catastrophic one is as critical as its neighbour.
func (r *rule) level() string { return r.Labels["level"] }

func ruleFiles(t *testing.T) []string {
	t.Helper()
	return slices.Concat(glob(t, "*.yaml"), glob(t, "optional/*.yaml"))
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files, "no file fits %s", pattern)
	return files
}

// loadFile reads a rule file as Prometheus does.
func loadFile(t *testing.T, file string) *rulefmt.RuleGroups {
	t.Helper()
	groups, problems := rulefmt.ParseFile(file, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	require.Empty(t, problems)
	return groups
}

func loadRules(t *testing.T) []rule {
	t.Helper()
	var rules []rule
	for _, file := range ruleFiles(t) {
		for _, group := range loadFile(t, file).Groups {
			for _, r := range group.Rules {
				rules = append(rules, rule{Rule: r, file: file})
			}
		}
	}
	return rules
}

func loadAlerts(t *testing.T) []rule {
	t.Helper()
	return slices.DeleteFunc(loadRules(t), func(r rule) bool { return r.Alert == "" })
}

// testFile is a file of promtool's tests, as far as the tests of alerts go.
type testFile struct {
	Rules []string `yaml:"rule_files"`
	Tests []struct {
		Name   string
		Alerts []alertCase `yaml:"alert_rule_test"`
	}
}

// alertCase says which alerts of a name fire at a time.
type alertCase struct {
	Name string         `yaml:"alertname"`
	At   model.Duration `yaml:"eval_time"`
	Fire []struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	} `yaml:"exp_alerts"`
}

func (c *alertCase) at() time.Duration { return time.Duration(c.At) }

func loadTests(t *testing.T) []testFile {
	t.Helper()
	var files []testFile
	for _, path := range glob(t, "tests/*_test.yaml") {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var file testFile
		require.NoError(t, yaml.Unmarshal(text, &file), path)
		files = append(files, file)
	}
	return files
}
