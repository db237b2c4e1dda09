// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// SchemaVersion is the one that the dashboards are written in.
const SchemaVersion = 42

// prometheusSource is the data source as every panel names it.
var prometheusSource = Datasource{Type: "prometheus", UID: "${datasource}"}

// panelTypes are Grafana's panels that are not on their way out.
var panelTypes = []string{"timeseries", "stat", "gauge", "bargauge", "table", "heatmap", "histogram", "state-timeline", "status-history", "barchart"}

// everything is what stands for all values of a label. dashboard-linter wants ".+", which leaves out what comes by remote
// write: it has neither job nor instance.
const everything = ".*"

// Rules of the linter. Those with a name that ends in -rule are dashboard-linter's, by its names; of its rules for LogQL none
// is needed, because panel-datasource-rule lets nothing but Prometheus in. The others are ours.
const (
	ruleDatasourceVariable = "template-datasource-rule"
	ruleJobVariable        = "template-job-rule"
	ruleInstanceVariable   = "template-instance-rule"
	ruleVariableQuery      = "template-label-promql-rule"
	ruleVariableRefresh    = "template-on-time-change-reload-rule"
	rulePanelDatasource    = "panel-datasource-rule"
	rulePanelText          = "panel-title-description-rule"
	rulePanelUnit          = "panel-units-rule"
	rulePanelTargets       = "panel-no-targets-rule"
	rulePromQL             = "target-promql-rule"
	ruleRateInterval       = "target-rate-interval-rule"
	ruleJobMatcher         = "target-job-rule"
	ruleInstanceMatcher    = "target-instance-rule"
	ruleCounter            = "target-counter-agg-rule"
	ruleUneditable         = "uneditable-dashboard-rule"

	ruleForm      = "form"
	ruleUID       = "uid"
	rulePanelType = "panel type"
	rulePanelID   = "panel id"
	ruleLayout    = "layout"
	ruleRefID     = "refId"
	ruleLegend    = "legend"
)

// An exception says why a rule does not hold for a panel.
type exception struct{ rule, dashboard, panel, reason string }

var exceptions = []exception{
	{ruleRateInterval, "guardian-specialists", "Guardian errors in 5 minutes", "the alert's own expression, whose line is drawn"},
	{ruleCounter, "guardian-collector", "Uptime", "seconds since the start, which the collector shows as a counter"},
	{ruleCounter, "guardian-gpus", "Remapped memory rows", "the total of a GPU's life is what counts"},
}

// Finding is a rule that a dashboard breaks.
type Finding struct{ Rule, Dashboard, Panel, Text string }

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s / %s: %s", f.Rule, f.Dashboard, f.Panel, f.Text)
}

type linter struct {
	d        *Dashboard
	findings []Finding
}

func (l *linter) find(rule, panel, format string, arguments ...any) {
	excepted := slices.ContainsFunc(exceptions, func(e exception) bool {
		return e.rule == rule && e.dashboard == l.d.UID && e.panel == panel
	})
	if !excepted {
		l.findings = append(l.findings, Finding{rule, l.d.UID, panel, fmt.Sprintf(format, arguments...)})
	}
}

// Lint gives what is wrong with a dashboard by itself.
func Lint(d *Dashboard) []Finding {
	l := &linter{d: d}
	l.form()
	l.variables()
	for _, p := range d.Charts() {
		l.panel(&p)
	}
	l.layout()
	return l.findings
}

func (l *linter) form() {
	if l.d.SchemaVersion != SchemaVersion {
		l.find(ruleForm, "", "schemaVersion %d, want %d", l.d.SchemaVersion, SchemaVersion)
	}
	if l.d.Title == "" || l.d.Description == "" {
		l.find(ruleForm, "", "it needs a title and a description")
	}
	if !strings.HasPrefix(l.d.UID, "guardian-") {
		l.find(ruleUID, "", "the uid %q does not begin with guardian-", l.d.UID)
	}
	if l.d.Editable {
		l.find(ruleUneditable, "", "editable: changes would be lost with the next release")
	}
	for _, a := range l.d.Annotations.List {
		l.source(a.Name, a.Datasource)
		l.expression(a.Name, a.Expr)
	}
}

func (l *linter) variable(name string) *Variable {
	for i := range l.d.Templating.List {
		if v := &l.d.Templating.List[i]; v.Name == name {
			return v
		}
	}
	return nil
}

func (l *linter) variables() {
	if v := l.variable("datasource"); v == nil || v.Type != "datasource" || v.Query != "prometheus" {
		l.find(ruleDatasourceVariable, "", "no variable datasource that chooses a Prometheus")
	}
	for name, rule := range map[string]string{"job": ruleJobVariable, "instance": ruleInstanceVariable} {
		v := l.variable(name)
		if v == nil || v.Type != "query" || !v.Multi || !v.IncludeAll || v.AllValue != everything || v.Label == "" {
			l.find(rule, "", "no variable %s of which several or all (%s) can be chosen", name, everything)
		}
	}
	for i := range l.d.Templating.List {
		v := &l.d.Templating.List[i]
		if v.Type != "query" {
			continue
		}
		if v.Refresh != 2 {
			l.find(ruleVariableRefresh, v.Name, "values are not looked for again when the time changes")
		}
		l.source(v.Name, v.Datasource)
		selector, _, err := v.LabelValues()
		if err == nil {
			_, err = parse(selector)
		}
		if err != nil {
			l.find(ruleVariableQuery, v.Name, "%v", err)
		}
	}
}

func (l *linter) source(where string, d *Datasource) {
	if d == nil || *d != prometheusSource {
		l.find(rulePanelDatasource, where, "its data source is not the one that is chosen")
	}
}

func (l *linter) panel(p *Panel) {
	if p.Title == "" || p.Description == "" {
		l.find(rulePanelText, p.Title, "it needs a title and a description")
	}
	if !slices.Contains(panelTypes, p.Type) {
		l.find(rulePanelType, p.Title, "the type %q is not one of %s", p.Type, strings.Join(panelTypes, ", "))
	}
	l.source(p.Title, p.Datasource)
	if len(p.Targets) == 0 {
		l.find(rulePanelTargets, p.Title, "it asks nothing")
	}
	seen := map[string]bool{}
	for i := range p.Targets {
		t := &p.Targets[i]
		if seen[t.RefID] || t.RefID == "" {
			l.find(ruleRefID, p.Title, "the refId %q is empty or there twice", t.RefID)
		}
		seen[t.RefID] = true
		field, err := p.FieldOf(t.RefID)
		if err == nil {
			_, err = field.Bounds()
		}
		if err != nil {
			l.find(rulePanelUnit, p.Title, "%v", err)
		}
		l.source(p.Title, t.Datasource)
		if p.Type != "table" && t.LegendFormat == "" {
			l.find(ruleLegend, p.Title, "query %s has no legend", t.RefID)
		}
		if t.Instant == t.Range {
			l.find(rulePromQL, p.Title, "query %s asks for a range or an instant, one of them", t.RefID)
		}
		l.expression(p.Title, t.Expr)
	}
}

// placeholders are durations that PromQL can read, odd enough to be recognized again.
var placeholders = Values{
	"__rate_interval": "61s", "__range": "3607s", "job": "j", "instance": "i", "specialist": "s", "model": "m", "feature": "f", "gpu": "g",
}

const rateInterval, wholeRange = 61, 3607 // seconds

func parse(expression string) (parser.Expr, error) {
	text, err := placeholders.Substitute(expression)
	if err != nil {
		return nil, err
	}
	return parser.NewParser(parser.Options{}).ParseExpr(text)
}

func (l *linter) expression(where, expression string) {
	expr, err := parse(expression)
	if err != nil {
		l.find(rulePromQL, where, "%v", err)
		return
	}
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			l.selector(where, selector, path)
		}
		return nil
	})
}

// recorded are series of rules: most have neither job nor instance, being sums over them.
var recorded = regexp.MustCompile(`:|^ALERTS$|^specialist_quality_score$`)

// growing are counters by their names, as OpenMetrics has them; numbered are gauges that are called so all the same.
var (
	growing  = regexp.MustCompile(`_(total|bucket|count|sum)$`)
	numbered = []string{"active_tenants_count", "nvidia_gpu_count"}
)

// counting are the functions that make something of a counter.
var counting = []string{"rate", "irate", "increase"}

func (l *linter) selector(where string, s *parser.VectorSelector, path []parser.Node) {
	if !recorded.MatchString(s.Name) {
		for label, rule := range map[string]string{"job": ruleJobMatcher, "instance": ruleInstanceMatcher} {
			if !slices.ContainsFunc(s.LabelMatchers, func(m *labels.Matcher) bool {
				return m.Name == label && m.Type == labels.MatchRegexp && m.Value == placeholders[label]
			}) {
				l.find(rule, where, "%s is not selected by %s", s.Name, label)
			}
		}
	}
	function, seconds := "", 0
	for _, above := range path {
		switch above := above.(type) {
		case *parser.Call:
			function = above.Func.Name
		case *parser.MatrixSelector:
			seconds = int(above.Range.Seconds())
		}
	}
	counted := slices.Contains(counting, function) && seconds > 0
	if growing.MatchString(s.Name) && !counted && !recorded.MatchString(s.Name) && !slices.Contains(numbered, s.Name) {
		l.find(ruleCounter, where, "%s is a counter: only its rate or increase says something", s.Name)
	}
	if counted && seconds != rateInterval && (function != "increase" || seconds != wholeRange) {
		l.find(ruleRateInterval, where, "%s over %d s: $__rate_interval fits the width of the panel and the scrape interval", function, seconds)
	}
}

// layout holds that ids are unique and that no two panels overlap on the 24 columns.
func (l *linter) layout() {
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range l.d.Panels {
		if p.ID <= 0 || ids[p.ID] {
			l.find(rulePanelID, p.Title, "the id %d is there twice, or none", p.ID)
		}
		ids[p.ID] = true
		g := p.GridPos
		if g.W <= 0 || g.H <= 0 || g.X < 0 || g.X+g.W > 24 {
			l.find(ruleLayout, p.Title, "it does not fit on the page: %+v", g)
			continue
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, there := taken[[2]int{x, y}]; there {
					l.find(ruleLayout, p.Title, "it lies over %s", other)
					return
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}
