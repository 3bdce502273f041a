{{- /* The HTTP port of a role; the port of gRPC is the next one. */ -}}
{{- define "brownian.poolPort" -}}
{{- get (dict "text-encoder" 5180 "denoiser" 5280 "vae-decoder" 5380) . -}}
{{- end -}}

{{- /* The pools with their defaults, as JSON by their names; without those that are set to null. */ -}}
{{- define "brownian.pools" -}}
{{- $pools := dict -}}
{{- range $name, $given := .Values.pools -}}
{{- if $given -}}
{{- $_ := set $pools $name (mergeOverwrite (deepCopy $.Values.poolDefaults) $given) -}}
{{- end -}}
{{- end -}}
{{- toJson $pools -}}
{{- end -}}

{{- /* What a Job or ScaledJob needs besides the pods: a node that goes away is no failure. */ -}}
{{- define "brownian.jobSpec" -}}
backoffLimit: 6
podFailurePolicy:
  rules:
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
{{- end -}}

{{- /*
The models of a pool, as JSON: its own, or those that the other pools name, or the one that ships with the images. A denoiser's models need text
encoders and decoders. Takes root and pool.
*/ -}}
{{- define "brownian.poolModels" -}}
{{- $models := .pool.models -}}
{{- if not $models -}}
{{- range include "brownian.pools" .root | fromJson -}}
{{- $models = concat $models .models -}}
{{- end -}}
{{- end -}}
{{- $models | uniq | default (list "emoji") | toJson -}}
{{- end -}}

{{- /* The stages that a worker of a pool runs at once. Takes pool and settings. */ -}}
{{- define "brownian.poolSlots" -}}
{{- mul (.settings.slots | default 1 | int) (eq .pool.flavour "cuda" | ternary .pool.gpus 1 | int) -}}
{{- end -}}

{{- /* The template of a pool's pods. Takes root, name, pool and settings. */ -}}
{{- define "brownian.poolPod" -}}
{{- $ := .root }}
{{- $pool := .pool }}
{{- $settings := .settings }}
{{- $context := dict "root" .root "name" .name "role" .pool.role }}
{{- $port := include "brownian.poolPort" .pool.role | int }}
{{- $isCuda := eq $pool.flavour "cuda" -}}
metadata:
  labels: {{- include "brownian.labels" $context | nindent 4 }}
  {{- with $pool.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "brownian.name" (dict "root" $ "name" ($pool.podDeletionCost | ternary "pods" "brownian")) }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- if $pool.drain }}
  restartPolicy: Never
  {{- end }}
  terminationGracePeriodSeconds: {{ include "brownian.grace" $settings }}
  securityContext: {{- include "brownian.podSecurity" $ | nindent 4 }}
  {{- with include "brownian.pullSecrets" $ }}
  {{- . | nindent 2 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "brownian.selector" $context | nindent 10 }}
  {{- if $pool.spot }}
  affinity:
    nodeAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          preference:
            matchExpressions:
              - {key: {{ $pool.spotKey | quote }}, operator: Exists}
  {{- end }}
  {{- with $pool.runtimeClassName }}
  runtimeClassName: {{ . | quote }}
  {{- end }}
  {{- with $pool.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with $pool.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if or $pool.tolerations $pool.spot $isCuda }}
  tolerations:
    {{- with $pool.tolerations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- if $pool.spot }}
    - {key: {{ $pool.spotKey | quote }}, operator: Exists}
    {{- end }}
    {{- if $isCuda }}
    - {key: {{ $pool.gpuResource | quote }}, operator: Exists, effect: NoSchedule}
    {{- end }}
  {{- end }}
  {{- with include "brownian.copy" $ }}
  {{- . | nindent 2 }}
  {{- end }}
  containers:
    - name: {{ $pool.role }}
      image: {{ (printf "%s/%s%s:%s" $.Values.image.repository $pool.role ($isCuda | ternary "-cuda" "") ($.Values.image.tag | default $.Chart.AppVersion)) | quote }}
      imagePullPolicy: {{ $.Values.image.pullPolicy }}
      securityContext: {{- include "brownian.containerSecurity" $ | nindent 8 }}
      env:
        {{- include "brownian.environment" (merge (dict "settings" $settings) $context) | nindent 8 }}
        - name: POD_IP
          valueFrom:
            fieldRef: {fieldPath: status.podIP}
        - name: Platform__Advertise
          value: {{ include "brownian.scheme" $ }}://$(POD_IP):{{ add $port 1 }}
        {{- if $.Values.tls.enabled }}
        - name: Platform__AdvertiseName
          value: {{ include "brownian.tlsName" (dict "root" $ "name" .name) }}
        {{- end }}
        {{- if $pool.podDeletionCost }}
        - name: Platform__DeletionCostPod
          valueFrom:
            fieldRef: {fieldPath: metadata.name}
        {{- end }}
        {{- range $i, $model := include "brownian.poolModels" . | fromJsonArray }}
        - name: Platform__Models__{{ $i }}
          value: {{ $model | quote }}
        {{- end }}
        {{- range $i, $priority := $pool.priorities }}
        - name: Platform__Priorities__{{ $i }}
          value: {{ $priority }}
        {{- end }}
        {{- if $isCuda }}
        {{- range $i := until (int $pool.gpus) }}
        - name: Platform__Devices__{{ $i }}
          value: cuda:{{ $i }}
        {{- end }}
        {{- end }}
        {{- if $pool.drain }}
        - name: Platform__Drain
          value: "true"
        {{- end }}
      ports:
        - {name: http, containerPort: {{ $port }}}
        - {name: grpc, containerPort: {{ add $port 1 }}}
        - {name: operator-http, containerPort: {{ add $port 2 }}}
      {{- include "brownian.probes" $context | nindent 6 }}
      {{- $resources := deepCopy $pool.resources }}
      {{- if $isCuda }}
      {{- $resources = mergeOverwrite $resources (dict "limits" (mergeOverwrite (deepCopy ($resources.limits | default dict)) (dict $pool.gpuResource (toString (int $pool.gpus))))) }}
      {{- end }}
      resources: {{- toYaml $resources | nindent 8 }}
      volumeMounts:
        {{- include "brownian.mounts" $context | nindent 8 }}
        {{- if $pool.podDeletionCost }}
        - name: service-account
          mountPath: /var/run/secrets/kubernetes.io/serviceaccount
          readOnly: true
        {{- end }}
  volumes:
    {{- include "brownian.volumes" $context | nindent 4 }}
    {{- if $pool.podDeletionCost }}
    {{- /* Not by automountServiceAccountToken, which would mount the token into the container that copies models too. */}}
    - name: service-account
      projected:
        sources:
          - serviceAccountToken: {path: token, expirationSeconds: 3600}
          - configMap:
              name: kube-root-ca.crt
              items:
                - {key: ca.crt, path: ca.crt}
          - downwardAPI:
              items:
                - path: namespace
                  fieldRef: {fieldPath: metadata.namespace}
    {{- end }}
{{- end -}}

{{- /* The part of a pool's queues' names that is the model's, as the programs name them. */ -}}
{{- define "brownian.queueModel" -}}
{{- $slug := regexReplaceAll "[^a-z0-9]" (lower .) "-" -}}
{{- if and (eq $slug .) (le (len $slug) 64) -}}
{{- $slug -}}
{{- else -}}
{{- printf "%s-%s" (trunc 48 $slug) (sha256sum . | trunc 8) -}}
{{- end -}}
{{- end -}}

{{- /* A regular expression of the names of a pool's queues. Takes root and pool. */ -}}
{{- define "brownian.queues" -}}
{{- $kinds := get (dict "text-encoder" (list "text-encode" "image-encode") "denoiser" (list "denoise") "vae-decoder" (list "write" "vae-decode" "vae-encode")) .pool.role -}}
{{- $models := list -}}
{{- range include "brownian.poolModels" . | fromJsonArray -}}
{{- $models = append $models (include "brownian.queueModel" .) -}}
{{- end -}}
{{- $model := printf "(%s)" (join "|" (append $models "any")) -}}
{{- $priority := .pool.priorities | empty | ternary "[a-z]+" (printf "(%s)" (join "|" .pool.priorities)) -}}
{{- printf "^brownian\\.v1\\.(%s)\\.%s\\.%s$" (join "|" $kinds) $model $priority -}}
{{- end -}}

{{- /* The trigger of a pool. Takes root, name, pool and settings. */ -}}
{{- define "brownian.trigger" -}}
{{- $scaling := .pool.autoscaling -}}
{{- if eq $scaling.type "keda" -}}
- type: {{ .pool.drain | ternary "external" "external-push" }}
  metadata:
    scalerAddress: {{ printf "%s.%s.svc:5083" (include "brownian.name" (dict "root" .root "name" "gateway-operators")) .root.Release.Namespace }}
    # KEDA replaces the name of the variable by its value, which it reads from the workers' containers.
    tokenFromEnv: Platform__MetricsToken
    role: {{ .pool.role }}
    models: {{ include "brownian.poolModels" . | fromJsonArray | join "," | quote }}
    {{- with .pool.priorities }}
    priorities: {{ join "," . | quote }}
    {{- end }}
    provider: {{ .pool.flavour }}
    slots: {{ include "brownian.poolSlots" . | quote }}
    targetSeconds: {{ $scaling.targetSeconds | toString | quote }}
    loadSeconds: {{ $scaling.loadSeconds | toString | quote }}
    cooldownSeconds: {{ $scaling.cooldownSeconds | toString | quote }}
    share: {{ $scaling.share | toString | quote }}
    {{- if .pool.drain }}
    drains: "true"
    {{- end }}
  {{- if .root.Values.tls.enabled }}
  authenticationRef:
    name: {{ include "brownian.name" (dict "root" .root "name" "gateway-ca") }}
  {{- end }}
{{- else -}}
- type: rabbitmq
  metadata:
    protocol: http
    mode: QueueLength
    value: {{ $scaling.stagesPerReplica | toString | quote }}
    useRegex: "true"
    operation: sum
    pageSize: "100"
    queueName: {{ include "brownian.queues" . | quote }}
  authenticationRef:
    name: {{ include "brownian.name" (dict "root" .root "name" "rabbitmq-management") }}
{{- end }}
{{- end -}}
