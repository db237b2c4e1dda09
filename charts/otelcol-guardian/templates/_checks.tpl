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
{{- $several := and (eq $name "alertmanager") (dig "exporters" "alertmanager" "endpoints" "" $values.gateway.config) -}}
{{- if and $exporter.enabled (not (index $exporter $key)) (not $several) -}}
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
{{- if $values.gateway.enabled -}}
{{- range $host := $values.gateway.ingress.hosts -}}
{{- range $host.paths -}}
{{- if and $values.gateway.ingress.enabled (eq .port "events") (not $values.gateway.events.enabled) -}}
{{- $faults = append $faults (printf "gateway.ingress.hosts: %s%s leads to the port events, and gateway.events.enabled is false" $host.host .path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $taken := dict "health" true "13133/TCP" true -}}
{{- range include "otelcol-guardian.ports" (list . "gateway") | fromYamlArray -}}
{{- $number := printf "%d/%s" (int .port) .protocol -}}
{{- range list .name $number -}}
{{- if hasKey $taken . -}}
{{- $faults = append $faults (printf "gateway.extraPorts: %s is there twice" .) -}}
{{- end -}}
{{- $_ := set $taken . true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $scaling := $values.router.autoscaling -}}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- $faults = append $faults (printf "router.autoscaling.minReplicas is %d, and maxReplicas only %d" (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- end -}}
{{- $faults = concat $faults (fromYamlArray (include "otelcol-guardian.checks.keys" .)) -}}
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

{{/* Labels and annotations that would be in an object twice, as a YAML list of faults. */}}
{{- define "otelcol-guardian.checks.keys" -}}
{{- $values := .Values -}}
{{- $labels := list "helm.sh/chart" "otelcol-guardian/scrape" -}}
{{- range list "name" "instance" "component" "version" "managed-by" }}{{ $labels = append $labels (printf "app.kubernetes.io/%s" .) }}{{ end -}}
{{- $annotations := list "checksum/config" "kubectl.kubernetes.io/default-container" "nvidia.cdi.k8s.io/container.otelcol-guardian" -}}
{{- $withCommon := concat $labels (keys $values.commonLabels) -}}
{{- $given := list (list "commonLabels" $values.commonLabels $labels) -}}
{{- range $role := fromYamlArray (include "otelcol-guardian.roles" .) -}}
{{- $given = append $given (list (printf "%s.podLabels" $role) (index $values $role).podLabels $withCommon) -}}
{{- $given = append $given (list (printf "%s.podAnnotations" $role) (index $values $role).podAnnotations $annotations) -}}
{{- end -}}
{{- range $monitor := list "serviceMonitor" "podMonitor" "rules" -}}
{{- $given = append $given (list (printf "monitoring.%s.labels" $monitor) (index $values.monitoring $monitor).labels $withCommon) -}}
{{- end -}}
{{- $faults := list -}}
{{- range $given -}}
{{- $path := index . 0 -}}{{- $taken := index . 2 -}}
{{- range $key := keys (index . 1) | sortAlpha -}}
{{- if has $key $taken }}{{ $faults = append $faults (printf "%s: %s is set already, by the chart or commonLabels" $path $key) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
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

{{/*
What is left of a configuration must be able to run, and take what is offered; pipelines of one's own are one's own affair.
Takes (list $ role config).
*/}}
{{- define "otelcol-guardian.checks.config" -}}
{{- $values := index (index . 0).Values (index . 1) -}}
{{- $role := index . 1 -}}
{{- $config := index . 2 -}}
{{- if not $config.service.pipelines -}}
{{- fail (printf "%s: no pipeline is left with these values: each needs a receiver and an exporter that are switched on" $role) -}}
{{- end -}}
{{- if and (eq $role "gateway") (not (dig "service" "pipelines" "" $values.config)) -}}
{{- range $signal := list "traces" "logs" "metrics" -}}
{{- $taken := false -}}
{{- range $name, $pipeline := $config.service.pipelines -}}
{{- if and (hasPrefix $signal $name) (has "otlp" $pipeline.receivers) }}{{ $taken = true }}{{ end -}}
{{- end -}}
{{- if not $taken -}}
{{- fail (printf "gateway: nothing is left that takes %s from clients: switch on one of exporters for them, or name pipelines in gateway.config.service" $signal) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not (contains ":13133" (toYaml (default dict $config.extensions))) -}}
{{- fail (printf "%s.config: nothing listens on port 13133, which the kubelet asks: %s" $role (include "otelcol-guardian.checks.health" .)) -}}
{{- end -}}
{{- end -}}
