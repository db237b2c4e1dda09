{{/*
The collectors' configurations: those of configs/, without what is switched off.
Templates here change the maps that they are given and write nothing.
*/}}

{{/* A file of configs/, as YAML. Takes (list $ name). */}}
{{- define "otelcol-guardian.config.file" -}}
{{- $path := printf "files/configs/%s" (index . 1) -}}
{{- $text := (index . 0).Files.Get $path -}}
{{- if not $text }}{{ fail (printf "the chart lacks %s" $path) }}{{ end -}}
{{- $text -}}
{{- end -}}

{{/*
Takes components out of a configuration, given as (dict "config" config "gone" (dict "exporters/influxdb" true …)):
what refers to them, pipelines that have nothing to receive or to send any more, connectors that have lost one side, and,
with "unused" true, components that no pipeline uses then.
*/}}
{{- define "otelcol-guardian.config.takeOut" -}}
{{- $config := .config -}}
{{- $gone := .gone -}}
{{- range $section := list "receivers" "processors" "exporters" "connectors" "extensions" -}}
  {{- $_ := set $config $section (default dict (get $config $section)) -}}
  {{- range $id, $_ := $gone -}}
    {{- if hasPrefix (printf "%s/" $section) $id -}}
      {{- $_ := unset (index $config $section) (trimPrefix (printf "%s/" $section) $id) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $pipelines := $config.service.pipelines -}}
{{- range until 8 -}}{{/* as often as a removal can set off another */}}
  {{- $sinks := dict -}}{{- $sources := dict -}}
  {{- range $pipeline := $pipelines -}}
    {{- range $pipeline.exporters }}{{ $_ := set $sinks . true }}{{ end -}}
    {{- range $pipeline.receivers }}{{ $_ := set $sources . true }}{{ end -}}
  {{- end -}}
  {{- range $name := keys $pipelines | sortAlpha -}}
    {{- $pipeline := index $pipelines $name -}}
    {{- $receivers := list -}}{{- $processors := list -}}{{- $exporters := list -}}
    {{- range $id := $pipeline.receivers -}}
      {{- if not (or (hasKey $gone (printf "receivers/%s" $id)) (and (hasKey $config.connectors $id) (not (hasKey $sinks $id)))) -}}
        {{- $receivers = append $receivers $id -}}
      {{- end -}}
    {{- end -}}
    {{- range $id := $pipeline.processors -}}
      {{- if not (hasKey $gone (printf "processors/%s" $id)) }}{{ $processors = append $processors $id }}{{ end -}}
    {{- end -}}
    {{- range $id := $pipeline.exporters -}}
      {{- if not (or (hasKey $gone (printf "exporters/%s" $id)) (and (hasKey $config.connectors $id) (not (hasKey $sources $id)))) -}}
        {{- $exporters = append $exporters $id -}}
      {{- end -}}
    {{- end -}}
    {{- if and $receivers $exporters -}}
      {{- $_ := set $pipeline "receivers" $receivers -}}
      {{- $_ := set $pipeline "exporters" $exporters -}}
      {{- if $processors }}{{ $_ := set $pipeline "processors" $processors }}{{ else }}{{ $_ := unset $pipeline "processors" }}{{ end -}}
    {{- else if or $pipeline.receivers $pipeline.exporters -}}
      {{- $_ := unset $pipelines $name -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $extensions := list -}}
{{- range $id := $config.service.extensions -}}
  {{- if not (hasKey $gone (printf "extensions/%s" $id)) }}{{ $extensions = append $extensions $id }}{{ end -}}
{{- end -}}
{{- $_ := set $config.service "extensions" $extensions -}}
{{- if .unused -}}
  {{- $used := dict -}}
  {{- range $pipeline := $pipelines -}}
    {{- range concat $pipeline.receivers (default list $pipeline.processors) $pipeline.exporters }}{{ $_ := set $used . true }}{{ end -}}
  {{- end -}}
  {{- range $section := list "receivers" "processors" "exporters" "connectors" -}}
    {{- range $id := keys (index $config $section) | sortAlpha -}}
      {{- if not (hasKey $used $id) }}{{ $_ := unset (index $config $section) $id }}{{ end -}}
    {{- end -}}
  {{- end -}}
  {{- range $id := keys $config.extensions -}}
    {{- if not (has $id $extensions) }}{{ $_ := unset $config.extensions $id }}{{ end -}}
  {{- end -}}
{{- end -}}
{{- range $section := list "receivers" "processors" "exporters" "connectors" "extensions" -}}
  {{- if not (index $config $section) }}{{ $_ := unset $config $section }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Merges (list config over): maps merge, null removes, anything else replaces. */}}
{{- define "otelcol-guardian.config.merge" -}}
{{- $config := index . 0 -}}
{{- range $key, $value := index . 1 -}}
  {{- if kindIs "invalid" $value -}}
    {{- $_ := unset $config $key -}}
  {{- else if and (kindIs "map" $value) (kindIs "map" (get $config $key)) -}}
    {{- include "otelcol-guardian.config.merge" (list (index $config $key) $value) -}}
  {{- else if kindIs "map" $value -}}
    {{- $fresh := dict -}}
    {{- include "otelcol-guardian.config.merge" (list $fresh $value) -}}
    {{- $_ := set $config $key $fresh -}}
  {{- else -}}
    {{- $_ := set $config $key $value -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Mebibytes of a role's memory limit, or 0. Takes (list $ role). */}}
{{- define "otelcol-guardian.memoryLimit" -}}
{{- $values := index (index . 0).Values (index . 1) -}}
{{- $limit := toString (dig "limits" "memory" "" $values.resources) -}}
{{- if regexMatch "^[0-9]+(\\.[0-9]+)?Gi$" $limit -}}
{{- mulf (trimSuffix "Gi" $limit | float64) 1024 | int -}}
{{- else if regexMatch "^[0-9]+(\\.[0-9]+)?Mi$" $limit -}}
{{- trimSuffix "Mi" $limit | float64 | int -}}
{{- else if regexMatch "^[0-9]+(\\.[0-9]+)?G$" $limit -}}
{{- divf (mulf (trimSuffix "G" $limit | float64) 1000000000) 1048576 | int -}}
{{- else if regexMatch "^[0-9]+(\\.[0-9]+)?M$" $limit -}}
{{- divf (mulf (trimSuffix "M" $limit | float64) 1000000) 1048576 | int -}}
{{- else if regexMatch "^[0-9]+$" $limit -}}
{{- divf ($limit | float64) 1048576 | int -}}
{{- else if $limit -}}
{{- fail (printf "%s.resources.limits.memory: %q: write it in Mi, Gi, M, G or bytes" (index . 1) $limit) -}}
{{- else -}}
0
{{- end -}}
{{- end -}}

{{/* What all roles have in common: limits, addresses. Takes (list $ role config). */}}
{{- define "otelcol-guardian.config.common" -}}
{{- $config := index . 2 -}}
{{- $limit := include "otelcol-guardian.memoryLimit" . | int -}}
{{- if $limit -}}
  {{- $soft := div (mul $limit 8) 10 -}}
  {{- $_ := set $config.processors "memory_limiter" (dict "check_interval" "1s" "limit_mib" $soft "spike_limit_mib" (div $soft 5)) -}}
{{- end -}}
{{- $_ := set $config.extensions "health_check" (dict "endpoint" "${env:LISTEN}:13133") -}}
{{- range $config.service.telemetry.metrics.readers -}}
  {{- $_ := set .pull.exporter.prometheus "host" "${env:LISTEN}" -}}
{{- end -}}
{{- end -}}

{{/* The role's TLS and token towards the gateway. Takes (list $ client settings). */}}
{{- define "otelcol-guardian.config.client" -}}
{{- $gateway := (index . 0).Values.gateway -}}
{{- $client := index . 1 -}}
{{- if or (and $gateway.enabled (not $gateway.tls.existingSecret)) (and (not $gateway.enabled) $gateway.external.insecure) -}}
  {{- $_ := set $client "tls" (dict "insecure" true) -}}
{{- else -}}
  {{- $tls := dict -}}
  {{- if or $gateway.tls.caSecret $gateway.tls.existingSecret -}}
    {{- $_ := set $tls "ca_file" "${env:GATEWAY_CA}" -}}
  {{- end -}}
  {{- if or $gateway.tls.serverName $gateway.enabled -}}
    {{- $_ := set $tls "server_name_override" (default (include "otelcol-guardian.gatewayHost" (index . 0)) $gateway.tls.serverName) -}}
  {{- end -}}
  {{- $_ := set $client "tls" $tls -}}
{{- end -}}
{{- if $gateway.auth.existingSecret -}}
  {{- $_ := set $client "auth" (dict "authenticator" (index . 2)) -}}
{{- else -}}
  {{- $_ := unset $client "auth" -}}
{{- end -}}
{{- end -}}

{{/* The exporter of balance.yaml towards all gateways of the release, as YAML. Takes (list $ authenticator). */}}
{{- define "otelcol-guardian.config.balance" -}}
{{- $root := index . 0 -}}
{{- $exporter := (include "otelcol-guardian.config.file" (list $root "balance.yaml") | fromYaml).exporters.load_balancing -}}
{{- include "otelcol-guardian.config.client" (list $root $exporter.protocol.otlp (index . 1)) -}}
{{- $hostname := printf "%s.%s.svc" (include "otelcol-guardian.headlessName" $root) $root.Release.Namespace -}}
{{- $_ := set $exporter "resolver" (dict "dns" (dict "hostname" $hostname "port" "4317" "interval" "5s")) -}}
{{- toYaml $exporter -}}
{{- end -}}

{{/*
Towards one gateway nothing changes but its TLS and token; towards several the exporter becomes load_balancing, by model.
Takes (list $ config exporter authenticator).
*/}}
{{- define "otelcol-guardian.config.toGateway" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $exporter := index . 2 -}}
{{- $authenticator := index . 3 -}}
{{- if and $root.Values.gateway.enabled (gt (int $root.Values.gateway.replicas) 1) -}}
  {{- $balance := include "otelcol-guardian.config.file" (list $root "balance.yaml") | fromYaml -}}
  {{- $_ := set $config.exporters "load_balancing" (include "otelcol-guardian.config.balance" (list $root $authenticator) | fromYaml) -}}
  {{- $_ := set $config.processors "transform/model" (index $balance.processors "transform/model") -}}
  {{- $_ := unset $config.exporters $exporter -}}
  {{- range $pipeline := $config.service.pipelines -}}
    {{- if has $exporter $pipeline.exporters -}}
      {{- $_ := set $pipeline "exporters" (append (without $pipeline.exporters $exporter) "load_balancing") -}}
      {{- $_ := set $pipeline "processors" (append $pipeline.processors "transform/model") -}}
    {{- end -}}
  {{- end -}}
{{- else -}}
  {{- include "otelcol-guardian.config.client" (list $root (index $config.exporters $exporter) $authenticator) -}}
{{- end -}}
{{- if not $root.Values.gateway.auth.existingSecret -}}
  {{- include "otelcol-guardian.config.takeOut" (dict "config" $config "gone" (dict (printf "extensions/%s" $authenticator) true)) -}}
{{- end -}}
{{- end -}}

{{/* The whole of a role's configuration: of its template, with the values' config merged last, or rawConfig. Takes (list $ role). */}}
{{- define "otelcol-guardian.config" -}}
{{- $root := index . 0 -}}
{{- include "otelcol-guardian.checks" $root -}}
{{- $role := index . 1 -}}
{{- $values := index $root.Values $role -}}
{{- if $values.rawConfig -}}
{{- $values.rawConfig | trim -}}
{{- else -}}
{{- $config := include (printf "otelcol-guardian.config.%s" $role) $root | fromYaml -}}
{{- if $config.Error }}{{ fail (printf "the configuration of %s: %s" $role $config.Error) }}{{ end -}}
{{- if $values.config -}}
  {{- include "otelcol-guardian.config.merge" (list $config $values.config) -}}
  {{- $gone := dict -}}
  {{- range $section := list "receivers" "processors" "exporters" "connectors" "extensions" -}}
    {{- range $id, $component := default dict (get $values.config $section) -}}
      {{- if kindIs "invalid" $component -}}
        {{- $_ := set $gone (printf "%s/%s" $section $id) true -}}
        {{- if eq $section "connectors" -}}
          {{- $_ := set $gone (printf "receivers/%s" $id) true -}}
          {{- $_ := set $gone (printf "exporters/%s" $id) true -}}
        {{- end -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if $gone }}{{ include "otelcol-guardian.config.takeOut" (dict "config" $config "gone" $gone) }}{{ end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
{{- end -}}
