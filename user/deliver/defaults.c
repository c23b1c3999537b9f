/*
 * defaults.c - the templates that Alertmanager's files know by name, with our own texts.
 *
 * They say what text.c and html.c say, which stay the faster way as long as nobody replaces a name.
 * Source of the names: alertmanager template/default.tmpl and email.tmpl.
 */
#include "deliver/templates.h"

const char *const mail_default_names[] = { "__alertmanager", "__alertmanagerURL", "__subject",
	"__description", "__tolld_alert_list", "__alert_list", "__html_alert",
	"email.default.subject", "email.default.html", "email.default.text", NULL };

/* clang-format off */
/*
 * What chats and pagers are told reads as from Alertmanager, byte for byte where nobody would see a
 * difference anyway: people have filters on it. `__tolld_wide` and `__tolld_tight` are its two ways to
 * set the same two lists.
 */
#define SERVICES \
"{{ define `__tolld_pairs` }}{{ range .SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}{{ end }}" \
"{{ define `__text_alert_list` }}{{ range . }}Labels:\n{{ template `__tolld_pairs` .Labels }}" \
"Annotations:\n{{ template `__tolld_pairs` .Annotations }}Source: {{ .GeneratorURL }}\n{{ end }}{{ end }}" \
"{{ define `__text_alert_list_markdown` }}{{ range . }}\nLabels:\n" \
"{{ range .Labels.SortedPairs }}  - {{ .Name }} = {{ .Value }}\n{{ end }}\nAnnotations:\n" \
"{{ range .Annotations.SortedPairs }}  - {{ .Name }} = {{ .Value }}\n{{ end }}\n" \
"Source: {{ .GeneratorURL }}\n{{ end }}\n{{ end }}" \
"{{ define `__tolld_notes` }}{{ join ` ` .CommonAnnotations.SortedPairs.Values }}{{ end }}" \
"{{ define `__tolld_wide` }}\n" \
"{{ with .Alerts.Firing }}\nAlerts Firing:\n{{ template `__text_alert_list` . }}\n{{ end }}\n" \
"{{ with .Alerts.Resolved }}\nAlerts Resolved:\n{{ template `__text_alert_list` . }}\n{{ end }}\n{{ end }}" \
"{{ define `__tolld_tight` }}\n" \
"{{ with .Alerts.Firing }}Alerts Firing:\n{{ template `__text_alert_list` . }}{{ end }}\n" \
"{{ with .Alerts.Resolved }}Alerts Resolved:\n{{ template `__text_alert_list` . }}{{ end }}{{ end }}" \
"{{ define `__tolld_markdown` }}\n" \
"{{ with .Alerts.Firing }}\n# Alerts Firing:\n{{ template `__text_alert_list_markdown` . }}\n{{ end }}\n" \
"{{ with .Alerts.Resolved }}\n# Alerts Resolved:\n{{ template `__text_alert_list_markdown` . }}\n{{ end }}\n{{ end }}" \
"{{ define `slack.default.title` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `slack.default.username` }}{{ template `__alertmanager` . }}{{ end }}" \
"{{ define `slack.default.fallback` }}{{ template `slack.default.title` . }} | {{ template `slack.default.titlelink` . }}{{ end }}" \
"{{ define `slack.default.titlelink` }}{{ template `__alertmanagerURL` . }}{{ end }}" \
"{{ define `slack.default.callbackid` }}{{ end }}{{ define `slack.default.pretext` }}{{ end }}" \
"{{ define `slack.default.iconemoji` }}{{ end }}{{ define `slack.default.iconurl` }}{{ end }}" \
"{{ define `slack.default.text` }}{{ end }}{{ define `slack.default.footer` }}{{ end }}" \
"{{ define `slack.default.color` }}{{ if eq .Status `firing` }}danger{{ else }}good{{ end }}{{ end }}" \
"{{ define `pagerduty.default.description` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `pagerduty.default.client` }}{{ template `__alertmanager` . }}{{ end }}" \
"{{ define `pagerduty.default.clientURL` }}{{ template `__alertmanagerURL` . }}{{ end }}" \
"{{ define `pagerduty.default.instances` }}{{ template `__text_alert_list` . }}{{ end }}" \
"{{ define `opsgenie.default.message` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `opsgenie.default.description` }}{{ template `__tolld_notes` . }}{{ template `__tolld_tight` . }}{{ end }}" \
"{{ define `opsgenie.default.source` }}{{ template `__alertmanagerURL` . }}{{ end }}" \
"{{ define `wechat.default.message` }}{{ template `__subject` . }}\n{{ template `__tolld_notes` . }}" \
"{{ template `__tolld_tight` . }}\nAlertmanagerUrl:\n{{ template `__alertmanagerURL` . }}{{ end }}" \
"{{ define `wechat.default.to_user` }}{{ end }}{{ define `wechat.default.to_party` }}{{ end }}" \
"{{ define `wechat.default.to_tag` }}{{ end }}{{ define `wechat.default.agent_id` }}{{ end }}" \
"{{ define `victorops.default.state_message` }}{{ template `__tolld_notes` . }}{{ template `__tolld_tight` . }}{{ end }}" \
"{{ define `victorops.default.entity_display_name` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `victorops.default.monitoring_tool` }}{{ template `__alertmanager` . }}{{ end }}" \
"{{ define `pushover.default.title` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `pushover.default.message` }}{{ template `__tolld_notes` . }}{{ template `__tolld_wide` . }}{{ end }}" \
"{{ define `pushover.default.url` }}{{ template `__alertmanagerURL` . }}{{ end }}" \
"{{ define `sns.default.subject` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `sns.default.message` }}{{ template `__tolld_notes` . }}{{ template `__tolld_wide` . }}{{ end }}" \
"{{ define `telegram.default.message` }}{{ template `__tolld_wide` . }}{{ end }}" \
"{{ define `discord.default.content` }}{{ end }}" \
"{{ define `discord.default.title` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `discord.default.message` }}{{ template `__tolld_wide` . }}{{ end }}" \
"{{ define `webex.default.message` }}{{ template `__tolld_notes` . }}{{ template `__tolld_wide` . }}{{ end }}" \
"{{ define `msteams.default.summary` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `msteams.default.title` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `msteams.default.text` }}{{ template `__tolld_markdown` . }}{{ end }}" \
"{{ define `msteamsv2.default.title` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `msteamsv2.default.text` }}{{ template `__tolld_markdown` . }}{{ end }}" \
"{{ define `rocketchat.default.title` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `rocketchat.default.alias` }}{{ template `__alertmanager` . }}{{ end }}" \
"{{ define `rocketchat.default.titlelink` }}{{ template `__alertmanagerURL` . }}{{ end }}" \
"{{ define `rocketchat.default.emoji` }}{{ end }}{{ define `rocketchat.default.iconurl` }}{{ end }}" \
"{{ define `rocketchat.default.text` }}{{ end }}" \
"{{ define `mattermost.default.username` }}{{ template `__alertmanager` . }}{{ end }}" \
"{{ define `mattermost.default.color` }}{{ if eq .Status `firing` }}#b3261e{{ else }}#1b6e3c{{ end }}{{ end }}" \
"{{ define `mattermost.default.title` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `mattermost.default.titlelink` }}{{ template `__alertmanagerURL` . }}{{ end }}" \
"{{ define `mattermost.default.fallback` }}{{ template `__subject` . }}{{ end }}" \
"{{ define `mattermost.default.text` }}{{ template `__subject` . }}\n{{ template `__tolld_markdown` . }}{{ end }}"

const char mail_default_templates[] =
SERVICES
"{{ define `__alertmanager` }}tolld{{ end }}"
"{{ define `__alertmanagerURL` }}{{ .ExternalURL }}/#/alerts?receiver={{ urlquery .Receiver }}{{ end }}"
"{{ define `__subject` -}}\n"
"  [{{ toUpper .Status }}{{ if eq .Status `firing` }}:{{ len .Alerts.Firing }}{{ end }}]\n"
"  {{- ` ` }}{{ join ` ` .GroupLabels.Values }}\n"
"  {{- with .CommonLabels.Remove .GroupLabels.Names }} ({{ join ` ` .Values }}){{ end }}\n"
"{{- end }}"
"{{ define `__description` }}{{ end }}"
"{{ define `__tolld_alert_list` }}{{ range . }}\n"
"* {{ .Status }}\n"
"  since {{ .StartsAt.Local.Format `2006-01-02 15:04:05 MST` }}\n"
"  Labels\n"
"{{ range .Labels.SortedPairs }}    {{ .Name }} = {{ .Value }}\n{{ end -}}\n"
"{{ if .Annotations }}  Annotations\n"
"{{ range .Annotations.SortedPairs }}    {{ .Name }} = {{ .Value }}\n{{ end }}{{ end -}}\n"
"{{ with .GeneratorURL }}  Source: {{ . }}\n{{ end }}{{ end }}{{ end }}"
"{{ define `__alert_list` }}{{ template `__tolld_alert_list` . }}{{ end }}"
"{{ define `__html_alert` -}}\n"
"<div style=\"margin:16px 0 0;padding:0 0 0 12px;border-left:4px solid "
"{{ if eq .Status `firing` }}#b3261e{{ else }}#1b6e3c{{ end }}\">\n"
"{{ with .Cause }}<div style=\"font-weight:bold\">{{ . }}</div>\n{{ end -}}\n"
"<div style=\"opacity:0.7\">since {{ .StartsAt.Local.Format `2006-01-02 15:04:05 MST` }}"
"{{ if eq .Status `resolved` }} until {{ .EndsAt.Local.Format `2006-01-02 15:04:05 MST` }}{{ end }}</div>\n"
"<table role=\"presentation\" style=\"font-size:14px;border-collapse:collapse\">\n"
"{{ range .Labels.SortedPairs }}<tr><td style=\"opacity:0.7\">{{ .Name }}</td><td>{{ .Value }}</td></tr>\n{{ end -}}\n"
"{{ range .Annotations.SortedPairs }}<tr><td style=\"opacity:0.7\">{{ .Name }}</td><td>{{ .Value }}</td></tr>\n{{ end -}}\n"
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
"{{ template `__tolld_alert_list` .Alerts }}\n"
"View in {{ template `__alertmanager` . }}: {{ template `__alertmanagerURL` . }}\n"
"{{ end }}";
/* clang-format on */
