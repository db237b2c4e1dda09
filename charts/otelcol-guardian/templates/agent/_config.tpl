{{/* configs/agent.yaml and its additions: hosts, GPUs, kubelet and health checks, all of it to the gateway. */}}
{{- define "otelcol-guardian.config.agent" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $gone := index . 2 -}}
{{- $values := $root.Values -}}
{{- $gpu := $values.agent.gpu -}}
{{- include "otelcol-guardian.config.load" (list $root $config "agent.yaml") -}}
{{- include "otelcol-guardian.config.load" (list $root $config "agent_gateway.yaml") -}}
{{- range list "receivers/file_log" "receivers/fluent_forward" "exporters/prometheus" "exporters/elasticsearch" }}{{ $_ := set $gone . true }}{{ end -}}
{{- if not $values.presets.hostMetrics.enabled }}{{ $_ := set $gone "receivers/host_metrics" true }}{{ end -}}
{{- if not $values.agent.httpChecks }}{{ $_ := set $gone "receivers/http_check" true }}{{ end -}}
{{- if not $values.agent.hostNetwork }}{{ $_ := unset $config.receivers.host_metrics.scrapers "network" }}{{ end -}}
{{- if not $values.agent.hostRoot.mount }}{{ $_ := unset $config.receivers.host_metrics.scrapers "filesystem" }}{{ end -}}
{{- if $values.presets.kubeletMetrics.enabled -}}
  {{- include "otelcol-guardian.config.load" (list $root $config "agent_kubernetes.yaml") -}}
{{- end -}}
{{- if $gpu.enabled -}}
  {{- $nvml := include "otelcol-guardian.config.file" (list $root "agent_gpu.yaml") | fromYaml -}}
  {{- $_ := set $nvml.receivers.nvml "compat" $gpu.compat -}}
  {{- if $gpu.podResources }}{{ $_ := set $nvml.receivers.nvml "kubernetes" (dict "enabled" true) }}{{ end -}}
  {{- include "otelcol-guardian.config.merge" (list $config $nvml) -}}
  {{- if eq $gpu.access "dcgmScrape" -}}
    {{- $_ := set $gone "receivers/nvml" true -}}
    {{- $_ := set $config.receivers "prometheus/dcgm" (include "otelcol-guardian.config.dcgm" $gpu.dcgm | fromYaml) -}}
    {{- $_ := set $config.service.pipelines "metrics/dcgm" (dict "receivers" (list "prometheus/dcgm") "processors" (list "memory_limiter") "exporters" (list "forward/metrics")) -}}
  {{- end -}}
{{- end -}}
{{- include "otelcol-guardian.config.toGateway" (list $root $config $gone "otlp_grpc/gateway" "bearertokenauth/gateway") -}}
{{- end -}}

{{/* Asks the dcgm-exporter that runs on the same node. */}}
{{- define "otelcol-guardian.config.dcgm" -}}
config:
  scrape_configs:
    - job_name: dcgm-exporter
      scrape_interval: 15s
      kubernetes_sd_configs:
        - role: pod
          selectors:
            - role: pod
              field: spec.nodeName=${env:K8S_NODE_NAME}
              label: {{ printf "%s=%s" .podLabel .podLabelValue }}
      relabel_configs:
        - source_labels: [__meta_kubernetes_pod_ip]
          target_label: __address__
          replacement: $$1:{{ .port }}
        # One target per pod, whatever ports it names.
        - action: labeldrop
          regex: __meta_kubernetes_pod_container_port_.*
{{- end -}}
