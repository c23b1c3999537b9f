"""The same rule unit tests to tolld and to promtool: the same verdict, and the same checks fail."""
import os
import re
import shutil
import subprocess

import pytest

from process import ROOT
from subject import TOLLD

CONFORMANCE = os.environ.get("TOLLD_CONFORMANCE", os.path.join(ROOT, "..", "shared", "conformance"))
pytestmark = [
    pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="this is tolld's own command"),
    pytest.mark.skipif(not shutil.which("promtool"), reason="there is no promtool"),
]

# Those that Debian's promtool, 2.42, reads: the others use keys that came later. A range was closed on its
# left then, so no-test-group-interval (a sample 5m old) and the like are not among them.
FILES = ["at-modifier-test", "negative-offset-test", "long-period", "failing", "bad-input-series", "bad-promql",
         "bad-rules-syntax-test", "bad-rules-error-test", "rules_run"]

RULES = """\
groups:
- name: early
  rules:
  - {alert: ReadsBefore, expr: recorded > 20}
- name: main
  rules:
  - {record: recorded, expr: sum(load)}
  - {record: 'by:job', expr: 'avg by (job) (load)', labels: {kind: avg}}
  - {alert: Down, expr: up == 0, for: 90s, labels: {severity: '{{ $labels.job }}-{{ $value }}'}}
  - {alert: Kept, expr: up == 0, keep_firing_for: 75s}
  - {alert: Gone, expr: 'absent(up{job="b"})', for: 30s}
  - {alert: High, expr: recorded > 20, annotations: {summary: '{{ $value }} of {{ $externalLabels.site }}'}}
  - {alert: Alerts, expr: 'count(ALERTS{alertstate="firing"}) > 0', for: 1m}
- name: late
  interval: 10m
  rules:
  - {alert: Rate, expr: 'rate(load[3m7s]) > 0.05'}
  - {alert: Changes, expr: 'changes(up[2m11s]) > 1'}
"""
ALERTS = re.findall(r"alert: (\w+)", RULES)

# Every 41 s, so that no sample is ever a whole lookback old at an evaluation.
SERIES = """\
  - {series: 'up{job="a"}', values: '1 1 0 0 0 0 1 0 0 1 1 1 1'}
  - {series: 'up{job="b"}', values: '1x3 0x2 _x3 1 stale _ 0x3'}
  - {series: 'load{job="a",cpu="0"}', values: '0+3.5x12'}
  - {series: 'load{job="b",cpu="1"}', values: '5 5.25 _ _ 1-0.1x6 stale'}
"""

EXPRESSIONS = ["up", 'up{job="b"}', "recorded > 15", "by:job{kind=\"avg\"}", "ALERTS", 'ALERTS{alertname="Down"}',
               'ALERTS{alertstate="pending"}', "count(ALERTS) > 2", "ALERTS_FOR_STATE > 100", "vector(time()) > 300",
               "sum_over_time(load[2m3s]) > 20", "max_over_time(recorded[4m1s]) > 30", "delta(load[3m3s]) < 0",
               "scalar(recorded) > bool 10", "load offset 2m", "count_over_time(up[3m1s:35s]) > 5", "vector(1)"]


def promtool(name, cwd):
    return subprocess.run(["promtool", "test", "rules", name], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)


def tolld(name, cwd):
    return subprocess.run([TOLLD, "test", name], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)


@pytest.mark.skipif(not os.path.isdir(CONFORMANCE), reason=f"no data in {CONFORMANCE}")
@pytest.mark.parametrize("name", FILES)
def test_the_verdict_is_the_same(name):
    folder = os.path.join(CONFORMANCE, "rule-tests")
    ours, theirs = tolld(name + ".yml", folder), promtool(name + ".yml", folder)
    assert ours.returncode == theirs.returncode, ours.stderr + theirs.stdout + theirs.stderr


def seconds(text):
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(n) * units[u] for n, u in re.findall(r"(\d+)([hms])", text))


def head(interval):
    return (f"rule_files: [rules.yml]\nevaluation_interval: {interval}\ngroup_eval_order: [early, main, late]\n"
            f"tests:\n- interval: 41s\n  name: one\n  external_labels: {{site: home}}\n  input_series:\n{SERIES}")


@pytest.mark.parametrize("interval", ["30s", "47s", "2m"])
def test_alerts_fire_at_the_same_times(tmp_path, interval):
    """No alert is expected, ever: what fails is when one fires."""
    (tmp_path / "rules.yml").write_text(RULES)
    cases = "".join(f"  - {{eval_time: {t}s, alertname: {a}, exp_alerts: []}}\n"
                    for t in range(0, 720, 15) for a in ALERTS)
    (tmp_path / "test.yml").write_text(head(interval) + "  alert_rule_test:\n" + cases)
    ours, theirs = tolld("test.yml", tmp_path), promtool("test.yml", tmp_path)
    assert (ours.returncode, theirs.returncode) == (1, 1), ours.stderr + theirs.stdout
    told = theirs.stdout + theirs.stderr
    theirs = {(a, seconds(t)) for a, t in re.findall(r"alertname: (\w+), time: (\w+)", told)}
    ours = {(a, seconds(t)) for t, a in
            re.findall(r"other alerts fire at (\w+)\n.*alertname: (\w+),", ours.stderr)}
    assert ours == theirs
    # In steps of two minutes, what is over sooner goes by unseen.
    assert {a for a, t in ours} == set(ALERTS) - ({"Gone", "Changes"} if interval == "2m" else set())


@pytest.mark.parametrize("interval", ["30s", "47s"])
@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_expressions_give_samples_at_the_same_times(tmp_path, expr, interval):
    (tmp_path / "rules.yml").write_text(RULES)
    cases = "".join(f"  - {{eval_time: {t}s, expr: '{expr}', exp_samples: []}}\n" for t in range(0, 720, 7))
    (tmp_path / "test.yml").write_text(head(interval) + "  promql_expr_test:\n" + cases)
    ours, theirs = tolld("test.yml", tmp_path), promtool("test.yml", tmp_path)
    assert (ours.returncode, theirs.returncode) == (1, 1), ours.stderr + theirs.stdout
    told = theirs.stdout + theirs.stderr
    theirs = {seconds(t) for t in re.findall(r"expr: .*, time: (\w+),", told)}
    ours = {seconds(t) for t in re.findall(r"gives something else at (\w+)\n", ours.stderr)}
    assert ours == theirs
    assert ours, "an expression that never gives anything compares nothing"


# expected samples or alerts, and whether that is right
EXACT = [
    ("promql_expr_test", "{expr: recorded, eval_time: 90s, exp_samples: [{labels: recorded, value: 12.25}]}", True),
    ("promql_expr_test", "{expr: recorded, eval_time: 90s, exp_samples: [{labels: 'recorded{}', value: 12.26}]}", False),
    ("promql_expr_test", "{expr: recorded, eval_time: 90s, exp_samples: [{value: 12.25}]}", False),
    ("promql_expr_test", "{expr: 'sum(recorded)', eval_time: 90s, exp_samples: [{labels: '{}', value: 12.25}]}", True),
    ("promql_expr_test", "{expr: 'time()', eval_time: 90s, exp_samples: [{labels: '', value: 90}]}", True),
    ("promql_expr_test", "{expr: '0 / 0', exp_samples: [{value: 0}]}", False),
    ("promql_expr_test", "{expr: '1 / 0', exp_samples: [{value: .inf}]}", True),
    ("promql_expr_test", "{expr: '-1 / 0', exp_samples: [{value: -.Inf}]}", True),
    ("promql_expr_test", "{expr: up, exp_samples: [{labels: 'up{job=\"b\"}', value: 1}, "
                         "{labels: 'up{job=\"a\"}', value: 1}]}", True),
    ("promql_expr_test", "{expr: up, exp_samples: [{labels: 'up{job=\"a\"}', value: 1}]}", False),
    ("promql_expr_test", "{expr: '\"text\"', exp_samples: []}", False),
    ("promql_expr_test", "{expr: 'up[5m]', exp_samples: []}", False),
    ("promql_expr_test", "{expr: up, eval_time: 1, exp_samples: []}", False),
    ("promql_expr_test", "{expr: up, evaltime: 1s, exp_samples: []}", False),
    ("alert_rule_test", "{alertname: High, eval_time: 5m, exp_alerts: [{exp_annotations: "
                        "{summary: '25.2 of home'}}]}", True),
    ("alert_rule_test", "{alertname: Down, eval_time: 4m, exp_alerts: [{exp_labels: {job: a, severity: a-0}}]}", True),
    ("alert_rule_test", "{alertname: Down, eval_time: 4m, exp_alerts: [{exp_labels: {job: a, severity: a}}]}", False),
    ("alert_rule_test", "{alertname: NoSuch, eval_time: 4m}", True),
    ("alert_rule_test", "{eval_time: 4m}", False),
]


@pytest.mark.parametrize("key,case,right", EXACT)
def test_expectations_are_read_the_same_way(tmp_path, key, case, right):
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "test.yml").write_text(head("30s") + f"  {key}:\n  - {case}\n")
    ours, theirs = tolld("test.yml", tmp_path), promtool("test.yml", tmp_path)
    assert ours.returncode == theirs.returncode, ours.stderr + theirs.stdout + theirs.stderr
    assert (ours.returncode == 0) == right, ours.stderr


VALUES = ["1 2 3", "1x3", "1+2x3", "1-2x3", "-1+-2x3", "_ 1", "_x3 1", "1 stale", "stalex2", "1e3", "0x10", ".5", "1.",
          "Inf", "-inf", "nan", "1,2", "1 2x", "1+2", "one", "_x", "x3", "1x3x4", "1 + 2", "+1", "--1", "1__2", "stale1",
          "0x1f", "1x-2", "1_", "'1'", "1 # 2"]


@pytest.mark.parametrize("values", VALUES)
def test_values_are_taken_or_refused_alike(tmp_path, values):
    # None of what is asked depends on the values, only whether they can be read at all.
    (tmp_path / "test.yml").write_text("tests:\n- input_series:\n  - series: m\n    values: \"%s\"\n" % values)
    ours, theirs = tolld("test.yml", tmp_path), promtool("test.yml", tmp_path)
    assert ours.returncode == theirs.returncode, ours.stderr + theirs.stdout + theirs.stderr


SERIES_NAMES = ["m", "m{}", "m{a=\\\"b\\\"}", "{a=\\\"b\\\"}", "m{a='b',}", "m{a=\\\"b\\\" c=\\\"d\\\"}", "m{a=~\\\"b\\\"}",
                "m{a}", "m{a=b}", "m{", "m}", "1m", "sum", "by", "a:b", "m[5m]", "m{a=\\\"\\\\n\\\"}", "m-n", "m{a='b'}{c='d'}"]


@pytest.mark.parametrize("series", SERIES_NAMES)
def test_series_are_taken_or_refused_alike(tmp_path, series):
    (tmp_path / "test.yml").write_text("tests:\n- input_series:\n  - series: \"%s\"\n    values: 1 2\n" % series)
    ours, theirs = tolld("test.yml", tmp_path), promtool("test.yml", tmp_path)
    assert ours.returncode == theirs.returncode, ours.stderr + theirs.stdout + theirs.stderr
