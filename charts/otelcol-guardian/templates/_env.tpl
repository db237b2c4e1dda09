{{/* A role's environment: of what the chart knows, only what its configuration reads. Takes (list $ role). */}}
{{- define "otelcol-guardian.env" -}}
{{- $config := include "otelcol-guardian.config" . -}}
{{- $variables := list -}}
{{- range $variable := include "otelcol-guardian.env.known" . | fromYamlArray -}}
  {{- if or (has .name (list "GOMEMLIMIT" "K8S_NODE_NAME" "OTEL_RESOURCE_ATTRIBUTES")) (hasPrefix "NVIDIA_" .name) (contains (printf "${env:%s" .name) $config) -}}
    {{- $variables = append $variables $variable -}}
  {{- end -}}
{{- end -}}
{{- $set := list -}}
{{- range $variables }}{{ $set = append $set .name }}{{ end -}}
{{- range (index (index . 0).Values (index . 1)).extraEnv -}}
  {{- if has .name $set -}}
    {{- fail (printf "%s.extraEnv: %s is set already, by the chart from a value of its own or further up in the list" (index $ 1) .name) -}}
  {{- end -}}
  {{- $set = append $set .name -}}
{{- end -}}
{{- toYaml (concat $variables (index (index . 0).Values (index . 1)).extraEnv) -}}
{{- end -}}

{{- define "otelcol-guardian.env.known" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- $values := $root.Values -}}
{{- $gateway := $values.gateway -}}
- {name: LISTEN, value: {{ $values.listen | quote }}}
- {name: STATE, value: /var/lib/otelcol-guardian}
{{- with include "otelcol-guardian.memoryLimit" . | int }}
- {name: GOMEMLIMIT, value: {{ div (mul . 64) 100 }}MiB}
{{- else }}
- {name: GOMEMLIMIT, value: {{ ternary "1600MiB" "380MiB" (eq $role "gateway") }}}
{{- end }}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- if has $role (list "agent" "logs") }}
- name: K8S_NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- {name: OTEL_RESOURCE_ATTRIBUTES, value: {{ printf "host.name=$(K8S_NODE_NAME),k8s.node.name=$(K8S_NODE_NAME)%s" (ternary (printf ",k8s.cluster.name=%s" $values.clusterName) "" (ne $values.clusterName "")) | quote }}}
{{- end }}
{{- if $gateway.auth.existingSecret }}
- name: GATEWAY_TOKEN
  valueFrom: {secretKeyRef: {name: {{ $gateway.auth.existingSecret | quote }}, key: {{ $gateway.auth.tokenKey | quote }}}}
{{- end }}
{{- if and (has $role (list "gateway" "router")) $gateway.tls.existingSecret }}
- {name: TLS_CERT, value: /etc/otelcol-guardian-tls/tls.crt}
- {name: TLS_KEY, value: /etc/otelcol-guardian-tls/tls.key}
{{- end }}
- {name: LISTEN_PLAIN, value: {{ $values.listen | quote }}}
{{- if and (ne $role "gateway") (include "otelcol-guardian.caSecret" $root) }}
- {name: GATEWAY_CA, value: /etc/otelcol-guardian-ca/ca.crt}
{{- end }}
- {name: GATEWAY_ENDPOINT, value: {{ include "otelcol-guardian.gatewayEndpoint" $root | quote }}}
{{- include (printf "otelcol-guardian.env.%s" $role) $root }}
{{- end -}}

{{/*
A text as the value of a variable that the configuration reads. A dollar in it is one, neither a reference of Kubernetes' nor one of the
collector's: each of them takes two for one.
*/}}
{{- define "otelcol-guardian.env.plain" }}{{ replace "$" "$$$$" . | quote }}{{ end -}}

{{/* The secret with the authority that signed the gateway's certificate, or "". */}}
{{- define "otelcol-guardian.caSecret" -}}
{{- $tls := .Values.gateway.tls -}}
{{- if not (and (not .Values.gateway.enabled) .Values.gateway.external.insecure) -}}
{{- default $tls.existingSecret $tls.caSecret -}}
{{- end -}}
{{- end -}}

{{- define "otelcol-guardian.env.gateway" -}}
{{- $exporters := .Values.exporters -}}
{{- with $exporters.jaeger }}{{ if .enabled }}
- {name: JAEGER_ENDPOINT, value: {{ .endpoint | quote }}}
- {name: JAEGER_INSECURE, value: {{ .insecure | quote }}}
{{- end }}{{ end }}
{{- with $exporters.elasticsearch }}{{ if .enabled }}
- {name: ELASTICSEARCH_ENDPOINT, value: {{ include "otelcol-guardian.env.plain" .endpoint }}}
{{- if .existingSecret }}
- name: ELASTICSEARCH_API_KEY
  valueFrom: {secretKeyRef: {name: {{ .existingSecret | quote }}, key: {{ .apiKeyKey | quote }}}}
{{- end }}
{{- end }}{{ end }}
{{- with $exporters.prometheusRemoteWrite }}{{ if .enabled }}
- {name: REMOTE_WRITE_ENDPOINT, value: {{ include "otelcol-guardian.env.plain" .endpoint }}}
- {name: REMOTE_WRITE_MAX_AGE, value: {{ .maxAge | quote }}}
{{- end }}{{ end }}
{{- with $exporters.alertmanager }}{{ if .enabled }}
- {name: ALERTMANAGER_ENDPOINT, value: {{ include "otelcol-guardian.env.plain" .endpoint }}}
{{- end }}{{ end }}
{{- with $exporters.influxdb }}{{ if .enabled }}
- {name: INFLUXDB_ENDPOINT, value: {{ include "otelcol-guardian.env.plain" .endpoint }}}
- {name: INFLUXDB_ORG, value: {{ include "otelcol-guardian.env.plain" .org }}}
- {name: INFLUXDB_BUCKET, value: {{ include "otelcol-guardian.env.plain" .bucket }}}
- name: INFLUXDB_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .existingSecret | quote }}, key: {{ .tokenKey | quote }}}}
{{- end }}{{ end }}
- {name: KEEP_PERCENT, value: {{ .Values.presets.tailSampling.keepPercent | quote }}}
- {name: SLOW_MS, value: {{ .Values.presets.tailSampling.slowMilliseconds | int | quote }}}
{{- end -}}

{{- define "otelcol-guardian.env.router" }}{{ end -}}

{{- define "otelcol-guardian.env.agent" -}}
{{- with .Values.agent }}
{{- if .hostRoot.mount }}
- {name: HOST_ROOT, value: /hostfs}
{{- end }}
{{- if .httpChecks }}
- {name: HTTP_CHECKS, value: {{ include "otelcol-guardian.env.plain" (toJson .httpChecks) }}}
{{- end }}
{{- end }}
{{- if and .Values.presets.kubeletMetrics.enabled .Values.presets.kubeletMetrics.insecureSkipVerify }}
- {name: KUBELET_INSECURE, value: "true"}
{{- end }}
{{- include "otelcol-guardian.gpu.env" . }}
{{- end -}}

{{- define "otelcol-guardian.env.logs" }}
- {name: CONTAINER_LOGS, value: {{ include "otelcol-guardian.env.plain" (toJson .Values.logs.include) }}}
{{- end -}}

{{- define "otelcol-guardian.env.cluster" }}
- {name: CLUSTER_NAME, value: {{ default "default" .Values.clusterName | quote }}}
- name: LEASE_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- end -}}
