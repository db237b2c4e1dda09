{{/* configs/cluster.yaml. */}}
{{- define "otelcol-guardian.config.cluster" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $gone := index . 2 -}}
{{- include "otelcol-guardian.config.load" (list $root $config "cluster.yaml") -}}
{{- $_ := set $config.extensions.k8s_leader_elector "lease_name" (include "otelcol-guardian.roleName" (list $root "cluster")) -}}
{{- include "otelcol-guardian.config.toGateway" (list $root $config $gone "otlp_grpc" "bearertokenauth") -}}
{{- end -}}
