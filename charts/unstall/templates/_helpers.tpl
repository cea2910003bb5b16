{{- define "unstall.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "unstall.labels" -}}
app.kubernetes.io/name: unstall
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The reference of an image, from (list . <repository>). */}}
{{- define "unstall.image" -}}
{{- $top := index . 0 -}}
{{ $top.Values.image.registry }}/{{ index . 1 }}:{{ $top.Values.image.tag | default $top.Chart.AppVersion }}
{{- end }}

{{- define "unstall.signingSecret" -}}
{{ .Values.keys.existingSecret | default (printf "%s-signing-key" (include "unstall.name" .)) }}
{{- end }}

{{- define "unstall.publicKeys" -}}
{{ .Values.keys.existingConfigMap | default (printf "%s-public-keys" (include "unstall.name" .)) }}
{{- end }}

{{/* Whether the install hook makes the keys: not if the user brings them. */}}
{{- define "unstall.makesKeys" -}}
{{- if and .Values.keys.existingSecret .Values.keys.existingConfigMap -}}
{{- else if or .Values.keys.existingSecret .Values.keys.existingConfigMap -}}
{{- fail "keys: set both existingSecret and existingConfigMap (they are one key pair), or neither" -}}
{{- else -}}
true
{{- end -}}
{{- end }}

{{/* What every container of ours may do: nothing. */}}
{{- define "unstall.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* What runs before the release is removed, and goes when it went well. */}}
{{- define "unstall.cleanupHook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
