"""Corners of rules, picked by hand: alerts and samples at every time are those that promtool expects."""
import shutil
from collections import Counter

import pytest

from rule_files import RuleTests
from rule_tests import difference

pytestmark = [
    pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="this is tolld's own command"),
    pytest.mark.skipif(not shutil.which("promtool"), reason="there is no promtool"),
]
ALWAYS = ("ALERTS", "ALERTS_FOR_STATE", "count(ALERTS)", 'ALERTS{alertstate="firing"}', "time() - ALERTS_FOR_STATE")
UP = [('up{job="a"}', "_ 1 0 0 0 0 1 1 0 0 0 0 1 1"), ('up{job="b"}', "_ 0x5 1x3 0x4")]
NAMED = [('up{job="a",b="1"}', "_ 0x12"), ('up{job="a",b="2"}', "_ 1 1 1 1 0x8")]


def group(rules, name="g", more=""):
    return f"- name: {name}\n{more}  rules:\n" + "".join(f"  - {r}\n" for r in rules)


def rule_file(*groups):
    return "groups:\n" + "".join(g if isinstance(g, str) else group(g) for g in groups)


def corner(*groups, series=UP, ask=(), interval="1m", evaluation_s=60, last_s=780, order=(), fails=(), **test):
    return dict(rules=rule_file(*groups), series=series, ask=ask, interval=interval, evaluation_s=evaluation_s, last_s=last_s,
                order=order, fails=fails, test=test)


CORNERS = {
    # -- labels that collide --
    "a label makes two alerts one": corner(
        ["{alert: A, expr: up == 0, labels: {b: x}}"], series=NAMED, fails={("A", 300)}),
    "an empty label makes two alerts one": corner(
        ['{alert: A, expr: up == 0, labels: {b: ""}}'], series=NAMED, fails={("A", 300)}),
    "a template makes two alerts one": corner(
        ['{alert: A, expr: up == 0, labels: {b: "{{ $labels.job }}"}}'], series=NAMED, fails={("A", 300)}),
    "a label makes two recorded series one": corner(
        ["{record: r, expr: up == 0, labels: {b: x}}"], series=NAMED, fails={("r", 300)}),
    "two names make one series": corner(
        ["{record: r, expr: '{__name__=~\"m|n\"}'}"], series=[("m", "_ 1x9"), ("n", "_x4 1x9")], fails={("r", 240)}),
    "two names make one alert": corner(
        ["{alert: A, expr: '{__name__=~\"m|n\"} == 1'}"], series=[("m", "_ 1x9"), ("n", "_x4 1x9")], fails={("A", 240)}),
    "two rules record one series": corner(
        ["{record: r, expr: up}", "{record: r, expr: up + 1}"], fails={("r", 60)}),
    "two rules record one series with the same values": corner(
        ["{record: r, expr: up}", "{record: r, expr: up * 1}"], ask=("r",)),
    "two rules record one series, one after the other": corner(
        ["{record: r, expr: up == 0}", "{record: r, expr: up == 1}"], fails={("r", 360)}),
    "two alerts of one name and labels": corner(
        ["{alert: A, expr: up == 0}", "{alert: A, expr: up == 0, for: 2m, annotations: {n: '2'}}"]),
    "two alerts of one name that begin at other times": corner(
        ["{alert: A, expr: up == 0}", "{alert: A, expr: 'up == 0 and up offset 1m == 0', for: 0s}"], fails={("A", 120)}),
    "alertname and alertstate are taken": corner(
        ["{alert: A, expr: m, labels: {alertname: x, alertstate: y}}", "{alert: B, expr: m, for: 1m, labels: {alertstate: '{{ $value }}'}}"],
        series=[('m{alertname="z",alertstate="w",a="1"}', "_ 1 1 1 2 2 2 stale")]),
    # -- for --
    "for 0 and none": corner(
        ["{alert: A, expr: up == 0, for: 0s}", "{alert: B, expr: up == 0}", "{alert: C, expr: up == 0, for: 1ms}",
         "{alert: D, expr: up == 0, for: 59s999ms}", "{alert: E, expr: up == 0, for: 1m}", "{alert: F, expr: up == 0, for: 1m1ms}"]),
    "a stale marker in the middle of a for": corner(
        ["{alert: A, expr: up == 0, for: 3m}", "{alert: B, expr: 'absent(up{job=\"a\"})', for: 1m}"],
        series=[('up{job="a"}', "_ 0 0 stale 0 0 0 0 stale _ 0 0 0 0 0"), ('up{job="b"}', "_ 0 0 _ 0 0 _ _ 0 0 stale")]),
    "a gap shorter than the lookback, and a longer one": corner(
        ["{alert: A, expr: up == 0, for: 10m}", "{alert: B, expr: absent(up), for: 2m}"], interval="1m1ms", last_s=1500,
        series=[("up", "_ 0 0 _x3 0 0 0 _x7 0x12")]),
    "a for that a label's value begins anew": corner(
        ["{alert: A, expr: m > 0, for: 2m, labels: {v: '{{ $value }}'}}", "{alert: B, expr: m > 0, for: 2m, annotations: {v: '{{ $value }}'}}"],
        series=[("m", "_ 1 1 1 2 2 3 3 3 3 0 3 3 3")]),
    "over and back within and beyond the retention": corner(
        ["{alert: A, expr: m > 0, for: 1m, annotations: {v: '{{ $value }}'}}"], last_s=3600,
        series=[("m", "_ 1 2 3 0 0 4 5 6 " + "0 " * 17 + "7 8 9 0 0 1 stale")]),
    "the first evaluation is at 0": corner(
        ["{alert: A, expr: vector(1)}", "{alert: B, expr: vector(1), for: 1m}", "{record: r, expr: time()}"], ask=("r",), last_s=120),
    # -- values --
    "scalars, no numbers and infinities": corner(
        ["{alert: A, expr: '1', annotations: {v: '{{ $value }} {{ $labels }}'}}", "{alert: B, expr: 'm', annotations: {v: '{{ $value }}'}}",
         "{alert: C, expr: 'm == bool m', annotations: {v: '{{ humanize $value }}'}}", "{record: r, expr: '7'}", "{record: s, expr: m}"],
        series=[("m", "_ NaN Inf -Inf 0 -0 1e300 NaN")], ask=("r", "count(s)"), last_s=420),
    "absent makes labels of its matchers": corner(
        ["{alert: A, expr: 'absent(up{job=\"a\",x=~\"y\",z!=\"1\",q=\"w\"})', annotations: {l: '{{ $labels }}'}}",
         "{alert: B, expr: absent(sum(nope)), annotations: {l: '{{ $labels }}'}}"]),
    # -- rules that read rules --
    "alerts read the alerts above and below": corner(
        ["{alert: Below, expr: 'ALERTS{alertname=\"A\",alertstate=\"firing\"}'}", "{alert: A, expr: up == 0, for: 1m}",
         "{alert: Above, expr: 'ALERTS{alertname=\"A\"} == 1', labels: {kind: x}}",
         "{alert: Long, expr: 'time() - ALERTS_FOR_STATE{alertname=\"A\"} >= 120', annotations: {v: '{{ $value }}'}}",
         "{alert: None, expr: 'absent(ALERTS{alertname=\"A\"})', for: 1m}", "{record: r, expr: 'count by(alertname) (ALERTS)'}"], ask=("r",)),
    "an alert that reads itself": corner(
        ["{alert: A, expr: 'up == 0 unless on(job) ALERTS{alertname=\"A\"}'}",
         "{alert: B, expr: 'count(ALERTS{alertname=\"B\"}) > 0 or vector(1)', for: 1m}"]),
    "rules that read themselves": corner(
        ["{record: n, expr: n + 1 or vector(0)}", "{record: old, expr: n offset 1m}", "{record: late, expr: after}",
         "{record: after, expr: time()}", "{record: sum, expr: 'sum_over_time(n[2m30s])'}"], ask=("n", "old", "late", "sum")),
    "the order of groups turned round": corner(
        group(["{alert: A, expr: r > 0}", "{record: s, expr: r}"], "first"), group(["{record: r, expr: up == 0 or up + 1}"], "second"),
        group(["{alert: B, expr: 's > 0 and on(job) ALERTS{alertname=\"A\"}'}"], "third"), order=("third", "second", "first"), ask=("r", "s")),
    "the order of groups as they stand": corner(
        group(["{alert: A, expr: r > 0}", "{record: s, expr: r}"], "first"), group(["{record: r, expr: up == 0 or up + 1}"], "second"),
        group(["{alert: B, expr: 's > 0 and on(job) ALERTS{alertname=\"A\"}'}"], "third"), order=("first", "second", "third"), ask=("r", "s")),
    "a recorded series ends": corner(
        ["{record: r, expr: up == 0, labels: {k: v}}", "{alert: A, expr: absent(r), for: 1m}", "{alert: B, expr: r offset 1m == 0}",
         "{record: c, expr: 'count_over_time(r[3m30s])'}", "{record: p, expr: 'present_over_time(r[3m30s:1m])'}"], ask=("r", "c", "p", "r offset 2m")),
    # -- groups --
    "intervals of groups have no say": corner(
        group(["{alert: A, expr: up == 0, for: 1m}"], "slow", "  interval: 1h\n"), group(["{record: r, expr: time()}"], "quick", "  interval: 1s\n"),
        evaluation_s=30, order=("slow", "quick"), ask=("r",)),
    "evaluations between the samples": corner(
        ["{alert: A, expr: up == 0, for: 50s}", "{record: r, expr: 'changes(up[2m1s])'}"], evaluation_s=25, interval="1m1ms", ask=("r",)),
    "evaluations rarer than samples": corner(
        ["{alert: A, expr: up == 0, for: 3m}", "{record: r, expr: 'sum_over_time(up[4m1s])'}"], evaluation_s=180, ask=("r", "up")),
    "limits that are met": corner(
        group(["{alert: A, expr: up == 0}", "{record: r, expr: up}"], "g", "  limit: 2\n"), ask=("r",)),
    "a limit of alerts that is exceeded": corner(
        group(["{alert: A, expr: up == 0, for: 5m}"], "g", "  limit: 1\n"), fails={("A", 120)}),
    "a limit of series that is exceeded": corner(
        group(["{record: r, expr: up == 0}"], "g", "  limit: 1\n"), fails={("r", 120)}),
    "a group without rules, and none at all": corner(group([], "empty").replace("rules:\n", "rules: []\n"), group(["{record: r, expr: up}"], "g"),
                                                     order=("empty", "g"), ask=("r",)),
    # -- labels and annotations --
    "external labels": corner(
        ["{alert: A, expr: up == 0, labels: {site: '{{ $externalLabels.site }}', more: '{{ .ExternalLabels.nope }}'}, "
         "annotations: {all: '{{ $externalLabels }}', job: '{{ $labels.job }}', url: '{{ $externalURL }}'}}", "{record: r, expr: up, labels: {k: v}}"],
        external_labels={"site": "home", "job": "external", "z": "é\"\\"}, external_url="http://h:1/p", ask=("r", "up")),
    "templates that fail": corner(
        ["{alert: A, expr: up == 0, labels: {bad: '{{ .Nope }}'}, annotations: {n: '{{ query \"none\" | first | value }}', good: 'x{{ $value }}'}}",
         "{alert: B, expr: up == 0, annotations: {a: '{{ query \"up ==\" }}', b: '{{ template \"none\" }}', c: '{{ humanize \"x\" }}', d: '{{ index .Labels 1 }}', "
         "e: 'said {{ slice \"ab\" 5 }}', f: '{{ $value | toTime | toTime }}', g: '{{ 1 | len }}', h: '{{ reReplaceAll \"(\" \"\" \"x\" }}'}}"]),
    "texts with odd letters": corner(
        ["{alert: A, expr: m > 0, labels: {l: \"é \\\"q\\\" \\\\ {x}\\n\\t'\"}, annotations: {n: \"a\\nb {{ $labels.a }}\\t{{ printf `%q` $labels.a }} \\u2028 😀\"}}"],
        series=[('m{a="\\"é\\\\\\n😀"}', "_ 1 1 0")], last_s=240),
    "texts that are empty": corner(
        ["{alert: A, expr: up == 0, labels: {e: '', t: '{{ $labels.nope }}', job: ''}, annotations: {e: '', t: '{{ $labels.nope }}', s: ' '}}"],
        series=[('up{job="a"}', "_ 1 0 0 1")], last_s=300),
    "the name is seen by templates alone": corner(
        ["{alert: A, expr: up == 0, labels: {n: '{{ $labels.__name__ }}'}, annotations: {l: '{{ $labels }}', v: '{{ with $labels.alertname }}no{{ end }}'}}",
         "{alert: B, expr: up * 0 == 0, annotations: {l: '{{ $labels }}'}}"]),
    "queries in annotations see what is above": corner(
        ["{record: r, expr: time()}", "{alert: A, expr: up == 0, annotations: {r: '{{ query \"r\" | first | value }}', "
         "s: '{{ range query \"sort(s)\" }}{{ .Value }};{{ end }}', c: '{{ with query \"count(ALERTS)\" }}{{ . | first | value }}{{ else }}none{{ end }}', "
         "t: '{{ query \"count_over_time(up[2m30s:])\" | len }} {{ query \"time()\" | first | value }}'}}", "{record: s, expr: time() + 1}"], evaluation_s=30),
}


@pytest.mark.parametrize("name", CORNERS)
def test_a_corner_is_as_promtool_has_it(tmp_path, name):
    c = CORNERS[name]
    alerts = {line.partition("alert: ")[2].partition(",")[0] for line in c["rules"].splitlines() if "alert: " in line}
    times = range(0, c["last_s"] + 1, 30)
    cases = {("alertname", a, t) for a in alerts | {"NoSuchAlert"} for t in times}
    cases |= {("expr", e, t) for e in (*ALWAYS, *c["ask"]) for t in times}
    test = {"interval": c["interval"], "series": c["series"], "cases": cases, **c["test"]}
    counts, failing = Counter(), set()
    found = difference(tmp_path, RuleTests(c["rules"], [test], c["evaluation_s"], c["order"]), counts, failing)
    assert not found, found
    assert failing == set(c["fails"])
    assert not counts["refused"]
    assert counts["answers"] or failing


def test_a_test_begins_with_nothing_of_the_one_before(tmp_path):
    rules = rule_file(["{alert: A, expr: up == 0, for: 2m}", "{record: n, expr: n + 1 or vector(0)}"])
    tests = [{"interval": "1m", "series": [("up", values)], "cases": {(k, w, t + i) for k, w in (("alertname", "A"), ("expr", "n"), ("expr", "ALERTS"))
                                                                     for t in range(0, 400, 30)}}
             for i, values in enumerate(("_ 0 0 0 0 0 0 0", "_ 1 0 0 0 0 1 1", "_"))]
    counts = Counter()
    found = difference(tmp_path, RuleTests(rules, tests), counts)
    assert not found, found
    assert counts["answers"] > 50
