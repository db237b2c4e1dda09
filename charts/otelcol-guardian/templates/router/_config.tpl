{{/*
The servers of configs/gateway.yaml in front of the exporter of configs/balance.yaml. It keeps nothing: a client has its
answer when each share is in its gateway's queue on disk, and sends again what could not be placed.
*/}}
{{- define "otelcol-guardian.config.router" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $gone := index . 2 -}}
{{- include "otelcol-guardian.config.load" (list $root $config "gateway.yaml") -}}
{{- $balance := include "otelcol-guardian.config.file" (list $root "balance.yaml") | fromYaml -}}
{{- $_ := set $gone "extensions/file_storage" true -}}
{{- include "otelcol-guardian.config.servers" (list $root $config $gone) -}}
{{- $exporter := include "otelcol-guardian.config.balance" (list $root "bearertokenauth") | fromYaml -}}
{{- $_ := set $exporter "sending_queue" (dict "enabled" false) -}}
{{- $_ := set $exporter "retry_on_failure" (dict "enabled" false) -}}
{{- $_ := set $exporter.protocol.otlp "retry_on_failure" (dict "enabled" false) -}}
{{- $_ := set $config "exporters" (dict "load_balancing" $exporter) -}}
{{- $_ := set $config.processors "transform/model" (index $balance.processors "transform/model") -}}
{{- $processors := list "memory_limiter" "transform/model" -}}
{{- $traces := "load_balancing" -}}
{{- if $root.Values.presets.tailSampling.enabled -}}
  {{- /* Sampling by their end needs whole traces on one gateway. */ -}}
  {{- $traces = "load_balancing/traces" -}}
  {{- $whole := omit (deepCopy $exporter) "routing_attributes" -}}
  {{- $_ := set $whole "routing_key" "traceID" -}}
  {{- $_ := set $config.exporters $traces $whole -}}
{{- end -}}
{{- $_ := unset $config "connectors" -}}
{{- $_ := set $config.service "pipelines" (dict
  "traces" (dict "receivers" (list "otlp" "jaeger" "zipkin") "processors" $processors "exporters" (list $traces))
  "logs" (dict "receivers" (list "otlp" "guardian") "processors" $processors "exporters" (list "load_balancing"))
  "metrics" (dict "receivers" (list "otlp") "processors" $processors "exporters" (list "load_balancing"))) -}}
{{- end -}}
