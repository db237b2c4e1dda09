// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPanelsPageIsOfThesePanels holds that PANELS.md, which the live test writes, has every query of every panel, and one
// series at least for each.
func TestPanelsPageIsOfThesePanels(t *testing.T) {
	page, err := os.ReadFile("PANELS.md")
	require.NoError(t, err)
	seen := map[string]int{}
	title := ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			title = heading
		}
		cells := strings.Split(line, " | ")
		if len(cells) != 7 || strings.HasPrefix(line, "| panel ") {
			continue
		}
		seen[title+" / "+strings.TrimPrefix(cells[0], "| ")+" / "+cells[1]+" "+cells[3]]++
		assert.NotEqual(t, "0", cells[4], line)
	}
	want := map[string]int{}
	for _, d := range load(t) {
		for _, p := range d.Charts() {
			for _, target := range p.Targets {
				want[d.Title+" / "+p.Title+" / "+p.Type+" "+target.RefID]++
			}
		}
	}
	assert.Equal(t, want, seen, "run the live test with -panels")
}
