"""Mails by the same templates from tolld and from Debian's Alertmanager: html/template's escaping, place by place.

Debian's is of Go 1.19.8. Where a later Go escapes otherwise, tolld follows that one, and tests/unit/template has it.
"""
import json
import re
import subprocess

from alertmanager import AlertmanagerPeer, AlertmanagerTolld
from mail_server import MailServer
from process import wait_until
from subject import TOLLD

# What the templates print; the names are those of annotations.
DATA = {
    "A": "O'Reilly & \"<b>\" a+b",
    "B": "back\\slash `tick` ${x} a/b",
    "C": "</script><!-- </style> */ // */",
    "G": "tom & \u00e9\u20ac \U0001f600 \u2028 \u2029 \x01 \b \f\v\t\r\n.",
    "J": "javascript:alert(1)",
    "P": "/a b/c'd\"e(f)?g=h&i=%41#j",
    "R": "a.b*c(d)[e]{f}^$|?-",
    "S": "red",
    "U": "https://h:1/p?q=a b&r=\"<'(x)",
    "V": "#12ab3c",
    "W": "1.5em",
    "X": "expression(alert(1))",
    "Y": "a; color: blue",
}
A, B, C, G, J, P, R, S, U, V, W, X, Y = (f"{{{{ .CommonAnnotations.{n} }}}}" for n in DATA)


def each(form, values):
    return [form.replace("@", value) for value in values]


ALL = [A, B, C, G, J, P, R, S, U, V, W, X, Y]

CASES = [
    # What Debian's own mail looks like.
    '{{ template "email.default.html" . }}',
    # Style sheets.
    *each('<p style="color: @">x</p>', ALL),
    *each("<p style='width: @; height: 1px'>x</p>", [W, V, Y, X]),
    *each("<p style=color:@>x</p>", [S, V, A, Y]),
    *each("<style>p { color: @; }</style>", [S, V, W, A, B, J, X, Y]),
    f"<style>p.{S} {{ {S}-width: {W} }} /* {A} */ q {{ }}</style>",
    *each('<style>p:before { content: "@" }</style>', ALL),
    *each("<style>p:before { content: '@' }</style>", [A, B, P]),
    *each('<p style="font-family: \'@\', serif">', [A, B, S, J]),
    *each('<p style="font-family: &quot;@&quot;, serif">', [A, B, S]),
    *each("<p style=\"background: url('@')\">", ALL),
    *each('<p style="background: url(@)">', ALL),
    *each("<p style=\"background: url( '@' )\">", [U, P]),
    *each('<style>p { background: url("/i/@.png") }</style>', [A, P, J, U]),
    *each('<style>p { background: URL(/i?q=@) }</style>', [A, P, J, U]),
    *each('<style>p { background: url(\'/i?q=@\') } /* c */\n// @\nq { color: @ }</style>', [A, S]),
    f"<p style=\"{{{{ if .Status }}}}color: {S}{{{{ else }}}}width: {W}{{{{ end }}}}; height: {W}\">",
    f"<p style=\"/* {A} */ color: {S}; // {A}\">",
    f"<p style=\"curl({A}) {S}\">",
    f"<p style=\"content: 'x\\3f y={U}'\">",
    f"<p data-style=\"color: {S}; x: {A}\">",
    # Scripts.
    *each("<script>var x = @;</script>", ALL),
    *each('<script>var x = "@";</script>', ALL),
    *each("<script>var x = '@';</script>", [A, B, C, R]),
    *each("<script>var x = /@/g;</script>", [A, R, B, S]),
    *each("<script>var x = [@] / @ / 2;</script>", [S]),
    *each("<script>var x = /a[/\"]b/.test(@)</script>", [A]),
    f"<script>/* {A} */ var x = {S}; // {A}\nf({S}) // {A}\r\nvar y</script>",
    f"<script>a /* x\n y */ b /* z */ c('{S}')</script>",
    f"<script>if (a < b) {{ c({S}) }} else {{ /{S}/.test(d) }}</script>",
    f"<script>x++ / {S}; y = z + /{S}/; w = typeof{S}in{{{{ len .Alerts }}}}</script>",
    f"<script>return/{S}/</script><script>returns/{S}/1</script>",
    f"<script>var a = [{{{{ range .Alerts }}}}{{{{ .Labels.alertname }}}}, {{{{ end }}}}];</script>",
    f"<script>var a = [{{{{ range $i, $a := .Alerts }}}}{{{{ if $i }}}}, {{{{ end }}}}{{{{ $a.Status }}}}{{{{ end }}}}];</script>",
    "<script>f({{ len .Alerts }}, {{ eq 1 1 }}, {{ .NoSuch }}, {{ 1.5 }}, {{ 1e30 }}, {{ -3 }})</script>".replace(
        "{{ .NoSuch }}", "{{ (index .Alerts 0).Labels.none }}"),
    "<script>f({{ .Alerts }}, {{ .Receiver }}, {{ index .CommonLabels.SortedPairs 0 }})</script>",
    "<script>f({{ (index .Alerts 0).StartsAt }}, {{ .Alerts.Firing }}, {{ index .Alerts 0 }})</script>",
    *each('<a onclick="f(@)">x</a>', ALL),
    *each("<a onclick='f(@)'>x</a>", [A, C]),
    *each("<a onclick=f(@)>x</a>", [A, S]),
    *each('<a onclick="f(&quot;@&quot;)">x</a>', [A, B]),
    *each("<a onclick=\"f('@')\">x</a>", ALL),
    *each('<a data-onclick="/* @ */ f(@) // @">x</a>', [A]),
    *each('<a ONCLICK="f(\'@\', @, /@/)">x</a>', [R]),
    *each('<script type="text/template"><b title="@">@</b></script>@', [A]),
    *each('<script type="application/json">{"a": @, "b": "@"}</script>', [A, G]),
    *each("<script type='application/ld+json; charset=utf-8'>{\"a\": @}</script>", [A]),
    *each("<script type=module>f(@)</script>", [A]),
    *each('<script src="@">var x = @</script>', [U, J]),
    # Types.
    "<script>var x = {{ .CommonAnnotations.A | safeHtml }}, y = '{{ .CommonAnnotations.A | safeHtml }}'</script>",
    '<p style="color: {{ .CommonAnnotations.S | safeHtml }}; x: \'{{ .CommonAnnotations.U }}\'">',
    '<a href="{{ .CommonAnnotations.A | html }}">x</a>{{ .CommonAnnotations.A | html }}',
    '<a href="{{ .CommonAnnotations.J | urlquery }}">x</a><a href="/x/{{ .CommonAnnotations.P | urlquery }}">',
    "<a onclick=\"f({{ .CommonAnnotations.A | html }}, '{{ html .CommonAnnotations.A }}')\">x</a>",
    "<script>f({{ .CommonAnnotations.A | html }})</script><i title='{{ html .CommonAnnotations.A }}'>",
    '<p style="x: {{ .CommonAnnotations.S | urlquery }}; y: \'?{{ .CommonAnnotations.P | urlquery }}\'">',
    # Images, and other attributes.
    *each('<img srcset="@">', [A, J, U, P, S]),
    '<img srcset="{{ "a.png 1x, b c.png 2x, javascript:x 3x, d.png 4.0x" }}">',
    '<img srcset="/a?q={{ "b c, d" }} 1x">',
    *each('<a href="@" title="@">@</a>', ALL),
    *each("<a href=@ title=@>@</a>", [S, P, V]),
    *each('<a xlink:href="@" data-href="@" xmlns:a="@" content="@">', [U, J]),
    *each('<a href="/p&#63;q=@">', [U]),
    "{{ define \"d\" }}{{ . }}{{ end }}<b>{{ template \"d\" .CommonAnnotations.A }}</b>"
    "<script>f({{ template \"d\" .CommonAnnotations.A }}, '{{ template \"d\" .CommonAnnotations.A }}')</script>"
    "<i style=\"x: {{ template \"d\" .CommonAnnotations.S }}; y: '{{ template \"d\" .CommonAnnotations.A }}'\">",
]

# What neither takes: data where nothing makes it safe, or where it cannot be told what it is in.
REFUSED = [
    f"<script>var x = {{{{ if .Status }}}}\"{{{{ end }}}}{A}</script>",
    f"<script>var x = y {{{{ if .Status }}}} = {{{{ end }}}} /{A}/</script>",
    f"<script>var x = /[{A}]/</script>",
    f"<script>var x = '\\{A}'</script>",
    f"<style>p {{ color: {S}",
    f"<style>p:before {{ content: '\\{S}' }}</style>",
    f"<p style=\"{{{{ if .Status }}}}color: '{{{{ end }}}}{S}\">",
    f"<p style=\"background: url('/{{{{ if .Status }}}}?{{{{ end }}}}{U}')\">",
    "<p style=\"{{ range .Alerts }}x: '{{ end }}\">",
    f"<p style=font:'{S}'>",
    f"<a href=/?q={S}>",
    f"<a onclick=\"f('\\{A}')\">",
    f"<p style=\"color: {S}",
    "<script>var x = {{ .Status | html | printf \"%s\" }}</script>",
    "<script>{{ range .Alerts }}f('{{ break }}'){{ end }}</script>",
]

SETTINGS = """\
global:
  smtp_smarthost: '127.0.0.1:%d'
  smtp_from: 'am@example.org'
  smtp_require_tls: false
templates: ['/usr/share/prometheus/alertmanager/*.tmpl']
route:
  receiver: none
  group_wait: 0s
  group_by: ['...']
  routes:
%s
receivers:
- name: none
%s
"""


def settings(port, cases):
    routes = "\n".join(f"  - {{receiver: r{n}, continue: true}}" for n in range(len(cases)))
    receivers = "\n".join(
        f"- name: r{n}\n  email_configs:\n  - to: 'to@example.org'\n    headers: {{Subject: 'case {n}'}}\n"
        f"    html: {json.dumps(html)}" for n, html in enumerate(cases))
    return SETTINGS % (port, routes, receivers)


ALERT = {"labels": {"alertname": "Down", "job": "a&b"}, "annotations": DATA, "startsAt": "2026-01-02T03:04:05.678Z",
         "endsAt": "2036-01-02T03:04:05Z", "generatorURL": "http://g/?a=b&c=<d>"}


def mails(kind, folder, cases):
    """By the number of each case, the HTML that it gave."""
    with MailServer(str(folder / "mails"), tls=None) as server:
        # Debian's own mail names it.
        options = ["--web.external-url=http://am.example.org/x"]
        with kind(folder, settings(server.port, cases), options, prefix="/x") as am:
            am.post(ALERT)
            wait_until("all mails are there", lambda: len(server.mails()) >= len(cases), 30, 0.1,
                       lambda: f"{len(server.mails())} of {len(cases)}\n{am.log()}")
    # What ends a line, and the text, is the mail's.
    return {int(m["subject"].split()[1]): (m["html"] or "").replace("\r", "").rstrip("\n") for m in server.mails()}


def test_both_escape_alike_in_every_place(tmp_path):
    ours = mails(AlertmanagerTolld, tmp_path / "tolld", CASES)
    theirs = mails(AlertmanagerPeer, tmp_path / "peer", CASES)
    different = [f"{html}\n  tolld: {ours.get(n)!r}\n  peer:  {theirs.get(n)!r}"
                 for n, html in enumerate(CASES) if ours.get(n) != theirs.get(n)]
    assert not different, "\n".join([f"{len(different)} of {len(CASES)}", *different])


def test_both_refuse_what_cannot_be_escaped(tmp_path):
    """Debian's as it sends, tolld before."""
    with MailServer(str(tmp_path / "mails"), tls=None) as server:
        text = settings(server.port, REFUSED)
        with AlertmanagerPeer(tmp_path, text) as am:
            am.post(ALERT)
            fault = re.compile(r'err="r(\d+)/email.* execute html template: html/template:')
            wait_until("all are refused", lambda: len(set(fault.findall(am.process.log()))) >= len(REFUSED), 10, 0.1,
                       am.log)
    done = subprocess.run([TOLLD, "check", tmp_path / "alertmanager.yml"], capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    # One fault at the place of each.
    assert {int(n) for n in re.findall(r"html/template:html(?:#(\d+))?:1: ", said.replace("html:1", "html#1:1"))} == set(
        range(1, len(REFUSED) + 1)), said
