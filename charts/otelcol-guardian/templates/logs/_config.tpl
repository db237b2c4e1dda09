{{/* The logs of configs/agent.yaml, with agent_kubernetes.yaml's metadata, to the gateway. */}}
{{- define "otelcol-guardian.config.logs" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $gone := index . 2 -}}
{{- include "otelcol-guardian.config.load" (list $root $config "agent.yaml") -}}
{{- include "otelcol-guardian.config.load" (list $root $config "agent_gateway.yaml") -}}
{{- range list "receivers/host_metrics" "receivers/http_check" "receivers/kubelet_stats" "exporters/prometheus" "exporters/elasticsearch" }}{{ $_ := set $gone . true }}{{ end -}}
{{- if $root.Values.presets.kubernetesAttributes.enabled -}}
  {{- include "otelcol-guardian.config.load" (list $root $config "agent_kubernetes.yaml") -}}
{{- end -}}
{{- if $root.Values.logs.fluentForward.enabled -}}
  {{- $_ := set $config.receivers.fluent_forward "endpoint" "${env:LISTEN}:24224" -}}
{{- else -}}
  {{- $_ := set $gone "receivers/fluent_forward" true -}}
{{- end -}}
{{- /* By the container's name too: applications may have names that begin as the release's. */ -}}
{{- $own := printf "/var/log/containers/%s-*_%s_otelcol-guardian-*.log" (include "otelcol-guardian.fullname" $root) $root.Release.Namespace -}}
{{- $excluded := list $own -}}
{{- range $root.Values.logs.exclude }}{{ $excluded = append $excluded (include "otelcol-guardian.config.plain" .) }}{{ end -}}
{{- $_ := set $config.receivers.file_log "exclude" $excluded -}}
{{- include "otelcol-guardian.config.toGateway" (list $root $config $gone "otlp_grpc/gateway" "bearertokenauth/gateway") -}}
{{- end -}}
