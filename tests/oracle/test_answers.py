"""The same samples, the same question: the same answer as Prometheus's."""
import re
import time

import pytest

from process import http

# Answers that depend on nothing but the constant samples.
EXPRESSIONS = """
disk_free_bytes
disk_free_bytes{mount=~"/.+"}
disk_free_bytes{device=""}
{__name__=~"disk_.*",mount!="/"}
sum(disk_free_bytes)
sum by (mount) (disk_free_bytes)
sum without (device) (disk_free_bytes)
avg(disk_free_bytes) by (device)
min(disk_free_bytes)
max(disk_free_bytes)
count(disk_free_bytes)
count by (code) (requests_total)
stddev(requests_total)
topk(2, requests_total)
bottomk(1, requests_total)
quantile(0.5, requests_total)
count_values("v", requests_total)
group(requests_total)
disk_free_bytes / disk_size_bytes
disk_free_bytes / on(mount) disk_size_bytes
disk_free_bytes / ignoring(device) group_left disk_size_bytes
1 - disk_free_bytes / disk_size_bytes > 0.1
disk_free_bytes > bool 1e9
disk_free_bytes and on(mount) disk_size_bytes
disk_free_bytes unless on(mount) disk_size_bytes
disk_free_bytes or disk_size_bytes
-disk_free_bytes
2 ^ 3 ^ 2
2 * 3 % 4 + 1
1 / 0
-1 / 0
0 / 0
abs(odd)
ceil(odd{kind="text"})
floor(odd{kind="text"})
round(requests_total, 5)
sgn(odd)
sqrt(odd)
ln(disk_free_bytes)
clamp(requests_total, 5, 100)
clamp_min(requests_total, 20)
clamp_max(requests_total, 20)
histogram_quantile(0.9, latency_seconds_bucket)
histogram_quantile(0.5, latency_seconds_bucket)
histogram_quantile(1.1, latency_seconds_bucket)
label_replace(disk_free_bytes, "disk", "/dev/$1", "device", "(.+)")
label_join(disk_free_bytes, "both", "-", "device", "mount")
absent(disk_free_bytes)
absent(no_such{a="b",c=~"d"})
absent_over_time(no_such[5m])
vector(1)
scalar(sum(requests_total))
sort(requests_total)
sort_desc(requests_total)
changes(requests_total[1m])
resets(requests_total[1m])
delta(requests_total[1m])
max_over_time(requests_total[1m])
last_over_time(requests_total[1m])
avg_over_time(requests_total[1m])
present_over_time(requests_total[1m])
stddev_over_time(requests_total[1m])
quantile_over_time(0.5, requests_total[1m])
rate(requests_total[1m])
increase(requests_total[1m])
irate(requests_total[1m])
deriv(requests_total[1m])
max_over_time(sum(requests_total)[1m:1s])
minute(vector(0))
day_of_week(vector(86400))
days_in_month(vector(951782400))
year(vector(1e9))
pi()
odd
odd == odd
"text"
'single'
1e3
0x1F
.5
Inf
NaN
up{job="node"}
ALERTS{alertname="DiskFull"}
disk:used:ratio
scrape_samples_scraped{job="node"}
scrape_samples_post_metric_relabeling{job="node"}
""".strip().splitlines()

FAULTS = """
rats(up[5m])
sum(
up{
up{a=b}
up[5m
up[5m] + 1
rate(up)
sum(1)
1 + "a"
up offset
up{__name__="a",__name__="b"}
{}
{a=~".*"}
1 == 2
foo and 1
rate(up[0s])
topk(up)
up or on(a) group_left up
label_replace(up, "a")
clamp(up)
a b
up{a=~"("}
@
"unterminated
""".strip().splitlines()

# ALERTS and samples come from two scrapes at two instants: their time differs, not their value.
def answer(subject, expr):
    got = http(subject.url + "/api/v1/query", "POST", {"query": expr})
    body = got.json()
    assert body["status"] == "success", (expr, body)
    data = body["data"]
    result = data["result"]
    if data["resultType"] in ("scalar", "string"):
        return data["resultType"], result[1]
    rows = [(tuple(sorted(s["metric"].items())), s["value"][1]) for s in result]
    return data["resultType"], rows if expr.startswith("sort") else sorted(rows)


def close(a, b) -> bool:
    """Equal as text, or, where the last digits are a matter of the order of adding, as numbers."""
    if a == b:
        return True
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    return abs(x - y) <= 1e-12 * max(abs(x), abs(y))


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_an_expression_gives_the_same(pair, expr):
    (kind, mine), (oracle_kind, theirs) = (answer(s, expr) for s in pair)
    assert kind == oracle_kind
    if isinstance(theirs, str):
        assert close(mine, theirs), (mine, theirs)
        return
    assert [labels for labels, _ in mine] == [labels for labels, _ in theirs]
    assert all(close(m, t) for (_, m), (_, t) in zip(mine, theirs)), (mine, theirs)


@pytest.mark.parametrize("expr", FAULTS)
def test_a_faulty_expression_is_refused_alike(pair, expr):
    mine, theirs = (http(s.url + "/api/v1/query", "POST", {"query": expr}) for s in pair)
    assert mine.status == theirs.status, (mine.text, theirs.text)
    if theirs.status == 200:
        assert mine.json()["data"] == theirs.json()["data"]
        return
    assert mine.json()["errorType"] == theirs.json()["errorType"]
    # The words are our own; the place is the same.
    place = re.search(r"(\d+:\d+): parse error", theirs.json()["error"])
    if place:
        assert re.search(r"(\d+:\d+): parse error", mine.json()["error"]), mine.json()["error"]


def test_alerts_are_the_same_but_for_their_times(pair):
    def alerts(subject):
        rows = [(a["labels"], {k: v for k, v in a["annotations"].items() if k != "cause"}, a["state"], a["value"])
                for a in subject.alerts()]
        return sorted(rows, key=str)
    mine, theirs = (alerts(s) for s in pair)
    assert mine == theirs


def by_value(query):
    """Numbers by their value: 2.42 prints 9.9e+12 for what newer ones, and tolld, print in full."""
    return re.sub(r"\b\d[\d.]*(?:e[+-]?\d+)?\b", lambda m: repr(float(m.group())), query)


def test_rules_are_the_same_but_for_their_times(pair):
    def rules(subject):
        groups = http(subject.url + "/api/v1/rules").json()["data"]["groups"]
        keep = ("name", "query", "duration", "labels", "annotations", "health", "type", "state")
        return [(g["name"], g["interval"],
                 [{k: by_value(r[k]) if k == "query" else r.get(k) for k in keep} for r in g["rules"]]) for g in groups]
    (mine,), (theirs,) = (rules(s) for s in pair)
    assert mine[:2] == theirs[:2]
    for m, t in zip(mine[2], theirs[2]):
        assert m == t
    assert len(mine[2]) == len(theirs[2])


@pytest.mark.parametrize("expr", ["disk_free_bytes", "sum(disk_free_bytes) + on() group_left sum(requests_total)", "1", "vector(1)",
                                  "disk_free_bytes / on(mount) disk_size_bytes", "absent(no_such)", "absent(disk_free_bytes)",
                                  "sum_over_time(vector(3)[10s:1s])",
                                  "sum_over_time((disk_free_bytes @ end())[4s:1s])", "sum(disk_free_bytes @ start())",
                                  "sort(disk_free_bytes)", "timestamp(requests_total)", "disk_free_bytes offset -1ms"])
def test_stats_count_the_samples_that_were_looked_at(pair, expr):
    now = time.time()
    forms = [("query", {"time": now}), ("query_range", {"start": now, "end": now + 20, "step": 1})]
    for path, form in forms:
        mine, theirs = (http(f"{s.url}/api/v1/{path}", "POST", {"query": expr, "stats": "true", **form}).json()["data"] for s in pair)
        assert mine["stats"]["samples"]["totalQueryableSamples"] == theirs["stats"]["samples"]["totalQueryableSamples"]
        assert "totalQueryableSamplesPerStep" not in mine["stats"]["samples"]
        steps, their_steps = (http(f"{s.url}/api/v1/{path}", "POST", {"query": expr, "stats": "all", **form}).json()
                              ["data"]["stats"]["samples"]["totalQueryableSamplesPerStep"] for s in pair)
        assert steps == their_steps
        assert mine["stats"]["timings"].keys() == theirs["stats"]["timings"].keys()
        assert "stats" not in http(f"{pair[0].url}/api/v1/{path}", "POST", {"query": expr, **form}).json()["data"]
