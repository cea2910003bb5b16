{{- define "unstall.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "unstall.labels" -}}
app.kubernetes.io/name: unstall
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The reference of an image, from (list . <the values of controller or probe>). */}}
{{- define "unstall.image" -}}
{{- $top := index . 0 -}}
{{- $of := index . 1 -}}
{{- $advice := "image.registry: write where you pushed the images, such as registry.example.com/team; there is no public registry of them (docs/installing.md)" -}}
{{ required $advice $top.Values.image.registry }}/{{ $of.image }}
{{- if $of.digest }}@{{ $of.digest }}{{ else }}:{{ $top.Values.image.tag | default $top.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Labels and annotations of pods, from (list . <component> <the values of controller or probe>). */}}
{{- define "unstall.podMetadata" -}}
{{- $of := index . 2 -}}
labels: {{- include "unstall.labels" (index . 0) | nindent 2 }}
  app.kubernetes.io/component: {{ index . 1 }}
  {{- with $of.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $of.podAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where pods run, from the values of controller or probe. */}}
{{- define "unstall.scheduling" -}}
nodeSelector: {{- toYaml .nodeSelector | nindent 2 }}
tolerations: {{- toYaml .tolerations | nindent 2 }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A time of the lease in milliseconds. */}}
{{- define "unstall.milliseconds" -}}
{{- if hasSuffix "ms" . -}}{{ trimSuffix "ms" . }}
{{- else if hasSuffix "s" . -}}{{ mul 1000 (trimSuffix "s" .) }}
{{- else -}}{{ mul 60000 (trimSuffix "m" .) }}
{{- end -}}
{{- end }}

{{/* Refuses what the controller would refuse as it starts. */}}
{{- define "unstall.checkLease" -}}
{{- $duration := include "unstall.milliseconds" .duration | int }}
{{- $renew := include "unstall.milliseconds" .renewDeadline | int }}
{{- $retry := include "unstall.milliseconds" .retry | int }}
{{- if gt (mul 4 $renew) (mul 3 $duration) }}
{{- fail (printf "controller.lease.renewDeadline: %s is more than three quarters of duration, %s" .renewDeadline .duration) }}
{{- end }}
{{- if gt (mul 3 $retry) $renew }}
{{- fail (printf "controller.lease.retry: %s is more than a third of renewDeadline, %s" .retry .renewDeadline) }}
{{- end }}
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

{{/* The labels of an alert, from (list <severity> <the user's labels>). */}}
{{- define "unstall.alertLabels" -}}
severity: {{ index . 0 }}
{{- with omit (index . 1) "severity" }}
{{ toYaml . }}
{{- end }}
{{- end }}
