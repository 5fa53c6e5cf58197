{{- define "myna.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "myna.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "myna.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "myna.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "myna.selector" -}}
app.kubernetes.io/name: {{ include "myna.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "myna.labels" -}}
{{ include "myna.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "myna.secret" -}}
{{- default (printf "%s-tokens" (include "myna.fullname" .)) .Values.tokens.existingSecret -}}
{{- end -}}

{{- define "myna.claim" -}}
{{- default (include "myna.fullname" .) .Values.persistence.existingClaim -}}
{{- end -}}

{{/* One replica at a time, if its volume cannot be written to from two machines. */}}
{{- define "myna.alone" -}}
{{- if and .Values.persistence.enabled (ne .Values.persistence.accessMode "ReadWriteMany") -}}yes{{- end -}}
{{- end -}}

{{/* Stops what could not work, and says what to do. */}}
{{- define "myna.check" -}}
{{- if not (or .Values.tokens.existingSecret .Values.tokens.lines) -}}
{{- fail "Nobody could be told from anybody: set tokens.existingSecret to the name of a secret with the key `tokens`, or tokens.lines to lines `name:token`." -}}
{{- end -}}
{{- if and .Values.tokens.existingSecret .Values.tokens.lines -}}
{{- fail "Set tokens.existingSecret or tokens.lines, not both." -}}
{{- end -}}
{{- $most := ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled | int -}}
{{- if and (gt $most 1) (include "myna.alone" .) -}}
{{- fail "Several replicas share their voices: set persistence.accessMode to ReadWriteMany, on storage that can do that, or stay with one replica." -}}
{{- end -}}
{{- if and (gt $most 1) (not .Values.persistence.enabled) -}}
{{- fail "Several replicas without a volume would each have voices of their own: set persistence.enabled." -}}
{{- end -}}
{{- end -}}
