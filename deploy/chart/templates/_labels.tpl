{{- define "labels" -}}
app.kubernetes.io/name: {{ .Values.name }}
app.kubernetes.io/version: {{ .Values.version | quote }}
app.kubernetes.io/part-of: mcp
mcp-chassis/team: {{ .Values.team }}
{{- end }}
{{- define "metadata" -}}
metadata:
  name: {{ .Values.name }}
  labels:
    {{- include "labels" . | nindent 4 }}
{{- end }}
