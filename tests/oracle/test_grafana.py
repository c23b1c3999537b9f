"""What Grafana asks of a Prometheus: on "Save & test", when a panel is drawn, while somebody types a query."""
import re
import time

import pytest

from process import http
from test_shapes import missing, shape

NOW = int(time.time())
FORM = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Grafana/11.2.0",
        "Accept-Encoding": "identity", "X-Grafana-Org-Id": "1"}
START, END = str(NOW - 300), str(NOW)

# (method, path, form): pkg/promlib/healthcheck.go, heuristics.go and the query editor's resources.
SAVE_AND_TEST = [
    ("POST", "/api/v1/query", {"query": "1+1", "time": f"{NOW}"}),
    ("GET", "/api/v1/status/buildinfo", None),
    ("GET", "/api/v1/rules", None),
]
PANEL = [
    ("POST", "/api/v1/query_range", {"query": "up", "start": f"{NOW - 300}", "end": f"{NOW}.000", "step": "15"}),
    ("POST", "/api/v1/query_range", {"query": "sum by (mount) (disk_free_bytes)", "start": START, "end": END, "step": "15s"}),
    ("POST", "/api/v1/query", {"query": "rate(requests_total[1m])", "time": END}),
    ("POST", "/api/v1/query", {"query": "count(up) by (job)", "time": f"{NOW}.123"}),
    ("POST", "/api/v1/query_exemplars", {"query": "rate(latency_seconds_bucket[1m])", "start": START, "end": END}),
]
EDITOR = [
    ("GET", f"/api/v1/metadata?start={START}&end={END}", None),
    ("GET", "/api/v1/metadata?limit=100&limit_per_metric=1", None),
    ("POST", "/api/v1/labels", {"start": START, "end": END}),
    ("POST", "/api/v1/labels", {"match[]": 'disk_free_bytes{mount="/"}', "start": START, "end": END, "limit": "40000"}),
    ("GET", f"/api/v1/label/__name__/values?start={START}&end={END}", None),
    ("GET", f"/api/v1/label/mount/values?start={START}&end={END}&match[]=disk_free_bytes", None),
    ("POST", "/api/v1/series", {"match[]": ["disk_free_bytes", "up"], "start": START, "end": END}),
    ("GET", "/api/v1/rules?type=alert", None),
    ("GET", "/api/v1/alerts", None),
    ("GET", "/api/v1/status/config", None),
    ("GET", "/api/v1/status/flags", None),
]


def ask(subject, method, path, form):
    return http(subject.url + path, method, form, headers=FORM if form else None)


@pytest.mark.parametrize("method,path,form", SAVE_AND_TEST + PANEL + EDITOR)
def test_grafana_is_answered_as_by_prometheus(pair, method, path, form):
    mine, theirs = (ask(s, method, path, form) for s in pair)
    assert (mine.status, theirs.status) == (200, 200), mine.text
    # Names of flags, and of each program's own metrics, are data.
    faults = [f for f in missing(shape(mine.json()), shape(theirs.json()))
              if "/flags" not in path and not re.match(r"\.data\.(go|net|process|prometheus|promhttp)_", f)]
    assert not faults, "\n".join(faults)


def test_save_and_test_takes_it_for_a_prometheus(pair):
    """Two by the first question; and no `features`, which would make it a Mimir."""
    tolld = pair[0]
    answer = ask(tolld, *SAVE_AND_TEST[0]).json()
    assert answer["status"] == "success"
    assert answer["data"]["resultType"] == "scalar" and answer["data"]["result"][1] == "2"
    info = ask(tolld, *SAVE_AND_TEST[1]).json()["data"]
    assert "features" not in info
    assert int(info["version"].split(".")[0]) >= 2


def test_an_error_is_one_that_grafana_shows(pair):
    mine, theirs = (ask(s, "POST", "/api/v1/query_range",
                        {"query": "rate(up)", "start": START, "end": END, "step": "15"}) for s in pair)
    assert mine.status == theirs.status == 400
    assert mine.json()["errorType"] == theirs.json()["errorType"] == "bad_data"
    assert "expected type range vector" in mine.json()["error"]
