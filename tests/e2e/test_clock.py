"""A machine without a clock of its own: it starts in the past, and its samples are newer than now."""
import os
import time

import pytest

import sanitizer
from exporter import Exporter
from process import ROOT, Process, free_port, http, wait_until
from subject import TOLLD

SHIM = os.path.join(ROOT, "build", "tests", "helpers", "other_clock")
pytestmark = [pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="what tolld promises"),
              pytest.mark.skipif(sanitizer.ON, reason="the sanitizers' library wants to be the first")]

SETTINGS = """\
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}
rule_files: [rules.yml]
scrape_configs:
- job_name: node
  static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""
RULES = """\
groups:
- name: g
  rules:
  - {alert: Long, expr: up == 1, for: 1h}
  - {alert: Gone, expr: up == 0, for: 2s}
"""


class Machine:
    """One tolld by a wall clock that is `offset_s` before or behind the true one."""

    def __init__(self, folder):
        self.folder, self.port, self.target = str(folder), free_port(), free_port()
        self.clock = os.path.join(self.folder, "clock")
        for name, text in (("prometheus.yml", SETTINGS.format(port=self.target)), ("rules.yml", RULES)):
            with open(os.path.join(self.folder, name), "w") as f:
                f.write(text)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = Process("tolld", [
            TOLLD, "run", "--config.file", "prometheus.yml", "--storage.path", os.path.join(self.folder, "data"),
            "--web.listen-address", f"127.0.0.1:{self.port}", "--watch.backend", "poll", "--watch.bpffs", "",
            "--storage.flush-interval", "200ms"], folder)
        self.exporter = Exporter(self.target, "n 1\n")

    def set(self, offset_s):
        with open(self.clock, "w") as f:
            f.write(f"{round(offset_s * 1000)}\n")

    def start(self, offset_s=0, right=False):
        self.set(offset_s)
        self.process.env = {"LD_PRELOAD": SHIM, "OTHER_CLOCK": self.clock, **({"OTHER_CLOCK_IS_RIGHT": "1"} if right else {})}
        self.process.start()
        wait_until("tolld answers", self.ready, 20, detail=self.log)

    def ready(self):
        try:
            return http(self.url + "/-/ready").status == 200
        except OSError:
            return False

    def log(self):
        return self.process.log()[-4000:]

    def query(self, expr, at=None):
        """The values of the only series, or none."""
        form = {"query": expr, **({"time": at} if at else {})}
        result = http(self.url + "/api/v1/query", "POST", form).json()["data"]["result"]
        return [(float(t), float(v)) for s in result for t, v in s.get("values", [s.get("value")])]

    def alert(self, name):
        return next((a for a in http(self.url + "/api/v1/alerts").json()["data"]["alerts"] if a["labels"]["alertname"] == name), None)


@pytest.fixture
def machine(tmp_path):
    m = Machine(tmp_path)
    with m.exporter:
        try:
            yield m
        finally:
            m.process.end()


def restart(machine, offset_s, right=False):
    wait_until("there are samples", lambda: len(machine.query("n[1h]")) > 5, detail=machine.log)
    before = machine.query("n[1h]")
    assert machine.process.end() == 0
    machine.start(offset_s, right)
    return before


def test_a_clock_behind_its_samples_hides_and_loses_nothing(machine):
    machine.start()
    wait_until("the alert is pending", lambda: machine.alert("Long"), detail=machine.log)
    since = machine.alert("Long")["activeAt"]
    before = restart(machine, -3600)
    assert "behind the newest samples" in machine.log()
    # Old ones stand, and new ones come behind them.
    wait_until("new samples come", lambda: len(machine.query("n[1h]")) > len(before) + 5, detail=machine.log)
    got = machine.query("n[1h]")
    assert got[:len(before)] == before
    assert abs(got[-1][0] - time.time()) < 60
    # The long one keeps its age; what fails now is told after its `for`, not at once and not an hour later.
    assert machine.alert("Long")["activeAt"] == since and machine.alert("Long")["state"] == "pending"
    machine.exporter.__exit__(None, None, None)
    wait_until("the target is down", lambda: machine.query("up")[0][1] == 0, detail=machine.log)
    assert machine.alert("Gone") is None or machine.alert("Gone")["state"] == "pending"
    wait_until("its alert fires", lambda: (machine.alert("Gone") or {}).get("state") == "firing", 10, 0.05, machine.log)


def test_when_the_clock_is_right_again_time_goes_on_by_it(machine):
    machine.start()
    before = restart(machine, -3600)
    wait_until("new samples come", lambda: len(machine.query("n[1h]")) > len(before) + 5, detail=machine.log)
    machine.set(+30)  # as far as the machine was off
    wait_until("that is noticed", lambda: "the wall clock was set forward" in machine.log(), 30, 0.1, machine.log)
    wait_until("samples have the new time", lambda: (machine.query("n") or [(0, 0)])[0][0] > time.time() + 25, detail=machine.log)
    wait_until("and go on", lambda: len(machine.query("n[5s]")) > 5, detail=machine.log)
    got = machine.query("n[1h]")
    assert got[:len(before)] == before
    assert got == sorted(got)


def test_a_clock_that_is_synchronized_is_right_and_samples_from_the_future_go(machine):
    machine.start(+3600)
    restart(machine, 0, right=True)
    assert "those from the future" in machine.log()
    wait_until("new samples come", lambda: len(machine.query("n[5s]")) > 5, detail=machine.log)
    assert abs(machine.query("n")[0][0] - time.time()) < 30
    assert all(t < time.time() + 60 for t, _ in machine.query("n[2h]", time.time() + 3700))
