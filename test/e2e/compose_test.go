// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/sandbox"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

// composeService is what a process is started by.
type composeService struct {
	Command     []string
	Environment map[string]string
	Volumes     []string
}

// composeFolder is deploy/compose.
func composeFolder(t *testing.T) string {
	t.Helper()
	return filepath.Join(testutil.Root(t), "deploy", "compose")
}

// composeServices reads compose.yaml with the values of .env.
func composeServices(t *testing.T) map[string]composeService {
	t.Helper()
	values := map[string]string{}
	for line := range strings.SplitSeq(readDocument(t, "deploy/compose/.env"), "\n") {
		if name, value, found := strings.Cut(line, "="); found && !strings.HasPrefix(line, "#") {
			values[name] = value
		}
	}
	var project struct{ Services map[string]composeService }
	text := os.Expand(readDocument(t, "deploy/compose/compose.yaml"), func(name string) string { return values[name] })
	require.NoError(t, yaml.Unmarshal([]byte(text), &project))
	return project.Services
}

// TestComposeAsProcesses runs what deploy/compose describes without containers, where the tests have the servers: each service
// has an address of its own under its name, as in the network of compose, and runs with the command, the environment and the
// mounted files of compose.yaml. Prometheus and Alertmanager are Debian's; Jaeger and Elasticsearch are those of the other tests
// behind their names. Grafana, Kibana and InfluxDB 2 are not to be had.
func TestComposeAsProcesses(t *testing.T) {
	sandbox.Run(t, func(*sandbox.Box) {
		services := composeServices(t)
		addresses := nameServices(t, services)
		t.Setenv("JAVA_TOOL_OPTIONS", "-XX:-UseContainerSupport") // The sandbox has cgroups that a JVM cannot read.
		elastic, jaeger := servers.StartElasticsearch(t), servers.StartJaeger(t)
		forwardTo(t, net.JoinHostPort(addresses["elasticsearch"], "9200"), strings.TrimPrefix(elastic.URL, "http://"))
		forwardTo(t, net.JoinHostPort(addresses["jaeger"], "4317"), jaeger.OTLPGRPC)
		must(t, "bash", filepath.Join(composeFolder(t), "setup", "elasticsearch.sh"), "http://elasticsearch:9200", filepath.Join(testutil.Root(t), "monitoring", "elasticsearch"))

		for _, name := range []string{"prometheus", "alertmanager"} {
			mountAsInContainer(t, services[name])
		}
		inBackground(t, "prometheus", "prometheus", append(services["prometheus"].Command, "--web.listen-address="+addresses["prometheus"]+":9090"), nil)
		inBackground(t, "alertmanager", "prometheus-alertmanager", append(services["alertmanager"].Command, "--web.listen-address="+addresses["alertmanager"]+":9093"), nil)

		// Its own address instead of all: the others' ports are on this machine too.
		collector := services["collector"]
		collector.Environment["LISTEN"] = addresses["collector"]
		collector.Environment["STATE"] = t.TempDir()
		replace := strings.NewReplacer("/etc/otelcol-guardian/configs/", filepath.Join(testutil.Root(t), "configs")+"/",
			"/etc/otelcol-guardian/compose.yaml", filepath.Join(composeFolder(t), "collector.yaml"))
		for i, word := range collector.Command {
			collector.Command[i] = replace.Replace(word)
		}
		inBackground(t, "collector", testutil.Binary(t), collector.Command, collector.Environment)
		require.Eventually(t, func() bool {
			_, err := command(testutil.Binary(t), "health", "http://collector:13133/")
			return err == nil
		}, serviceLimit, 200*time.Millisecond, "the collector is well")

		load := filepath.Join(t.TempDir(), "guardianload")
		build := exec.Command("go", "build", "-o", load, "./cmd/guardianload")
		build.Dir = testutil.Root(t)
		output, err := build.CombinedOutput()
		require.NoError(t, err, "%s", output)
		inBackground(t, "guardianload", load, services["guardianload"].Command, nil)

		// Everything arrives where people look.
		prometheus := &servers.Prometheus{URL: "http://prometheus:9090"}
		require.Eventually(t, func() bool {
			return len(prometheus.Query(t, `sum by (specialist_type) (specialist_requests_total) > 0`)) > 0 &&
				len(prometheus.Query(t, `ml_requests_total > 0`)) > 0 &&
				len(prometheus.Query(t, `otelcol_receiver_accepted_log_records_total{job="otelcol-guardian"} > 0`)) > 0
		}, 3*time.Minute, time.Second, "metrics in Prometheus")
		assert.Empty(t, prometheus.Query(t, `up{job!="prometheus"} == 0`), "a target is down")
		var rules struct {
			Data struct{ Groups []struct{ Name string } }
		}
		require.NoError(t, yaml.Unmarshal([]byte(getBody(t, "http://prometheus:9090/api/v1/rules")), &rules))
		assert.NotEmpty(t, rules.Data.Groups, "the rules are loaded")
		assert.Contains(t, getBody(t, "http://prometheus:9090/api/v1/alertmanagers"), "http://alertmanager:9093/api/v2/alerts")
		assert.Contains(t, getBody(t, "http://alertmanager:9093/api/v2/status"), "slack-default", "the routing is in force")
		require.Eventually(t, func() bool {
			var found struct{ Count int }
			require.NoError(t, yaml.Unmarshal(elastic.Do(t, "GET", "/logs-generic.otel-default/_count", `{"query": {"term": {"event_name": "guardian.request"}}}`), &found))
			return found.Count > 0
		}, time.Minute, time.Second, "events in Elasticsearch")
		require.Eventually(t, func() bool {
			return len(servicesOf(t, jaeger.URL)) > 0
		}, time.Minute, time.Second, "traces in Jaeger")
	})
}

// nameServices gives each service an address of the loopback network, and its name.
func nameServices(t *testing.T, services map[string]composeService) map[string]string {
	t.Helper()
	machine, err := os.Hostname()
	require.NoError(t, err)
	addresses := map[string]string{}
	hosts := []string{"127.0.0.1 localhost " + machine}
	for name := range services {
		addresses[name] = fmt.Sprintf("127.0.1.%d", len(addresses)+1)
		hosts = append(hosts, addresses[name]+" "+name)
	}
	require.NoError(t, os.WriteFile("/etc/hosts", []byte(strings.Join(hosts, "\n")+"\n"), 0o644))
	return addresses
}

// mountAsInContainer puts a service's mounted files where its container has them.
func mountAsInContainer(t *testing.T, service composeService) {
	t.Helper()
	for _, volume := range service.Volumes {
		source, target, _ := strings.Cut(strings.TrimSuffix(volume, ":ro"), ":")
		if !strings.HasPrefix(source, ".") {
			require.NoError(t, os.MkdirAll(target, 0o755)) // a volume of the engine's
			continue
		}
		require.NoError(t, os.RemoveAll(target))
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
		require.NoError(t, os.Symlink(filepath.Join(composeFolder(t), source), target))
	}
}

// inBackground runs a program until the test ends, and shows its last words if the test has failed.
func inBackground(t *testing.T, name, program string, args []string, environment map[string]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(path)
	require.NoError(t, err)
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = os.Environ()
	for variable, value := range environment {
		cmd.Env = append(cmd.Env, variable+"="+value)
	}
	require.NoError(t, cmd.Start(), name)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL) // It may have ended already.
		_ = cmd.Wait()                          // Killed.
		require.NoError(t, log.Close())
		if t.Failed() {
			words, _ := os.ReadFile(path) // It was there a moment ago.
			t.Logf("%s said:\n%s", name, words[max(0, len(words)-3000):])
		}
	})
}

// forwardTo hands connections on to another address until the test ends.
func forwardTo(t *testing.T, from, to string) {
	t.Helper()
	listener, err := net.Listen("tcp", from)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // The listener is closed.
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", to)
				if err != nil {
					return // The client sees its connection close.
				}
				defer server.Close()
				go func() { _, _ = io.Copy(server, client); _ = server.Close() }() // However it ends, both are closed.
				_, _ = io.Copy(client, server)
			}()
		}
	}()
}

// servicesOf gives the names of the services that a Jaeger has traces of.
func servicesOf(t *testing.T, url string) []string {
	t.Helper()
	var answer struct{ Data []string }
	require.NoError(t, yaml.Unmarshal([]byte(getBody(t, url+"/api/services")), &answer))
	return answer.Data
}
