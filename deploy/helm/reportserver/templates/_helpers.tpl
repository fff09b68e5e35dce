{{- define "reportserver.labels" -}}
app.kubernetes.io/name: reportserver
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Environment of all pods. */}}
{{- define "reportserver.env" -}}
- {name: REPORTSERVER_PUBLIC_URL, value: {{ .Values.publicUrl | quote }}}
- {name: REPORTSERVER_DEPLOYMENT_ID, value: {{ .Values.deploymentId | quote }}}
- {name: REPORTSERVER_ARTIFACTS_URL, value: {{ .Values.artifactsUrl | quote }}}
- {name: REPORTSERVER_TRUSTED_PROXIES, value: {{ .Values.trustedProxies | quote }}}
{{- if .Values.uploadsClaim }}
- {name: REPORTSERVER_UPLOADS_DIR, value: /uploads}
{{- else }}
- {name: REPORTSERVER_UPLOAD_MB, value: "0"}
{{- end }}
{{- range $name, $value := .Values.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{/* What all containers of the server have in common. */}}
{{- define "reportserver.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
envFrom:
  - secretRef: {name: {{ .Values.existingSecret }}}
volumeMounts:
  - {name: data, mountPath: /var/lib/reportserver}
  - {name: tmp, mountPath: /tmp}
  {{- if .Values.uploadsClaim }}
  - {name: uploads, mountPath: /uploads}
  {{- end }}
{{- end }}

{{- define "reportserver.pod" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
serviceAccountName: {{ .Values.serviceAccount.name | default .Release.Name }}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "reportserver.volumes" -}}
- {name: tmp, emptyDir: {}}
{{- if .Values.uploadsClaim }}
- {name: uploads, persistentVolumeClaim: {claimName: {{ .Values.uploadsClaim }}}}
{{- end }}
{{- end }}
