// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package compose

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	repository = "../../.."
	folder     = repository + "/deploy/compose"
)

func load(t *testing.T, file string) *types.Project {
	t.Helper()
	project, err := Load(t.Context(), file)
	require.NoError(t, err)
	return project
}

// texts are the project's files that name hosts.
func texts(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, pattern := range []string{"*.y*ml", "setup/*.sh", "grafana/provisioning/*/*.yaml"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		for _, file := range found {
			if filepath.Base(file) == "compose.yaml" {
				continue // It is looked at as a project.
			}
			files[filepath.Base(file)] = read(t, file)
		}
	}
	return files
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func TestComposeIsSound(t *testing.T) {
	assert.Empty(t, Problems(load(t, filepath.Join(folder, "compose.yaml")), texts(t)))
}

func TestServices(t *testing.T) {
	project := load(t, filepath.Join(folder, "compose.yaml"))
	for _, name := range []string{"collector", "prometheus", "alertmanager", "grafana", "jaeger", "elasticsearch", "kibana", "influxdb", "guardianload"} {
		assert.Contains(t, project.ServiceNames(), name)
	}
	version := regexp.MustCompile(`(?m)^  version: (.+)$`).FindStringSubmatch(read(t, filepath.Join(repository, "builder-config.yaml")))[1]
	assert.Equal(t, "otelcol-guardian:"+version, project.Services["collector"].Image)
	assert.Equal(t, "guardianload:"+version, project.Services["guardianload"].Image)
}

// TestMemoryIsStated holds the README to the sum of the limits.
func TestMemoryIsStated(t *testing.T) {
	var sum types.UnitBytes
	for _, service := range load(t, filepath.Join(folder, "compose.yaml")).Services {
		if !once(service) {
			sum += service.MemLimit
		}
	}
	assert.Contains(t, read(t, filepath.Join(folder, "README.md")), fmt.Sprintf("%.1f GiB", float64(sum)/(1<<30)))
}

// TestFaultsAreSeen spoils the shipped file in one place at a time.
func TestFaultsAreSeen(t *testing.T) {
	whole := read(t, filepath.Join(folder, "compose.yaml"))
	clean := Problems(load(t, filepath.Join(folder, "compose.yaml")), texts(t))
	f := func(from, to, want string) {
		t.Helper()
		require.Contains(t, whole, from)
		spoilt := filepath.Join(folder, fmt.Sprintf(".spoilt-%d.yaml", os.Getpid()))
		require.NoError(t, os.WriteFile(spoilt, []byte(strings.Replace(whole, from, to, 1)), 0o600))
		defer func() { require.NoError(t, os.Remove(spoilt)) }()
		project, err := Load(t.Context(), spoilt)
		if err != nil {
			assert.ErrorContains(t, err, want)
			return
		}
		problems := Problems(project, texts(t))
		assert.NotEqual(t, clean, problems)
		assert.Contains(t, strings.Join(problems, "\n"), want)
	}
	f("grafana/grafana:12.4.0", "grafana/grafana:latest", `grafana: image "grafana/grafana:latest" is not pinned`)
	f("grafana/grafana:12.4.0", "grafana/grafana@sha256:"+strings.Repeat("0f", 32), "is not pinned")
	f("127.0.0.1:3000:3000", "127.0.0.1:9090:3000", "port 9090 is")
	f("127.0.0.1:3000:3000", "3000:3000", `port 3000 is published on "", not on localhost only`)
	f("./prometheus.yml:", "./prometeus.yml:", "prometeus.yml is mounted and not there")
	f("rules:/etc/prometheus/rules:ro", "rules:/etc/prometheus/rules", "is mounted to be written")
	f("http://elasticsearch:9200\n      REMOTE", "http://elastic:9200\n      REMOTE", "collector ELASTICSEARCH_ENDPOINT: elastic:9200 is no service")
	f("jaeger:4317\n", "jaeger:4137\n", "collector JAEGER_ENDPOINT: jaeger does not open 4137")
	f("      influxdb: {condition: service_healthy}", "      influx: {condition: service_healthy}", "influx")
	f("mem_limit: 2g", "mem_reservation: 2g", "collector: no mem_limit")
	f("    healthcheck: {test: [CMD, influx, ping]", "    x-healthcheck: {test: [CMD, influx, ping]", "waits for influxdb to be healthy, which has no healthcheck")
	f("mem_limit: 2g", "mem_limt: 2g", "mem_limt")
	f("${GUARDIAN_VERSION}", "${GUARDIAN_RELEASE}", `image "otelcol-guardian:" is not pinned`)
}

func TestDigestsMayBePinned(t *testing.T) {
	assert.Regexp(t, pinned, "grafana/grafana:12.4.0@sha256:"+strings.Repeat("0f", 32))
	assert.NotRegexp(t, pinned, "grafana/grafana:12.4.0@sha256:0f")
}

// sourceOf gives the file or folder here that a path of a service's container stands for: a bind mount, or what the image holds.
func sourceOf(t *testing.T, service types.ServiceConfig, path string) string {
	t.Helper()
	for _, volume := range service.Volumes {
		if rest, below := strings.CutPrefix(path, volume.Target); below && volume.Type == types.VolumeTypeBind {
			return volume.Source + rest
		}
	}
	// As deploy/docker/Dockerfile copies them.
	rest, below := strings.CutPrefix(path, "/etc/otelcol-guardian/configs/")
	require.True(t, below, "%s of %s is neither mounted nor in the image", path, service.Name)
	return filepath.Join(repository, "configs", rest)
}

// TestCollectorConfiguration validates what the collector's command names, with the environment that it gets.
func TestCollectorConfiguration(t *testing.T) {
	binary := os.Getenv("OTELCOL_GUARDIAN")
	require.NotEmpty(t, binary, "OTELCOL_GUARDIAN must name the built collector: make deploy-check sets it")
	service := load(t, filepath.Join(folder, "compose.yaml")).Services["collector"]
	arguments := []string{"validate"}
	for _, word := range service.Command {
		if strings.HasPrefix(word, "/") {
			word = sourceOf(t, service, word)
		}
		arguments = append(arguments, word)
	}
	command := exec.CommandContext(t.Context(), binary, arguments...)
	for name, value := range service.Environment {
		command.Env = append(command.Env, name+"="+*value)
	}
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// TestGuardianloadCommand starts the load generator with the flags that it gets: it ends at once if it finds a fault in them, and
// otherwise goes on looking for a collector.
func TestGuardianloadCommand(t *testing.T) {
	service := load(t, filepath.Join(folder, "compose.yaml")).Services["guardianload"]
	program := filepath.Join(t.TempDir(), "guardianload")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/guardianload")
	build.Dir = repository
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	f := func(arguments ...string) (goesOn bool, output string) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		said, err := exec.CommandContext(ctx, program, arguments...).CombinedOutput()
		require.Error(t, err, "it cannot succeed")
		return ctx.Err() != nil, string(said)
	}
	goesOn, said := f(append(slices.Clone([]string(service.Command)), "-endpoint", "http://127.0.0.1:1", "-otlp", "127.0.0.1:1")...)
	assert.True(t, goesOn, "%s", said)
	goesOn, said = f(append(slices.Clone([]string(service.Command)), "-drift", "churn:incme:10m:1")...)
	assert.False(t, goesOn, "a fault is seen")
	assert.Contains(t, said, "incme")
}

// TestPrometheusConfiguration has promtool check the configuration, with the rules where they are mounted from.
func TestPrometheusConfiguration(t *testing.T) {
	promtool := os.Getenv("PROMTOOL")
	require.NotEmpty(t, promtool, "PROMTOOL must name a promtool: make deploy-check sets it")
	service := load(t, filepath.Join(folder, "compose.yaml")).Services["prometheus"]
	text := read(t, sourceOf(t, service, "/etc/prometheus/prometheus.yml"))
	rules := sourceOf(t, service, "/etc/prometheus/rules")
	require.Contains(t, text, "/etc/prometheus/rules/")
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(text, "/etc/prometheus/rules", rules)), 0o600))
	output, err := exec.CommandContext(t.Context(), promtool, "check", "config", file).CombinedOutput()
	require.NoError(t, err, "%s", output)
	files, err := filepath.Glob(filepath.Join(rules, "*.yaml"))
	require.NoError(t, err)
	assert.Contains(t, string(output), fmt.Sprintf("SUCCESS: %d rule files found", len(files)))
}

// TestAlertmanagerConfiguration has amtool check what is mounted.
func TestAlertmanagerConfiguration(t *testing.T) {
	service := load(t, filepath.Join(folder, "compose.yaml")).Services["alertmanager"]
	file := sourceOf(t, service, "/etc/alertmanager/alertmanager.yml")
	output, err := exec.CommandContext(t.Context(), "amtool", "check-config", file).CombinedOutput()
	require.NoError(t, err, "%s", output)
	for _, secret := range regexp.MustCompile(`/etc/alertmanager/secrets/(\w+)`).FindAllStringSubmatch(read(t, file), -1) {
		assert.Contains(t, read(t, filepath.Join(folder, "secrets", "README.md")), "`"+secret[1]+"`")
	}
}

// datasource is what the tests look at in Grafana's provisioning.
type datasource struct {
	UID            string         `yaml:"uid"`
	JSONData       map[string]any `yaml:"jsonData"`
	SecureJSONData map[string]any `yaml:"secureJsonData"`
}

// TestGrafanaProvisioning: data sources have uids of their own, and what the files refer to is there.
func TestGrafanaProvisioning(t *testing.T) {
	service := load(t, filepath.Join(folder, "compose.yaml")).Services["grafana"]
	var sources struct{ Datasources []datasource }
	require.NoError(t, yaml.Unmarshal([]byte(read(t, filepath.Join(folder, "grafana/provisioning/datasources/guardian.yaml"))), &sources))
	uids := map[string]bool{}
	for _, source := range sources.Datasources {
		assert.False(t, uids[source.UID], "uid %s twice", source.UID)
		uids[source.UID] = true
		for value := range maps.Values(source.SecureJSONData) {
			assert.Contains(t, service.Environment, strings.TrimPrefix(value.(string), "$"))
		}
		if links, there := source.JSONData["exemplarTraceIdDestinations"].([]any); there {
			for _, link := range links {
				destination := link.(map[string]any)["datasourceUid"].(string)
				assert.True(t, slices.ContainsFunc(sources.Datasources, func(s datasource) bool { return s.UID == destination }), destination)
			}
		}
	}
	require.Len(t, uids, 4)

	var dashboards struct {
		Providers []struct{ Options struct{ Path string } }
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, filepath.Join(folder, "grafana/provisioning/dashboards/guardian.yaml"))), &dashboards))
	require.Len(t, dashboards.Providers, 1)
	assert.DirExists(t, sourceOf(t, service, dashboards.Providers[0].Options.Path))
	assert.FileExists(t, sourceOf(t, service, *service.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]))
}
