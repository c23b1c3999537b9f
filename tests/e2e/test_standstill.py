"""Services that live and stand still, because somebody has stopped them: what the series, the alert and people are told."""
import json
import signal
import subprocess

import pytest

from process import http, wait_until
from subject import TOLLD, Timing, write_settings

BACKENDS = ["kernel", "pidfd", "poll"]
pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="only tolld does this")

RULES = """\
    - alert: ServiceStopped
      expr: tolld_service_stopped == 1
"""


def value(subject, expr):
    got = subject.query(expr)
    return float(got[0][1]) if len(got) == 1 else None


def status(subject, *options):
    return subprocess.run([TOLLD, "status", "--url", subject.url, *options], capture_output=True, text=True)


@pytest.fixture
def watching(start, ports, tmp_path):
    def go(section, backend, timing):
        write_settings(tmp_path, ports, timing)
        (tmp_path / "watch.yml").write_text("watch:\n" + section if section else "global: {}\n")
        return start(options=["--config.file", "watch.yml", "--watch.bpffs", "", "--watch.backend", backend],
                     settings=False)

    return go


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_watched_service_that_is_stopped_is_up_and_said_to_stand_still(watching, ports, needs_root, exporter, backend):
    subject = watching(f"  - {{service: web, listen: '127.0.0.1:{ports.exporter}'}}\n", backend,
                       Timing(hold="1h", group_wait="1h", rules=RULES))
    series = 'tolld_service_stopped{service="web"}'
    wait_until("it is up", lambda: value(subject, 'up{service="web"}') == 1, detail=subject.log)
    # From the first moment, before anybody has looked how it fares.
    assert value(subject, f"min_over_time({series}[1h])") == value(subject, f"max_over_time({series}[1h])") == 0
    assert status(subject).stdout.count(" up ") == 2

    exporter.signal(signal.SIGSTOP)
    said = f"its process {exporter.pid} is stopped (SIGSTOP or the like)"
    # People are told at once, whatever the interval of samples.
    wait_until("the status says so", lambda: status(subject).stdout.count(f" {said}") == 2, detail=subject.log)
    shown = status(subject, "web")
    assert f"  standstill  {said}\n" in shown.stdout and "web is up since" in shown.stdout
    assert shown.returncode == 0
    services = json.loads(status(subject, "--json").stdout)
    assert [s["standstill"] for s in services] == 2 * [{"kind": "stopped", "text": said}]
    assert f'<div class="cause">{said}</div>' in http(subject.url + "/").text
    wait_until("the series says so", lambda: value(subject, series) == 1, detail=subject.log)
    wait_until("two alerts fire", lambda: len([a for a in subject.alerts()
                                               if a["labels"]["alertname"] == "ServiceStopped"]) == 2)
    assert {a["annotations"]["cause"].partition(";")[0] for a in subject.alerts()
            if a["labels"]["alertname"] == "ServiceStopped"} == {said}
    assert value(subject, 'up{service="web"}') == value(subject, f'min_over_time(up{{service="web"}}[1m])') == 1

    exporter.signal(signal.SIGCONT)
    wait_until("the series says that it goes on", lambda: value(subject, series) == 0, detail=subject.log)
    assert "stopped" not in status(subject).stdout
    wait_until("no alert fires", lambda: "ServiceStopped" not in str(subject.alerts()), detail=subject.log)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_mail_says_that_a_target_that_does_not_answer_is_stopped(
        watching, ports, needs_root, exporter, mailbox, backend):
    subject = watching("", backend, Timing(hold="0s", group_wait="0s"))
    wait_until("it is up", lambda: subject.up() == "1", detail=subject.log)
    exporter.signal(signal.SIGSTOP)
    mail, = mailbox.wait(1, 30, subject.log)
    assert mail.subject.startswith("[FIRING:1] InstanceDown")
    said = f"its process {exporter.pid} is stopped (SIGSTOP or the like); its scrape fails: "
    assert said in " ".join(mail.text.split())
    exporter.signal(signal.SIGCONT)
    wait_until("it is up again", lambda: subject.up() == "1", detail=subject.log)
    # What it was then explains nothing any more.
    wait_until("nothing fires", lambda: not subject.alerts(), detail=subject.log)
