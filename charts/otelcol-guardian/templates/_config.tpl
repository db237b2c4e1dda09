{{/*
The collectors' configurations: those of configs/, without what is switched off.
Templates here change the maps that they are given and write nothing.
*/}}

{{/* Merges a file of configs/ into a configuration. Takes (list $ config name). */}}
{{- define "otelcol-guardian.config.load" -}}
{{- include "otelcol-guardian.config.merge" (list (index . 1) (include "otelcol-guardian.config.file" (list (index . 0) (index . 2)) | fromYaml)) -}}
{{- end -}}

{{/* A file of configs/, as YAML. Takes (list $ name). */}}
{{- define "otelcol-guardian.config.file" -}}
{{- $path := printf "files/configs/%s" (index . 1) -}}
{{- $text := (index . 0).Files.Get $path -}}
{{- if not $text }}{{ fail (printf "the chart lacks %s" $path) }}{{ end -}}
{{- $text -}}
{{- end -}}

{{/*
Takes components out of a configuration, given as (dict "config" config "gone" (dict "exporters/influxdb" true …) "kept" …):
what refers to them, pipelines that have nothing to receive or to send any more, connectors that have lost one side, and
components that nothing uses then, but for those in kept. What refers to something unknown stays: the collector says so.
*/}}
{{- define "otelcol-guardian.config.takeOut" -}}
{{- $config := .config -}}
{{- $gone := .gone -}}
{{- range $section := list "receivers" "processors" "exporters" "connectors" "extensions" -}}
  {{- $_ := set $config $section (default dict (get $config $section)) -}}
  {{- range $id := keys (get $config $section) -}}
    {{- if hasKey $gone (printf "%s/%s" $section $id) }}{{ $_ := unset (index $config $section) $id }}{{ end -}}
  {{- end -}}
{{- end -}}
{{- $extensions := list -}}
{{- range $id := $config.service.extensions -}}
  {{- if not (hasKey $gone (printf "extensions/%s" $id)) }}{{ $extensions = append $extensions $id }}{{ end -}}
{{- end -}}
{{- $_ := set $config.service "extensions" $extensions -}}
{{- range until 8 }}{{ include "otelcol-guardian.config.thin" (list $config $gone) }}{{ end -}}{{/* a removal can set off another */}}
{{- include "otelcol-guardian.config.dropUnused" (list $config .kept) -}}
{{- end -}}

{{/* Takes what is gone, and connectors with one side, out of all pipelines once. Takes (list config gone). */}}
{{- define "otelcol-guardian.config.thin" -}}
{{- $config := index . 0 -}}
{{- $gone := index . 1 -}}
{{- $pipelines := $config.service.pipelines -}}
{{- $sinks := dict -}}{{- $sources := dict -}}
{{- range $pipeline := $pipelines -}}
  {{- range $pipeline.exporters }}{{ $_ := set $sinks . true }}{{ end -}}
  {{- range $pipeline.receivers }}{{ $_ := set $sources . true }}{{ end -}}
{{- end -}}
{{- range $name := keys $pipelines | sortAlpha -}}
  {{- $pipeline := index $pipelines $name -}}
  {{- $emptied := false -}}
  {{- range $section := list "receivers" "processors" "exporters" -}}
    {{- $otherSide := get (dict "receivers" $sinks "exporters" $sources) $section -}}
    {{- $left := list -}}
    {{- range $id := get $pipeline $section | default list -}}
      {{- $oneSided := and (ne $section "processors") (hasKey $config.connectors $id) (not (hasKey $otherSide $id)) -}}
      {{- if not (or $oneSided (hasKey $gone (printf "%s/%s" $section $id))) }}{{ $left = append $left $id }}{{ end -}}
    {{- end -}}
    {{- if $left -}}
      {{- $_ := set $pipeline $section $left -}}
    {{- else if get $pipeline $section -}}
      {{- $_ := unset $pipeline $section -}}
      {{- if ne $section "processors" }}{{ $emptied = true }}{{ end -}}
    {{- end -}}
  {{- end -}}
  {{- if $emptied }}{{ $_ := unset $pipelines $name }}{{ end -}}
{{- end -}}
{{- end -}}

{{/*
Takes out what refers to extensions that are gone: storage and middlewares. An authenticator is not left out of a server or a
client in silence, nor the elector of one among several: that is an error. Takes (list role part gone path).
*/}}
{{- define "otelcol-guardian.config.forget" -}}
{{- $role := index . 0 -}}
{{- $part := index . 1 -}}
{{- $gone := index . 2 -}}
{{- $path := index . 3 -}}
{{- range $key := keys $part | sortAlpha -}}
  {{- $value := get $part $key -}}
  {{- $here := printf "%s.%s" $path $key -}}
  {{- if and (kindIs "string" $value) (hasKey $gone (printf "extensions/%s" $value)) -}}
    {{- if eq $key "storage" -}}
      {{- $_ := unset $part $key -}}
    {{- else if has $key (list "authenticator" "k8s_leader_elector") -}}
      {{- fail (printf "%s: the extension %s is removed or off, and %s still names it: name another there, or remove it with null too" $role $value (trimPrefix "." $here)) -}}
    {{- end -}}
  {{- else if and (eq $key "middlewares") (kindIs "slice" $value) -}}
    {{- $left := list -}}
    {{- range $value }}{{ if not (hasKey $gone (printf "extensions/%s" .id)) }}{{ $left = append $left . }}{{ end }}{{ end -}}
    {{- $_ := set $part $key $left -}}
    {{- if not $left }}{{ $_ := unset $part $key }}{{ end -}}
  {{- else if kindIs "map" $value -}}
    {{- include "otelcol-guardian.config.forget" (list $role $value $gone $here) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Drops components that nothing uses. Takes (list config kept). */}}
{{- define "otelcol-guardian.config.dropUnused" -}}
{{- $config := index . 0 -}}
{{- $kept := index . 1 -}}
{{- $used := dict -}}
{{- range $pipeline := $config.service.pipelines -}}
  {{- range concat (default list $pipeline.receivers) (default list $pipeline.processors) (default list $pipeline.exporters) }}{{ $_ := set $used . true }}{{ end -}}
{{- end -}}
{{- range $config.service.extensions }}{{ $_ := set $used . true }}{{ end -}}
{{- range $section := list "receivers" "processors" "exporters" "connectors" "extensions" -}}
  {{- range $id := keys (index $config $section) -}}
    {{- if not (or (hasKey $used $id) (hasKey $kept (printf "%s/%s" $section $id))) }}{{ $_ := unset (index $config $section) $id }}{{ end -}}
  {{- end -}}
  {{- if not (index $config $section) }}{{ $_ := unset $config $section }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* A text in a configuration, as it is: the collector takes two dollars for one. */}}
{{- define "otelcol-guardian.config.plain" }}{{ replace "$" "$$" . }}{{ end -}}

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
{{- $limit := dig "limits" "memory" "" $values.resources -}}
{{- $limit = ternary (toString $limit) (toJson $limit) (kindIs "string" $limit) -}}{{/* toString writes 2.62144e+09 */}}
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
Takes (list $ config gone exporter authenticator).
*/}}
{{- define "otelcol-guardian.config.toGateway" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $gone := index . 2 -}}
{{- $exporter := index . 3 -}}
{{- $authenticator := index . 4 -}}
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
  {{- $_ := set $gone (printf "extensions/%s" $authenticator) true -}}
{{- end -}}
{{- end -}}

{{/*
The whole of a role's configuration: of its template, with the values' config merged last, or rawConfig. Takes (list $ role).
A component that config removes takes with it what refers to it; one that config sets is there, whatever is switched off.
*/}}
{{- define "otelcol-guardian.config" -}}
{{- $root := index . 0 -}}
{{- include "otelcol-guardian.checks" $root -}}
{{- $role := index . 1 -}}
{{- $values := index $root.Values $role -}}
{{- if $values.rawConfig -}}
{{- $values.rawConfig | trim -}}
{{- else -}}
{{- $config := dict -}}
{{- $gone := dict -}}
{{- include (printf "otelcol-guardian.config.%s" $role) (list $root $config $gone) -}}
{{- include "otelcol-guardian.config.common" (list $root $role $config) -}}
{{- include "otelcol-guardian.config.merge" (list $config $values.config) -}}
{{- $kept := dict -}}
{{- range $section := list "receivers" "processors" "exporters" "connectors" "extensions" -}}
  {{- range $id, $component := default dict (get $values.config $section) -}}
    {{- $name := printf "%s/%s" $section $id -}}
    {{- if not (kindIs "invalid" $component) -}}
      {{- $_ := unset $gone $name -}}
      {{- $_ := set $kept $name true -}}
    {{- else if eq $section "connectors" -}}
      {{- range list "connectors" "receivers" "exporters" }}{{ $_ := set $gone (printf "%s/%s" . $id) true }}{{ end -}}
    {{- else -}}
      {{- $_ := set $gone $name true -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- include "otelcol-guardian.config.takeOut" (dict "config" $config "gone" $gone "kept" $kept) -}}
{{- include "otelcol-guardian.config.forget" (list $role $config $gone "") -}}
{{- include "otelcol-guardian.checks.config" (list $root $role $config) -}}
{{- toYaml $config -}}
{{- end -}}
{{- end -}}
