// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

func TestRecordingRulesPassPromtool(t *testing.T) {
	rules := filepath.Join(testutil.Root(t), "monitoring", "rules")
	for _, arguments := range [][]string{
		{"check", "rules", filepath.Join(rules, "recording.yaml"), filepath.Join(rules, "silence.yaml")},
		{"test", "rules", filepath.Join(rules, "tests", "recording_test.yaml"), filepath.Join(rules, "tests", "silence_test.yaml")},
	} {
		promtool, err := exec.LookPath("promtool")
		require.NoError(t, err, "promtool is not installed: run scripts/e2e-deps.sh")
		output, err := exec.CommandContext(t.Context(), promtool, arguments...).CombinedOutput()
		assert.NoError(t, err, "%s", output)
	}
}

// TestRecordingRulesEvaluateOnWhatTheAgentSends runs the shipped rules in a real Prometheus that scrapes the shipped agent,
// which watches this machine, a PostgreSQL and a Redis. The GPU's rules are in promtool's tests only.
func TestRecordingRulesEvaluateOnWhatTheAgentSends(t *testing.T) {
	postgres, redis := servers.StartPostgres(t), servers.StartRedis(t)
	redis.Do(t, "SET", "key", "value")
	// One slow call in hundreds does not reach the 95th percentile.
	postgres.Exec(t, "SELECT pg_sleep(0.4)")
	postgres.Exec(t, strings.Repeat("SELECT 1;", 200))
	host, port, err := net.SplitHostPort(postgres.Addr)
	require.NoError(t, err)
	collector := testutil.StartCollector(t, agentConfig(t, agentSetup{
		companions: []string{"postgresql", "redis"},
		overlay: `
receivers:
  postgresql: {collection_interval: 1s}
  sqlquery/postgresql: {collection_interval: 1s}
  redis: {collection_interval: 1s}
`,
		env: []string{
			"POSTGRES_HOST=" + host, "POSTGRES_PORT=" + port, "POSTGRES_SSLMODE=disable", "POSTGRES_INSECURE=true",
			"POSTGRES_USER=" + postgres.User, "POSTGRES_PASSWORD=" + postgres.Password, "REDIS_ENDPOINT=" + redis.Addr,
		},
	}))
	prometheus := servers.StartPrometheus(t, servers.PrometheusConfig{YAML: fmt.Sprintf(`
global: {scrape_interval: 1s}
rule_files: [%q]
scrape_configs: [{job_name: agent, honor_labels: true, static_configs: [{targets: [%q]}]}]
`, filepath.Join(testutil.Root(t), "monitoring", "rules", "recording.yaml"), collector.Address("PAGE"))})

	records := map[string]struct{ least, most float64 }{
		"node:cpu_utilization:rate5m":        {0, 100.1}, // counters of hundredths of a second are a little out of step
		"node:memory_utilization:ratio":      {0.001, 1},
		"node:disk_utilization:ratio":        {0.001, 1},
		"network:throughput:rate5m":          {0, 1e11},
		"postgresql:connections:utilization": {0.01, 0.2}, // a handful of 100
		"postgresql:query_duration:p95":      {1e-6, 0.3}, // below the slow one's 0.4 s
	}
	for record, sensible := range records {
		agentEventually(t, record, func() bool { return len(prometheus.Query(t, record)) > 0 })
		for _, sample := range prometheus.Query(t, record) {
			t.Logf("%s%v = %g", record, sample.Metric, sample.Value)
			assert.GreaterOrEqual(t, sample.Value, sensible.least, record)
			assert.LessOrEqual(t, sample.Value, sensible.most, record)
		}
	}
	assertNodeNames(t, prometheus)

	// A hundred slow ones do.
	postgres.Exec(t, strings.Repeat("SELECT pg_sleep(0.03);", 100))
	agentEventually(t, "the slow statements' mean as p95", func() bool {
		return len(prometheus.Query(t, `postgresql:query_duration:p95 > 0.02 < 0.3`)) == 1
	})
	slow := prometheus.Query(t, `max(postgresql_statement_time_seconds_total{datname="postgres"})`)
	require.Len(t, slow, 1)
	assert.InDelta(t, 3.4, slow[0].Value, 1, "seconds in all of pg_sleep")
	keys := prometheus.Query(t, `redis_db_keys{job="redis",instance="`+redis.Addr+`"}`)
	require.Len(t, keys, 1)
	assert.InDelta(t, 1, keys[0].Value, 0)
}

// assertNodeNames holds what the rules' inputs must have beside their names.
func assertNodeNames(t *testing.T, prometheus *servers.Prometheus) {
	t.Helper()
	cpus := prometheus.Query(t, `count(node_cpu_seconds_total{mode="idle"})`)
	require.Len(t, cpus, 1)
	online := prometheus.Query(t, `max(system_cpu_logical_count)`)
	require.Len(t, online, 1)
	assert.InDelta(t, online[0].Value, cpus[0].Value, 0, "one series per CPU, or the mean over CPUs is none")
	assert.Len(t, prometheus.Query(t, `count by (mode) (node_cpu_seconds_total)`), 8)
	assert.Empty(t, prometheus.Query(t, `{__name__=~"node_(cpu|network|filesystem)_.*",state!=""}`))
	// The size is that of all states together.
	assert.Empty(t, prometheus.Query(t, `node_filesystem_size_bytes != on (instance, mountpoint, device) sum by (instance, mountpoint, device) (system_filesystem_usage_bytes)`))
	assert.Empty(t, prometheus.Query(t, `node_network_receive_bytes_total unless on (instance, device) node_network_transmit_bytes_total`))
	assert.NotEmpty(t, prometheus.Query(t, `pg_stat_database_numbackends{datname="postgres"} >= 1`))
	limit := prometheus.Query(t, `pg_settings_max_connections`)
	require.Len(t, limit, 1)
	assert.InDelta(t, 100, limit[0].Value, 0)
}

func startAnswering(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode("here")
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func pageMatches(text, expression string) bool {
	return regexp.MustCompile(expression).MatchString(text)
}
