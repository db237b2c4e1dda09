// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// agentWait is how long an item may take to its server on a busy machine.
const agentWait = 60 * time.Second

// agentOverlay moves the ports of configs/agent.yaml and shortens the intervals of its receivers.
const agentOverlay = `
receivers:
  host_metrics: {collection_interval: 1s}
  http_check: {collection_interval: 1s}
  fluent_forward: {endpoint: "127.0.0.1:${env:FLUENT}"}
exporters:
  prometheus: {endpoint: "127.0.0.1:${env:PAGE}"}
extensions:
  health_check: {endpoint: "127.0.0.1:${env:HEALTH}"}
service:
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:OWN}", without_scope_info: true, without_type_suffix: false, without_units: false}}}
`

// agentSetup says how the shipped agent is started: which of its companions stand beside it, and its environment.
type agentSetup struct {
	companions []string // configs/agent_NAME.yaml
	overlay    string   // merged after agentOverlay
	env        []string
}

// agentConfig gives the shipped files, the overlay after them, and the gate that they ask for.
func agentConfig(t *testing.T, setup agentSetup) testutil.CollectorConfig {
	t.Helper()
	dir := t.TempDir()
	files := []string{agentFile(t, "agent")}
	for _, name := range setup.companions {
		files = append(files, agentFile(t, "agent_"+name))
	}
	for name, text := range map[string]string{"ports.yaml": agentOverlay, "test.yaml": setup.overlay} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return testutil.CollectorConfig{
		Files: append(files, filepath.Join(dir, "ports.yaml"), filepath.Join(dir, "test.yaml")),
		Ports: []string{"PAGE", "HEALTH", "OWN", "FLUENT"},
		Env:   append([]string{"GOMEMLIMIT=400MiB"}, setup.env...),
		Args:  []string{"--feature-gates=stanza.synchronousLogEmitter"},
		Dir:   dir,
	}
}

func agentFile(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(testutil.Root(t), "configs", name+".yaml")
}

// agentEventually asks until the answer is yes. Unlike require.Eventually it asks in the test's own goroutine, where a helper
// may fail the test.
func agentEventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(agentWait)
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			require.FailNow(t, "waited in vain", "%s: not within %s", what, agentWait)
		}
		<-tick.C
	}
}

// agentPage gives the text of a Prometheus page.
func agentPage(t *testing.T, url string) string {
	t.Helper()
	return agentBody(t, url+"/metrics")
}

// agentBody gives what a server answers to a GET.
func agentBody(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

func TestAgentConfigurationsAreValid(t *testing.T) {
	kubernetes := []string{"K8S_NODE_NAME=node-1", "KUBE_AUTH=kubeConfig", "KUBELET_AUTH=none", "KUBELET_ENDPOINT=http://127.0.0.1:1"}
	postgresql := []string{"POSTGRES_USER=u", "POSTGRES_PASSWORD=p"}
	gateway := []string{"GATEWAY_ENDPOINT=gateway:4317", "GATEWAY_TOKEN=t"}
	for _, test := range []struct {
		name  string
		files []string
		env   []string
		lacks string // the variable that validate asks for; nothing when it is content
	}{
		{name: "alone", files: []string{"agent"}},
		{name: "kubernetes", files: []string{"agent", "agent_kubernetes"}, env: kubernetes},
		{name: "kubernetes without node", files: []string{"agent", "agent_kubernetes"}, env: kubernetes[1:], lacks: "K8S_NODE_NAME"},
		{name: "postgresql", files: []string{"agent", "agent_postgresql"}, env: postgresql},
		{name: "postgresql without password", files: []string{"agent", "agent_postgresql"}, env: postgresql[:1], lacks: "POSTGRES_PASSWORD"},
		{name: "redis", files: []string{"agent", "agent_redis"}},
		{name: "gateway", files: []string{"agent", "agent_gateway"}, env: gateway},
		{name: "gateway without token", files: []string{"agent", "agent_gateway"}, env: gateway[:1], lacks: "GATEWAY_TOKEN"},
		{
			name:  "everything",
			files: []string{"agent", "agent_kubernetes", "agent_postgresql", "agent_redis", "agent_gateway"},
			env:   slices.Concat(kubernetes, postgresql, gateway),
		},
		{name: "cluster", files: []string{"cluster"}, env: gateway},
		{name: "cluster without gateway", files: []string{"cluster"}, env: gateway[1:], lacks: "GATEWAY_ENDPOINT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"validate"}
			for _, name := range test.files {
				args = append(args, "--config", agentFile(t, name))
			}
			code, output := testutil.RunCollector(t, testutil.CollectorConfig{Args: args, Env: test.env})
			if test.lacks == "" {
				assert.Zero(t, code, output)
				return
			}
			assert.NotZero(t, code)
			assert.Contains(t, output, test.lacks)
		})
	}
}

func TestAgentSaysWhichServicesAnswer(t *testing.T) {
	answering := startAnswering(t)
	collector := testutil.StartCollector(t, agentConfig(t, agentSetup{
		env: []string{"HTTP_CHECKS=[" + answering + ", http://127.0.0.1:1]"},
	}))
	agentEventually(t, "both services on the page", func() bool {
		text := agentPage(t, collector.URL("PAGE"))
		return pageMatches(text, `httpcheck_status\{.*http_status_class="2xx".*http_url="`+answering+`".*\} 1`) &&
			pageMatches(text, `httpcheck_status\{.*http_status_class="2xx".*http_url="http://127.0.0.1:1".*\} 0`) &&
			pageMatches(text, `httpcheck_error\{.*http_url="http://127.0.0.1:1".*\} 1`)
	})
}
