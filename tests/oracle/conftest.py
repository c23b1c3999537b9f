"""Two at once, on the same target: tolld, and Prometheus with Alertmanager."""
import pytest

from exporter import Exporter
from process import wait_until
from subject import Peers, Ports, Timing, free_port, write_settings

# Constant, so that both have the same samples whenever they ask.
METRICS = """\
# HELP disk_free_bytes What is left.
# TYPE disk_free_bytes gauge
disk_free_bytes{mount="/",device="sda"} 123456789
disk_free_bytes{mount="/home",device="sdb"} 9.5e+11
disk_free_bytes{mount="/tmp",device=""} 0
disk_size_bytes{mount="/",device="sda"} 2e+08
disk_size_bytes{mount="/home",device="sdb"} 1e+12
# TYPE requests_total counter
requests_total{code="200",method="get"} 1027
requests_total{code="500",method="get"} 3
requests_total{code="200",method="post"} 17.5
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 10
latency_seconds_bucket{le="0.5"} 30
latency_seconds_bucket{le="+Inf"} 40
latency_seconds_sum 12.25
latency_seconds_count 40
# TYPE odd untyped
odd{kind="nan"} NaN
odd{kind="inf"} +Inf
odd{kind="minus_inf"} -Inf
odd{kind="tiny"} 1e-12
odd{kind="huge"} 1.7976931348623157e+308
odd{kind="text",says="a \\"quoted\\" \\\\ line\\nand ünïcode"} -0.5
"""


@pytest.fixture(scope="module")
def pair(request, tmp_path_factory):
    """(tested, oracle), both running and past their first scrapes; `--subject peers` compares them to themselves."""
    from subject import SUBJECTS
    target, smtp = free_port(), free_port()
    with Exporter(target, METRICS):
        subjects = []
        try:
            for n, kind in enumerate((SUBJECTS[request.config.getoption("--subject")], Peers)):
                folder = tmp_path_factory.mktemp(f"{n}-{kind.name}")
                ports = Ports(free_port(), free_port(), target, smtp)
                write_settings(folder, ports, Timing(hold="1s", rules=RULES))
                options = ["--enable-feature=promql-per-step-stats"] if kind is Peers else []
                subjects.append(kind(folder, ports, options).start())
            for s in subjects:
                wait_until("the rules have been evaluated", lambda: s.query("disk:used:ratio"), 30, 0.1, s.log)
                wait_until("alerts fire", lambda: any(a["state"] == "firing" for a in s.alerts()), 30, 0.1, s.log)
            yield tuple(subjects)
        finally:
            for s in subjects:
                s.end()


RULES = """\
    - alert: DiskFull
      expr: disk_free_bytes / disk_size_bytes < 0.7
      for: 1s
      labels: {severity: page, where: 'on {{ $labels.mount }}'}
      annotations:
        summary: '{{ $labels.device }} has {{ $value | humanizePercentage }} left'
    - alert: Never
      expr: disk_free_bytes > 99e11
    - alert: Waits
      expr: requests_total{code="500"} > 0
      for: 1h
    - record: disk:used:ratio
      expr: 1 - disk_free_bytes / disk_size_bytes
      labels: {by: rule}
"""
