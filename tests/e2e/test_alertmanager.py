"""tolld as the Alertmanager of others: who posts alerts is mailed for, and what is silenced is not."""
import json

import pytest

from alertmanager import ALERTMANAGERS
from mailbox import Mailbox
from process import Process, free_port, http, let_pass, wait_until


def settings(smtp_port, group_interval="1s", resolve_timeout="5m", more=""):
    return f"""\
global:
  smtp_smarthost: 'localhost:{smtp_port}'
  smtp_from: 'watcher@example.org'
  smtp_auth_username: 'watcher'
  smtp_auth_password: 'wwwwwwwwwwwwwwww'
  resolve_timeout: {resolve_timeout}
route:
  receiver: mail
  group_by: [alertname]
  group_wait: 200ms
  group_interval: {group_interval}
  repeat_interval: 1h
receivers:
- name: mail
  email_configs:
  - to: 'operator@example.org'
    send_resolved: true
    tls_config: {{insecure_skip_verify: true}}
{more}"""


@pytest.fixture
def box(tmp_path):
    with Mailbox(free_port(), tmp_path) as box:
        box.port = box._server.port
        yield box


@pytest.fixture
def alertmanager(request, tmp_path):
    """alertmanager(settings, ...) -> it, running; ended afterwards."""
    started = []

    def go(text, **kwargs):
        kind = ALERTMANAGERS[request.config.getoption("--subject")]
        started.append(kind(tmp_path / f"am{len(started)}", text, **kwargs))
        return started[-1].start()
    yield go
    for am in started:
        am.end()


def alert(name, **more):
    return {"labels": {"alertname": name, **more.pop("labels", {})}, **more}


def test_an_alert_from_outside_is_mailed_and_so_is_its_end(alertmanager, box):
    am = alertmanager(settings(box.port))
    am.post(alert("Flood", annotations={"summary": "water in the cellar"}))
    mail, = box.wait(1, detail=am.log)
    assert mail.subject == "[FIRING:1] Flood"
    assert "water in the cellar" in mail.text
    am.post(alert("Flood", endsAt="2026-01-01T00:00:00Z", startsAt="2026-01-01T00:00:00Z"))
    assert box.wait(2, detail=am.log)[1].subject == "[RESOLVED] Flood"
    assert am.get("/alerts") == []


def test_who_says_nothing_more_for_resolve_timeout_is_over(alertmanager, box):
    am = alertmanager(settings(box.port, resolve_timeout="2s"))
    am.post(alert("Flood"))
    box.wait(1, detail=am.log)
    # Said again, it goes on.
    let_pass(1.5)
    am.post(alert("Flood"))
    let_pass(1.0)
    assert len(box.mails) == 1
    assert box.wait(2, detail=am.log)[1].subject == "[RESOLVED] Flood"


def test_a_silence_suppresses_a_mail_and_its_end_brings_it(alertmanager, box):
    am = alertmanager(settings(box.port))
    done = am.amtool("silence", "add", "-c", "repairing", "-a", "tester", "-d", "1h", "alertname=Flood")
    assert done.returncode == 0, done.stderr
    am.post(alert("Flood"), alert("Fire"))
    mail, = box.wait(1, detail=am.log)
    assert mail.subject == "[FIRING:1] Fire"
    let_pass(2.5)
    assert len(box.mails) == 1
    known, = [a for a in am.get("/alerts") if a["labels"]["alertname"] == "Flood"]
    assert known["status"]["state"] == "suppressed" and known["status"]["silencedBy"] == [done.stdout.strip()]
    assert am.amtool("silence", "expire", done.stdout.strip()).returncode == 0
    assert box.wait(2, detail=am.log)[1].subject == "[FIRING:1] Flood"


@pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="Alertmanager knows no such key")
def test_the_end_of_a_silenced_alert_is_mailed_where_the_route_asks_for_it(alertmanager, box):
    am = alertmanager(settings(box.port).replace("  repeat_interval: 1h\n",
                                                 "  repeat_interval: 1h\n  send_resolved_suppressed: true\n"))
    am.post(alert("Flood"))
    assert box.wait(1, detail=am.log)[0].subject == "[FIRING:1] Flood"
    done = am.amtool("silence", "add", "-c", "repairing", "-a", "tester", "-d", "1h", "alertname=~Flood|Fire")
    assert done.returncode == 0, done.stderr
    am.post(alert("Fire"))
    let_pass(1.5)
    am.kill()
    am.start()
    wait_until("the alerts are back", lambda: len(am.get("/alerts")) == 2, detail=am.log)
    over = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}
    am.post(alert("Flood", **over), alert("Fire", **over))
    assert box.wait(2, detail=am.log)[1].subject == "[RESOLVED] Flood"
    # The other was never told to fire.
    wait_until("nothing is left", lambda: am.get("/alerts/groups") == [], detail=am.log)
    let_pass(1.5)
    assert len(box.mails) == 2
    # Programs of Alertmanager's read the settings, and know no such key.
    assert am.amtool("config", "show").returncode == 0
    assert "suppressed" not in am.get("/status")["config"]["original"]


def test_silences_and_alerts_survive_kill_9(alertmanager, box):
    am = alertmanager(settings(box.port))
    done = am.amtool("silence", "add", "-c", "a <b> & \"c\"", "-a", "tester", "-d", "1h", "alertname=Flood", "x!~a|b")
    known = am.get("/silences")
    am.post(alert("Flood"), alert("Fire", labels={"i": "1"}))
    box.wait(1, detail=am.log)
    # What is told is durable; the row of an alert or a silence may be on its way for a moment.
    let_pass(0.5)
    am.kill()
    am.start()
    assert am.get("/silences") == known
    wait_until("the alerts are back", lambda: len(am.get("/alerts")) == 2, detail=am.log)
    let_pass(2.5)
    assert [m.subject for m in box.mails] == ["[FIRING:1] Fire (1)"]
    assert am.amtool("silence", "expire", done.stdout.strip()).returncode == 0
    assert box.wait(2, detail=am.log)[1].subject == "[FIRING:1] Flood"
    am.kill()
    am.start()
    assert [s["status"]["state"] for s in am.get("/silences")] == ["expired"]


@pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="Alertmanager shows no flags")
@pytest.mark.parametrize("feature, taken", [("", 200), ("utf8-strict-mode", 200), ("classic-mode", 400)])
def test_the_syntax_that_it_is_given_holds_for_clients_and_is_shown(alertmanager, feature, taken):
    am = alertmanager("route: {receiver: r}\nreceivers: [{name: r}]\n",
                      options=[f"--enable-feature={feature}"] if feature else [])
    flags = http(f"http://127.0.0.1:{am.port}/api/v1/status/flags").json()["data"]
    assert flags["enable-feature"] == feature
    silence = {"matchers": [{"name": "a b", "value": "c", "isRegex": False}], "createdBy": "me", "comment": "why",
               "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2999-01-01T00:00:00Z"}
    assert am.ask("POST", "/silences", silence).status == taken


@pytest.mark.parametrize("prefix", ["", "/alerts/manager"])
def test_prometheus_posts_its_alerts_which_are_mailed(alertmanager, box, tmp_path, prefix):
    options = ["--web.external-url", f"http://example.org{prefix}"] if prefix else []
    am = alertmanager(settings(box.port), options=options, prefix=prefix)
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(f"""\
global: {{evaluation_interval: 1s, external_labels: {{site: home}}}}
rule_files: [rules.yml]
alerting:
  alertmanagers:
  - path_prefix: '{prefix or "/"}'
    static_configs: [{{targets: ['localhost:{am.port}']}}]
""")
    rules = """\
groups:
- name: g
  rules:
  - alert: Always
    expr: %s
    labels: {severity: page}
    annotations: {summary: 'it is {{ $value }}'}
"""
    (tmp_path / "rules.yml").write_text(rules % "vector(7)")
    argv = ["prometheus", "--config.file=prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle",
            "--rules.alert.resend-delay=1s"]
    with Process("prometheus", argv, tmp_path) as prometheus:
        mail, = box.wait(1, 40, detail=lambda: am.log() + prometheus.log())
        assert mail.subject == "[FIRING:1] Always (page home)"
        assert "it is 7" in mail.text and f":{port}/graph?g0.expr=" in mail.text
        (tmp_path / "rules.yml").write_text(rules % "vector(7) > 8")
        assert http(f"http://127.0.0.1:{port}/-/reload", "POST").status == 200
        assert box.wait(2, 40, detail=lambda: am.log() + prometheus.log())[1].subject == "[RESOLVED] Always (page home)"


GO = {"Accept": "application/json", "User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}


def test_grafana_finds_an_alertmanager_and_uses_it(alertmanager):
    am = alertmanager(settings(1))
    am.post(alert("Flood"))
    base = f"http://127.0.0.1:{am.port}"
    # It takes one that answers this for Mimir.
    assert http(base + "/alertmanager/api/v2/status").status == 404
    assert http(base + "/alertmanager/api/v1/status/buildinfo").status == 404
    status = http(base + "/api/v2/status", headers=GO).json()
    assert status["config"]["original"] and status["cluster"]["status"] == "disabled"
    wait_until("there is a group", lambda: http(base + "/api/v2/alerts/groups", headers=GO).json())
    group, = http(base + "/api/v2/alerts/groups?active=true&silenced=true&inhibited=true&unprocessed=true",
                  headers=GO).json()
    assert group["receiver"] == {"name": "mail"} and group["alerts"][0]["fingerprint"]
    # Through its own server, which drops the browser's Origin.
    body = {"matchers": [{"name": "alertname", "value": "Flood", "isRegex": False, "isEqual": True}],
            "startsAt": "2026-01-01T00:00:00.000Z", "endsAt": "2096-01-01T00:00:00.000Z", "createdBy": "admin",
            "comment": "created by Grafana"}
    made = am.ask("POST", "/silences", body, GO)
    assert made.status == 200, made.text
    silence = made.json()["silenceID"]
    assert am.get(f"/silence/{silence}")["comment"] == "created by Grafana"
    found, = am.get("/alerts?filter=alertname%3D%22Flood%22&silenced=true&active=false")
    assert found["status"]["silencedBy"] == [silence]
    assert am.ask("DELETE", f"/silence/{silence}", headers=GO).status == 200


def test_karma_finds_its_version_groups_and_silences(alertmanager):
    am = alertmanager(settings(1))
    am.post(alert("Flood"))
    metrics = http(am.url + "/metrics", headers={"User-Agent": "karma/v0.120", "Accept-Encoding": "identity"})
    line, = [l for l in metrics.text.splitlines() if l.startswith("alertmanager_build_info{")]
    version = line.split('version="')[1].split('"')[0].split("+")[0]
    assert tuple(map(int, version.split("."))) >= (0, 22, 0)
    wait_until("there is a group", lambda: am.get("/alerts/groups"))
    assert am.get("/silences") == []
    # From the browser, through karma: what it sends goes on as it is, with the browser's Origin.
    karma = {"Origin": "http://karma:8080", "Referer": "http://karma:8080/", "X-Forwarded-For": "10.0.0.9"}
    body = {"matchers": [{"name": "alertname", "value": "Flood|Fire", "isRegex": True, "isEqual": True}],
            "startsAt": "2026-01-01T00:00:00.000Z", "endsAt": "2096-01-01T00:00:00.000Z",
            "createdBy": "me@example.org", "comment": "ACK! This alert was acknowledged using karma"}
    made = am.ask("POST", "/silences", body, karma)
    assert made.status == 200, made.text
    silence = made.json()["silenceID"]
    group, = am.get("/alerts/groups")
    assert group["alerts"][0]["status"]["silencedBy"] == [silence]
    assert am.ask("DELETE", f"/silence/{silence}", headers=karma).status == 200


@pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="Alertmanager lets any page do anything")
def test_a_page_of_another_origin_changes_nothing(alertmanager):
    am = alertmanager(settings(1))
    evil = {"Origin": "http://evil.example"}
    assert am.ask("POST", "/alerts", [alert("Flood")], evil).status == 403
    assert am.ask("POST", "/alerts", "[]", {**evil, "Content-Type": "text/plain"}).status == 403
    assert am.ask("POST", "/alerts", "[]", {"Content-Type": "text/plain"}).status == 415
    assert am.ask("POST", "/silences", {}, evil).status == 403
    assert am.ask("DELETE", "/silence/5f6f4b3e-0000-4000-8000-000000000000", headers=evil).status == 403
    assert http(am.url + "/-/reload", "POST", headers=evil).status == 403
    # A name of its own that means this machine just now.
    rebound = {"Origin": f"http://evil.example:{am.port}", "Host": f"evil.example:{am.port}"}
    assert am.ask("POST", "/alerts", [alert("Flood")], rebound).status == 403
    asked = am.ask("OPTIONS", "/silences", headers={**evil, "Access-Control-Request-Method": "POST",
                                                    "Access-Control-Request-Headers": "content-type"})
    assert "Content-Type" not in asked.headers["Access-Control-Allow-Headers"]
    assert am.get("/alerts") == [] and am.get("/silences") == []
    own = {"Origin": am.url}
    assert am.ask("POST", "/alerts", [alert("Flood")], own).status == 200
    named = alertmanager(settings(1), options=["--web.cors.origin", "http://(evil|ui)\\.example"])
    assert named.ask("POST", "/alerts", [alert("Flood")], evil).status == 200
    assert named.ask("GET", "/alerts", headers=evil).headers["Access-Control-Allow-Origin"] == "http://evil.example"
    assert named.ask("GET", "/alerts", headers={"Origin": "http://x"}).headers["Access-Control-Allow-Origin"] is None


def test_a_huge_body_is_refused_and_a_large_one_taken(alertmanager):
    am = alertmanager(settings(1))
    many = json.dumps([alert("Flood", labels={"n": str(n), "pad": "x" * 400}) for n in range(10000)])
    assert len(many) > 4 << 20
    assert am.ask("POST", "/alerts", many).status == 200
    wait_until("all are known", lambda: len(am.get("/alerts")) == 10000, detail=am.log)
    if am.name != "tolld":
        return
    try:
        assert am.ask("POST", "/alerts", b"[" + b" " * (17 << 20) + b"]").status == 413
    except OSError:
        pass  # it may hang up instead of reading on
    try:
        assert am.ask("POST", "/silences", b"[" + b" " * (2 << 20) + b"]").status == 413
    except OSError:
        pass
    assert len(am.get("/alerts")) == 10000


def test_a_reload_shows_in_the_status_and_keeps_silences(alertmanager, box):
    am = alertmanager(settings(box.port))
    done = am.amtool("silence", "add", "-c", "x", "alertname=Flood")
    am.post(alert("Flood"))
    am.write(settings(box.port, more="- name: second\n"))
    assert http(am.url + "/-/reload", "POST").status == 200
    assert [r["name"] for r in am.get("/receivers")] == ["mail", "second"]
    assert "second" in am.get("/status")["config"]["original"]
    assert [s["id"] for s in am.get("/silences")] == [done.stdout.strip()]
    am.write("route: {receiver: nobody}\n")
    assert http(am.url + "/-/reload", "POST").status == 500
    assert [r["name"] for r in am.get("/receivers")] == ["mail", "second"]
