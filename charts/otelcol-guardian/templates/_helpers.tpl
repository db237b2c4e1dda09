{{/* Names, labels and references. Most take (list $ role), and role is gateway, router, agent, logs or cluster. */}}

{{- define "otelcol-guardian.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 40 characters: the longest suffix, -gateway-headless, and the hash of a pod's name still fit into 63. */}}
{{- define "otelcol-guardian.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "otelcol-guardian.roleName" -}}
{{- printf "%s-%s" (include "otelcol-guardian.fullname" (index . 0)) (index . 1) -}}
{{- end -}}

{{- define "otelcol-guardian.selectorLabels" -}}
app.kubernetes.io/name: {{ include "otelcol-guardian.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "otelcol-guardian.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "otelcol-guardian.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The roles that this release runs, as a YAML list. */}}
{{- define "otelcol-guardian.roles" -}}
{{- if .Values.gateway.enabled }}
- gateway
{{- if gt (int .Values.gateway.replicas) 1 }}
- router
{{- end }}
{{- end }}
{{- range $role := list "agent" "logs" "cluster" }}
{{- if (index $.Values $role).enabled }}
- {{ $role }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "otelcol-guardian.serviceAccountName" -}}
{{- $account := (index (index . 0).Values (index . 1)).serviceAccount -}}
{{- if $account.create -}}
{{- default (include "otelcol-guardian.roleName" .) $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{/* Does the role ask the API server anything? "true" or "". */}}
{{- define "otelcol-guardian.needsToken" -}}
{{- $values := (index . 0).Values -}}
{{- $role := index . 1 -}}
{{- if eq $role "cluster" -}}
true
{{- else if and (eq $role "logs") $values.presets.kubernetesAttributes.enabled -}}
true
{{- else if and (eq $role "agent") (or $values.presets.kubeletMetrics.enabled (and $values.agent.gpu.enabled (eq $values.agent.gpu.access "dcgmScrape"))) -}}
true
{{- end -}}
{{- end -}}

{{/* Does the role load NVML? "true" or "". */}}
{{- define "otelcol-guardian.usesNVML" -}}
{{- $gpu := (index . 0).Values.agent.gpu -}}
{{- if and (eq (index . 1) "agent") $gpu.enabled (ne $gpu.access "dcgmScrape") -}}
true
{{- end -}}
{{- end -}}

{{- define "otelcol-guardian.image" -}}
{{- $root := index . 0 -}}
{{- $image := $root.Values.image -}}
{{- $variant := $image.variant -}}
{{- if eq $variant "auto" -}}
{{- $variant = ternary "glibc" "static" (eq (include "otelcol-guardian.usesNVML" .) "true") -}}
{{- end -}}
{{- $digest := index $image.digests $variant -}}
{{- if $digest -}}
{{- printf "%s@%s" $image.repository $digest -}}
{{- else -}}
{{- printf "%s:%s%s" $image.repository (default $root.Chart.AppVersion $image.tag) (ternary "-static" "" (eq $variant "static")) -}}
{{- end -}}
{{- end -}}

{{/* Where the roles of this release deliver to. */}}
{{- define "otelcol-guardian.gatewayHost" -}}
{{- printf "%s.%s.svc" (include "otelcol-guardian.roleName" (list . "gateway")) .Release.Namespace -}}
{{- end -}}
{{- define "otelcol-guardian.headlessName" -}}
{{- printf "%s-headless" (include "otelcol-guardian.roleName" (list . "gateway")) -}}
{{- end -}}
{{- define "otelcol-guardian.gatewayEndpoint" -}}
{{- if .Values.gateway.enabled -}}
{{- printf "%s:4317" (include "otelcol-guardian.gatewayHost" .) -}}
{{- else -}}
{{- .Values.gateway.external.endpoint -}}
{{- end -}}
{{- end -}}

{{/* Ports of a role's container and of the services in front of it: name, number, protocol. */}}
{{- define "otelcol-guardian.ports" -}}
{{- $values := (index . 0).Values -}}
{{- $role := index . 1 -}}
{{- if has $role (list "gateway" "router") }}
- {name: otlp-grpc, port: 4317, protocol: TCP, appProtocol: grpc}
- {name: otlp-http, port: 4318, protocol: TCP, appProtocol: http}
{{- if $values.gateway.events.enabled }}
- {name: events, port: 4319, protocol: TCP, appProtocol: http}
{{- end }}
{{- if $values.gateway.plain.enabled }}
- {name: jaeger-compact, port: 6831, protocol: UDP}
- {name: jaeger-http, port: 14268, protocol: TCP}
- {name: jaeger-grpc, port: 14250, protocol: TCP}
- {name: zipkin, port: 9411, protocol: TCP}
{{- end }}
{{- end }}
{{- if and (eq $role "gateway") $values.exporters.prometheus.enabled }}
- {name: metrics, port: 8889, protocol: TCP}
{{- end }}
{{- if eq $role "gateway" }}
{{- range $values.gateway.extraPorts }}
- {name: {{ .name }}, port: {{ .port }}, protocol: {{ default "TCP" .protocol }}}
{{- end }}
{{- end }}
{{- if and (eq $role "logs") $values.logs.fluentForward.enabled }}
- {name: fluent-forward, port: 24224, protocol: TCP}
{{- end }}
- {name: telemetry, port: 8888, protocol: TCP}
{{- end -}}
