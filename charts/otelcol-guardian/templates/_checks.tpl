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
{{- with $faults -}}
{{- fail (printf "\n\nThese values cannot work:\n- %s\n" (join "\n- " .)) -}}
{{- end -}}
{{- end -}}
