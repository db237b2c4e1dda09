// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is rendered runs: an event that the service takes, and the host's memory from an agent, stand on the page of the
// gateway, over TLS with the name that README.md asks for, with the token, and with the label of the cluster. It does so with
// one gateway, and with routers in front of several.
func TestReleaseDelivers(t *testing.T) {
	t.Run("one gateway", func(t *testing.T) { testReleaseDelivers(t, 1) })
	t.Run("several gateways", func(t *testing.T) { testReleaseDelivers(t, 2) })
}

func testReleaseDelivers(t *testing.T, replicas int) {
	t.Helper()
	all := renderObjects(t, parseValues(t, fmt.Sprintf(`
clusterName: production
gateway: {replicas: %d, tls: {existingSecret: guardian-tls}, auth: {existingSecret: guardian-token}}
agent: {gpu: {enabled: false}}
presets: {kubeletMetrics: {enabled: false}}
`, replicas)))
	gateway := run(t, &all, "gateway", "")
	agent := run(t, &all, "agent", gateway.port(4317))
	front, requests := gateway, []string{"ml_requests_total{", `model_name="m1"`, `cluster="production"`}
	if replicas > 1 {
		front, requests = run(t, &all, "router", gateway.port(4317)), append(requests, `gateway="metadata-name"`)
	}
	for _, one := range []*running{gateway, front, agent} {
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			status, _ := one.ask(t, http.MethodGet, "http", 13133, "/", "")
			assert.Equal(t, http.StatusOK, status, one.output())
		}, time.Minute, 100*time.Millisecond)
	}

	const event = `{"request_id": "r1", "model": {"name": "m1"}, "specialist": {"type": "legal"}, "duration_s": 0.4, "status": "success"}`
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		status, answer := front.ask(t, http.MethodPost, "https", 4319, "/v1/requests", event)
		assert.Equal(t, http.StatusOK, status, "%s\n%s", answer, front.output())
	}, time.Minute, time.Second)
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		_, page := gateway.ask(t, http.MethodGet, "https", 8889, "/metrics", "")
		for _, want := range [][]string{
			requests,
			{"node_memory_MemTotal_bytes{", `job="node"`, `instance="spec-nodeName"`, `cluster="production"`},
		} {
			assert.True(t, hasLine(page, want), "no line with %s:\n%s\n%s", want, page, agent.output())
		}
	}, 2*time.Minute, time.Second)

	// Without the token nothing gets in.
	gateway.token = "wrong"
	status, _ := gateway.ask(t, http.MethodGet, "https", 8889, "/metrics", "")
	assert.Equal(t, http.StatusUnauthorized, status)
}

// Where file_storage is removed nothing asks for it at the start, which `validate` does not see.
func TestReleaseStartsWithoutStorage(t *testing.T) {
	all := renderObjects(t, parseValues(t, `
gateway: {config: {extensions: {file_storage: null, guardian_answers: null}}}
exporters: {alertmanager: {enabled: true, endpoint: "http://localhost:1"}, elasticsearch: {enabled: true, endpoint: "http://localhost:1"}}
agent: {gpu: {enabled: false}, config: {extensions: {file_storage: null}}}
presets: {kubeletMetrics: {enabled: false}, kubernetesAttributes: {enabled: false}}
logs: {enabled: true, config: {extensions: {file_storage: null}}}
`))
	gateway := run(t, &all, "gateway", "")
	for _, one := range []*running{gateway, run(t, &all, "agent", gateway.port(4317)), run(t, &all, "logs", gateway.port(4317))} {
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			status, _ := one.ask(t, http.MethodGet, "http", 13133, "/", "")
			assert.Equal(t, http.StatusOK, status, one.output())
		}, 30*time.Second, 100*time.Millisecond)
	}
}

func hasLine(page string, parts []string) bool {
	for line := range strings.Lines(page) {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			return true
		}
	}
	return false
}

// running is a role's collector on ports of its own.
type running struct {
	ports  map[int]int // the chart's, and those here
	token  string
	client *http.Client

	mu  sync.Mutex
	log bytes.Buffer
}

// run starts a role. Its servers move to free ports, and the names of the gateway's services become this machine.
func run(t *testing.T, all *rendered, role, gatewayPort string) *running {
	t.Helper()
	one := all.workload(t, role)
	r := &running{ports: map[int]int{}, token: "of-guardian-token"}
	changed := []string{
		"hostname: " + release + "-otelcol-guardian-gateway-headless." + namespace + ".svc", "hostname: localhost",
		`port: "4317"`, fmt.Sprintf("port: %q", gatewayPort),
		"collection_interval: 15s", "collection_interval: 1s",
	}
	for _, port := range one.container().Ports {
		free := freePort(t)
		r.ports[int(port.ContainerPort)] = free
		for _, before := range []string{"${env:LISTEN:-localhost}:", "${env:LISTEN}:", "port: "} {
			changed = append(changed, fmt.Sprintf("%s%d\n", before, port.ContainerPort), fmt.Sprintf("%s%d\n", before, free))
		}
	}
	pair, err := certificate()
	require.NoError(t, err)
	authority := x509.NewCertPool()
	require.True(t, authority.AppendCertsFromPEM(pair.certificate))
	r.client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: authority, ServerName: release + "-otelcol-guardian-gateway." + namespace + ".svc",
	}}}

	command := collector(t, all, one, changed)
	for i, variable := range command.Env {
		if strings.HasPrefix(variable, "LISTEN") {
			command.Env[i] = strings.Replace(variable, "0.0.0.0", "127.0.0.1", 1)
		}
		if strings.HasPrefix(variable, "GATEWAY_ENDPOINT=") {
			command.Env[i] = "GATEWAY_ENDPOINT=localhost:" + gatewayPort
		}
	}
	command.Stdout, command.Stderr = r, r
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		assert.NoError(t, command.Process.Signal(syscall.SIGTERM))
		killer := time.AfterFunc(30*time.Second, func() { _ = command.Process.Kill() })
		defer killer.Stop()
		assert.NoError(t, command.Wait(), "%s did not stop in order\n%s", role, r.output())
		r.client.CloseIdleConnections()
	})
	return r
}

func (r *running) Write(text []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(text)
}

func (r *running) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

func (r *running) port(chart int) string { return fmt.Sprint(r.ports[chart]) }

func (r *running) ask(t require.TestingT, method, scheme string, port int, path, body string) (int, string) {
	request, err := http.NewRequest(method, scheme+"://127.0.0.1:"+r.port(port)+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+r.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	return listener.Addr().(*net.TCPAddr).Port
}
