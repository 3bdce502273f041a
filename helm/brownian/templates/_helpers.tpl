{{- /* A name of a manifest. One that is too long is cut, and stays unique by a hash. */ -}}
{{- define "brownian.name" -}}
{{- $full := printf "%s-%s" .root.Release.Name .name -}}
{{- if gt (len $full) 63 -}}
{{- printf "%s-%s" (trunc 54 $full | trimSuffix "-") (sha256sum $full | trunc 8) -}}
{{- else -}}
{{- $full -}}
{{- end -}}
{{- end -}}

{{- define "brownian.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
app.kubernetes.io/managed-by: {{ .root.Release.Service | quote }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: brownian
{{ include "brownian.selector" . }}
{{- with .role }}
brownian.role: {{ . }}
{{- end }}
{{- end -}}

{{- define "brownian.selector" -}}
app.kubernetes.io/name: brownian
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .name | quote }}
{{- end -}}

{{- /* One setting as environment variables: leaseSeconds is Platform__LeaseSeconds, a list and a map have a variable for each item. */ -}}
{{- define "brownian.setting" -}}
{{- $name := printf "Platform__%s%s" (substr 0 1 .key | upper) (substr 1 -1 .key) -}}
{{- if kindIs "slice" .value }}
{{- range $i, $item := .value }}
- name: {{ $name }}__{{ $i }}
  value: {{ toString $item | quote }}
{{- end }}
{{- else if kindIs "map" .value }}
{{- range $key, $item := .value }}
- name: {{ $name }}__{{ $key }}
  value: {{ $item | quote }}
{{- end }}
{{- else if kindIs "float64" .value }}
- name: {{ $name }}
  value: {{ if eq (floor .value) .value }}{{ int64 .value | quote }}{{ else }}{{ toString .value | quote }}{{ end }}
{{- else }}
- name: {{ $name }}
  value: {{ toString .value | quote }}
{{- end }}
{{- end -}}

{{- /* The secret with the first API key and the operators' tokens. */ -}}
{{- define "brownian.keysSecret" -}}
{{- .Values.authentication.existingSecret | default (include "brownian.name" (dict "root" . "name" "keys")) -}}
{{- end -}}

{{- define "brownian.environment" -}}
- name: Platform__RabbitMq
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.rabbitmq.trial | ternary (include "brownian.name" (dict "root" .root "name" "rabbitmq")) .root.Values.rabbitmq.existingSecret | quote }}
      key: {{ .root.Values.rabbitmq.trial | ternary "uri" .root.Values.rabbitmq.key | quote }}
- name: Platform__Redis
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.redis.trial | ternary (include "brownian.name" (dict "root" .root "name" "redis")) .root.Values.redis.existingSecret | quote }}
      key: {{ .root.Values.redis.trial | ternary "address" .root.Values.redis.key | quote }}
{{- with .root.Values.cacheRedis }}
{{- if .existingSecret }}
- name: Platform__CacheRedis
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret | quote }}, key: {{ .key | quote }}}
{{- end }}
{{- end }}
- name: BROWNIAN_MODELS
  value: {{ .root.Values.models.mountPath | quote }}
- name: Platform__Listen
  value: 0.0.0.0
- name: Platform__OperatorListen
  value: 0.0.0.0
{{- /* Workers admit gateways by their token, and with TLS by their certificate. */}}
- name: Platform__Authentication
  value: {{ eq .role "gateway" | ternary .root.Values.authentication.mode "required" }}
- name: Platform__ServiceToken
  valueFrom:
    secretKeyRef: {name: {{ include "brownian.keysSecret" .root | quote }}, key: service-token}
- name: Platform__MetricsToken
  valueFrom:
    secretKeyRef: {name: {{ include "brownian.keysSecret" .root | quote }}, key: metrics-token}
{{- include "brownian.tlsEnvironment" .root }}
{{- range $name, $value := .root.Values.environment }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- if and .root.Values.adapters.existingClaim (ne .role "vae-decoder") }}
- name: Platform__AdapterFolders__0
  value: /adapters
{{- end }}
{{- if and .root.Values.artifacts.existingClaim (or (eq .role "gateway") (eq .role "vae-decoder")) }}
- name: Platform__ArtifactFolder
  value: /images
{{- end }}
{{- range $key, $value := .settings }}
{{- include "brownian.setting" (dict "key" $key "value" $value) }}
{{- end }}
{{- end -}}

{{- define "brownian.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .root.Values.tls.enabled }}
- name: tls
  mountPath: /tls
  readOnly: true
{{- end }}
{{- if include "brownian.hasModels" .root }}
- name: models
  mountPath: {{ .root.Values.models.mountPath | quote }}
  readOnly: true
{{- end }}
{{- if and .root.Values.adapters.existingClaim (ne .role "vae-decoder") }}
- name: adapters
  mountPath: /adapters
  readOnly: true
{{- end }}
{{- if and .root.Values.artifacts.existingClaim (or (eq .role "gateway") (eq .role "vae-decoder")) }}
- name: images
  mountPath: /images
{{- end }}
{{- end -}}

{{- define "brownian.hasModels" -}}
{{- if or .Values.models.existingClaim .Values.models.ociImage .Values.models.copyImage }}true{{ end -}}
{{- end -}}

{{- define "brownian.volumes" -}}
- name: tmp
  emptyDir: {}
{{- if .root.Values.tls.enabled }}
- name: tls
  secret:
    secretName: {{ include "brownian.tlsSecret" .root | quote }}
    defaultMode: 0440
{{- end }}
{{- with .root.Values.models }}
{{- if .existingClaim }}
- name: models
  persistentVolumeClaim:
    claimName: {{ .existingClaim | quote }}
    readOnly: true
{{- else if .ociImage }}
- name: models
  image:
    reference: {{ .ociImage | quote }}
    pullPolicy: IfNotPresent
{{- else if .copyImage }}
- name: models
  emptyDir:
    sizeLimit: {{ .copySize | quote }}
{{- end }}
{{- end }}
{{- if and .root.Values.adapters.existingClaim (ne .role "vae-decoder") }}
- name: adapters
  persistentVolumeClaim:
    claimName: {{ .root.Values.adapters.existingClaim | quote }}
    readOnly: true
{{- end }}
{{- if and .root.Values.artifacts.existingClaim (or (eq .role "gateway") (eq .role "vae-decoder")) }}
- name: images
  persistentVolumeClaim:
    claimName: {{ .root.Values.artifacts.existingClaim | quote }}
{{- end }}
{{- end -}}

{{- define "brownian.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "brownian.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1654
runAsGroup: 1654
fsGroup: 1654
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "brownian.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "brownian.probes" -}}
startupProbe:
  httpGet: {path: /health/ready, port: http, scheme: {{ include "brownian.scheme" .root | upper }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: {{ div (add .root.Values.startSeconds 4) 5 }}
readinessProbe:
  httpGet: {path: /health/ready, port: http, scheme: {{ include "brownian.scheme" .root | upper }}}
  periodSeconds: 5
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: /health/live, port: http, scheme: {{ include "brownian.scheme" .root | upper }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end -}}

{{- define "brownian.copy" -}}
{{- if and .Values.models.copyImage (not .Values.models.existingClaim) (not .Values.models.ociImage) }}
initContainers:
  - name: copy-models
    image: {{ .Values.models.copyImage | quote }}
    {{- with .Values.models.copyCommand }}
    command: {{ toJson . }}
    {{- end }}
    securityContext: {{- include "brownian.containerSecurity" . | nindent 6 }}
    resources:
      requests: {cpu: 100m, memory: 128Mi}
      limits: {memory: 1Gi}
    volumeMounts:
      - {name: models, mountPath: /models}
      - {name: tmp, mountPath: /tmp}
{{- end }}
{{- end -}}

{{- /* Seconds that a pod may take to end: its drain, and the time to hand back its stages and to close its connections. */ -}}
{{- define "brownian.grace" -}}
{{- add 25 (int (ceil (.drainSeconds | default 20 | float64))) -}}
{{- end -}}
