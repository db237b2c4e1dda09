{{/* The logs of configs/agent.yaml, with agent_kubernetes.yaml's metadata, to the gateway. */}}
{{- define "otelcol-guardian.config.logs" -}}
{{- $config := include "otelcol-guardian.config.file" (list . "agent.yaml") | fromYaml -}}
{{- include "otelcol-guardian.config.merge" (list $config (include "otelcol-guardian.config.file" (list . "agent_gateway.yaml") | fromYaml)) -}}
{{- $gone := dict "receivers/host_metrics" true "receivers/http_check" true "receivers/kubelet_stats" true "exporters/prometheus" true "exporters/elasticsearch" true -}}
{{- if .Values.presets.kubernetesAttributes.enabled -}}
  {{- include "otelcol-guardian.config.merge" (list $config (include "otelcol-guardian.config.file" (list . "agent_kubernetes.yaml") | fromYaml)) -}}
{{- end -}}
{{- if .Values.logs.fluentForward.enabled -}}
  {{- $_ := set $config.receivers.fluent_forward "endpoint" "${env:LISTEN}:24224" -}}
{{- else -}}
  {{- $_ := set $gone "receivers/fluent_forward" true -}}
{{- end -}}
{{- $own := printf "/var/log/containers/%s-*_%s_*.log" (include "otelcol-guardian.fullname" .) .Release.Namespace -}}
{{- $_ := set $config.receivers.file_log "exclude" (prepend .Values.logs.exclude $own) -}}
{{- include "otelcol-guardian.config.common" (list . "logs" $config) -}}
{{- include "otelcol-guardian.config.takeOut" (dict "config" $config "gone" $gone "unused" true) -}}
{{- include "otelcol-guardian.config.toGateway" (list . $config "otlp_grpc/gateway" "bearertokenauth/gateway") -}}
{{- toYaml $config -}}
{{- end -}}
