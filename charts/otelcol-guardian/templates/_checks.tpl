{{/* What cannot work is an error that names the value and what to do. */}}
{{- define "otelcol-guardian.checks" -}}
{{- $values := .Values -}}
{{- $faults := list -}}
{{- if not (fromYamlArray (include "otelcol-guardian.roles" .)) -}}
{{- $faults = append $faults "gateway.enabled, agent.enabled, logs.enabled and cluster.enabled are all false: nothing would run" -}}
{{- end -}}
{{- if and (include "otelcol-guardian.usesNVML" (list . "agent")) $values.agent.enabled (eq $values.image.variant "static") -}}
{{- $faults = append $faults "image.variant: static cannot read GPUs, since NVML needs glibc: set image.variant to auto or glibc, or agent.gpu.access to dcgmScrape, or agent.gpu.enabled to false" -}}
{{- end -}}
{{- if and $values.agent.enabled $values.agent.gpu.enabled (eq $values.agent.gpu.access "runtimeClass") (not $values.agent.gpu.runtimeClassName) -}}
{{- $faults = append $faults "agent.gpu.runtimeClassName is empty, and agent.gpu.access is runtimeClass: name the class, or use another access" -}}
{{- end -}}
{{- range $role := list "agent" "logs" "cluster" -}}
{{- if and (index $values $role).enabled (not $values.gateway.enabled) (not $values.gateway.external.endpoint) -}}
{{- $faults = append $faults (printf "gateway.external.endpoint is empty, and gateway.enabled is false: %s has nowhere to deliver to" $role) -}}
{{- end -}}
{{- end -}}
{{- if and $values.agent.enabled (not (or $values.presets.hostMetrics.enabled $values.presets.kubeletMetrics.enabled $values.agent.gpu.enabled $values.agent.httpChecks $values.agent.config $values.agent.rawConfig)) -}}
{{- $faults = append $faults "agent.enabled: nothing is switched on for it (presets.hostMetrics, presets.kubeletMetrics, agent.gpu, agent.httpChecks)" -}}
{{- end -}}
{{- if $values.gateway.enabled -}}
{{- range $name, $keys := dict "jaeger" (list "endpoint") "elasticsearch" (list "endpoint") "prometheusRemoteWrite" (list "endpoint") "alertmanager" (list "endpoint") "influxdb" (list "endpoint" "org" "bucket" "existingSecret") -}}
{{- $exporter := index $values.exporters $name -}}
{{- range $key := $keys -}}
{{- if and $exporter.enabled (not (index $exporter $key)) -}}
{{- $faults = append $faults (printf "exporters.%s.%s is empty, and exporters.%s.enabled is true%s" $name $key $name (ternary ": name the secret that holds its token" "" (eq $key "existingSecret"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $exporters := $values.exporters -}}
{{- $own := or $values.gateway.rawConfig $values.gateway.config.exporters $values.gateway.config.service -}}
{{- if not (or $own $exporters.prometheus.enabled $exporters.prometheusRemoteWrite.enabled $exporters.influxdb.enabled $exporters.elasticsearch.enabled) -}}
{{- $faults = append $faults "exporters: none of prometheus, prometheusRemoteWrite, influxdb and elasticsearch is on: the gateway would refuse metrics, and logs and events that nothing could count: switch one on, or name exporters of your own in gateway.config" -}}
{{- end -}}
{{- if and $values.gateway.ingress.enabled (not $values.gateway.ingress.hosts) -}}
{{- $faults = append $faults "gateway.ingress.hosts is empty, and gateway.ingress.enabled is true" -}}
{{- end -}}
{{- if and $values.monitoring.serviceMonitor.enabled $values.gateway.tls.existingSecret (not (include "otelcol-guardian.caSecret" .)) -}}
{{- $faults = append $faults "gateway.tls.caSecret is empty: Prometheus could not check the gateway's certificate" -}}
{{- end -}}
{{- end -}}
{{- if and (eq $values.gateway.tls.existingSecret "") $values.gateway.enabled $values.gateway.tls.caSecret -}}
{{- $faults = append $faults "gateway.tls.caSecret is set, and gateway.tls.existingSecret is empty: without a certificate there is nothing to check" -}}
{{- end -}}
{{- if and $values.gateway.auth.existingSecret $values.gateway.enabled (not $values.gateway.tls.existingSecret) -}}
{{- $faults = append $faults "gateway.tls.existingSecret is empty, and gateway.auth.existingSecret is set: clients send a token over TLS only, so name a certificate, or no token" -}}
{{- end -}}
{{- if and $values.gateway.auth.existingSecret (not $values.gateway.enabled) $values.gateway.external.insecure -}}
{{- $faults = append $faults "gateway.external.insecure is true, and gateway.auth.existingSecret is set: clients send a token over TLS only, so switch insecure off, or name no token" -}}
{{- end -}}
{{- $network := $values.networkPolicy -}}
{{- if and $network.enabled $values.gateway.enabled $values.agent.enabled $values.agent.hostNetwork (not (include "otelcol-guardian.clientsWith" (list $network.clients "ipBlock"))) -}}
{{- $faults = append $faults "networkPolicy.clients names no ipBlock, and agent.hostNetwork is true: a policy does not know pods on the host's network by their labels, so add {ipBlock: {cidr: …}} with the nodes' addresses" -}}
{{- end -}}
{{- range $role := fromYamlArray (include "otelcol-guardian.roles" .) -}}
{{- if and (index $values $role).rawConfig (not (contains "13133" (index $values $role).rawConfig)) -}}
{{- $faults = append $faults (printf "%s.rawConfig: nothing listens on port 13133, which the kubelet asks: %s" $role (include "otelcol-guardian.checks.health" $)) -}}
{{- end -}}
{{- end -}}
{{- with $faults -}}
{{- fail (printf "\n\nThese values cannot work:\n- %s\n" (join "\n- " .)) -}}
{{- end -}}
{{- end -}}

{{- define "otelcol-guardian.checks.health" -}}
add the extension health_check with the endpoint "${env:LISTEN}:13133", and name it in service.extensions
{{- end -}}

{{/* Has one of networkPolicy's peers a selector of this kind? "true" or "". Takes (list peers kind). */}}
{{- define "otelcol-guardian.clientsWith" -}}
{{- $kind := index . 1 -}}
{{- $found := "" -}}
{{- range index . 0 }}{{ if hasKey . $kind }}{{ $found = "true" }}{{ end }}{{ end -}}
{{- $found -}}
{{- end -}}

{{/* What is left of a configuration must be able to run. Takes (list role config). */}}
{{- define "otelcol-guardian.checks.config" -}}
{{- $role := index . 0 -}}
{{- $config := index . 1 -}}
{{- if not $config.service.pipelines -}}
{{- fail (printf "%s: no pipeline is left with these values: each needs a receiver and an exporter that are switched on" $role) -}}
{{- end -}}
{{- if not (contains ":13133" (toYaml (default dict $config.extensions))) -}}
{{- fail (printf "%s.config: nothing listens on port 13133, which the kubelet asks: %s" $role (include "otelcol-guardian.checks.health" .)) -}}
{{- end -}}
{{- end -}}
