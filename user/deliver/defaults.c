/*
 * defaults.c - the templates that Alertmanager's files know by name, with our own texts.
 *
 * They say what text.c and html.c say, which stay the faster way as long as nobody replaces a name.
 * Source of the names: alertmanager template/default.tmpl and email.tmpl.
 */
#include "deliver/templates.h"

const char *const mail_default_names[] = { "__alertmanager", "__alertmanagerURL", "__subject",
	"__description", "__text_alert_list", "__alert_list", "__html_alert",
	"email.default.subject", "email.default.html", "email.default.text", NULL };

/* clang-format off */
const char mail_default_templates[] =
"{{ define `__alertmanager` }}tolld{{ end }}"
"{{ define `__alertmanagerURL` }}{{ .ExternalURL }}/#/alerts?receiver={{ urlquery .Receiver }}{{ end }}"
"{{ define `__subject` -}}\n"
"  [{{ toUpper .Status }}{{ if eq .Status `firing` }}:{{ len .Alerts.Firing }}{{ end }}]\n"
"  {{- ` ` }}{{ join ` ` .GroupLabels.Values }}\n"
"  {{- with .CommonLabels.Remove .GroupLabels.Names }} ({{ join ` ` .Values }}){{ end }}\n"
"{{- end }}"
"{{ define `__description` }}{{ end }}"
"{{ define `__text_alert_list` }}{{ range . }}\n"
"* {{ .Status }}\n"
"  since {{ .StartsAt.Local.Format `2006-01-02 15:04:05 MST` }}\n"
"  Labels\n"
"{{ range .Labels.SortedPairs }}    {{ .Name }} = {{ .Value }}\n{{ end -}}\n"
"{{ if .Annotations }}  Annotations\n"
"{{ range .Annotations.SortedPairs }}    {{ .Name }} = {{ .Value }}\n{{ end }}{{ end -}}\n"
"{{ with .GeneratorURL }}  Source: {{ . }}\n{{ end }}{{ end }}{{ end }}"
"{{ define `__alert_list` }}{{ template `__text_alert_list` . }}{{ end }}"
"{{ define `__html_alert` -}}\n"
"<div style=\"margin:16px 0 0;padding:0 0 0 12px;border-left:4px solid "
"{{ if eq .Status `firing` }}#b3261e{{ else }}#1b6e3c{{ end }}\">\n"
"{{ with .Cause }}<div style=\"font-weight:bold\">{{ . }}</div>\n{{ end -}}\n"
"<div style=\"color:#767676\">since {{ .StartsAt.Local.Format `2006-01-02 15:04:05 MST` }}"
"{{ if eq .Status `resolved` }} until {{ .EndsAt.Local.Format `2006-01-02 15:04:05 MST` }}{{ end }}</div>\n"
"<table role=\"presentation\" style=\"font-size:14px;border-collapse:collapse\">\n"
"{{ range .Labels.SortedPairs }}<tr><td style=\"color:#767676\">{{ .Name }}</td><td>{{ .Value }}</td></tr>\n{{ end -}}\n"
"{{ range .Annotations.SortedPairs }}<tr><td style=\"color:#767676\">{{ .Name }}</td><td>{{ .Value }}</td></tr>\n{{ end -}}\n"
"</table>\n"
"{{ with .GeneratorURL }}<div><a href=\"{{ . }}\">Source</a></div>\n{{ end -}}\n"
"</div>\n"
"{{ end }}"
"{{ define `email.default.subject` }}{{ template `__subject` . }}{{ end }}"
"{{ define `email.default.html` -}}\n"
"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
"<meta name=\"color-scheme\" content=\"light dark\">\n"
"<title>{{ template `__subject` . }}</title>\n</head>\n<body style=\"margin:0;padding:0\">\n"
"<div style=\"max-width:640px;margin:0 auto;padding:12px;font-size:16px;line-height:1.45;"
"font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif\">\n"
"<div style=\"background:{{ if eq .Status `firing` }}#b3261e{{ else }}#1b6e3c{{ end }};"
"color:#ffffff;border-radius:8px;padding:14px 16px\">\n"
"<div style=\"font-size:20px;font-weight:bold\">{{ join ` ` .GroupLabels.Values }}</div>\n"
"{{ with .Cause }}<div style=\"font-size:18px\">{{ . }}</div>\n{{ end -}}\n"
"<div>{{ with .Alerts.Firing }}{{ len . }} alert{{ if gt (len .) 1 }}s{{ end }} firing{{ end }}"
"{{ if and .Alerts.Firing .Alerts.Resolved }}, {{ end }}"
"{{ with .Alerts.Resolved }}{{ len . }} resolved{{ end }}</div>\n</div>\n"
"{{ range .Alerts }}{{ template `__html_alert` . }}{{ end -}}\n"
"<div style=\"margin:20px 0 0\"><a href=\"{{ template `__alertmanagerURL` . }}\">"
"View in {{ template `__alertmanager` . }}</a></div>\n"
"</div>\n</body>\n</html>\n"
"{{ end }}"
"{{ define `email.default.text` -}}\n"
"{{ template `__subject` . }}\n"
"{{ template `__text_alert_list` .Alerts }}\n"
"View in {{ template `__alertmanager` . }}: {{ template `__alertmanagerURL` . }}\n"
"{{ end }}";
/* clang-format on */
