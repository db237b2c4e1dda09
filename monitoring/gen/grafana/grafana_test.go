// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package grafana

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	gaugepanel "github.com/grafana/grafana-foundation-sdk/go/gauge"
	heatmappanel "github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	statpanel "github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	tablepanel "github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/monitoring/dashboards"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

// TestFilesAreWhatIsCommitted writes the dashboards with -update, as `make dashboards` does.
func TestFilesAreWhatIsCommitted(t *testing.T) {
	folder := filepath.Join("..", "..", "dashboards")
	files, err := Files()
	require.NoError(t, err)
	for name, text := range files {
		testutil.Golden(t, filepath.Join(folder, name), text)
	}
	there, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	for _, path := range there {
		assert.Contains(t, files, filepath.Base(path), "no page of ours: remove it")
	}
}

// TestFilesAreWhatTheSDKReads reads the files strictly: a field that a panel's type does not have is an error.
func TestFilesAreWhatTheSDKReads(t *testing.T) {
	for _, panel := range []variants.PanelcfgConfig{
		bargauge.VariantConfig(), gaugepanel.VariantConfig(), heatmappanel.VariantConfig(), statpanel.VariantConfig(), statetimeline.VariantConfig(),
		tablepanel.VariantConfig(), timeseries.VariantConfig(),
	} {
		cog.NewRuntime().RegisterPanelcfgVariant(panel)
	}
	cog.NewRuntime().RegisterDataqueryVariant(prometheus.VariantConfig())
	files, err := Files()
	require.NoError(t, err)
	for name, text := range files {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(text, &fields))
		for _, annotation := range fields["annotations"].(map[string]any)["list"].([]any) {
			for _, ours := range []string{"titleFormat", "tagKeys"} { // Prometheus' own, which the SDK does not know.
				assert.Contains(t, annotation, ours)
				delete(annotation.(map[string]any), ours)
			}
		}
		text, err := json.Marshal(fields)
		require.NoError(t, err)
		var d dashboard.Dashboard
		require.NoError(t, d.UnmarshalJSONStrict(text), name)
		require.NoError(t, d.Validate(), name)
		require.NotEmpty(t, d.Panels)
	}
}

func TestUnitsAreGrafanas(t *testing.T) {
	grafanas := []string{
		units.PercentUnit, units.Percent, units.Short, units.NoUnit, units.Seconds, units.BytesIEC, units.BytesPerSecondSI, units.RequestsPerSecond,
		units.CountsPerSecond, units.Watt, units.Joule, units.Celsius, units.Hertz, units.BoolOnOff,
	}
	for unit := range dashboards.Units {
		assert.True(t, slices.Contains(grafanas, unit), unit)
	}
}

// TestPanelsSayWhatTheyShow holds what the SDK would let pass.
func TestPanelsSayWhatTheyShow(t *testing.T) {
	for _, p := range pages() {
		for _, r := range p.rows {
			require.NotEmpty(t, r.panels, "%s / %s", p.title, r.title)
			titles := map[string]int{}
			for _, panel := range r.panels {
				titles[panel.title]++
				_, most := panel.bounds()
				for _, line := range panel.lines.above {
					assert.True(t, most == nil || line.value <= *most, "%s / %s: a line above the axis", p.title, panel.title)
				}
				for _, c := range panel.columns {
					assert.True(t, (c.label == "") != (c.query == 0) && c.query <= len(panel.queries), "%s / %s: column %s", p.title, panel.title, c.title)
				}
				assert.Equal(t, panel.kind == table, panel.columns != nil, "%s / %s", p.title, panel.title)
			}
			for title, n := range titles {
				if n > 1 {
					kinds := map[kind]bool{}
					for _, panel := range r.panels {
						if panel.title == title {
							kinds[panel.kind] = true
						}
					}
					assert.Len(t, kinds, n, "%s / %s has %s twice", p.title, r.title, title)
				}
			}
		}
	}
}
