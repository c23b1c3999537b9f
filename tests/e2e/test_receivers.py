"""Services that fail, hang and hang up: each is told once, by the rules of its kind, and disturbs no other."""
import os
import re
import ssl
import subprocess

import pytest

from process import let_pass, wait_until
from subject import TOLLD, Timing, free_port, write_settings
from webhook import DROP, HANG, Webhook

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="these are about tolld's own ways")

QUICK = Timing(scrape_interval="1s", evaluation_interval="1s", hold="0s")
ROUTE = "route: {receiver: all, group_by: [alertname], group_wait: 300ms, group_interval: 2s, repeat_interval: 1h}\n"
ERROR, SLOW_DOWN, OK = (500, "broken", "text/plain"), (429, "slow down", "text/plain"), (200, "ok", "text/plain")


class Script:
    """Answers as the list says, by path, and then with OK."""

    def __init__(self, **answers):
        self.answers = {path: list(list_) for path, list_ in answers.items()}
        self.accepted = []

    def __call__(self, request):
        waiting = self.answers.get(request.path.strip("/"), [])
        answer = waiting.pop(0) if waiting else OK
        if answer == OK:
            self.accepted.append(request)
        return answer

    def of(self, path):
        return [r for r in self.accepted if r.path == f"/{path}"]


@pytest.fixture
def service():
    with Webhook(free_port()) as webhook:
        yield webhook


@pytest.fixture
def tolld(start, exporter, tmp_path, ports, service):
    """tolld(script, receivers) -> running, with a service whose death fires InstanceDown; exporter.kill() does that."""
    def go(script, receivers):
        service.answer = script
        write_settings(tmp_path, ports, QUICK)
        with open(tmp_path / "alertmanager.yml", "w") as f:
            f.write(ROUTE + "receivers:\n  - name: all\n" + receivers.format(url=service.url, folder=tmp_path))
        subject = start(settings=False)
        wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
        return subject
    return go


HOOKS = """\
    webhook_configs:
      - {{url: '{url}/bad', timeout: 500ms}}
      - {{url: '{url}/good'}}
"""


def test_what_may_work_later_is_tried_again_until_it_does(tolld, exporter, service):
    script = Script(bad=[ERROR, DROP, HANG, ERROR, DROP])
    subject = tolld(script, HOOKS)
    exporter.kill()
    wait_until("the failing one is told", lambda: script.of("bad"), 30, detail=subject.log)
    let_pass(3)
    firing, = script.of("bad")
    assert firing.json()["status"] == "firing"
    assert len(service.of("/bad")) == 6
    # The other one was told at once, and not again for its neighbour's sake.
    good, = script.of("good")
    assert good.at < service.of("/bad")[1].at
    assert good.json()["alerts"] == firing.json()["alerts"]
    log = subject.log()
    assert "webhook to all failed" in log and "unexpected status code 500: broken (it is tried again)" in log
    # Where it goes to is nobody's business.
    assert f"{service.port}/bad" not in log


def test_what_is_refused_waits_for_the_next_flush(tolld, exporter, service):
    script = Script(bad=[SLOW_DOWN, (404, "who?", "text/plain")])
    subject = tolld(script, HOOKS)
    exporter.kill()
    wait_until("the refusing one is told", lambda: script.of("bad"), 30, detail=subject.log)
    let_pass(3)
    assert len(script.of("bad")) == 1 and len(script.of("good")) == 1
    first, second, third = (r.at for r in service.of("/bad"))
    # group_interval apart, not the half second of a try that may work later.
    assert second - first > 1.5 and third - second > 1.5
    assert "unexpected status code 429: slow down\"" in subject.log()


def test_too_many_requests_are_tried_again_where_the_service_says_so(tolld, exporter, service):
    script = Script(**{"og/v2/alerts": [SLOW_DOWN, SLOW_DOWN]})
    subject = tolld(script, "    opsgenie_configs:\n      - {{api_url: '{url}/og/', api_key: kkkk}}\n")
    exporter.kill()
    wait_until("it is told", lambda: script.of("og/v2/alerts"), 30, detail=subject.log)
    tries = service.of("/og/v2/alerts")
    assert len(tries) == 3 and tries[1].at - tries[0].at < 1.5
    assert all(t.body == tries[0].body for t in tries)


@pytest.mark.parametrize("answers", [[ERROR] * 3, [HANG, ERROR], [DROP] * 3], ids=["error", "hang", "drop"])
def test_a_restart_in_between_loses_nothing_and_repeats_nothing(tolld, exporter, service, answers):
    script = Script(bad=answers)
    subject = tolld(script, HOOKS)
    exporter.kill()
    service.wait("/bad", 1, log=subject.log)
    wait_until("the good one is told", lambda: script.of("good"), detail=subject.log)
    let_pass(0.3)  # so that it is known on the disk, too
    subject.kill()
    subject.start()
    wait_until("the failing one is told", lambda: script.of("bad"), 30, detail=subject.log)
    let_pass(3)
    assert len(script.of("bad")) == 1, subject.log()
    assert len(script.of("good")) == 1, subject.log()


def test_a_resolved_alert_reaches_whoever_wants_it(tolld, exporter, service, tmp_path, ports):
    script = Script()
    subject = tolld(script, HOOKS + """\
    slack_configs:
      - {{api_url: '{url}/slack', channel: '#ops'}}
    maildir_configs:
      - {{path: '{folder}/mail', to: 'me@here'}}
""")
    exporter.kill()
    exporter.wait()
    for path in ("bad", "good", "slack"):
        wait_until(f"{path} is told", lambda: script.of(path), detail=subject.log)
    exporter.start()
    wait_until("both are told that it is over",
               lambda: all(script.of(p) and script.of(p)[-1].json()["status"] == "resolved" for p in ("good", "bad")),
               detail=subject.log)
    wait_until("the folder has both mails", lambda: len(os.listdir(tmp_path / "mail/new")) == 2, detail=subject.log)
    let_pass(1)
    assert [r.json()["status"] for r in script.of("good")] == ["firing", "resolved"]
    assert len(script.of("slack")) == 1  # send_resolved is false there
    mails = sorted((tmp_path / "mail/new").iterdir())
    texts = [m.read_text() for m in mails]
    assert "Subject: [FIRING:1] InstanceDown" in texts[0] and "killed by SIGKILL" in texts[0]
    assert "Subject: [RESOLVED] InstanceDown" in texts[1] and "\nTo: me@here\n" in texts[1]
    assert os.listdir(tmp_path / "mail/tmp") == []


def test_what_cannot_be_rendered_is_told_and_sends_nothing(tolld, exporter, service):
    subject = tolld(Script(), """\
    slack_configs:
      - {{api_url: '{url}/slack', text: '{{{{ index .Alerts 7 }}}}'}}
    webhook_configs:
      - {{url: '{url}/good'}}
""")
    exporter.kill()
    service.wait("/good", 1, log=subject.log)
    wait_until("it is told", lambda: "slack to all failed" in subject.log(), detail=subject.log)
    assert service.of("/slack") == []
    assert re.search(r"slack to all failed for .*text: .*index", subject.log())


# -- tolld notify --


def notify(folder, text, *args):
    path = os.path.join(folder, "n.yml")
    with open(path, "w") as f:
        f.write(text)
    return subprocess.run([TOLLD, "notify", "--config.file", path, *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)


def test_notify_shows_what_the_mail_server_says(mailbox, ports, tmp_path):
    done = notify(tmp_path, f"""\
global:
  smtp_smarthost: 'localhost:{ports.smtp}'
  smtp_from: 'watcher@example.org'
  smtp_auth_username: 'watcher'
  smtp_auth_password: 'wwwwwwwwwwwwwwww'
route: {{receiver: mail}}
receivers:
  - name: mail
    email_configs: [{{to: 'operator@example.org', tls_config: {{insecure_skip_verify: true}}}}]
""", "mail")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"email\[0\] to operator@example\.org: accepted after \d+ ms", lines[0])
    said = [l.strip().partition(" ")[0].partition("-")[0] for l in lines[1:]]
    # Hello, hello after TLS, login, sender, recipient, data, taken: everything it said, in its order.
    assert said[0] == "220" and "235" in said and said[-4:] == ["250", "250", "354", "250"], done.stdout
    assert "wwwwwwwww" not in done.stdout + done.stderr
    mail, = mailbox.wait(1, 10)
    assert "[FIRING:1] TolldTest" in mail.subject


def test_notify_shows_what_a_service_says(service, tmp_path):
    service.answer = Script(bad=[(403, "go\x1b[31maway", "text/plain")] * 2)
    text = f"""\
route: {{receiver: other}}
receivers:
  - name: other
  - name: both
    webhook_configs: [{{url: '{service.url}/good'}}, {{url: '{service.url}/bad'}}]
"""
    done = notify(tmp_path, text, "both")
    assert done.returncode == 1
    assert re.fullmatch(r"webhook\[0\]: accepted after \d+ ms\n    200: ok\n"
                        r"webhook\[1\]: refused after \d+ ms\n    403: go \[31maway\n"
                        r"    unexpected status code 403: go \[31maway\n", done.stdout), done.stdout
    assert service.of("/good")[0].json()["alerts"][0]["labels"]["alertname"] == "TolldTest"
    done = notify(tmp_path, text, "--resolved", "both")
    assert service.of("/good")[1].json()["status"] == "resolved"
    assert notify(tmp_path, text.replace("/bad", "/good"), "both").returncode == 0


def test_notify_names_the_receivers_that_there_are(tmp_path):
    text = "route: {receiver: a}\nreceivers: [{name: a}, {name: b}]\n"
    done = notify(tmp_path, text, "c")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "tolld notify: there is no receiver 'c'; the settings have: a, b\n"
    done = notify(tmp_path, text, "a")
    assert done.returncode == 1 and "tells nobody" in done.stderr
    done = notify(tmp_path, text)
    assert done.returncode == 2
    assert done.stderr == "tolld notify: no receiver is named\nsee tolld notify --help\n"
    done = notify(tmp_path, "route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{channel: c}]}]\n", "a")
    assert done.returncode == 1 and "no Slack API URL nor App token set" in done.stderr


# -- TLS --


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """own.pem with own.key, for 127.0.0.1 and service.example; other.pem, that nobody shows."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("own", "other"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-days", "2", "-subj",
                        "/CN=service.example", "-addext", "subjectAltName=DNS:service.example,IP:127.0.0.1"],
                       check=True, capture_output=True)
    return folder


@pytest.fixture
def tls_service(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "own.pem", certificates / "own.key")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with Webhook(free_port(), tls=context) as webhook:
        yield webhook


@pytest.mark.parametrize("tls, good", [
    ("ca_file: {dir}/own.pem", True),
    ("ca_file: {dir}/own.pem, server_name: service.example", True),
    ("insecure_skip_verify: true", True),
    ("ca_file: {dir}/own.pem, max_version: TLS12", True),
    ("", False),
    ("ca_file: {dir}/other.pem", False),
    ("ca_file: {dir}/own.pem, server_name: another.example", False),
    ("ca_file: {dir}/own.pem, min_version: TLS13", False),
])
def test_whom_to_trust_is_the_settings_to_say(tls_service, certificates, tmp_path, tls, good):
    done = notify(tmp_path, f"""\
route: {{receiver: r}}
receivers:
  - name: r
    webhook_configs: [{{url: '{tls_service.url}/x', http_config: {{tls_config: {{{tls.format(dir=certificates)}}}}}}}]
""", "r")
    assert done.returncode == (0 if good else 1), done.stdout + done.stderr
    assert len(tls_service.of("/x")) == good, done.stdout
