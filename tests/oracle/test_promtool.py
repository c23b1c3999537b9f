"""promtool asks tolld as it asks Prometheus, and prints the same."""
import re
import subprocess
import time

import pytest

from process import http

NOW = int(time.time())
RANGE = [f"--start={NOW - 120}", f"--end={NOW - 60}"]
COMMANDS = [
    ["instant", "vector(1)"],
    ["instant", "disk_free_bytes"],
    ["instant", "sum by (mount) (disk_free_bytes)"],
    ["instant", 'odd{kind!="text"}'],
    ["instant", "1 + 1"],
    ["instant", "rats(up)"],
    ["instant", f"--time={NOW - 3600}", "up"],
    ["range", "--step=30s", *RANGE, "vector(3)"],
    ["range", "--step=30s", *RANGE, "no_such"],
    ["range", "--step=0s", *RANGE, "up"],
    ["series", '--match=disk_free_bytes{mount="/"}', "--match=odd"],
    ["series", "--match=no_such"],
    ["labels", "mount"],
    ["labels", "no_such_label"],
    ["labels", "device"],
]


def promtool(subject, command):
    done = subprocess.run(["promtool", "query", command[0], *[a for a in command[1:] if a.startswith("--")], subject.url,
                           *[a for a in command[1:] if not a.startswith("--")]],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def comparable(text):
    """Times of now differ, and nobody promises the order of series."""
    return sorted(re.sub(r"@\[1\d{9}(\.\d+)?\]", "@[NOW]", line) for line in text.splitlines())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_promtool_prints_the_same(pair, command):
    mine, theirs = (promtool(s, command) for s in pair)
    assert mine[0] == theirs[0], mine
    ours, others = comparable(mine[1]), comparable(theirs[1])
    if command[0] == "range":
        assert ours == others
    else:
        assert [x for x in ours if x] == [x for x in others if x]
    if theirs[0]:
        assert mine[2].strip() and "bad_data" in mine[2] and "bad_data" in theirs[2]


def test_healthy_and_ready_are_what_newer_promtools_ask(pair):
    """`promtool check healthy` and `check ready` are these two, and 200 or not."""
    for subject in pair:
        for path, word in (("/-/healthy", "Healthy"), ("/-/ready", "Ready")):
            answer = http(subject.url + path)
            assert answer.status == 200 and word in answer.text
            assert http(subject.url + path, "HEAD").status == 200
