"""The rules that come with tolld: good for both programs, and they ring when they should, as both say."""
import os
import shutil
import subprocess

import pytest

from process import ROOT
from subject import TOLLD

RULES = os.path.join(ROOT, "user/packaging/rules.yml")
TESTS = os.path.join(ROOT, "tests/oracle/packaged_rules.yml")
pytestmark = [
    pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="these are tolld's own rules"),
    pytest.mark.skipif(not shutil.which("promtool"), reason="there is no promtool"),
]


@pytest.mark.parametrize("command", [
    [TOLLD, "check", RULES], ["promtool", "check", "rules", RULES],
    [TOLLD, "test", TESTS], ["promtool", "test", "rules", TESTS],
], ids=["tolld-check", "promtool-check", "tolld-test", "promtool-test"])
def test_the_packaged_rules_pass(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr
