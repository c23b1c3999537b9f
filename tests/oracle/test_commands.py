"""What a person types, asked of tolld and of Prometheus: the same words come out."""
import subprocess

import pytest

from process import http
from subject import TOLLD

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="these are tolld's own commands")

EXPRESSIONS = ["disk_free_bytes", 'odd{kind!="text"}', "sum by (mount) (disk_free_bytes)", "vector(1)", "1 + 1", '"text"',
               "no_such", "disk_free_bytes / disk_size_bytes", "latency_seconds_bucket"]


def tolld(*args):
    return subprocess.run([TOLLD, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_an_instant_looks_the_same(pair, expr):
    ours, theirs = (tolld("query", expr, "--url", subject.url) for subject in pair)
    assert (ours.returncode, theirs.returncode) == (0, 0), ours.stderr + theirs.stderr
    # The targets' ports are the same: only their order may differ.
    assert sorted(ours.stdout.splitlines()) == sorted(theirs.stdout.splitlines())


def test_a_range_is_drawn_from_either(pair):
    for subject in pair:
        done = tolld("query", "vector(2)", "--start", "1h", "--step", "2m", "--url", subject.url)
        assert done.returncode == 0, done.stderr
        head, name, line = done.stdout.splitlines()
        assert ", every 2m" in head and name == "{}"
        assert line.endswith("  min 2  max 2  last 2") and len(line.split()[0]) == 31


@pytest.mark.parametrize("expr,marked", [("rats(up)", "    ^"), ("up + ", ""), ("up{a='b'", ""), ("sum(up) by", "")])
def test_a_fault_has_its_mark_under_the_expression(pair, expr, marked):
    for subject in pair:
        done = tolld("query", expr, "--url", subject.url)
        assert done.returncode == 1 and done.stdout == ""
        said, line, mark = done.stderr.splitlines()
        assert said.startswith("tolld query: ") and line == "    " + expr
        assert mark.startswith(marked) and mark.lstrip()[0] == "^"


def test_status_lists_the_services_of_a_running_tolld(pair):
    subject = pair[0]
    services = http(subject.url + "/api/v1/services").json()["data"]["services"]
    done = tolld("status", "--url", subject.url)
    assert done.returncode == (0 if all(s["state"] == "up" for s in services) else 1), done.stdout
    assert len(done.stdout.splitlines()) == len(services) + 1
    for service in services:
        one = tolld("status", service["name"], "--url", subject.url)
        assert one.returncode == (0 if service["state"] == "up" else 1)
        assert service["name"] in one.stdout and service["state"] in one.stdout


def test_status_of_nobody_is_told_apart(pair):
    done = tolld("status", "--url", pair[1].url)
    assert done.returncode == 2 and pair[1].url in done.stderr, "Prometheus knows no services"
