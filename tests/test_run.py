"""tests/run counts honestly: what failed, hung, was skipped, or never ran."""
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
RUN = os.path.join(HERE, "run")


@pytest.fixture
def run(tmp_path):
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("tests_run", RUN)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tests_run", loader))
    loader.exec_module(module)
    module.ROOT = str(tmp_path)
    module.LOGS = str(tmp_path / "logs")
    module.as_root = list  # none of the programs here needs it
    os.makedirs(module.LOGS)
    return module


def unit_program(tmp_path, script):
    (tmp_path / "tests/unit/m").mkdir(parents=True)
    (tmp_path / "tests/unit/m/x.c").write_text("")
    program = tmp_path / "build/tests/unit/m/x"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)


@pytest.mark.parametrize("script,counts", [
    ("echo '[  PASSED  ] 3 test(s).' >&2", (3, 0, 0)),
    ("echo '[  PASSED  ] 2 test(s).'; echo '[  FAILED  ] one_of_them'; echo '[  FAILED  ] 1 test(s), listed below:'; "
     "echo '[  FAILED  ] one_of_them'; exit 1", (2, 1, 0)),
    ("echo '[  PASSED  ] 2 test(s).'; echo '[  FAILED  ] one'; echo '[  FAILED  ] two'; exit 2", (2, 2, 0)),
    # It counts its tests as passed and dies at its end: a leak that the sanitizer tells, say.
    ("echo '[  PASSED  ] 2 test(s).'; exit 23", (2, 1, 0)),
    ("kill -SEGV $$", (0, 1, 0)),
    ("exit 0", (0, 1, 0)),
    ("echo 'SKIPPED: no data'; echo '[  PASSED  ] 1 test(s).'", (1, 0, 1)),
    ("echo 'SKIPPED: not here'", (0, 0, 1)),
])
def test_a_unit_program_is_counted_by_what_it_says_and_how_it_ends(run, tmp_path, script, counts):
    unit_program(tmp_path, script + "\n")
    result = run.Result()
    run.unit("build")(result, None)
    assert (result.passed, result.failed, result.skipped) == counts
    assert bool(result.failures) == bool(result.failed)


def test_of_a_unit_program_that_failed_only_the_faults_are_shown(run, tmp_path):
    unit_program(tmp_path, """cat <<'END'
[==========] Running 3 test(s).
[ RUN      ] first
it says something
[       OK ] first
[ RUN      ] second
[  ERROR   ] --- 1 != 2
[  FAILED  ] second
[ RUN      ] third
[       OK ] third
[  PASSED  ] 2 test(s).
END
exit 1
""")
    result = run.Result()
    run.unit("build")(result, None)
    [(title, output)] = result.failures
    assert "1 != 2" in output and "second" in output
    assert "first" not in output and "third" not in output and "it says" not in output


def test_a_program_that_is_not_built_fails(run, tmp_path):
    unit_program(tmp_path, "exit 0\n")
    result = run.Result()
    run.unit("build-san")(result, None)
    assert result.failed == 1


def state(pid):
    """A letter of ps, or "" where there is no such process. What else ps says, as of a nice one, does not matter."""
    return subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True).stdout.strip()[:1]


def test_a_program_that_hangs_is_ended_with_all_that_it_started(run, tmp_path):
    pid_file = tmp_path / "pid"
    done = run.run("hang", ["sh", "-c", f"sleep 1000 & echo $! > {pid_file}; wait"], 2)
    assert done.timed_out
    pid, until = pid_file.read_text().strip(), time.monotonic() + 20
    # It is killed, and the kernel ends it when it comes to that.
    while state(pid) not in ("", "Z"):
        assert time.monotonic() < until, f"{pid} lives: {state(pid)}"
        time.sleep(0.02)


@pytest.mark.parametrize("body,counts", [
    ("def test_a(): pass\n", (1, 0, 0)),
    ("def test_a(): assert 0\n", (0, 1, 0)),
    ("import pytest\ndef test_a(): pytest.skip('why')\ndef test_b(): pass\n", (1, 0, 1)),
    ("import nothing_of_that_name\n", (0, 1, 0)),
    ("import os\ndef test_a(): os._exit(0)\n", (0, 1, 0)),
    ("x = 1\n", (0, 1, 0)),
])
def test_a_pytest_suite_is_counted_by_its_report(run, tmp_path, body, counts):
    (tmp_path / "t").mkdir()
    (tmp_path / "t/test_x.py").write_text(body)
    result = run.Result()
    run.pytest("t", ["t"], 60)(result, None)
    assert (result.passed, result.failed, result.skipped) == counts


def test_files_run_beside_each_other_and_all_are_counted(run, tmp_path):
    (tmp_path / "t").mkdir()
    meet = ("import os, time\n"
            "def test_a():\n"
            "    open({mine!r}, 'w').close()\n"
            "    end = time.monotonic() + 60\n"
            "    while not os.path.exists({other!r}):\n"
            "        assert time.monotonic() < end\n"
            "        time.sleep(0.01)\n")
    for mine, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"t/test_{mine}.py").write_text(meet.format(mine=str(tmp_path / mine), other=str(tmp_path / other)))
    (tmp_path / "t/test_c.py").write_text("def test_c(): assert 0\n")
    result = run.Result()
    run.pytest("t", ["t"], 100, first=("test_c",))(result, None)
    assert (result.passed, result.failed) == (2, 1)
    [(title, _)] = result.failures
    assert "test_c" in title


def test_a_suite_of_which_a_mark_leaves_nothing_fails(run, tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t/test_x.py").write_text("def test_a(): pass\n")
    result = run.Result()
    run.pytest("t", ["t"], 60, mark="nobody_has_it")(result, None)
    assert result.failed == 1


def test_a_suite_whose_files_are_missing_fails(run):
    result = run.Result()
    run.pytest("t", ["no/such/folder"], 60)(result, None)
    assert result.failed == 1


def test_nothing_that_ran_is_a_failure():
    done = subprocess.run([RUN, "check", "--only", "no-such-suite"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == ["nothing ran", "0 passed, 0 failed"]


def test_it_works_with_standard_input_closed():
    done = subprocess.run(["sh", "-c", f"exec {RUN} check --list <&-"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "e2e" in done.stdout.split()
