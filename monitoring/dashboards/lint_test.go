// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

func load(t *testing.T) []Dashboard {
	t.Helper()
	all, err := Load()
	require.NoError(t, err)
	require.Len(t, all, 6)
	return all
}

func TestDashboardsPassTheLinter(t *testing.T) {
	for _, d := range load(t) {
		for _, finding := range Lint(&d) {
			t.Error(finding)
		}
	}
}

// Provisioning from files never asks for __inputs, and grafana.com's fields mean nothing to it.
func TestDashboardsCanBeProvisioned(t *testing.T) {
	for _, d := range load(t) {
		text, err := os.ReadFile(d.File)
		require.NoError(t, err)
		for _, no := range []string{"__inputs", "__requires", "DS_PROMETHEUS", "formatTime"} {
			assert.NotContains(t, string(text), no, d.File)
		}
	}
}

func TestDashboardsCanBeToldApart(t *testing.T) {
	uids, titles := map[string]bool{}, map[string]bool{}
	for _, d := range load(t) {
		assert.False(t, uids[d.UID] || titles[d.Title], "%s is there twice", d.File)
		uids[d.UID], titles[d.Title] = true, true
	}
}

// Every exception is needed: without it the linter finds something.
func TestExceptionsAreNeeded(t *testing.T) {
	kept := exceptions
	defer func() { exceptions = kept }()
	for _, e := range kept {
		exceptions = nil
		var found bool
		for _, d := range load(t) {
			for _, f := range Lint(&d) {
				found = found || f.Rule == e.rule && f.Dashboard == e.dashboard && f.Panel == e.panel
			}
		}
		assert.True(t, found, "%+v", e)
		assert.NotEmpty(t, e.reason)
	}
}

// TestLinterSeesMistakes makes one mistake at a time in a dashboard that is well.
func TestLinterSeesMistakes(t *testing.T) {
	for rule, mistakes := range map[string][]func(d *Dashboard){
		ruleDatasourceVariable: {func(d *Dashboard) { d.Templating.List[0].Query = "loki" }},
		ruleJobVariable:        {func(d *Dashboard) { d.Templating.List[1].AllValue = "" }, func(d *Dashboard) { d.Templating.List[1].Multi = false }},
		ruleInstanceVariable:   {func(d *Dashboard) { d.Templating.List[2].Name = "pod" }},
		ruleVariableQuery: {
			func(d *Dashboard) { d.Templating.List[3].Query = "label_values(up{, model_name)" },
			func(d *Dashboard) { d.Templating.List[3].Query = "metrics(up)" },
		},
		ruleVariableRefresh: {func(d *Dashboard) { d.Templating.List[3].Refresh = 1 }},
		rulePanelDatasource: {
			func(d *Dashboard) { d.Panels[1].Datasource = nil },
			func(d *Dashboard) { d.Panels[1].Targets[0].Datasource = &Datasource{"prometheus", "P1809F7CD0C75ACF3"} },
			func(d *Dashboard) { d.Annotations.List[0].Datasource = &Datasource{"loki", "${datasource}"} },
		},
		rulePanelText:    {func(d *Dashboard) { d.Panels[1].Title = "" }, func(d *Dashboard) { d.Panels[1].Description = "" }},
		rulePanelUnit:    {func(d *Dashboard) { d.Panels[1].FieldConfig.Defaults.Unit = "" }},
		rulePanelTargets: {func(d *Dashboard) { d.Panels[1].Targets = nil }},
		rulePromQL: {
			setExpr(`sum by (`), setExpr(`sum(rate(a_total{job=~"$job",instance=~"$instance"}[$typo]))`),
			func(d *Dashboard) { d.Panels[1].Targets[0].Instant, d.Panels[1].Targets[0].Range = true, true },
		},
		ruleRateInterval:    {setExpr(`rate(a_total{job=~"$job",instance=~"$instance"}[5m])`), setExpr(`rate(a_total{job=~"$job",instance=~"$instance"}[$__range])`)},
		ruleJobMatcher:      {setExpr(`a{instance=~"$instance"}`), setExpr(`a{job="api",instance=~"$instance"}`)},
		ruleInstanceMatcher: {setExpr(`a{job=~"$job"}`), setExpr(`a{job=~"$job",instance=~"$job"}`)},
		ruleCounter: {
			setExpr(`a_total{job=~"$job",instance=~"$instance"}`),
			setExpr(`max_over_time(a_bucket{job=~"$job",instance=~"$instance"}[$__range])`),
		},
		ruleUneditable: {func(d *Dashboard) { d.Editable = true }},
		ruleForm:       {func(d *Dashboard) { d.SchemaVersion = 36 }, func(d *Dashboard) { d.Description = "" }},
		ruleUID:        {func(d *Dashboard) { d.UID = "" }},
		rulePanelType:  {func(d *Dashboard) { d.Panels[1].Type = "graph" }, func(d *Dashboard) { d.Panels[1].Type = "singlestat" }},
		rulePanelID:    {func(d *Dashboard) { d.Panels[1].ID = d.Panels[2].ID }, func(d *Dashboard) { d.Panels[1].ID = 0 }},
		ruleLayout:     {func(d *Dashboard) { d.Panels[2].GridPos = d.Panels[1].GridPos }, func(d *Dashboard) { d.Panels[1].GridPos.X = 20 }},
		ruleRefID:      {func(d *Dashboard) { d.Panels[1].Targets[0].RefID = "" }},
		ruleLegend:     {func(d *Dashboard) { d.Panels[1].Targets[0].LegendFormat = "" }},
	} {
		for _, mistake := range mistakes {
			d := load(t)[5] // specialists.json: its first panel is a graph
			require.Equal(t, "timeseries", d.Panels[1].Type)
			mistake(&d)
			var rules []string
			for _, f := range Lint(&d) {
				rules = append(rules, f.Rule)
			}
			assert.Contains(t, rules, rule)
		}
	}
}

func setExpr(expression string) func(d *Dashboard) {
	return func(d *Dashboard) { d.Panels[1].Targets[0].Expr = expression }
}

const runbooks = "https://github.com/llm-guardian/otelcol-guardian/blob/main/monitoring/runbooks/"

var variableInLink = regexp.MustCompile(`[?&]var-(\w+)=`)

// TestLinksLeadSomewhere follows links to runbooks and to other dashboards, with the variables that they set there.
func TestLinksLeadSomewhere(t *testing.T) {
	variables := map[string]map[string]bool{}
	for _, d := range load(t) {
		variables[d.UID] = map[string]bool{}
		for _, v := range d.Templating.List {
			variables[d.UID][v.Name] = true
		}
	}
	for _, d := range load(t) {
		links := d.Links
		for _, p := range d.Charts() {
			links = append(append(links, p.Links...), p.FieldConfig.Defaults.Links...)
		}
		for _, link := range links {
			switch {
			case link.Type == "dashboards":
				assert.Equal(t, []string{"otelcol-guardian"}, link.Tags)
			case strings.HasPrefix(link.URL, runbooks):
				assert.FileExists(t, filepath.Join("..", "runbooks", strings.TrimPrefix(link.URL, runbooks)), d.UID)
			case strings.HasPrefix(link.URL, "/d/"):
				target, err := url.Parse(link.URL)
				require.NoError(t, err)
				there := variables[strings.TrimPrefix(target.Path, "/d/")]
				require.NotNil(t, there, link.URL)
				for _, match := range variableInLink.FindAllStringSubmatch(link.URL, -1) {
					assert.True(t, there[match[1]], "%s sets a variable that is not there", link.URL)
				}
			default:
				assert.Regexp(t, `^\$\{(jaeger|kibana)\}/`, link.URL)
			}
		}
	}
}

// TestAlertsHaveAPanel holds that whoever is paged finds a panel with the alert's line: every runbook is linked from one.
func TestAlertsHaveAPanel(t *testing.T) {
	linked := map[string]bool{}
	for _, d := range load(t) {
		for _, p := range d.Charts() {
			for _, link := range p.Links {
				linked[strings.TrimPrefix(link.URL, runbooks)] = true
			}
		}
	}
	books, err := filepath.Glob("../runbooks/*.md")
	require.NoError(t, err)
	without := map[string]bool{
		"README.md":           true,
		"LowModelAccuracy.md": true, // nothing measures accuracy yet
		"accuracy_drop.md":    true,
		"AnomalyDetected.md":  true, // and nothing finds anomalies
		"PerformanceAlert.md": true, // an event without a metric: Kibana has a search for it
	}
	for _, book := range books {
		assert.NotEqual(t, without[filepath.Base(book)], linked[filepath.Base(book)], book)
	}
}
