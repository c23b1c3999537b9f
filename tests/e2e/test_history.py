"""The log of notifications: what was sent, what failed and what was kept silent, over restarts."""
import json
import subprocess

import pytest

from process import http, wait_until
from subject import TOLLD, Timing, write_settings

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="these are about tolld's own log")

QUICK = Timing(scrape_interval="1s", evaluation_interval="1s", hold="300ms", group_wait="300ms", group_interval="1s")


def history(subject, *flags):
    done = subprocess.run([TOLLD, "history", "--url", subject.url, "--json", *flags], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def post(subject, **labels):
    answer = http(f"{subject.url}/api/v2/alerts", method="POST", body=json.dumps([{"labels": labels}]).encode(),
                  headers={"Content-Type": "application/json"})
    assert answer.status == 200, answer.text


def test_sent_and_silenced_notifications_are_known_after_a_kill(start, exporter, mailbox):
    subject = start(QUICK)
    silence = {"matchers": [{"name": "alertname", "value": "Quiet", "isRegex": False}], "createdBy": "somebody",
               "comment": "moving house", "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z"}
    answer = http(f"{subject.url}/api/v2/silences", method="POST", body=json.dumps(silence).encode(),
                  headers={"Content-Type": "application/json"})
    assert answer.status == 200, answer.text
    post(subject, alertname="Loud", instance="here")
    post(subject, alertname="Quiet", instance="there")
    mailbox.wait(1, 30, subject.log)
    wait_until("both are in the log", lambda: len(history(subject)) == 2, 30, 0.1, subject.log)
    subject.kill()
    subject.start()
    sent, = history(subject, "--alert", "Loud")
    assert sent["outcome"] == "sent" and sent["why"].startswith("250"), sent
    assert sent["alerts"] == [{"name": "Loud", "firing": 1, "resolved": 0, "instances": ["here"]}]
    quiet, = history(subject, "--outcome", "suppressed")
    assert quiet["reason"] == "silenced" and quiet["why"].endswith("by somebody: moving house"), quiet
    assert history(subject, "--receiver", "nobody") == []
    table = subprocess.run([TOLLD, "history", "--url", subject.url], capture_output=True, text=True, timeout=60)
    assert "1 Quiet (there)" in table.stdout and "1 Loud (here)" in table.stdout, table.stdout


def test_a_flood_becomes_a_digest_that_names_all(start, exporter, ports, tmp_path, mailbox):
    write_settings(tmp_path, ports, Timing(group_wait="300ms", group_interval="5m"))
    with open(tmp_path / "alertmanager.yml") as f:
        text = f.read()
    with open(tmp_path / "alertmanager.yml", "w") as f:
        f.write(text.replace("  - name: alert-email\n", "  - name: alert-email\n    budget: 40/2m\n"))
    subject = start(settings=False)
    for n in range(50):
        post(subject, alertname=f"Flood{n:02}", instance="here")
    mailbox.wait(30, 60, subject.log)
    wait_until("the others are withheld", lambda: len(history(subject, "--outcome", "suppressed")) == 20, 30, 0.1,
               subject.log)
    # What is withheld outlives a kill.
    subject.kill()
    subject.start()
    mailbox.wait(31, 60, subject.log)
    digest = mailbox.mails[-1]
    assert "20 notifications withheld, the budget of 40 in 2m is used up" in digest.subject, digest.subject
    told = {n for mail in mailbox.mails for n in range(50) if f"Flood{n:02}" in mail.text}
    assert told == set(range(50))
    assert {e["reason"] for e in history(subject, "--outcome", "suppressed")} == {"over budget"}


def test_a_server_that_is_away_is_told_once_until_it_is_back(start, exporter, ports, tmp_path):
    from mailbox import Mailbox
    subject = start(Timing(scrape_interval="1s", evaluation_interval="1s", hold="0s", group_wait="300ms",
                           group_interval="5m"))
    post(subject, alertname="Loud", instance="here")
    wait_until("the failure is in the log", lambda: [e["outcome"] for e in history(subject)] == ["retried"], 30, 0.1,
               subject.log)
    with Mailbox(ports.smtp, tmp_path) as mailbox:
        mailbox.wait(1, 60, subject.log)
        wait_until("the end is in the log", lambda: history(subject)[0]["outcome"] == "sent", 30, 0.1, subject.log)
    entry, = history(subject)
    assert entry["tries"] >= 2, entry
