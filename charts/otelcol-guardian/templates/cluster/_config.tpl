{{/* configs/cluster.yaml. */}}
{{- define "otelcol-guardian.config.cluster" -}}
{{- $config := include "otelcol-guardian.config.file" (list . "cluster.yaml") | fromYaml -}}
{{- $_ := set $config.extensions.k8s_leader_elector "lease_name" (include "otelcol-guardian.roleName" (list . "cluster")) -}}
{{- include "otelcol-guardian.config.common" (list . "cluster" $config) -}}
{{- include "otelcol-guardian.config.toGateway" (list . $config "otlp_grpc" "bearertokenauth") -}}
{{- toYaml $config -}}
{{- end -}}
