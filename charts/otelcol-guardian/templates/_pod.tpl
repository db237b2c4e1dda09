{{/* The pod of a role. Takes (list $ role). */}}
{{- define "otelcol-guardian.podTemplate" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- $values := index $root.Values $role -}}
{{- $agent := eq $role "agent" -}}
{{- $gpu := $root.Values.agent.gpu -}}
metadata:
  labels:
    {{- include "otelcol-guardian.labels" . | nindent 4 }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: otelcol-guardian
    checksum/config: {{ include "otelcol-guardian.config" . | sha256sum }}
    {{- if $agent }}{{ with include "otelcol-guardian.gpu.annotations" $root }}
    {{- . | nindent 4 }}
    {{- end }}{{ end }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "otelcol-guardian.serviceAccountName" . }}
  automountServiceAccountToken: {{ eq (include "otelcol-guardian.needsToken" .) "true" }}
  enableServiceLinks: false
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if $agent }}{{ with include "otelcol-guardian.gpu.runtimeClassName" $root }}
  runtimeClassName: {{ . }}
  {{- end }}{{ end }}
  {{- if and $agent $values.hostNetwork }}
  hostNetwork: true
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  terminationGracePeriodSeconds: {{ int64 $values.terminationGracePeriodSeconds }}
  securityContext:
    {{- $podSecurity := deepCopy $root.Values.podSecurityContext }}
    {{- if and $agent (include "otelcol-guardian.usesNVML" .) $gpu.podResources }}
    {{- include "otelcol-guardian.config.merge" (list $podSecurity (dict "runAsNonRoot" false "runAsUser" 0 "runAsGroup" 0)) }}
    {{- end }}
    {{- include "otelcol-guardian.config.merge" (list $podSecurity $values.podSecurityContext) }}
    {{- toYaml $podSecurity | nindent 4 }}
  containers:
    - name: otelcol-guardian
      image: {{ include "otelcol-guardian.image" . | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args:
        - --config=/etc/otelcol-guardian-config/config.yaml
        {{- if eq $role "logs" }}
        # Without it the position of a file can be saved before its lines are in the queue.
        - --feature-gates=stanza.synchronousLogEmitter
        {{- end }}
        {{- with $values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      env:
        {{- include "otelcol-guardian.env" . | nindent 8 }}
      {{- with $values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        {{- range include "otelcol-guardian.ports" . | fromYamlArray }}
        - {name: {{ .name }}, containerPort: {{ .port }}, protocol: {{ .protocol }}}
        {{- end }}
        - {name: health, containerPort: 13133, protocol: TCP}
      # What asks the API server or opens its queue first may take minutes.
      startupProbe:
        httpGet: {path: /, port: health}
        periodSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet: {path: /, port: health}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /, port: health}
        periodSeconds: 5
        timeoutSeconds: 5
      {{- with $values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- $security := deepCopy $root.Values.securityContext }}
        {{- if and $agent (include "otelcol-guardian.usesNVML" .) (eq $gpu.access "hostPath") }}
        {{- $security = set (omit $security "allowPrivilegeEscalation") "privileged" true }}
        {{- end }}
        {{- include "otelcol-guardian.config.merge" (list $security $values.securityContext) }}
        {{- toYaml $security | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/otelcol-guardian-config, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        {{- if ne $role "router" }}
        - {name: state, mountPath: /var/lib/otelcol-guardian}
        {{- end }}
        {{- if and (has $role (list "gateway" "router")) $root.Values.gateway.tls.existingSecret }}
        - {name: tls, mountPath: /etc/otelcol-guardian-tls, readOnly: true}
        {{- end }}
        {{- if and (ne $role "gateway") (include "otelcol-guardian.caSecret" $root) }}
        - {name: ca, mountPath: /etc/otelcol-guardian-ca, readOnly: true}
        {{- end }}
        {{- if $agent }}
        {{- if $values.hostRoot.mount }}
        - {name: host-root, mountPath: /hostfs, readOnly: true, mountPropagation: HostToContainer}
        {{- end }}
        {{- with include "otelcol-guardian.gpu.volumeMounts" $root | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- end }}
        {{- if eq $role "logs" }}
        - {name: logs, mountPath: /var/log, readOnly: true}
        {{- with $values.dockerRoot }}
        - {name: docker, mountPath: {{ . | quote }}, readOnly: true}
        {{- end }}
        {{- end }}
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap: {name: {{ include "otelcol-guardian.roleName" . }}}
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
    {{- with include (printf "otelcol-guardian.stateVolume.%s" $role) $root }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- if and (has $role (list "gateway" "router")) $root.Values.gateway.tls.existingSecret }}
    - name: tls
      secret: {secretName: {{ $root.Values.gateway.tls.existingSecret | quote }}, defaultMode: 0440}
    {{- end }}
    {{- if and (ne $role "gateway") (include "otelcol-guardian.caSecret" $root) }}
    - name: ca
      secret:
        secretName: {{ include "otelcol-guardian.caSecret" $root | quote }}
        items: [{key: {{ $root.Values.gateway.tls.caKey | quote }}, path: ca.crt}]
    {{- end }}
    {{- if $agent }}
    {{- if $values.hostRoot.mount }}
    - name: host-root
      hostPath: {path: /, type: Directory}
    {{- end }}
    {{- with include "otelcol-guardian.gpu.volumes" $root | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- end }}
    {{- if eq $role "logs" }}
    - name: logs
      hostPath: {path: /var/log, type: Directory}
    {{- with $values.dockerRoot }}
    - name: docker
      hostPath: {path: {{ . | quote }}, type: Directory}
    {{- end }}
    {{- end }}
    {{- with $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $nodeSelector := deepCopy $values.nodeSelector }}
  {{- $tolerations := $values.tolerations }}
  {{- if and $agent $gpu.enabled }}
  {{- $nodeSelector = merge $nodeSelector $gpu.nodeSelector }}
  {{- $tolerations = concat $tolerations $gpu.tolerations }}
  {{- end }}
  {{- with $nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Where STATE is. The gateway's volume is a claim, unless persistence is off. */}}
{{- define "otelcol-guardian.stateVolume.gateway" -}}
{{- if not .Values.gateway.persistence.enabled -}}
- name: state
  emptyDir: {sizeLimit: {{ .Values.gateway.persistence.size }}}
{{- end -}}
{{- end -}}
{{- define "otelcol-guardian.stateVolume.router" }}{{ end -}}
{{- define "otelcol-guardian.stateVolume.agent" -}}
- name: state
  emptyDir: {sizeLimit: {{ .Values.agent.queueSizeLimit }}}
{{- end -}}
{{- define "otelcol-guardian.stateVolume.logs" -}}
- name: state
{{- if .Values.logs.storeCheckpoints.enabled }}
  hostPath: {path: {{ printf "%s/%s" .Values.logs.storeCheckpoints.hostPath (include "otelcol-guardian.roleName" (list . "logs")) | quote }}, type: DirectoryOrCreate}
{{- else }}
  emptyDir: {sizeLimit: {{ .Values.logs.queueSizeLimit }}}
{{- end }}
{{- end -}}
{{- define "otelcol-guardian.stateVolume.cluster" -}}
- name: state
  emptyDir: {sizeLimit: {{ .Values.cluster.queueSizeLimit }}}
{{- end -}}
