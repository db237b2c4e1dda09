// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package grafana

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

const (
	// tag is what our dashboards find one another by.
	tag      = "otelcol-guardian"
	runbooks = "https://github.com/llm-guardian/otelcol-guardian/blob/main/monitoring/runbooks/"
	columns  = 24
)

// datasource is the variable by which a reader says which Prometheus is meant.
var datasource = common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}

// Files gives the dashboards as JSON, by file name.
func Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, p := range pages() {
		d, err := p.build()
		if err != nil {
			return nil, fmt.Errorf("cannot build %s: %w", p.file, err)
		}
		fields, err := titled(d)
		if err != nil {
			return nil, fmt.Errorf("cannot complete %s: %w", p.file, err)
		}
		text, err := json.MarshalIndent(fields, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("cannot write %s: %w", p.file, err)
		}
		files[p.file] = append(text, '\n')
	}
	return files, nil
}

func pages() []page {
	return []page{overview(), specialists(), models(), drift(), gpus(), collector()}
}

func (p *page) build() (dashboard.Dashboard, error) {
	b := dashboard.NewDashboardBuilder(p.title).
		Uid(p.uid).
		Description(p.description).
		Tags([]string{tag}).
		Readonly().
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Time("now-1h", "now").
		Refresh("30s").
		Annotation(firing()).
		Link(link{Title: "Guardian dashboards", Type: dashboard.DashboardLinkTypeDashboards, Tags: []string{tag}, AsDropdown: true, KeepTime: true}).
		Link(to("Runbooks", runbooks+"README.md", "What to do when an alert fires")).
		// Jaeger counts microseconds.
		Link(to("Traces", "${jaeger}/search?start=${__from}000&end=${__to}000", "Jaeger, the same time")).
		Link(to("Events", "${kibana}/app/dashboards#/view/guardian-events?_g=(time:(from:'${__from:date:iso}',to:'${__to:date:iso}'))", "Kibana, the same time"))
	for _, v := range p.variableBuilders() {
		b.WithVariable(v)
	}
	id, y := uint32(1), uint32(0)
	for _, r := range p.rows {
		b.WithRow(dashboard.NewRowBuilder(r.title).Id(id).GridPos(dashboard.GridPos{H: 1, W: columns, X: 0, Y: y}))
		id, y = id+1, y+1
		x, tallest := uint32(0), uint32(0)
		for i := range r.panels {
			built := &r.panels[i]
			if x+built.width > columns {
				x, y, tallest = 0, y+tallest, 0
			}
			place := dashboard.GridPos{X: x, Y: y, W: built.width, H: built.tall()}
			b.WithPanel(p.panelBuilder(built).Id(id).GridPos(place))
			id, x, tallest = id+1, x+built.width, max(tallest, place.H)
		}
		y += tallest
	}
	return b.Build()
}

// link is a link as it is written; the builder of the SDK hides it in a menu.
type link dashboard.DashboardLink

// Build implements the SDK's builder.
func (l link) Build() (dashboard.DashboardLink, error) { return dashboard.DashboardLink(l), nil }

// to makes a link that opens a page of its own.
func to(title, url, tooltip string) link {
	return link{Title: title, Type: dashboard.DashboardLinkTypeLink, Url: &url, Tooltip: tooltip, Tags: []string{}, TargetBlank: true}
}

func (p *panel) tall() uint32 {
	switch {
	case p.height > 0:
		return p.height
	case p.kind == stat:
		return 4
	default:
		return 8
	}
}

// firing marks when alerts fire, so that a reader sees them beside what caused them.
func firing() *dashboard.AnnotationQueryBuilder {
	return dashboard.NewAnnotationQueryBuilder().
		Name("Alerts").
		Datasource(datasource).
		Enable(true).
		IconColor(red).
		Expr(`ALERTS{alertstate="firing",severity=~"warning|critical"}`)
}

// titled says how the annotation is called, for which the SDK has no field.
func titled(d dashboard.Dashboard) (map[string]any, error) {
	written, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(written, &fields); err != nil {
		return nil, err
	}
	for _, annotation := range fields["annotations"].(map[string]any)["list"].([]any) {
		a := annotation.(map[string]any)
		a["titleFormat"], a["tagKeys"] = "{{alertname}}", "severity,model_name,feature_name,specialist_type"
		delete(a, "placement")
	}
	return fields, nil
}

func text(s string) dashboard.StringOrMap { return dashboard.StringOrMap{String: &s} }

// variableBuilders gives datasource, job and instance, the page's own variables, and where other pages are.
func (p *page) variableBuilders() []variableBuilder {
	all := []variableBuilder{
		dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus"),
		chosen("job", "Job", "label_values({"+named(p.anyOf)+"}, job)"),
		chosen("instance", "Instance", "label_values({"+named(p.anyOf)+`,job=~"$job"}, instance)`),
	}
	for _, v := range p.variables {
		all = append(all, chosen(v.name, v.title, fmt.Sprintf(`label_values({%s,job=~"$job",instance=~"$instance"}, %s)`, named(v.anyOf), v.label)))
	}
	return append(all,
		dashboard.NewTextBoxVariableBuilder("jaeger").Label("Jaeger").DefaultValue(text("http://localhost:16686")),
		dashboard.NewTextBoxVariableBuilder("kibana").Label("Kibana").DefaultValue(text("http://localhost:5601")))
}

// named selects metrics by their names.
func named(names []string) string { return `__name__=~"` + strings.Join(names, "|") + `"` }

type variableBuilder = cog.Builder[dashboard.VariableModel]

// chosen is a label of which several values, or all, may be chosen. Values are looked for again whenever the time changes. All
// includes series without the label: what comes by remote write has neither job nor instance.
func chosen(name, title, definition string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).
		Label(title).
		Datasource(datasource).
		Query(text(definition)).
		Definition(definition).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).
		IncludeAll(true).
		AllValue(".*").
		Current(dashboard.VariableOption{
			Selected: new(true),
			Text:     dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value:    dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}

// expand replaces {@} and {#} by what is selected.
func (p *page) expand(expr string) string {
	where := []string{`{job=~"$job"`, `instance=~"$instance"`}
	mine := where
	for _, v := range p.variables {
		if v.apart {
			continue
		}
		mine = append(mine, fmt.Sprintf(`%s=~"$%s"`, v.label, v.name))
	}
	return strings.NewReplacer("{@", strings.Join(mine, ","), "{#", strings.Join(where, ",")).Replace(expr)
}

// target makes a query. Numbers, tables and bars ask for the present, the others for the whole time.
func (p *page) target(of *panel, i int) *prometheus.DataqueryBuilder {
	q := of.queries[i]
	b := prometheus.NewDataqueryBuilder().
		RefId(string(rune('A' + i))).
		Datasource(datasource).
		Expr(p.expand(q.expr)).
		LegendFormat(q.legend).
		EditorMode(prometheus.QueryEditorModeCode)
	switch of.kind {
	case table:
		return b.Instant().Format(prometheus.PromQueryFormatTable)
	case bars, gauge:
		return b.Instant().Format(prometheus.PromQueryFormatTimeSeries)
	case histogram:
		return b.Instant().Format(prometheus.PromQueryFormatHeatmap)
	case heatmap:
		return b.Range().Format(prometheus.PromQueryFormatHeatmap)
	default:
		return b.Range().Format(prometheus.PromQueryFormatTimeSeries).Exemplar(q.exemplars)
	}
}
