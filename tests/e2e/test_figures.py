"""Figures of services as samples: what /proc says of a real process, counters from 0 on, and rules that use them."""
import os
import signal
import socket
import statistics
import subprocess
import sys
import textwrap

import pytest

from process import Process, http, port_is_free, wait_until
from subject import Timing, write_settings

BACKENDS = ["kernel", "pidfd", "poll"]
pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="only tolld does this")

# Serves a port, holds what it is told to, and says how it is: argv is port, descriptors, MB, limit of descriptors.
SERVICE = textwrap.dedent("""\
    import os, resource, socket, sys, threading, time
    port, fds, mb, limit = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    memory = bytearray(os.urandom(1 << 20)) * mb
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(fds)]
    for _ in range(3):
        threading.Thread(target=lambda: time.sleep(1000), daemon=True).start()
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    server = socket.create_server(("127.0.0.1", port))
    while True:
        connection, _ = server.accept()
        connection.recv(4096)
        body = b"alive 1\\n"
        connection.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
        connection.close()
    """)


def service(tmp_path, port, fds=20, mb=16, limit=400):
    path = tmp_path / "service.py"
    path.write_text(SERVICE)
    return Process("service", [sys.executable, str(path), *map(str, (port, fds, mb, limit))], tmp_path)


def value(subject, selector):
    got = subject.query(selector)
    return float(got[0][1]) if len(got) == 1 else None


def wait_value(subject, selector, wanted):
    wait_until(f"{selector} is {wanted}", lambda: value(subject, selector) == wanted, detail=subject.log)


def proc(pid):
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return {"fds": len(os.listdir(f"/proc/{pid}/fd")), "threads": int(status["Threads"]),
            "rss": int(status["VmRSS"].split()[0]) * 1024, "minor": int(stat[7]),
            "cpu": (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")}


@pytest.fixture
def watching(start, ports, tmp_path):
    def go(section="", options=(), timing=Timing(hold="0s", group_wait="0s")):
        write_settings(tmp_path, ports, timing)
        (tmp_path / "watch.yml").write_text("watch:\n" + section if section else "global: {}\n")
        return start(options=["--config.file", "watch.yml", "--watch.bpffs", "", *options], settings=False)

    return go


@pytest.mark.parametrize("backend", BACKENDS)
def test_figures_are_what_proc_says(watching, ports, tmp_path, needs_root, backend):
    with service(tmp_path, ports.exporter) as s:
        # What it used before it was the service is not the service's.
        wait_until("it listens", lambda: not port_is_free(ports.exporter), detail=s.log)
        subject = watching(f"  - {{service: web, listen: '127.0.0.1:{ports.exporter}', labels: {{team: home}}}}\n",
                           ["--watch.backend", backend])
        wait_value(subject, 'tolld_service_threads{service="web"}', 4)
        there = proc(s.pid)
        # The scrapes of the target open a connection now and then.
        assert value(subject, 'tolld_service_open_fds{service="web"}') in (there["fds"], there["fds"] + 1)
        assert value(subject, 'tolld_service_max_fds{service="web"}') == 400
        assert value(subject, 'tolld_service_processes{service="web"}') == 1
        assert value(subject, 'tolld_service_listeners{service="web"}') == 1
        assert abs(value(subject, 'tolld_service_resident_memory_bytes{service="web"}') - there["rss"]) < 2 << 20
        assert abs(value(subject, 'tolld_service_cpu_seconds_total{service="web"}') - there["cpu"]) < 0.2
        assert value(subject, 'tolld_service_page_faults_total{service="web",kind="minor"}') <= there["minor"]
        assert value(subject, 'tolld_service_page_faults_total{service="web",kind="minor"}') > 4096
        assert value(subject, 'tolld_service_hung_tasks{service="web"}') == 0
        (labels, _), = subject.query('tolld_service_threads{service="web"}')
        assert labels == {"__name__": "tolld_service_threads", "job": "watch", "instance": socket.gethostname(),
                          "service": "web", "team": "home"}
        text = http(subject.url + "/metrics").text
        assert 'tolld_service_max_fds{service="web",team="home"} 400\n' in text


def test_figures_share_the_slots_of_a_target(watching, ports, tmp_path):
    """Those of the first one: at rest a wake-up costs more than the samples do."""
    def phases(subject, selector):
        answer = http(subject.url + "/api/v1/query", "POST", {"query": f"{selector}[30s]"}).json()
        times = [round(t * 1000) % 1000 for series in answer["data"]["result"] for t, _ in series["values"]]
        return times[1:]  # the first are from the start

    with service(tmp_path, ports.exporter):
        subject = watching(timing=Timing(scrape_interval="1s"))
        wait_until("there are some", lambda: len(phases(subject, "tolld_service_threads")) >= 4, detail=subject.log)
        wait_until("the target was scraped", lambda: len(phases(subject, "scrape_duration_seconds{job='prometheus'}")) >= 4, detail=subject.log)
        # Whoever is late by little has the time of his slot; on a busy machine one may be late by more.
        slot = statistics.mode(phases(subject, "scrape_duration_seconds{job='prometheus'}"))
        assert statistics.mode(phases(subject, "tolld_service_threads")) == slot


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_service_of_a_target_has_its_labels(watching, ports, tmp_path, needs_root, backend):
    with service(tmp_path, ports.exporter):
        subject = watching(options=["--watch.backend", backend])
        name = f"localhost:{ports.exporter} node"
        wait_value(subject, f'tolld_service_up{{service="{name}"}}', 1)
        wait_until("it is measured", lambda: subject.query(f'tolld_service_open_fds{{service="{name}"}}'),
                   detail=subject.log)
        # So that what is known of the process can be asked beside what the target says.
        joined = subject.query('up{job="node"} * on (job, instance) group_left (service) '
                               'tolld_service_threads{job="node"}')
        assert [(m["service"], v) for m, v in joined] == [(name, "4")]


@pytest.mark.parametrize("backend", BACKENDS)
def test_counters_begin_at_0_so_that_increase_sees_the_first_event(watching, ports, tmp_path, needs_root, backend):
    subject = watching(f"  - {{service: web, listen: '127.0.0.1:{ports.exporter}'}}\n", ["--watch.backend", backend])
    for counter in ("restarts_total", "oom_kills_total", 'exits_total{kind="failure"}', 'exits_total{kind="signal"}'):
        # From the first second, though nobody has ever seen it.
        name, _, label = counter.partition("{")
        assert value(subject, f'tolld_service_{name}{{service="web"{"," + label[:-1] if label else ""}}}') == 0
    with service(tmp_path, ports.exporter) as s:
        wait_value(subject, 'tolld_service_up{service="web"}', 1)
        s.kill()
        s.wait()
        wait_value(subject, 'tolld_service_up{service="web"}', 0)
        wait_value(subject, 'sum(tolld_service_exits_total{service="web"})', 1)
        s.start()
        wait_value(subject, 'tolld_service_up{service="web"}', 1)
        wait_value(subject, 'tolld_service_restarts_total{service="web"}', 1)
        assert value(subject, 'increase(tolld_service_restarts_total{service="web"}[1h])') > 0
        assert value(subject, 'sum(increase(tolld_service_exits_total{service="web"}[1h]))') > 0
        if backend == "kernel":
            wait_value(subject, 'tolld_service_exits_total{service="web",kind="signal"}', 1)
            assert value(subject, 'tolld_service_last_exit_signal{service="web"}') == signal.SIGKILL
        assert value(subject, 'tolld_service_restart_delay_seconds{service="web"}') > 0


RULES = """\
    - alert: CrashLoop
      expr: increase(tolld_service_restarts_total[1h]) > 0
    - alert: DescriptorsNearTheLimit
      expr: tolld_service_open_fds / tolld_service_max_fds > 0.9
    - alert: TolldLosesEvents
      expr: increase(tolld_watch_lost_events_total[10m]) > 0
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_rules_use_them(watching, ports, tmp_path, needs_root, backend):
    with service(tmp_path, ports.exporter, fds=60, limit=70) as s:
        subject = watching(f"  - {{service: web, listen: '127.0.0.1:{ports.exporter}'}}\n",
                           ["--watch.backend", backend],
                           Timing(hold="0s", group_wait="0s", evaluation_interval="1s", rules=RULES))

        def firing(name):
            return [a for a in subject.alerts() if a["labels"]["alertname"] == name and a["state"] == "firing"
                    and a["labels"].get("service") == "web"]

        wait_until("descriptors near the limit are told", lambda: firing("DescriptorsNearTheLimit"), 20,
                   detail=subject.log)
        assert not firing("CrashLoop")
        s.kill()
        s.wait()
        wait_value(subject, 'tolld_service_up{service="web"}', 0)
        s.start()
        wait_until("the restart is told", lambda: firing("CrashLoop"), 20, detail=subject.log)
        assert not firing("TolldLosesEvents")


def test_what_tolld_counts_is_there_without_scraping_it(watching, tmp_path, exporter):
    subject = watching()
    # The owner's settings have it scrape itself: then its figures are that target's, and each is there once.
    wait_until("its figures are there", lambda: subject.query('tolld_build_info'), detail=subject.log)
    assert [m["job"] for m, _ in subject.query('tolld_build_info')] == ["prometheus"]
    assert {m["job"] for m, _ in subject.query('tolld_service_up')} == {"node"}
    text = (tmp_path / "prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(text.replace(f"'localhost:{subject.ports.prometheus}'", "'127.0.0.1:1'"))
    subject.reload()
    wait_until("its own figures are there", lambda: subject.query('tolld_build_info{job="tolld"}'), detail=subject.log)
    assert value(subject, 'sum(tolld_watch_lost_events_total{job="tolld"})') == 0
    assert value(subject, 'tolld_machine_forks_total{job="tolld"}') > 0
    assert value(subject, 'tolld_loop_turn_seconds_count{job="tolld"}') > 0
    (labels, _), = subject.query('process_open_fds{job="tolld"}')
    assert labels["instance"] == socket.gethostname()


def test_a_service_that_is_taken_out_ends_with_its_series(watching, ports, tmp_path, needs_root):
    with service(tmp_path, ports.exporter):
        subject = watching(f"  - {{service: web, listen: '127.0.0.1:{ports.exporter}'}}\n")
        wait_value(subject, 'tolld_service_threads{service="web"}', 4)
        (tmp_path / "watch.yml").write_text("global: {}\n")
        subject.reload()
        wait_until("all its series end", lambda: not subject.query('{__name__=~"tolld_service_.*",service="web"}'),
                   detail=subject.log)


def test_metrics_are_valid_in_the_eyes_of_promtool(watching, ports, tmp_path, needs_root):
    with service(tmp_path, ports.exporter):
        subject = watching(f"  - {{service: web, listen: '127.0.0.1:{ports.exporter}'}}\n")
        wait_value(subject, 'tolld_service_threads{service="web"}', 4)
        text = http(subject.url + "/metrics").text
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
