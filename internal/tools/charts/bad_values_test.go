// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// A value that cannot work is an error that names it, under both versions of Helm.
func TestBadValuesAreRefused(t *testing.T) {
	for text, mentions := range map[string][]string{
		// Typos.
		"gatway: {}":                                                        {"gatway"},
		"gateway: {replica: 2}":                                             {"gateway", "replica"},
		"agent: {gpu: {acess: cdi}}":                                        {"gpu", "acess"},
		"agent: {gpu: {access: cid}}":                                       {"access", "runtimeClass"},
		"exporters: {jager: {enabled: true}}":                               {"exporters", "jager"},
		"presets: {drfit: {enabled: false}}":                                {"presets", "drfit"},
		"monitoring: {serviceMonitor: {enable: true}}":                      {"serviceMonitor", "enable"},
		"gateway: {persistence: {storageclass: fast}}":                      {"persistence", "storageclass"},
		"logs: {podSecurityContext: {runAsUsr: 0}}":                         {"podSecurityContext", "runAsUsr"},
		"image: {digests: {glib: x}}":                                       {"digests", "glib"},
		"gateway: {config: {receivrs: {}}}":                                 {"config", "receivrs"},
		"router: {autoscaling: {maxReplica: 3}}":                            {"autoscaling", "maxReplica"},
		"monitoring: {rules: {overrides: {high_drift: {treshold: 0.5}}}}":   {"high_drift", "treshold"},
		"monitoring: {rules: {enabled: true, overrides: {HighDrift: {}}}}":  {"monitoring.rules.overrides.HighDrift", "high_drift"},
		"monitoring: {rules: {enabled: true, optional: [concept_drift]}}":   {"monitoring.rules.optional", "concept_drift"},
		"gateway: {resources: {limits: {memory: 2 GB}}}":                    {"gateway.resources.limits.memory", "2 GB"},
		"networkPolicy: {enabled: \"true\"}":                                {"networkPolicy", "boolean"},
		"gateway: {replicas: \"3\"}":                                        {"replicas", "integer"},
		"exporters: {jaeger: {enabled: true, endpoint: \"http://j:4317\"}}": {"jaeger", "endpoint"},
		"exporters: {influxdb: {existingSecret: \"my secret\"}}":            {"influxdb", "existingSecret"},
		// Secrets do not stand in values.
		"gateway: {auth: {token: s3cret}}":             {"auth", "token"},
		"exporters: {elasticsearch: {apiKey: s3cret}}": {"elasticsearch", "apiKey"},
		// Something is missing.
		"exporters: {influxdb: {enabled: true, endpoint: \"http://i:8086\", org: o, bucket: b}}": {"exporters.influxdb.existingSecret", "secret"},
		"exporters: {jaeger: {enabled: true}}":                                                   {"exporters.jaeger.endpoint"},
		"exporters: {elasticsearch: {enabled: true}}":                                            {"exporters.elasticsearch.endpoint"},
		"exporters: {prometheusRemoteWrite: {enabled: true}}":                                    {"exporters.prometheusRemoteWrite.endpoint"},
		"exporters: {alertmanager: {enabled: true}}":                                             {"exporters.alertmanager.endpoint"},
		"gateway: {enabled: false}":                                                              {"gateway.external.endpoint", "agent"},
		"gateway: {ingress: {enabled: true}}":                                                    {"gateway.ingress.hosts"},
		"agent: {gpu: {runtimeClassName: \"\"}}":                                                 {"agent.gpu.runtimeClassName"},
		"gateway: {tls: {caSecret: ca}}":                                                         {"gateway.tls.caSecret", "gateway.tls.existingSecret"},
		"{exporters: {prometheus: {enabled: false}, jaeger: {enabled: true, endpoint: \"j:4317\"}}, gateway: {config: {exporters: {debug: {}}}}}": {"gateway", "takes logs"},
		"gateway: {config: {connectors: {guardian_metrics: null, signal_to_metrics/last_seen: null}}}":                                            {"gateway", "takes traces"},
		// Removed, and needed.
		"gateway: {nodeSelector: null}":           {"gateway", "nodeSelector"},
		"agent: {gpu: {nodeSelector: null}}":      {"gpu", "nodeSelector"},
		"router: {extraEnv: null}":                {"router", "extraEnv"},
		"cluster: {resources: null}":              {"cluster", "resources"},
		"gateway: {persistence: null}":            {"gateway", "persistence"},
		"presets: null":                           {"presets"},
		"gateway: {config: {service: null}}":      {"config", "service"},
		"gateway: {serviceAccount: {name: null}}": {"serviceAccount", "name"},
		"gateway: {events: {enabled: null}}":      {"events", "enabled"},
		"monitoring: {rules: {overrides: null}}":  {"rules", "overrides"},
		// What Kubernetes or the collector would misread.
		"fullnameOverride: My_Guardian":                                 {"fullnameOverride"},
		"nameOverride: \"-x\"":                                          {"nameOverride"},
		"clusterName: \"a${b}\"":                                        {"clusterName"},
		"exporters: {jaeger: {enabled: true, endpoint: \"${j}:4317\"}}": {"jaeger", "endpoint"},
		"gateway: {external: {endpoint: \"$(G):4317\"}}":                {"external", "endpoint"},
		"gateway: {tls: {serverName: \"${b}\"}}":                        {"tls", "serverName"},
		"agent: {gpu: {dcgm: {podLabelValue: \"${b}\"}}}":               {"dcgm", "podLabelValue"},
		"listen: \"::\"":                                                {"listen"},
		// Twice, or leading nowhere.
		"gateway: {events: {enabled: false}, ingress: {enabled: true, hosts: [{host: h, paths: [{path: /v1, port: events}]}]}}":               {"gateway.ingress.hosts", "h/v1", "gateway.events.enabled"},
		"gateway: {extraPorts: [{name: a, port: 9000}, {name: a, port: 9001}]}":                                                               {"gateway.extraPorts", "a is there twice"},
		"gateway: {extraPorts: [{name: mine, port: 4317}]}":                                                                                   {"gateway.extraPorts", "4317/TCP"},
		"gateway: {extraPorts: [{name: health, port: 9000}]}":                                                                                 {"gateway.extraPorts", "health"},
		"router: {autoscaling: {enabled: true, minReplicas: 7}}":                                                                              {"router.autoscaling.minReplicas is 7", "6"},
		"gateway: {extraEnv: [{name: GOMEMLIMIT, value: 1GiB}]}":                                                                              {"gateway.extraEnv", "GOMEMLIMIT"},
		"gateway: {extraEnv: [{name: LISTEN, value: x}]}":                                                                                     {"gateway.extraEnv", "LISTEN"},
		"gateway: {extraEnv: [{name: A, value: x}, {name: A, value: y}]}":                                                                     {"gateway.extraEnv", "A is set already"},
		"commonLabels: {app.kubernetes.io/name: x}":                                                                                           {"commonLabels", "app.kubernetes.io/name"},
		"agent: {podLabels: {app.kubernetes.io/component: x}}":                                                                                {"agent.podLabels", "app.kubernetes.io/component"},
		"{commonLabels: {team: a}, gateway: {podLabels: {team: b}}}":                                                                          {"gateway.podLabels", "team"},
		"gateway: {podAnnotations: {checksum/config: x}}":                                                                                     {"gateway.podAnnotations", "checksum/config"},
		"monitoring: {rules: {enabled: true, overrides: {DataDriftDetected: {enabled: false}, DataDriftDetected/warning: {threshold: 0.5}}}}": {"DataDriftDetected/warning", "switched off", "overrides.DataDriftDetected"},
		"monitoring: {rules: {enabled: true, overrides: {LowModelAccuracy: {threshold: 0.5}}}}":                                               {"LowModelAccuracy", "LowModelAccuracy/critical/catastrophic"},
		// Impossible together.
		"gateway: {auth: {existingSecret: s}}":                                                                          {"gateway.tls.existingSecret", "gateway.auth.existingSecret", "TLS"},
		"gateway: {replicas: 2, auth: {existingSecret: s}}":                                                             {"gateway.tls.existingSecret", "gateway.auth.existingSecret"},
		"gateway: {enabled: false, external: {endpoint: \"g:4317\", insecure: true}, auth: {existingSecret: s}}":        {"gateway.external.insecure", "gateway.auth.existingSecret"},
		"exporters: {prometheus: {enabled: false}}":                                                                     {"exporters", "prometheusRemoteWrite"},
		"exporters: {prometheus: {enabled: false}, jaeger: {enabled: true, endpoint: \"j:4317\"}}":                      {"exporters", "prometheusRemoteWrite"},
		"{exporters: {prometheus: {enabled: false}}, gateway: {config: {exporters: {debug: {}}}}}":                      {"gateway", "no pipeline is left"},
		"{networkPolicy: {enabled: true}, agent: {hostNetwork: true}}":                                                  {"networkPolicy.clients", "ipBlock", "agent.hostNetwork"},
		"{networkPolicy: {enabled: true, clients: [{podSelector: {}}]}, agent: {hostNetwork: true}}":                    {"networkPolicy.clients", "ipBlock"},
		"agent: {rawConfig: \"receivers: {nop: {}}\"}":                                                                  {"agent.rawConfig", "13133", "health_check"},
		"gateway: {config: {extensions: {health_check: null}}}":                                                         {"gateway.config", "13133", "health_check"},
		"gateway: {config: {service: {extensions: [file_storage, guardian_answers]}}}":                                  {"gateway.config", "13133"},
		"gateway: {tls: {existingSecret: t}, auth: {existingSecret: s}, config: {extensions: {bearertokenauth: null}}}": {"bearertokenauth", "exporters.prometheus.auth.authenticator"},
		"{agent: {enabled: false}, cluster: {enabled: true, config: {extensions: {k8s_leader_elector: null}}}}":         {"cluster", "k8s_leader_elector"},
		"image: {variant: static}":                             {"image.variant", "static", "agent.gpu.access"},
		"{gateway: {enabled: false}, agent: {enabled: false}}": {"gateway.enabled", "nothing would run"},
		"{agent: {gpu: {enabled: false}}, presets: {hostMetrics: {enabled: false}, kubeletMetrics: {enabled: false}}}":                         {"agent.enabled", "presets.hostMetrics"},
		"monitoring: {rules: {enabled: true, optional: [concept_drift_critical], overrides: {ConceptDriftDetected/critical: {threshold: 1}}}}": {"ConceptDriftDetected/critical", "threshold"},
	} {
		t.Run(text, func(t *testing.T) {
			for _, version := range helms {
				_, err := version.render(parseValues(t, text))
				require.Error(t, err, version.name)
				for _, mention := range mentions {
					require.ErrorContains(t, err, mention, version.name)
				}
			}
		})
	}
}

// All faults of one release stand in one error.
func TestAllFaultsAtOnce(t *testing.T) {
	_, err := render3(parseValues(t, "{image: {variant: static}, exporters: {jaeger: {enabled: true}, influxdb: {enabled: true}}}"))
	for _, fault := range []string{"image.variant", "exporters.jaeger.endpoint", "exporters.influxdb.org", "exporters.influxdb.existingSecret"} {
		require.ErrorContains(t, err, fault)
	}
}

// Large numbers stay numbers: YAML's are floats, which templates write as 1e+06.
func TestLargeNumbers(t *testing.T) {
	all := renderObjects(t, parseValues(t, `
gateway: {resources: {limits: {memory: 2621440000}}, terminationGracePeriodSeconds: 1000000}
monitoring: {rules: {enabled: true, overrides: {DataDriftDetected/warning: {threshold: 99999999}}}}
`))
	gateway := all.workload(t, "gateway")
	require.EqualValues(t, 1000000, *gateway.pod.Spec.TerminationGracePeriodSeconds)
	limits := gateway.container().Resources.Limits
	require.EqualValues(t, 2621440000, limits.Memory().Value())
	require.Equal(t, "1600MiB", gateway.env()["GOMEMLIMIT"].Value) // 64 % of 2500 MiB
	require.True(t, slices.ContainsFunc(all.objects, func(one object) bool {
		return one.Kind == "PrometheusRule" && strings.Contains(one.text, "> 99999999\n")
	}))
}

// Several Alertmanagers need no value for one.
func TestSeveralAlertmanagers(t *testing.T) {
	all := renderObjects(t, parseValues(t, `
agent: {enabled: false}
exporters: {alertmanager: {enabled: true}}
gateway: {config: {exporters: {alertmanager: {endpoint: null, endpoints: ["http://a:9093", "http://b:9093"]}}}}
`))
	gateway := all.workload(t, "gateway")
	output, err := validate(t, &all, gateway)
	require.NoError(t, err, output)
	require.NotContains(t, gateway.env(), "ALERTMANAGER_ENDPOINT")
}

// What is offered outside the cluster has no page of metrics.
func TestPageStaysInTheCluster(t *testing.T) {
	for kind, offered := range map[string]bool{"ClusterIP": true, "NodePort": false, "LoadBalancer": false} {
		all := renderObjects(t, values{"gateway": values{"service": values{"type": kind}}})
		name := all.workload(t, "gateway").Metadata.Name
		require.Equal(t, offered, all.hasPort(name, "metrics"), kind)
		require.True(t, all.hasPort(name+"-headless", "metrics"), kind)
	}
}

// The static image is right where nothing loads NVML.
func TestStaticImageWithoutNVML(t *testing.T) {
	for _, text := range []string{
		"{image: {variant: static}, agent: {enabled: false}}",
		"{image: {variant: static}, agent: {gpu: {enabled: false}}}",
		"{image: {variant: static}, agent: {gpu: {access: dcgmScrape}}}",
	} {
		_, err := render3(parseValues(t, text))
		require.NoError(t, err, text)
	}
}

// config is merged last: maps merge, null removes, with what refers to the removed; a list replaces.
func TestConfigIsMergedLast(t *testing.T) {
	const text = `
exporters: {elasticsearch: {enabled: true, endpoint: "http://e:9200"}, jaeger: {enabled: true, endpoint: "j:4317"}}
gateway:
  config:
    receivers: {guardian: null}
    processors: {tail_sampling: null, memory_limiter: {limit_mib: 99}}
    exporters: {otlp_grpc/jaeger: null, debug: {}, prometheus: {metric_expiration: 5m, without_scope_info: null}}
    connectors: {signal_to_metrics/last_seen: null}
    service: {extensions: [health_check, file_storage, guardian_answers]}
`
	for _, version := range helms {
		files, err := version.render(parseValues(t, text))
		require.NoError(t, err)
		all := decodeAll(t, files)
		var config map[string]map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(all.config(t, all.workload(t, "gateway"))), &config))

		require.NotContains(t, config["receivers"], "guardian")
		require.NotContains(t, config["processors"], "tail_sampling")
		require.NotContains(t, config["exporters"], "otlp_grpc/jaeger")
		require.NotContains(t, config["connectors"], "signal_to_metrics/last_seen")
		require.Contains(t, config["exporters"], "debug")
		page := config["exporters"]["prometheus"].(map[string]any)
		require.Equal(t, "5m", page["metric_expiration"])
		require.NotContains(t, page, "without_scope_info")
		require.Contains(t, page, "endpoint")
		limiter := config["processors"]["memory_limiter"].(map[string]any)
		require.EqualValues(t, 99, limiter["limit_mib"])
		require.EqualValues(t, "1s", limiter["check_interval"])
		require.Equal(t, []any{"health_check", "file_storage", "guardian_answers"}, config["service"]["extensions"])

		pipelines := config["service"]["pipelines"].(map[string]any)
		require.NotContains(t, pipelines, "metrics/last_seen")
		sampled := pipelines["traces/sampled"].(map[string]any)
		require.NotContains(t, sampled, "processors")
		require.Equal(t, []any{"elasticsearch"}, sampled["exporters"])
		logs := pipelines["logs"].(map[string]any)
		require.Equal(t, []any{"otlp"}, logs["receivers"])
		require.Equal(t, []any{"elasticsearch", "guardian_metrics"}, logs["exporters"])
	}
}

// Without an extension nothing names it any more, so that the collector starts. An address of one's own is enough for a policy.
func TestRemovedExtensionsAreForgotten(t *testing.T) {
	all := renderObjects(t, parseValues(t, `
gateway: {replicas: 2, config: {extensions: {file_storage: null, guardian_answers: null}}}
agent: {hostNetwork: true, gpu: {enabled: false}, config: {extensions: {file_storage: null}}}
logs: {enabled: true, config: {extensions: {file_storage: null}}}
cluster: {enabled: true, config: {extensions: {file_storage: null}}}
networkPolicy: {enabled: true, clients: [{ipBlock: {cidr: 10.0.0.0/8}}]}
`))
	for _, one := range all.workloads {
		config := all.config(t, one)
		require.NotContains(t, config, "storage: file_storage", one.role)
		if one.role == "gateway" {
			require.NotContains(t, config, "guardian_answers")
		}
		output, err := validate(t, &all, one)
		require.NoError(t, err, "%s: %s\n%s", one.role, output, config)
	}
}

// The release's own logs are not read; those of applications whose names begin in the same way are.
func TestOwnLogsAreExcluded(t *testing.T) {
	all := renderObjects(t, parseValues(t, "{fullnameOverride: llm-guardian, logs: {enabled: true, exclude: [/var/log/containers/noisy-*.log]}}"))
	var config struct {
		Receivers struct {
			Files struct{ Exclude []string } `json:"file_log"`
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(all.config(t, all.workload(t, "logs"))), &config))
	excluded := func(name string) bool {
		return slices.ContainsFunc(config.Receivers.Files.Exclude, func(pattern string) bool {
			matches, err := path.Match(pattern, "/var/log/containers/"+name)
			require.NoError(t, err)
			return matches
		})
	}
	for _, one := range all.workloads {
		require.True(t, excluded(one.Metadata.Name+"-x7k2p_"+namespace+"_"+one.container().Name+"-0123abcd.log"), one.role)
	}
	require.True(t, excluded("noisy-x7k2p_default_main-0123abcd.log"))
	require.False(t, excluded("llm-guardian-specialist-x7k2p_"+namespace+"_specialist-0123abcd.log"))
	require.False(t, excluded("llm-guardian-x7k2p_default_main-0123abcd.log"))
}

// rawConfig replaces everything, byte for byte.
func TestRawConfigReplaces(t *testing.T) {
	const raw = "# Mine.\nreceivers: {nop: {}}\nextensions: {health_check: {endpoint: \":13133\"}}\nservice: {pipelines: {logs: {receivers: [nop], exporters: [nop]}}}"
	vals := values{"cluster": values{"enabled": true, "rawConfig": raw, "config": values{"exporters": values{"debug": values{}}}}}
	for _, version := range helms {
		files, err := version.render(vals)
		require.NoError(t, err)
		all := decodeAll(t, files)
		require.Equal(t, raw+"\n", all.config(t, all.workload(t, "cluster")))
	}
}

// What the gateway tells Alertmanager, and what Prometheus' rules tell it, have the same cluster and runbooks.
func TestAlertmanagerGetsClusterAndRunbooks(t *testing.T) {
	all := renderObjects(t, parseValues(t, `
clusterName: production
exporters: {alertmanager: {enabled: true, endpoint: "http://alertmanager:9093"}}
monitoring: {rules: {runbookUrl: "https://runbooks.example.com/guardian"}}
`))
	gateway := all.workload(t, "gateway")
	var config struct {
		Exporters map[string]map[string]any
		Service   struct {
			Pipelines map[string]struct{ Exporters []string }
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(all.config(t, gateway)), &config))
	exporter := config.Exporters["alertmanager"]
	require.Equal(t, map[string]any{"cluster": "production"}, exporter["labels"])
	require.Equal(t, map[string]any{"runbooks": "https://runbooks.example.com/guardian/"}, exporter["links"])
	require.Equal(t, "http://alertmanager:9093", gateway.env()["ALERTMANAGER_ENDPOINT"].Value)
	require.Contains(t, config.Service.Pipelines["logs"].Exporters, "alertmanager")
}
