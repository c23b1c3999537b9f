"""Alerts of tolld's rules, sent on to a real Alertmanager, which tells a webhook; and what becomes of them without it."""
import calendar
import time

import pytest

from process import Process, answers, http, wait_until
from subject import Timing, free_port, write_settings
from webhook import Webhook

RULES = """
    - alert: Up
      expr: max(up{job="node"}) > 0
      labels: {team: a, drop_me: x}
      annotations: {summary: 'so <it> "is"'}
"""


class Alertmanager(Process):
    def __init__(self, folder, port, hook, path=""):
        self.port = port
        self.url = f"http://127.0.0.1:{port}{path}"
        with open(folder / "am.yml", "w") as f:
            f.write("route: {receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 1s}\n"
                    f"receivers:\n  - name: hook\n    webhook_configs: [{{url: '{hook.url}/am'}}]\n")
        super().__init__(f"am-{port}", ["prometheus-alertmanager", "--config.file=am.yml", f"--storage.path={folder}/am-{port}",
                                        "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}",
                                        f"--web.route-prefix={path or '/'}"], folder)

    def alerts(self):
        return [a for a in http(self.url + "/api/v2/alerts").json() if a["labels"]["alertname"] == "Up"]


def wall(text):
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def rewrite_alerting(folder, alerting):
    with open(folder / "prometheus.yml") as f:
        text = f.read()
    start, end = text.index("alerting:"), text.index("scrape_configs:")
    with open(folder / "prometheus.yml", "w") as f:
        f.write(text[:start] + alerting + text[end:])


@pytest.fixture
def hook():
    with Webhook(free_port()) as webhook:
        yield webhook


def metric(subject, name, url):
    line = f'{name}{{alertmanager="{url}"}} '
    found = [l for l in http(subject.url + "/metrics").text.splitlines() if l.startswith(line)]
    return int(found[0].split()[1]) if found else None


@pytest.fixture
def prepared(start, exporter, tmp_path, ports):
    """prepared(alerting) -> tolld running with that section and a rule that fires while the exporter lives."""
    def go(alerting):
        write_settings(tmp_path, ports, Timing(hold="0s", rules=RULES))
        rewrite_alerting(tmp_path, alerting)
        (tmp_path / "alertmanager.yml").write_text("global: {resolve_timeout: 5m}\n")
        return start(settings=False)
    return go


def test_a_real_alertmanager_tells_what_it_is_sent(prepared, exporter, hook, tmp_path):
    with Alertmanager(tmp_path, free_port(), hook, "/am") as am:
        wait_until("Alertmanager is ready", lambda: answers(am.url + "/-/ready"))
        dead = free_port()
        tolld = prepared(f"""alerting:
  alert_relabel_configs:
    - {{regex: drop_me, action: labeldrop}}
  alertmanagers:
    - path_prefix: /am
      timeout: 2s
      static_configs: [{{targets: ['127.0.0.1:{am.port}', '127.0.0.1:{dead}']}}]
    - static_configs: [{{targets: ['127.0.0.1:9', 'gone.invalid:9093']}}]
      relabel_configs: [{{source_labels: [__address__], regex: 'gone.*', action: drop}}]
""")
        alert, = wait_until("Alertmanager has the alert", am.alerts, detail=tolld.log)
        assert alert["labels"] == {"alertname": "Up", "team": "a"}
        assert alert["annotations"]["summary"] == 'so <it> "is"'
        # Four minutes from when it was sent: four times the resend delay.
        assert 230 <= wall(alert["endsAt"]) - time.time() <= 245
        told = hook.wait("/am", 1, log=tolld.log)[0].json()
        assert told["status"] == "firing" and told["alerts"][0]["labels"] == alert["labels"]
        listed = http(tolld.url + "/api/v1/alertmanagers").json()["data"]
        assert listed == {"activeAlertmanagers": [{"url": f"{am.url}/api/v2/alerts"},
                                                  {"url": f"http://127.0.0.1:{dead}/am/api/v2/alerts"},
                                                  {"url": "http://127.0.0.1:9/api/v2/alerts"}],
                          "droppedAlertmanagers": [{"url": "gone.invalid:9093"}]}
        assert metric(tolld, "tolld_forward_sent_total", f"{am.url}/api/v2/alerts") >= 1
        # The one that is not there disturbs nobody, and is told of once.
        wait_until("tries at the dead one", lambda: metric(
            tolld, "tolld_forward_errors_total", f"http://127.0.0.1:{dead}/am/api/v2/alerts") >= 2, detail=tolld.log)
        assert tolld.log().count(f"cannot be sent to http://127.0.0.1:{dead}/am") == 1
        exporter.kill()
        wait_until("Alertmanager is told that it is over",
                   lambda: [r for r in hook.of("/am") if r.json()["status"] == "resolved"], detail=tolld.log)


def test_one_that_comes_back_hears_of_it_at_once(prepared, hook, tmp_path):
    port = free_port()
    tolld = prepared(f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]}}\n")
    url = f"http://127.0.0.1:{port}/api/v2/alerts"
    wait_until("tolld finds nobody there", lambda: (metric(tolld, "tolld_forward_errors_total", url) or 0) >= 2,
               detail=tolld.log)
    with Alertmanager(tmp_path, port, hook) as am:
        # Not after the resend delay of a minute, but with the next pause.
        wait_until("Alertmanager has the alert", lambda: am.alive and _alerts(am), 45, 0.1, tolld.log)
        hook.wait("/am", 1, log=tolld.log)
        wait_until("it is told in the log", lambda: f"alerts are sent to {url} again" in tolld.log())
    assert metric(tolld, "tolld_forward_dropped_total", url) == 0


def _alerts(am):
    try:
        return am.alerts()
    except OSError:
        return []


def test_alerts_are_told_from_here_and_there(prepared, hook, tmp_path, ports):
    """This daemon's own address is served in the process, another one over the wire."""
    def answer(request):
        return 200, "", "text/plain"
    hook.answer = answer
    tolld = prepared(f"alerting: {{alertmanagers: [{{static_configs: [{{targets: "
                     f"['localhost:{ports.alertmanager}', '127.0.0.1:{hook.port}']}}]}}]}}\n")
    request = hook.wait("/api/v2/alerts", 1, log=tolld.log)[0]
    assert request.json()[0]["labels"]["alertname"] == "Up"
    listed = http(tolld.url + "/api/v1/alertmanagers").json()["data"]["activeAlertmanagers"]
    assert [a["url"] for a in listed] == [f"http://localhost:{ports.alertmanager}/api/v2/alerts",
                                          f"http://127.0.0.1:{hook.port}/api/v2/alerts"]
    assert metric(tolld, "tolld_forward_sent_total", listed[0]["url"]) is None


def test_alerts_are_rewritten_for_this_daemon_too(prepared, tmp_path, ports):
    """Prometheus rewrites what it sends; here it need not be sent, and what it is called must be the same."""
    lists = f"alertmanagers: [{{static_configs: [{{targets: ['localhost:{ports.alertmanager}']}}]}}]"
    relabel = "alert_relabel_configs: [{regex: drop_me, action: labeldrop}, {target_label: site, replacement: home}]"
    tolld = prepared(f"alerting: {{{lists}}}\n")

    def known():
        alerts = http(tolld.url + "/api/v2/alerts").json()
        return [a["labels"] for a in alerts if a["labels"]["alertname"] == "Up"]
    wait_until("it fires", lambda: known() == [{"alertname": "Up", "team": "a", "drop_me": "x"}], detail=tolld.log)
    rewrite_alerting(tmp_path, f"alerting: {{{lists}, {relabel}}}\n")
    tolld.reload()
    # Not both: under the labels of before nobody would ever say that it is over.
    wait_until("it is called anew", lambda: known() == [{"alertname": "Up", "team": "a", "site": "home"}],
               detail=tolld.log)
