{{- /* The secret with tls.crt, tls.key and ca.crt. */ -}}
{{- define "brownian.tlsSecret" -}}
{{- .Values.tls.existingSecret | default (include "brownian.name" (dict "root" . "name" "tls")) -}}
{{- end -}}

{{- /* The host name in the certificate of one service. Takes root and name. */ -}}
{{- define "brownian.tlsName" -}}
{{- printf "%s.%s.svc" (include "brownian.name" .) .root.Release.Namespace -}}
{{- end -}}

{{- /* http or https, the scheme of all ports. */ -}}
{{- define "brownian.scheme" -}}
{{- .Values.tls.enabled | ternary "https" "http" -}}
{{- end -}}

{{- /* The protocol of a port of gRPC in a Service. */ -}}
{{- define "brownian.grpcProtocol" -}}
{{- .Values.tls.enabled | ternary "https" "kubernetes.io/h2c" -}}
{{- end -}}

{{- define "brownian.tlsEnvironment" -}}
{{- if .Values.tls.enabled }}
- name: Platform__CertificateFile
  value: /tls/tls.crt
- name: Platform__CertificateKeyFile
  value: /tls/tls.key
- name: Platform__AuthorityFile
  value: /tls/ca.crt
{{- end }}
{{- end -}}
