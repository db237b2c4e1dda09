{{/* configs/gateway.yaml, with the exporters, receivers and judges that are switched on. */}}
{{- define "otelcol-guardian.config.gateway" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $gone := index . 2 -}}
{{- $values := $root.Values -}}
{{- include "otelcol-guardian.config.load" (list $root $config "gateway.yaml") -}}
{{- $exporters := $values.exporters -}}
{{- if not $exporters.prometheus.enabled }}{{ $_ := set $gone "exporters/prometheus" true }}{{ end -}}
{{- if not $exporters.jaeger.enabled }}{{ $_ := set $gone "exporters/otlp_grpc/jaeger" true }}{{ end -}}
{{- if not $exporters.elasticsearch.enabled }}{{ $_ := set $gone "exporters/elasticsearch" true }}{{ end -}}
{{- if not $exporters.alertmanager.enabled }}{{ $_ := set $gone "exporters/alertmanager" true }}{{ end -}}
{{- if not $exporters.influxdb.enabled }}{{ $_ := set $gone "exporters/influxdb" true }}{{ end -}}
{{- if not $exporters.prometheusRemoteWrite.enabled -}}
  {{- range list "exporters/otlp_http/remote_write" "exporters/prometheus_remote_write" "receivers/otlp/remote_write" }}{{ $_ := set $gone . true }}{{ end -}}
{{- end -}}
{{- if not $values.presets.tailSampling.enabled }}{{ $_ := set $gone "processors/tail_sampling" true }}{{ end -}}
{{- if not $values.presets.drift.enabled }}{{ $_ := set $gone "processors/drift" true }}{{ end -}}
{{- if not $values.presets.anomaly.enabled -}}
  {{- range list "processors/anomaly" "connectors/guardian_events" "receivers/guardian_events" "exporters/guardian_events" }}{{ $_ := set $gone . true }}{{ end -}}
{{- end -}}
{{- with $values.presets.drift.monitors }}{{ $_ := set $config.processors.drift "monitors" . }}{{ end -}}
{{- include "otelcol-guardian.config.servers" (list $root $config $gone) -}}
{{- with $values.exporters.elasticsearch.logsIndex }}{{ $_ := set $config.exporters.elasticsearch "logs_index" (include "otelcol-guardian.config.plain" .) }}{{ end -}}
{{- if $values.clusterName -}}
  {{- $_ := set $config.exporters.prometheus "const_labels" (dict "cluster" $values.clusterName) -}}
  {{- $_ := set $config.exporters.prometheus_remote_write "external_labels" (dict "cluster" $values.clusterName) -}}
{{- end -}}
{{- if $exporters.alertmanager.enabled -}}
  {{- with $values.clusterName }}{{ $_ := set $config.exporters.alertmanager "labels" (dict "cluster" .) }}{{ end -}}
  {{- with $values.monitoring.rules.runbookUrl }}{{ $_ := set $config.exporters.alertmanager "links" (dict "runbooks" (printf "%s/" (trimSuffix "/" . | include "otelcol-guardian.config.plain"))) }}{{ end -}}
{{- end -}}
{{- if gt (int $values.gateway.replicas) 1 -}}
  {{- /* Counts of the replicas add up, and only under different labels can a server that is written to tell them apart. */ -}}
  {{- $_ := set $config.processors "transform/replica" (dict "metric_statements" (list "set(datapoint.attributes[\"gateway\"], \"${env:POD_NAME}\")")) -}}
  {{- range $name := list "metrics/guardian" "metrics/last_seen" -}}
    {{- $pipeline := index $config.service.pipelines $name -}}
    {{- $_ := set $pipeline "processors" (append (default list $pipeline.processors) "transform/replica") -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* The servers that applications send to: what is off is added to gone. Takes (list $ config gone). */}}
{{- define "otelcol-guardian.config.servers" -}}
{{- $gateway := (index . 0).Values.gateway -}}
{{- $config := index . 1 -}}
{{- $gone := index . 2 -}}
{{- if not $gateway.events.enabled }}{{ $_ := set $gone "receivers/guardian" true }}{{ end -}}
{{- if not $gateway.plain.enabled -}}
  {{- $_ := set $gone "receivers/jaeger" true -}}
  {{- $_ := set $gone "receivers/zipkin" true -}}
{{- end -}}
{{- $servers := list $config.receivers.otlp.protocols.grpc $config.receivers.otlp.protocols.http $config.receivers.guardian $config.exporters.prometheus -}}
{{- range $server := $servers -}}
  {{- if not $gateway.tls.existingSecret }}{{ $_ := unset $server "tls" }}{{ end -}}
  {{- if not $gateway.auth.existingSecret }}{{ $_ := unset $server "auth" }}{{ end -}}
{{- end -}}
{{- if not $gateway.auth.existingSecret }}{{ $_ := set $gone "extensions/bearertokenauth" true }}{{ end -}}
{{- end -}}
