"""What Alertmanager tells each service over HTTP, tolld tells it, too: the same alerts, the bodies compared."""
import hashlib
import hmac
import json
import re
from urllib.parse import unquote

import pytest

from exporter import Exporter
from process import wait_until
from subject import SUBJECTS, Peers, Ports, Timing, free_port, write_settings
from webhook import Webhook

RULES = r"""
    - alert: DiskFull
      expr: max by (mount) (disk_used) > 0
      labels: {severity: 'page "me"', team: a<b>&c}
      annotations:
        summary: "{{ $labels.mount }} is <b>full</b> & \"more\", ünïcode, \\ and {{ $value }}"
        runbook: http://wiki/disk?a=1&b=2
    - alert: Lonely
      expr: max(alone) > 0
"""
BOTH = "disk_used{mount=\"/\"} 1\ndisk_used{mount=\"/home dir\"} 1\nalone 1\n"
ONE = "disk_used{mount=\"/\"} 1\ndisk_used{mount=\"/home dir\"} 0\nalone 0\n"

# Each type once as it comes and once with what the settings can say.
RECEIVERS = """
    webhook_configs:
    - url: {url}/webhook/0
    - url: {url}/webhook/1
      max_alerts: 1
    slack_configs:
    - api_url: {url}/slack/0
      send_resolved: true
      channel: '#{{{{ .GroupLabels.alertname }}}}'
    - api_url: {url}/slack/1
      send_resolved: true
      channel: c
      username: u
      color: '{{{{ .Status }}}}'
      text: '{{{{ range .Alerts }}}}{{{{ .Labels.mount }}}} {{{{ end }}}}'
      pretext: p
      title: '{{{{ .CommonLabels.severity }}}}'
      title_link: ''
      fields: [{{title: t, value: '{{{{ .Receiver }}}}'}}, {{title: u, value: v, short: true}}]
      short_fields: false
      link_names: true
      icon_emoji: ':x:'
      icon_url: 'http://i'
      image_url: 'http://i'
      thumb_url: 'http://t'
      footer: f
      fallback: f
      callback_id: c
      mrkdwn_in: [text]
      actions:
      - {{type: button, text: t, url: 'http://u', name: n}}
      - {{type: button, text: t, name: n, value: v, style: danger, confirm: {{text: t, title: u, ok_text: o, dismiss_text: d}}}}
    discord_configs:
    - webhook_url: {url}/discord/0
    - webhook_url: {url}/discord/1
      title: '{{{{ .Status }}}}'
      message: '{{{{ .CommonAnnotations.summary }}}}'
    opsgenie_configs:
    - api_url: {url}/opsgenie/0
      api_key: key
    - api_url: {url}/opsgenie/1/
      api_key: key
      message: '{{{{ .GroupLabels.alertname }}}}'
      description: d
      source: s
      tags: 'a,,b , '
      details: {{severity: '{{{{ .Status }}}}', x: y}}
      entity: e
      actions: restart,stop
      note: n
      priority: P2
      update_alerts: true
      responders: [{{name: 'x,y', type: teams}}, {{id: '1', type: user}}, {{username: '{{{{ .CommonLabels.none }}}}', type: '{{{{ .CommonLabels.none }}}}'}}]
    pagerduty_configs:
    - url: {url}/pagerduty/0
      routing_key: key
      details: {{firing: f, resolved: r, num_firing: a, num_resolved: b}}
    - url: {url}/pagerduty/1
      routing_key: '{{{{ .GroupLabels.alertname }}}}'
      details: {{firing: f, resolved: r, num_firing: a, num_resolved: b, who: '{{{{ .CommonLabels.team }}}}'}}
      client: c
      client_url: 'http://c'
      description: '{{{{ .Status }}}}'
      severity: '{{{{ if eq .Status "firing" }}}}critical{{{{ end }}}}'
      class: c
      component: d
      group: g
      images: [{{src: 'http://s', alt: a, href: 'http://h'}}, {{src: '', alt: b}}]
      links: [{{href: 'http://h', text: t}}, {{href: '', text: t}}]
    victorops_configs:
    - api_url: {url}/victorops/0/
      api_key: key
      routing_key: r
    - api_url: {url}/victorops/1/
      api_key: key
      routing_key: '{{{{ .GroupLabels.alertname }}}}'
      message_type: INFO
      state_message: '{{{{ .Status }}}}'
      custom_fields: {{zone: '{{{{ .CommonLabels.team }}}}', a: b}}
    telegram_configs:
    - api_url: {url}/telegram/0
      bot_token: key
      chat_id: -123456789012
    - api_url: {url}/telegram/1
      bot_token: key
      chat_id: 5
      parse_mode: MarkdownV2
      message: '{{{{ .CommonAnnotations.summary }}}}'
      disable_notifications: true
    webex_configs:
    - api_url: {url}/webex/0
      room_id: r
      http_config: {{authorization: {{credentials: key}}}}
    wechat_configs:
    - api_url: {url}/wechat/0
      api_secret: key
      corp_id: 'the corp'
      send_resolved: true
    - api_url: {url}/wechat/1
      api_secret: key
      corp_id: corp
      send_resolved: true
      message_type: markdown
      message: '{{{{ .Status }}}}'
      to_user: u
      to_party: p
      to_tag: t
      agent_id: '5'
    sns_configs:
    - api_url: {url}/sns/0
      topic_arn: arn:aws:sns:us-east-2:123456789012:My-Topic
      sigv4: {{region: us-east-2, access_key: k, secret_key: s}}
    - api_url: {url}/sns/1
      phone_number: '555'
      subject: '{{{{ .Status }}}}'
      message: '{{{{ .CommonAnnotations.summary }}}}'
      attributes: {{a: '{{{{ .Status }}}}'}}
      sigv4: {{region: us-east-2, access_key: k, secret_key: s}}
"""
SNS_ANSWER = """<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId>
</PublishResult><ResponseMetadata><RequestId>2</RequestId></ResponseMetadata></PublishResponse>"""
ANSWERS = {
    "slack": (200, "ok", "text/plain"),
    "telegram": (200, '{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":1,"type":"group"}}}', "application/json"),
    "wechat": (200, '{"errcode":0,"errmsg":"ok","access_token":"a b","expires_in":7200}', "application/json"),
    "sns": (200, SNS_ANSWER, "text/xml"),
}
KINDS = ["webhook", "slack", "discord", "opsgenie", "pagerduty", "victorops", "telegram", "webex", "wechat", "sns"]


# Messages of each kind until then: two groups by one or two items. Opsgenie's second updates what it created
# by two requests more; that an alert is over is told by one.
BOTH_FIRE = {"others": 4, "webex": 2, "opsgenie": 2 + 2 * 3}
ONE_IS_OVER = {"others": 8, "webex": 4, "opsgenie": BOTH_FIRE["opsgenie"] + 2 + 3 + 1}


def answer(request):
    return ANSWERS.get(request.path.split("/")[2], (202, "{}", "application/json"))


@pytest.fixture(scope="module")
def told(request, tmp_path_factory):
    """{name of the subject: its requests}, for both alerts and then for one of them."""
    exporter_port = free_port()
    with Webhook(free_port(), answer) as hook, Exporter(exporter_port, BOTH) as exporter:
        subjects = []
        try:
            for n, kind in enumerate((SUBJECTS[request.config.getoption("--subject")], Peers)):
                folder = tmp_path_factory.mktemp(f"{n}-{kind.name}")
                ports = Ports(free_port(), free_port(), exporter_port, free_port())
                write_settings(folder, ports, Timing(hold="0s", rules=RULES))
                with open(folder / "alertmanager.yml", "w") as f:
                    f.write("route: {receiver: all, group_by: [alertname], group_wait: 3s, group_interval: 5s}\n"
                            "receivers:\n  - name: all" + RECEIVERS.format(url=f"{hook.url}/{n}"))
                subjects.append(kind(folder, ports).start())

            def log():
                return "".join(s.log() for s in subjects)

            def all_told(expected):
                return all(len(messages(hook.of(f"/{n}/{kind}/"), kind)) >= expected.get(kind, expected["others"])
                           for n in (0, 1) for kind in KINDS)
            wait_until("all are told of both alerts", lambda: all_told(BOTH_FIRE), 60, 0.1, log)
            exporter.text = ONE
            wait_until("all are told that one is over", lambda: all_told(ONE_IS_OVER), 60, 0.1, log)
            yield [hook.of("/0/"), hook.of("/1/")], ports
        finally:
            for s in subjects:
                s.end()


def messages(requests, kind):
    """Without those that only fetch a token."""
    return [r for r in requests if not (kind == "wechat" and r.method == "GET")]


TIME = re.compile(r"\b2\d{3}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)")
HOST = re.compile(r"http://[^/\"\s:]+:\d+(?=/graph\?g0\.expr=|/#/alerts|$)")
# Where Alertmanager's subject ends in a space, ours does not.
SUBJECT = re.compile(r"(\[(?:FIRING:\d+|RESOLVED)\] [A-Za-z]+) +(?=[\"\n|&]|\\n|$)")


def plain(text):
    """Without what must differ: names, times, addresses."""
    text = TIME.sub("TIME", text)
    text = HOST.sub("http://HOST", text)
    text = re.sub(r"g0\.expr=[^\"\s\\]*", "g0.expr=EXPR", text)
    text = text.replace("Alertmanager", "tolld").replace("tolldUrl", "AlertmanagerUrl")
    return SUBJECT.sub(r"\1", text)


# What version 0.34 adds to version 0.25.
NEW = {"notification_reason", "routeLabels", "content"}


def normal(value):
    if isinstance(value, list):
        return [normal(v) for v in value if not (isinstance(v, (list, tuple)) and len(v) == 2 and v[0] in NEW)]
    if isinstance(value, tuple):
        return (value[0], normal(value[1]))
    return plain(value) if isinstance(value, str) else value


def sent(requests, kind):
    """All messages in an order that does not depend on who was faster."""
    out = []
    for r in messages(requests, kind):
        path = re.sub(r"^/\d/", "/", r.path)
        if kind == "sns":
            body = sorted((k, plain(v).rstrip()) for k, v in r.form().items() if k != "MessageAttributes")
        else:
            body = normal(r.pairs())
        out.append((unquote(path), r.method, body))
    return sorted(out, key=lambda m: (m[0], m[1], "RESOLVED" in str(m[2]) or "resolved" in str(m[2]), str(m[2])))


def lines(sent_by_one):
    return json.dumps(sent_by_one, indent=1, ensure_ascii=False).split("\n")


@pytest.mark.parametrize("kind", KINDS)
def test_bodies_are_the_same(told, kind):
    mine, theirs = (sent([r for r in requests if r.path.split("/")[2] == kind], kind) for requests in told[0])
    assert mine
    assert lines(mine) == lines(theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_headers_are_the_same_where_they_matter(told, kind):
    def headers(requests):
        return {(re.sub(r"^/\d/", "/", r.path), r.method, r.headers.get("Content-Type", "").split(";")[0],
                 r.headers.get("Authorization", "").split(" ")[0])
                for r in requests if r.path.split("/")[2] == kind and r.method != "GET"}
    assert headers(told[0][0]) == headers(told[0][1])


def signature(request, secret):
    """What stands in Authorization by Amazon's Signature Version 4, and what should stand there."""
    fields = dict(part.strip().split("=", 1)
                  for part in request.headers["Authorization"].partition(" ")[2].split(","))
    date, region, service, _ = fields["Credential"].split("/")[1:]
    headers = {k.lower(): v.strip() for k, v in request.headers.items()}
    names = fields["SignedHeaders"].split(";")
    canonical = "\n".join([request.method, request.path, "", *(f"{n}:{headers[n]}" for n in names), "", ";".join(names),
                           hashlib.sha256(request.body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], f"{date}/{region}/{service}/aws4_request",
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return fields["Signature"], hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def test_sns_is_signed_as_amazon_wants_it(told):
    for requests in told[0]:
        for r in requests:
            if r.path.split("/")[2] == "sns":
                stands, should = signature(r, "s")
                assert stands == should
