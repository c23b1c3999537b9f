"""What tolld answers over HTTP, as the clients of the programs it stands for ask it."""
import subprocess

import pytest

from process import http, wait_until
from subject import Timing, dies


def promtool(*args, text=None):
    return subprocess.run(["promtool", *args], input=text, stdin=None if text is not None else subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)


@pytest.fixture
def seen(start, exporter):
    subject = start(Timing(hold="1h"))
    for job in ("node", "prometheus"):
        wait_until(f"{job} is seen up", lambda: subject.up(job) == "1", detail=subject.log)
    return subject


def test_promtool_finds_no_fault_in_the_metrics(seen):
    answer = http(seen.url + "/metrics")
    assert answer.status == 200
    done = promtool("check", "metrics", text=answer.text)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_queries_it(seen, ports):
    done = promtool("query", "instant", seen.url, 'up{job="node"}')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f'up{{instance="localhost:{ports.exporter}", job="node"}} => 1 @')
    done = promtool("query", "series", "--match=up", seen.url)
    assert done.returncode == 0 and "node" in done.stdout, done.stderr
    done = promtool("query", "labels", seen.url, "job")
    assert done.stdout.split() == ["node", "prometheus"], done.stderr
    done = promtool("query", "range", "--step=1s", seen.url, "vector(1)")
    assert done.returncode == 0, done.stderr


FLAGS = {"query.timeout": "3m", "query.lookback-delta": "2m", "query.max-samples": "1000000", "rules.alert.resend-delay": "30s",
         "rules.alert.for-grace-period": "0s", "rules.alert.for-outage-tolerance": "2h", "storage.tsdb.retention.time": "3d"}


def test_flags_that_prometheus_has_are_taken_and_shown(start, exporter):
    switch = "web.enable-remote-write-receiver"
    subject = start(Timing(hold="1h"), options=[f"--{name}={value}" for name, value in FLAGS.items()] + [f"--{switch}"])
    answer = http(subject.url + "/api/v1/status/flags")
    shown = answer.json()["data"]
    assert {name: shown.get(name) for name in FLAGS} == FLAGS
    assert shown[switch] == "true" and answer.body.count(switch.encode()) == 1


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_it_says_that_it_lives(seen, path):
    for url in (seen.url, seen.alertmanager_url):
        assert http(url + path).status == 200


def test_a_page_greets_a_person(seen):
    answer = http(seen.url + "/")
    assert answer.status == 200
    assert answer.headers.get_content_type() == "text/html"


@pytest.mark.parametrize("path,method,form,status,kind", [
    ("/api/v1/query", "GET", None, 400, "bad_data"),
    ("/api/v1/query", "POST", {"query": "rats("}, 400, "bad_data"),
    ("/api/v1/query", "POST", {"query": "up", "time": "yesterday"}, 400, "bad_data"),
    ("/api/v1/query_range", "POST", {"query": "up", "start": "1", "end": "0", "step": "1"}, 400, "bad_data"),
    ("/api/v1/query_range", "POST", {"query": "up", "start": "0", "end": "1", "step": "0"}, 400, "bad_data"),
    ("/api/v1/query_range", "POST", {"query": "up", "start": "0", "end": "20000", "step": "1"}, 400, "bad_data"),
    ("/api/v1/label/%FF/values", "GET", None, 400, "bad_data"),
    ("/api/v1/series", "GET", None, 400, "bad_data"),
])
def test_a_bad_question_gets_an_answer_that_says_so(seen, path, method, form, status, kind):
    answer = http(seen.url + path, method, form)
    assert answer.status == status
    body = answer.json()
    assert (body["status"], body["errorType"]) == ("error", kind)
    assert body["error"]


def test_unknown_paths_are_not_found(seen):
    # Grafana tells Mimir by this path: it must not be 200.
    assert http(seen.alertmanager_url + "/alertmanager/api/v2/status").status == 404
    assert http(seen.url + "/api/v1/nothing_of_that_name").status == 404


def test_a_huge_request_is_refused_and_the_next_one_served(seen):
    try:
        answer = http(seen.url + "/api/v1/query", "POST", body=b"query=" + b"x" * (64 << 20),
                      headers={"Content-Type": "application/x-www-form-urlencoded"}, timeout=30)
        assert answer.status in (400, 413)
    except OSError:
        pass  # it may hang up instead of reading on
    assert seen.up() == "1"


def test_an_alert_shows_in_the_api_with_its_age(start, exporter, ports):
    subject = start(Timing(hold="1h"))
    dies(subject, exporter)
    alert, = wait_until("the alert is pending", subject.alerts, detail=subject.log)
    assert alert["state"] == "pending"
    assert alert["labels"] == {"alertname": "InstanceDown", "instance": f"localhost:{ports.exporter}", "job": "node"}
    assert alert["value"] == "0e+00"


@pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="only tolld has services")
def test_a_service_shows_its_state_and_why_it_died(start, exporter, ports):
    subject = start(Timing(hold="1h"))
    wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)

    def service():
        answer = http(subject.url + "/api/v1/services").json()
        assert answer["status"] == "success"
        found = [s for s in answer["data"]["services"] if str(ports.exporter) in str(s)]
        assert len(found) == 1, answer
        return found[0]
    assert service()["state"] == "up"
    assert service()["pid"] == exporter.pid
    exporter.kill()
    exporter.wait()
    wait_until("the service is down", lambda: service()["state"] == "down", detail=subject.log)
    wait_until("the cause is told", lambda: "SIGKILL" in str(service()), 2, detail=lambda: str(service()))
