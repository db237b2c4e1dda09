// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestEveryAlertHasARunbookAndEveryRunbookAnAlert(t *testing.T) {
	alerts, books := slices.Clone(alerting.Names), []string(nil) // those that the collector makes of events have no rule
	for _, r := range loadAlerts(t) {
		alerts = append(alerts, r.Alert)
	}
	for _, path := range glob(t, "../runbooks/*.md") {
		alert := strings.TrimSuffix(filepath.Base(path), ".md")
		if alert == "README" {
			continue
		}
		books = append(books, alert)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, part := range []string{"# " + alert, "## What it means", "## First look", "## Steps", "## How it lies", "## Silencing"} {
			assert.Contains(t, string(text), part+"\n", path)
		}
	}
	assert.Subset(t, alerts, books)
	assert.Subset(t, books, alerts)
}

var queries = regexp.MustCompile("(?s)```promql\n(.*?)```")

// TestRunbooksAskForWhatIsThere reads the queries of the runbooks, one per line.
func TestRunbooksAskForWhatIsThere(t *testing.T) {
	n := loadNames(t)
	for _, path := range glob(t, "../runbooks/*.md") {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		blocks := queries.FindAllStringSubmatch(string(text), -1)
		assert.True(t, len(blocks) > 0 || filepath.Base(path) == "README.md", "%s has no query", path)
		for _, block := range blocks {
			for query := range strings.Lines(block[1]) {
				n.labels(parse(t, query))
			}
		}
	}
}

// TestReadmeHasTheAlerts writes the table of the README with -update.
func TestReadmeHasTheAlerts(t *testing.T) {
	const begin, end = "<!-- alerts: go test -update -->\n", "<!-- end of alerts -->"
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	testutil.Golden(t, "README.md", []byte(before+begin+table()+end+after))
}

func table() string {
	var b strings.Builder
	b.WriteString("| alert | severity | condition | for | file |\n|---|---|---|---|---|\n")
	for _, o := range contract {
		severity := o.severity
		if o.level != "" {
			severity += ", level " + o.level
		}
		fmt.Fprintf(&b, "| [%s](../runbooks/%s.md) | %s | %s | %s | `%s` |\n",
			o.alert, o.alert, severity, o.condition, strings.Replace(o.wait, "0s", "–", 1), o.file)
	}
	return b.String()
}
