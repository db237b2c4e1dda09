// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/cluster/sender"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/monitoring/dashboards"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/nvmltest"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

var writePanels = flag.Bool("panels", false, "write monitoring/dashboards/PANELS.md")

// The load of the dashboards' test: a past that is told quickly, then a minute and a half of the present in which one feature
// of one model has drifted and one specialist is slow and wrong.
const (
	watchedPast    = 10 * time.Minute
	watchedPresent = 90 * time.Second
	watchedRate    = 100 // events per second
	watchedSpeed   = 40  // virtual seconds per second, until the present is reached
)

// watched is what dashboards look at: the shipped gateway and agent, with what they watch, and two Prometheus with the
// shipped rules: one that scrapes both, and their own telemetry, and one that is written to by the gateway.
type watched struct {
	gateway    gateway
	agent      *testutil.Collector
	prometheus *servers.Prometheus
	written    *servers.Prometheus
}

// startWatched starts the shipped configurations. Their intervals are shortened, and so are the reference and the window of
// drift, for which a run of minutes has too few predictions.
func startWatched(t *testing.T, elastic string) watched {
	t.Helper()
	rules, err := filepath.Glob(filepath.Join(testutil.Root(t), "monitoring", "rules", "*.yaml"))
	require.NoError(t, err)
	ruleFiles, err := json.Marshal(rules) // JSON is YAML.
	require.NoError(t, err)
	written := servers.StartPrometheus(t, servers.PrometheusConfig{YAML: fmt.Sprintf(`
global: {evaluation_interval: 1s}
rule_files: %s
storage: {tsdb: {out_of_order_time_window: 1h}}
`, ruleFiles)})
	jaeger := testutil.StartSink(t) // Nobody looks at its traces.
	g := startGatewayWith(t, gatewayBackends{elasticsearch: elastic, jaeger: jaeger.Address, prometheus: written.URL}, `
processors:
  drift:
    monitors:
      - {name: features, input: predictions, reference: {first: 1000}, window: {samples: 300}}
      - {name: confidence, kind: concept, input: predictions, value: confidence, reference: {first: 1000}, window: {samples: 300}}
`)
	postgres, control := servers.StartPostgres(t), nvmltest.NewControl(t)
	host, port, err := net.SplitHostPort(postgres.Addr)
	require.NoError(t, err)
	agent := testutil.StartCollector(t, agentConfig(t, agentSetup{
		companions: []string{"gpu", "postgresql"},
		overlay: `
receivers:
  nvml: {collection_interval: 1s}
  postgresql: {collection_interval: 1s}
  sqlquery/postgresql: {collection_interval: 1s}
`,
		env: []string{
			control.Env(), "NVML_LIBRARY=" + nvmltest.Library(t), "ELASTICSEARCH_ENDPOINT=" + elastic,
			"HTTP_CHECKS=[" + g.URL("HEALTH") + ", http://" + nobody + "]",
			"POSTGRES_HOST=" + host, "POSTGRES_PORT=" + port, "POSTGRES_SSLMODE=disable", "POSTGRES_INSECURE=true",
			"POSTGRES_USER=" + postgres.User, "POSTGRES_PASSWORD=" + postgres.Password,
		},
	}))
	prometheus := servers.StartPrometheus(t, servers.PrometheusConfig{YAML: fmt.Sprintf(`
global: {scrape_interval: 2s, evaluation_interval: 1s}
rule_files: %s
scrape_configs:
  - job_name: guardian
    honor_labels: true
    scheme: https
    authorization: {credentials: %q}
    tls_config: {ca_file: %q}
    static_configs: [{targets: [%q]}]
  - {job_name: agent, honor_labels: true, static_configs: [{targets: [%q]}]}
  - {job_name: otelcol-guardian, static_configs: [{targets: [%q, %q]}]}
`, ruleFiles, gatewayToken, g.authority.file, g.Address("PAGE"), agent.Address("PAGE"), g.Address("OWN"), agent.Address("OWN"))})
	agentEventually(t, "all targets", func() bool { return len(prometheus.Query(t, `up == 1`)) == 4 })
	// A GPU reports an error, after it was seen without one.
	agentEventually(t, "GPUs", func() bool { return len(prometheus.Query(t, `hw_gpu_utilization_ratio{hw_gpu_task="general"}`)) == 8 })
	control.XID(2, 79)
	return watched{gateway: g, agent: agent, prometheus: prometheus, written: written}
}

// run sends the load, and beside it what simulated clusters do not send.
func (w watched) run(t *testing.T) {
	t.Helper()
	start := time.Now().Add(-watchedPast)
	simulated, err := cluster.New(cluster.Config{
		Seed: 11, Start: start, Rate: watchedRate, LateAfter: time.Second, LateWithin: 5 * time.Minute,
		Drifts:   []cluster.Drift{{Model: "churn", Feature: "income", At: watchedPast / 2, Shift: 1}},
		Troubles: []cluster.Trouble{{Specialist: "chat-1", From: watchedPast / 2, To: watchedPast + time.Hour}},
	})
	require.NoError(t, err)
	guardian, err := sender.NewGuardian(sender.GuardianOptions{
		Endpoint: "https://" + w.gateway.Address("GUARDIAN"), Token: gatewayToken,
		TLS: &tls.Config{RootCAs: w.gateway.authority.pool(), MinVersion: tls.VersionTLS12},
	})
	require.NoError(t, err)
	s := sender.Sender{
		Cluster: simulated, Guardian: guardian, Speed: watchedSpeed, Batch: 200,
		Duration: watchedPast/watchedSpeed + watchedPresent,
	}
	sent := make(chan error, 1)
	go func() {
		report, err := s.Run(t.Context())
		sent <- errors.Join(err, report.Err())
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-sent:
			require.NoError(t, err)
			return
		case <-tick.C:
			w.gateway.sendTraces(t, chatTrace(time.Now()))
			w.gateway.sendOddEvents(t)
		}
	}
}

// chatTrace is a trace of two calls of a language model, one of which failed.
func chatTrace(at time.Time) ptrace.Traces {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "chat")
	for i, code := range []ptrace.StatusCode{ptrace.StatusCodeOk, ptrace.StatusCodeError} {
		span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID(binary.BigEndian.AppendUint64(make([]byte, 8), uint64(at.UnixNano()))))
		span.SetSpanID(pcommon.SpanID(binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano()+int64(i)))))
		span.SetName("chat small")
		span.SetKind(ptrace.SpanKindClient)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(-time.Second)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(at))
		span.Status().SetCode(code)
		span.Attributes().PutStr("gen_ai.operation.name", "chat")
		span.Attributes().PutStr("gen_ai.request.model", "small")
	}
	return traces
}

// sendOddEvents sends an event that can never work, and one that the gateway has had already.
func (g gateway) sendOddEvents(t *testing.T) {
	t.Helper()
	body := `[{"id":"odd","source":"test","type":"request","data":{"status":"success"}},
		{"id":"again","source":"test","type":"detection","data":{"detector_type":"pii","status":"clean"}}]`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+g.Address("GUARDIAN")+"/v1/events", strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+gatewayToken)
	response, err := g.client().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
}

const (
	panelStep  = 5 * time.Second
	panelRange = 2 * time.Minute
)

// panelValues are those that Grafana would put in, for a reader who has chosen all of everything.
var panelValues = dashboards.Values{
	"__rate_interval": "15s", "__range": panelRange.String(), "datasource": "prometheus",
	"job": ".*", "instance": ".*", "specialist": ".*", "model": ".*", "feature": ".*", "gpu": ".*",
}

// TestDashboardPanelsAndSearches has the shipped gateway and agent at work, and asks what dashboards ask.
func TestDashboardPanelsAndSearches(t *testing.T) {
	elastic := startElasticsearch(t)
	w := startWatched(t, elastic.URL)
	w.run(t)
	t.Run("Panels", w.checkPanels)
	t.Run("RemoteWrite", w.checkWritten)
	t.Run("Searches", func(t *testing.T) { checkSearches(t, elastic) })
}

// checkPanels asks a real Prometheus what every panel of every dashboard asks, as Grafana would: each query gives data, all
// of which lies within the bounds of its unit, and has the labels that its legend shows. With -panels it writes what was seen to
// monitoring/dashboards/PANELS.md.
func (w watched) checkPanels(t *testing.T) {
	all, err := dashboards.Load()
	require.NoError(t, err)
	var table strings.Builder
	table.WriteString(panelsHeader)
	for _, d := range all {
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				assert.NotEmpty(t, w.choices(t, &v), "%s: nothing to choose for %s", d.Title, v.Name)
			}
		}
		for _, a := range d.Annotations.List {
			assert.NotEmpty(t, w.ask(t, &dashboards.Target{Expr: a.Expr, Range: true}), "%s: annotation %s", d.Title, a.Name)
		}
		fmt.Fprintf(&table, "\n## %s\n\n| panel | type | unit | query | series | least | greatest |\n|---|---|---|---|---|---|---|\n", d.Title)
		for _, p := range d.Charts() {
			for _, target := range p.Targets {
				seen, unit := w.check(t, d.Title, &p, &target)
				fmt.Fprintf(&table, "| %s | %s | %s | %s | %d | %s | %s |\n", p.Title, p.Type, unit, target.RefID, seen.series, figure(seen.least), figure(seen.most))
			}
		}
	}
	t.Log("\n" + table.String())
	if *writePanels && !t.Failed() {
		require.NoError(t, os.WriteFile(filepath.Join(testutil.Root(t), "monitoring", "dashboards", "PANELS.md"), []byte(table.String()), 0o644))
	}
}

// scrapedOnly are series that the gateway does not write to Prometheus: of machines, GPUs and its own telemetry.
var scrapedOnly = regexp.MustCompile(`\b(node:|gpu:|otelcol_)`)

// checkWritten asks what the dashboards of specialists and models ask of a Prometheus that the gateway writes to, whose
// series have neither job nor instance. They bring exemplars, which a scrape of the page does not.
func (w watched) checkWritten(t *testing.T) {
	w.prometheus = w.written
	all, err := dashboards.Load()
	require.NoError(t, err)
	asked := 0
	for _, d := range all {
		if d.File != "specialists.json" && d.File != "models.json" {
			continue
		}
		for _, p := range d.Charts() {
			for _, target := range p.Targets {
				if !scrapedOnly.MatchString(target.Expr) {
					w.check(t, d.Title, &p, &target)
					asked++
				}
			}
		}
	}
	require.Greater(t, asked, 50)
	var exemplars struct {
		Data []struct {
			Exemplars []struct {
				Labels map[string]string `json:"labels"`
			} `json:"exemplars"`
		} `json:"data"`
	}
	parameters := url.Values{
		"query": {"specialist_request_duration_seconds_bucket"},
		"start": {time.Now().Add(-panelRange).UTC().Format(time.RFC3339)}, "end": {time.Now().UTC().Format(time.RFC3339)},
	}
	require.NoError(t, json.Unmarshal([]byte(agentBody(t, w.prometheus.URL+"/api/v1/query_exemplars?"+parameters.Encode())), &exemplars))
	require.NotEmpty(t, exemplars.Data)
	assert.Len(t, exemplars.Data[0].Exemplars[0].Labels["trace_id"], 32, "what the data source takes to Jaeger")
}

const panelsHeader = `# What every panel showed

Every query of every panel, asked of a real Prometheus 2.42 with the rules of ` + "`monitoring/rules`" + `, which scraped the shipped
` + "`gateway.yaml` and `agent.yaml`" + ` (with ` + "`agent_gpu.yaml` and `agent_postgresql.yaml`" + `) under the load of a simulated cluster: eight GPUs of a
scripted driver, a real PostgreSQL, one feature drifting, one specialist slow and wrong. Numbers differ from run to run.

` + "```sh\nmake build && OTELCOL_GUARDIAN=$PWD/bin/otelcol-guardian go test -tags e2e -run TestDashboardPanels -v ./test/e2e -panels\n```\n"

// answer is what a query gave.
type answer struct {
	series      int
	least, most float64
}

func figure(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }

// check asks one query, and holds what it gives to the unit and the legend.
func (w watched) check(t *testing.T, dashboard string, p *dashboards.Panel, target *dashboards.Target) (seen answer, unit string) {
	t.Helper()
	where := fmt.Sprintf("%s / %s / %s", dashboard, p.Title, target.RefID)
	field, err := p.FieldOf(target.RefID)
	require.NoError(t, err, where)
	bounds, err := field.Bounds()
	require.NoError(t, err, where)
	if target.Format == "heatmap" {
		bounds = dashboards.Units["short"] // The unit is that of the edges; the values are counts.
	}
	seen = answer{least: math.Inf(1), most: math.Inf(-1)}
	labels := map[string]bool{}
	for _, series := range w.askPatiently(t, target) {
		finite := 0
		for _, value := range series.values {
			if math.IsNaN(value) {
				continue // A gap in the line.
			}
			finite++
			seen.least, seen.most = min(seen.least, value), max(seen.most, value)
		}
		if finite > 0 {
			seen.series++
		}
		for label := range series.labels {
			labels[label] = true
		}
	}
	if !assert.NotZero(t, seen.series, "%s gives nothing: %s", where, target.Expr) {
		return answer{}, field.Unit
	}
	// Shares of counters that tick in hundredths of a second pass their bounds by a little.
	slack := 0.0
	if !math.IsInf(bounds.Most, 1) && !math.IsInf(bounds.Least, -1) {
		slack = 0.005 * (bounds.Most - bounds.Least)
	}
	assert.GreaterOrEqual(t, seen.least, bounds.Least-slack, "%s: %s", where, target.Expr)
	assert.LessOrEqual(t, seen.most, bounds.Most+slack, "%s: %s", where, target.Expr)
	for _, label := range target.LegendLabels() {
		if label == "cluster" {
			continue // Only those have it who have several.
		}
		assert.True(t, labels[label], "%s: the legend shows %s, which no series has: %s", where, label, target.Expr)
	}
	return seen, field.Unit
}

// askPatiently asks some times for what is there at this moment: on a busy machine a scrape may time out, and its series are
// gone until the next.
func (w watched) askPatiently(t *testing.T, target *dashboards.Target) []asked {
	t.Helper()
	answer := w.ask(t, target)
	for deadline := time.Now().Add(10 * time.Second); len(answer) == 0 && time.Now().Before(deadline); {
		time.Sleep(gatewayPoll)
		answer = w.ask(t, target)
	}
	return answer
}

// asked is one series of an answer.
type asked struct {
	labels map[string]string
	values []float64
}

// ask puts a query as Grafana does: over the time shown, or of this moment.
func (w watched) ask(t *testing.T, target *dashboards.Target) []asked {
	t.Helper()
	expression, err := panelValues.Substitute(target.Expr)
	require.NoError(t, err)
	now := time.Now()
	if !target.Range {
		var all []asked
		for _, sample := range w.prometheus.QueryAt(t, expression, now) {
			all = append(all, asked{sample.Metric, []float64{sample.Value}})
		}
		return all
	}
	var all []asked
	for _, series := range w.prometheus.QueryRange(t, expression, now.Add(-panelRange), now, panelStep) {
		all = append(all, asked{series.Metric, series.Values})
	}
	return all
}

// choices gives the values that a variable offers.
func (w watched) choices(t *testing.T, v *dashboards.Variable) []string {
	t.Helper()
	selector, label, err := v.LabelValues()
	require.NoError(t, err)
	selector, err = panelValues.Substitute(selector)
	require.NoError(t, err)
	var found struct{ Data []string }
	require.NoError(t, json.Unmarshal([]byte(agentBody(t, w.prometheus.URL+"/api/v1/label/"+label+"/values?"+url.Values{"match[]": {selector}}.Encode())), &found))
	slices.Sort(found.Data)
	return found.Data
}
