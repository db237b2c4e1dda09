// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// What no schema knows: whether the parts of a release fit together.
func TestPartsFitTogether(t *testing.T) {
	for name, vals := range cases(t) {
		t.Run(name, func(t *testing.T) {
			all := renderObjects(t, vals)
			checkNothingEmpty(t, &all)
			checkNames(t, &all)
			for i := range all.workloads {
				one := &all.workloads[i]
				t.Run(one.role, func(t *testing.T) {
					checkSelector(t, &all, one)
					checkPorts(t, &all, one)
					checkEnvironment(t, &all, one)
					checkMounts(t, &all, one)
					checkAccount(t, &all, one)
					checkMemory(t, &all, one)
					sum := sha256.Sum256([]byte(strings.TrimSuffix(all.config(t, *one), "\n")))
					assert.Equal(t, hex.EncodeToString(sum[:]), one.pod.Annotations["checksum/config"], "the pods would not be renewed with the configuration")
				})
			}
			checkServices(t, &all)
			checkScaling(t, &all)
		})
	}
}

// checkNothingEmpty finds what a golden file would record faithfully: a ConfigMap, Role or rule file without content.
func checkNothingEmpty(t *testing.T, all *rendered) {
	t.Helper()
	for _, one := range all.objects {
		var content map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(one.text), &content))
		for _, key := range []string{"data", "spec", "rules", "subjects", "roleRef"} {
			if value, has := content[key]; has {
				assert.NotEmpty(t, value, "%s %s: %s is empty", one.Kind, one.Metadata.Name, key)
			}
		}
	}
	for name, config := range all.configs {
		for key, text := range config.Data {
			assert.NotEmpty(t, strings.TrimSpace(text), "ConfigMap %s: %s is empty", name, key)
		}
	}
}

func checkNames(t *testing.T, all *rendered) {
	t.Helper()
	seen := map[string]bool{}
	for _, one := range all.objects {
		id := one.Kind + "/" + one.Metadata.Name
		assert.False(t, seen[id], "%s twice", id)
		seen[id] = true
		assert.LessOrEqual(t, len(one.Metadata.Name), 63, id)
		if !strings.HasPrefix(one.Kind, "Cluster") {
			if one.file != "extra.yaml" {
				assert.Equal(t, namespace, one.Metadata.Namespace, id)
			}
		}
	}
}

func checkSelector(t *testing.T, all *rendered, one *workload) {
	t.Helper()
	require.NotEmpty(t, one.selector)
	assert.True(t, selects(one.selector, one.pod.Labels), "its selector does not match its pods")
	for _, other := range all.workloads {
		if other.role != one.role {
			assert.False(t, selects(one.selector, other.pod.Labels), "its selector takes the pods of %s too", other.role)
		}
	}
	if one.Kind != "StatefulSet" {
		return
	}
	headless := slices.ContainsFunc(all.services, func(service corev1.Service) bool {
		return service.Name == one.service && service.Spec.ClusterIP == corev1.ClusterIPNone
	})
	assert.True(t, headless, "serviceName %s is no headless service", one.service)
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return len(selector) > 0
}

// listening finds the ports that a configuration opens to other pods: LISTEN and LISTEN_PLAIN, and the telemetry reader.
var listening = regexp.MustCompile(`\$\{env:LISTEN(?:_PLAIN)?(?::-localhost)?\}:(\d+)`)

func openPorts(t *testing.T, config string) map[int32]bool {
	t.Helper()
	open := map[int32]bool{}
	for _, match := range listening.FindAllStringSubmatch(config, -1) {
		port, err := strconv.Atoi(match[1])
		require.NoError(t, err)
		open[int32(port)] = true
	}
	var parsed struct {
		Service struct {
			Telemetry struct {
				Metrics struct {
					Readers []struct {
						Pull struct {
							Exporter struct {
								Prometheus struct {
									Host string
									Port int32
								}
							}
						}
					}
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(config), &parsed))
	for _, reader := range parsed.Service.Telemetry.Metrics.Readers {
		page := reader.Pull.Exporter.Prometheus
		assert.Equal(t, "${env:LISTEN}", page.Host)
		open[page.Port] = true
	}
	return open
}

// checkPorts holds the container's ports to what its configuration opens, both ways, and its probes to its ports.
func checkPorts(t *testing.T, all *rendered, one *workload) {
	t.Helper()
	declared, names := map[int32]bool{}, map[string]bool{}
	for _, port := range one.container().Ports {
		assert.False(t, declared[port.ContainerPort], "port %d twice", port.ContainerPort)
		declared[port.ContainerPort] = true
		names[port.Name] = true
		assert.LessOrEqual(t, len(port.Name), 15, port.Name)
	}
	assert.Equal(t, openPorts(t, all.config(t, *one)), declared, "what the configuration opens, and what the container declares")
	container := one.container()
	for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
		require.NotNil(t, probe)
		assert.True(t, names[probe.HTTPGet.Port.StrVal], "the probe asks %s", probe.HTTPGet.Port.StrVal)
	}
}

var reference = regexp.MustCompile(`\$\{env:([A-Z0-9_]+)(:-)?`)

// checkEnvironment: no variable twice, none that nobody reads, and all that the configuration needs.
func checkEnvironment(t *testing.T, all *rendered, one *workload) {
	t.Helper()
	seen := map[string]bool{}
	for _, variable := range one.container().Env {
		assert.False(t, seen[variable.Name], "%s twice", variable.Name)
		for _, used := range regexp.MustCompile(`\$\(([A-Z0-9_]+)\)`).FindAllStringSubmatch(variable.Value, -1) {
			assert.True(t, seen[used[1]], "%s uses %s, which is not set before it", variable.Name, used[1])
		}
		seen[variable.Name] = true
	}
	// The Go runtime, resource_detection, the NVIDIA runtime; an own variable of ci/overridden-values.yaml.
	read := map[string]bool{
		"GOMEMLIMIT": true, "OTEL_RESOURCE_ATTRIBUTES": true, "K8S_NODE_NAME": true, "HTTPS_PROXY": true,
		"NVIDIA_VISIBLE_DEVICES": true, "NVIDIA_DRIVER_CAPABILITIES": true, "NVIDIA_DISABLE_REQUIRE": true,
	}
	needed := map[string]bool{}
	for _, match := range reference.FindAllStringSubmatch(all.config(t, *one), -1) {
		read[match[1]] = true
		if match[2] == "" {
			needed[match[1]] = true
		}
	}
	for name := range seen {
		assert.True(t, read[name], "%s is set, and nothing reads it", name)
	}
	for name := range needed {
		assert.True(t, seen[name], "the configuration needs %s", name)
	}
}

// checkMounts: each mount has a volume and each volume a mount, and what the configuration reads or writes is mounted.
func checkMounts(t *testing.T, all *rendered, one *workload) {
	t.Helper()
	volumes := map[string]bool{}
	for _, volume := range one.pod.Spec.Volumes {
		assert.False(t, volumes[volume.Name], "the volume %s twice", volume.Name)
		volumes[volume.Name] = true
	}
	for _, claim := range one.claims {
		assert.False(t, volumes[claim.Name], "the volume %s twice", claim.Name)
		volumes[claim.Name] = true
	}
	writable, mounted, used := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, mount := range one.container().VolumeMounts {
		assert.True(t, volumes[mount.Name], "a mount of %s, which is no volume", mount.Name)
		assert.False(t, mounted[mount.MountPath], "%s is mounted twice", mount.MountPath)
		mounted[mount.MountPath] = true
		writable[mount.MountPath] = !mount.ReadOnly
		used[mount.Name] = true
	}
	assert.Equal(t, volumes, used, "volumes, and those that are mounted")
	config, env := all.config(t, *one), one.env()
	if strings.Contains(config, "file_storage:") {
		state := env["STATE"].Value
		assert.True(t, writable[state], "STATE is %s, which is not mounted to be written", state)
		assert.Contains(t, config, "fsync: true", "without fsync a power failure loses what was accepted")
	}
	for name, variable := range env {
		if !slices.Contains([]string{"TLS_CERT", "TLS_KEY", "GATEWAY_CA", "HOST_ROOT", "NVML_LIBRARY"}, name) {
			continue
		}
		assert.True(t, underMount(mounted, variable.Value), "%s is %s, where nothing is mounted", name, variable.Value)
	}
	if list, has := env["CONTAINER_LOGS"]; has {
		var patterns []string
		require.NoError(t, yaml.Unmarshal([]byte(list.Value), &patterns))
		for _, pattern := range patterns {
			assert.True(t, underMount(mounted, pattern), "%s is read, and not mounted", pattern)
		}
	}
	for _, arg := range one.container().Args {
		if file, is := strings.CutPrefix(arg, "--config="); is {
			assert.True(t, underMount(mounted, file), "%s is not mounted", file)
			assert.Contains(t, slices.Collect(maps.Keys(all.configs[one.Metadata.Name].Data)), path.Base(file))
		}
	}
}

func underMount(mounted map[string]bool, file string) bool {
	for file = path.Clean(file); file != "/" && file != "."; file = path.Dir(file) {
		if mounted[file] {
			return true
		}
	}
	return false
}

// asksAPI finds the components that ask Kubernetes' API server or the kubelet, with what they must be allowed.
var asksAPI = []struct {
	component, resource string
	verbs               []string
}{
	{"k8s_attributes:", "pods", []string{"get", "list", "watch"}},
	{"k8s_attributes:", "namespaces", []string{"get", "list", "watch"}},
	{"k8s_attributes:", "replicasets", []string{"get", "list", "watch"}},
	{"kubelet_stats:", "nodes/stats", []string{"get"}},
	{"kubernetes_sd_configs:", "pods", []string{"get", "list", "watch"}},
	{"k8s_cluster:", "nodes", []string{"get", "list", "watch"}},
	{"k8s_cluster:", "pods", []string{"get", "list", "watch"}},
	{"k8s_cluster:", "deployments", []string{"get", "list", "watch"}},
	{"k8s_cluster:", "jobs", []string{"get", "list", "watch"}},
	{"k8s_cluster:", "horizontalpodautoscalers", []string{"get", "list", "watch"}},
	{"k8s_leader_elector:", "leases", []string{"create", "get", "update"}},
}

// checkAccount: the account exists, its token is mounted only where the configuration asks the API server, and then it is allowed to.
func checkAccount(t *testing.T, all *rendered, one *workload) {
	t.Helper()
	name := one.pod.Spec.ServiceAccountName
	account, created := all.accounts[name]
	if created {
		assert.False(t, *account.AutomountServiceAccountToken)
	} else {
		assert.Equal(t, "observer", name, "the account is not there") // the one of ci/overridden-values.yaml
	}
	config := all.config(t, *one)
	asks := false
	for _, need := range asksAPI {
		if !strings.Contains(config, need.component) {
			continue
		}
		asks = true
		for _, verb := range need.verbs {
			assert.True(t, all.may(name, verb, need.resource), "%s may not %s %s", need.component, verb, need.resource)
		}
	}
	assert.Equal(t, asks, *one.pod.Spec.AutomountServiceAccountToken, "the token, and whether anything asks the API server")
	if !asks {
		for id, bound := range all.bindings {
			for _, subject := range bound.subjects {
				assert.NotEqual(t, name, subject.Name, "%s gives rights that nothing uses", id)
			}
		}
	}
	if strings.Contains(config, "k8s_leader_elector:") {
		assert.Contains(t, config, "lease_name: "+one.Metadata.Name)
	}
}

func (r *rendered) may(account, verb, resource string) bool {
	for _, bound := range r.bindings {
		for _, subject := range bound.subjects {
			if subject.Name != account || subject.Namespace != namespace {
				continue
			}
			for _, rule := range r.roles[bound.to.Kind+"/"+bound.to.Name] {
				if slices.Contains(rule.Resources, resource) && slices.Contains(rule.Verbs, verb) {
					return true
				}
			}
		}
	}
	return false
}

// checkMemory: what the Go runtime aims at lies below the limiter, and that below the container's limit.
func checkMemory(t *testing.T, all *rendered, one *workload) {
	t.Helper()
	var parsed struct {
		Processors struct {
			Limiter struct {
				Limit int64 `json:"limit_mib"`
				Spike int64 `json:"spike_limit_mib"`
			} `json:"memory_limiter"`
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(all.config(t, *one)), &parsed))
	limiter := parsed.Processors.Limiter
	limits := one.container().Resources.Limits
	limit := limits.Memory().Value() >> 20
	goal, has := one.env()["GOMEMLIMIT"]
	if limiter.Limit == 0 {
		return // a rawConfig without one
	}
	require.True(t, has, "the image's own GOMEMLIMIT is for another limiter")
	runtime, err := strconv.ParseInt(strings.TrimSuffix(goal.Value, "MiB"), 10, 64)
	require.NoError(t, err)
	assert.Less(t, runtime, limiter.Limit)
	assert.LessOrEqual(t, runtime, limiter.Limit-limiter.Spike, "the limiter would refuse before the garbage collector has tried")
	if limit > 0 {
		assert.Less(t, limiter.Limit, limit)
	}
}

// checkServices: each service takes some workload's pods, and its ports are ports of their containers.
func checkServices(t *testing.T, all *rendered) {
	t.Helper()
	for _, service := range all.services {
		found := 0
		for _, one := range all.workloads {
			if !selects(service.Spec.Selector, one.pod.Labels) {
				continue
			}
			found++
			ports := map[string]corev1.ContainerPort{}
			for _, port := range one.container().Ports {
				ports[port.Name] = port
			}
			require.NotEmpty(t, service.Spec.Ports)
			for _, port := range service.Spec.Ports {
				target, has := ports[port.TargetPort.StrVal]
				if assert.True(t, has, "%s: %s is no port of %s", service.Name, port.TargetPort.StrVal, one.role) {
					assert.Equal(t, target.ContainerPort, port.Port, "%s: %s", service.Name, port.Name)
					assert.Equal(t, target.Protocol, port.Protocol, "%s: %s", service.Name, port.Name)
				}
			}
		}
		assert.Equal(t, 1, found, "%s takes the pods of %d workloads", service.Name, found)
	}
	for _, ingress := range all.ingresses {
		for _, rule := range ingress.Spec.Rules {
			for _, route := range rule.HTTP.Paths {
				assert.True(t, all.hasPort(route.Backend.Service.Name, route.Backend.Service.Port.Name), "%s%s leads nowhere", rule.Host, route.Path)
			}
		}
	}
	for _, policy := range all.policies {
		taken := 0
		for _, one := range all.workloads {
			if !selects(policy.Spec.PodSelector.MatchLabels, one.pod.Labels) {
				continue
			}
			taken++
			for _, rule := range policy.Spec.Ingress {
				for _, port := range rule.Ports {
					assert.True(t, slices.ContainsFunc(one.container().Ports, func(p corev1.ContainerPort) bool { return p.Name == port.Port.StrVal }),
						"%s: %s is no port of %s", policy.Name, port.Port.StrVal, one.role)
				}
			}
		}
		assert.Equal(t, 1, taken, policy.Name)
	}
	for _, one := range all.workloads {
		endpoint, has := one.env()["GATEWAY_ENDPOINT"]
		if !has || !strings.HasSuffix(strings.Split(endpoint.Value, ":")[0], "."+namespace+".svc") {
			continue
		}
		host, _, _ := strings.Cut(endpoint.Value, ".")
		assert.True(t, all.hasPort(host, "otlp-grpc"), "%s delivers to %s", one.role, endpoint.Value)
	}
}

func (r *rendered) hasPort(service, port string) bool {
	for _, one := range r.services {
		if one.Name == service {
			return slices.ContainsFunc(one.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == port })
		}
	}
	return false
}

// checkScaling: budgets leave a pod to evict, and nothing scales the gateway, whose replicas hold state.
func checkScaling(t *testing.T, all *rendered) {
	t.Helper()
	for _, budget := range all.budgets {
		taken := 0
		for _, one := range all.workloads {
			if selects(budget.Spec.Selector.MatchLabels, one.pod.Labels) {
				taken++
				assert.NotZero(t, budget.Spec.MaxUnavailable.IntValue(), "%s would block every drain", budget.Name)
			}
		}
		assert.Equal(t, 1, taken, budget.Name)
	}
	for _, scaler := range all.scalers {
		target := scaler.Spec.ScaleTargetRef
		assert.Equal(t, "Deployment", target.Kind)
		found := slices.ContainsFunc(all.workloads, func(one workload) bool {
			return one.Kind == target.Kind && one.Metadata.Name == target.Name && !strings.Contains(one.text, "\n  replicas:")
		})
		assert.True(t, found, "%s scales %s, which is not there or has replicas of its own", scaler.Name, target.Name)
	}
}
