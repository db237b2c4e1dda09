{{/* The ways to the GPUs. None of them asks for nvidia.com/gpu, which would take a GPU from a workload. */}}

{{- define "otelcol-guardian.gpu.env" -}}
{{- $gpu := .Values.agent.gpu -}}
{{- if include "otelcol-guardian.usesNVML" (list . "agent") }}
{{- if eq $gpu.access "runtimeClass" }}
- {name: NVIDIA_VISIBLE_DEVICES, value: all}
{{- end }}
{{- if eq $gpu.access "volumeMounts" }}
- {name: NVIDIA_VISIBLE_DEVICES, value: /var/run/nvidia-container-devices}
{{- end }}
{{- if has $gpu.access (list "runtimeClass" "volumeMounts") }}
- {name: NVIDIA_DRIVER_CAPABILITIES, value: utility}
- {name: NVIDIA_DISABLE_REQUIRE, value: "true"}
{{- end }}
{{- if eq $gpu.access "hostPath" }}
- {name: NVML_LIBRARY, value: {{ include "otelcol-guardian.env.plain" (printf "/driver-root/%s" (trimPrefix "/" $gpu.hostPath.library)) }}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "otelcol-guardian.gpu.runtimeClassName" -}}
{{- $gpu := .Values.agent.gpu -}}
{{- if and (include "otelcol-guardian.usesNVML" (list . "agent")) (has $gpu.access (list "runtimeClass" "volumeMounts")) -}}
{{- $gpu.runtimeClassName -}}
{{- end -}}
{{- end -}}

{{- define "otelcol-guardian.gpu.annotations" -}}
{{- if and (include "otelcol-guardian.usesNVML" (list . "agent")) (eq .Values.agent.gpu.access "cdi") -}}
nvidia.cdi.k8s.io/container.otelcol-guardian: management.nvidia.com/gpu=all
{{- end -}}
{{- end -}}

{{- define "otelcol-guardian.gpu.volumes" -}}
{{- $gpu := .Values.agent.gpu -}}
{{- if include "otelcol-guardian.usesNVML" (list . "agent") }}
{{- if eq $gpu.access "volumeMounts" }}
- name: gpus
  hostPath: {path: /dev/null}
{{- end }}
{{- if eq $gpu.access "hostPath" }}
- name: driver-root
  hostPath: {path: {{ $gpu.hostPath.driverRoot | quote }}, type: Directory}
- name: devices
  hostPath: {path: /dev, type: Directory}
{{- end }}
{{- if $gpu.podResources }}
- name: pod-resources
  hostPath: {path: /var/lib/kubelet/pod-resources, type: Directory}
{{- end }}
{{- end }}
{{- end -}}

{{- define "otelcol-guardian.gpu.volumeMounts" -}}
{{- $gpu := .Values.agent.gpu -}}
{{- if include "otelcol-guardian.usesNVML" (list . "agent") }}
{{- if eq $gpu.access "volumeMounts" }}
- {name: gpus, mountPath: /var/run/nvidia-container-devices/all}
{{- end }}
{{- if eq $gpu.access "hostPath" }}
- {name: driver-root, mountPath: /driver-root, readOnly: true, mountPropagation: HostToContainer}
- {name: devices, mountPath: /dev}
{{- end }}
{{- if $gpu.podResources }}
- {name: pod-resources, mountPath: /var/lib/kubelet/pod-resources, readOnly: true}
{{- end }}
{{- end }}
{{- end -}}
