"""What a person types: run, check, version; and what it answers to mistakes."""
import contextlib
import http.server
import json
import os
import re
import subprocess
import threading

import pytest

from process import ROOT
from subject import TOLLD, Ports, write_seed

CONFORMANCE = os.environ.get("TOLLD_CONFORMANCE", os.path.join(ROOT, "..", "shared", "conformance"))
pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="these are tolld's own commands")
needs_conformance = pytest.mark.skipif(not os.path.isdir(CONFORMANCE), reason=f"no data in {CONFORMANCE}")


def tolld(*args, cwd=None, timeout=60):
    return subprocess.run([TOLLD, *args], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout)


def test_version_is_one_line():
    done = tolld("version")
    assert done.returncode == 0
    assert re.fullmatch(r"tolld, version \d+\.\d+\.\d+ \(revision: \w+\)\n", done.stdout), done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("args", [(), ("no-such-command",), ("run", "--no-such-flag"), ("check",),
                                  ("run", "--storage.path"), ("run", "--storage.path="), ("run", "--config.file=")])
def test_a_wrong_call_is_told_on_stderr(args):
    done = tolld(*args)
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr != ""
    for arg in args[:1]:
        assert "tolld" in done.stderr


@pytest.mark.parametrize("command", ["run", "check", "test", "status", "query", "history", "notify"])
def test_an_unknown_flag_is_told_with_the_name_of_the_command(command):
    done = tolld(command, "--no-such-flag")
    assert done.stderr.startswith(f"tolld {command}: unrecognized option '--no-such-flag'\n")
    assert done.returncode == 2


@pytest.mark.parametrize("command", ["version", "metrics"])
def test_an_output_that_cannot_be_written_is_told(command):
    with open("/dev/full", "w") as full:
        done = subprocess.run([TOLLD, command], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=60)
    assert (done.returncode, done.stderr) == (1, f"tolld {command}: the output could not be written\n")


@pytest.mark.parametrize("command", ["run", "check", "test", "status", "query", "history", "notify", "metrics"])
def test_help_has_a_short_name(command):
    done = tolld(command, "-h")
    assert (done.returncode, done.stdout, done.stderr) == (0, tolld(command, "--help").stdout, "")
    assert done.stdout.startswith("usage: tolld")


@pytest.mark.parametrize("args, fault", [(["notify"], "no receiver is named"), (["notify", "a", "b"], "one receiver"),
                                         (["metrics", "--all"], "not '--all'"), (["check"], "no file is named")])
def test_a_wrong_call_names_its_fault(args, fault):
    done = tolld(*args)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"tolld {args[0]}: ") and fault in done.stderr


def test_help_is_an_answer_not_a_fault():
    done = tolld("--help")
    assert done.returncode == 0
    for command in ("run", "check", "version"):
        assert f"tolld {command}" in done.stdout


def test_the_manual_names_every_command_and_every_flag():
    with open(os.path.join(ROOT, "user/packaging/tolld.8")) as f:
        manual = f.read()
    commands = re.findall(r"^  tolld (\w+)", tolld("--help").stdout, re.M)
    assert commands == re.findall(r"^\.Nm\n\.Cm (\w+)", manual, re.M)
    flags = {flag for command in commands for flag in re.findall(r"--([a-z][a-z.-]+)", tolld(command, "--help").stdout)}
    assert flags == set(re.findall(r"Fl -([a-z][a-z.-]+)", manual))


def test_the_readme_has_the_flags_that_run_has_with_their_defaults():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        rows = re.findall(r"^\| (`--[^|]*) \|[^|]*\| ([^|]*)\|$", f.read(), re.M)
    shown = {flag: default for flags, default in rows for flag in re.findall(r"`--([a-z.-]+)", flags)}
    told = re.findall(r"^  --([a-z.-]+).*\n((?:        .*\n)+)", tolld("run", "--help").stdout, re.M)
    assert set(shown) == {flag for flag, _ in told} - {"help"}
    for flag, text in told:
        default = re.search(r"\(default ([\w./:]+)(?:\)|, | and )", text)
        if default:
            assert f"`{default[1]}`" in shown[flag], f"--{flag}: {text} | {shown[flag]}"


@pytest.mark.parametrize("text, taken_by", [
    ("route: {receiver: r, routes: [{matchers: ['\"a b\"=c']}]}", {"", "utf8-strict-mode"}),
    ("route: {receiver: r, routes: [{matchers: ['a=']}]}", {"", "classic-mode"}),
    ("route: {receiver: r, group_by: ['a b']}", {"", "utf8-strict-mode"}),
    ("route: {receiver: r, routes: [{matchers: ['a=b']}]}", {"", "classic-mode", "utf8-strict-mode"}),
])
def test_check_reads_matchers_as_run_would(tmp_path, text, taken_by):
    (tmp_path / "am.yml").write_text(f"{text}\nreceivers: [{{name: r}}]\n")
    for feature in ("", "classic-mode", "utf8-strict-mode"):
        done = tolld("check", *(["--enable-feature", feature] if feature else []), "am.yml", cwd=tmp_path)
        assert done.returncode == (0 if feature in taken_by else 1), (feature, done.stderr)
        assert ("am.yml:1:" in done.stderr) == (feature not in taken_by)


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("value", ["fast-mode", "", "classic-mode,", "classic-mode,utf8-strict-mode"])
def test_a_feature_that_there_is_not_is_a_wrong_call(command, value, tmp_path):
    done = tolld(command, f"--enable-feature={value}", "am.yml", cwd=tmp_path)
    assert done.returncode == 2
    assert "classic-mode" in done.stderr and "--enable-feature" in done.stderr


@pytest.mark.parametrize("flag,value", [
    ("query.timeout", "0s"), ("query.timeout", "soon"), ("query.lookback-delta", "-5m"), ("query.max-samples", "0"),
    ("query.max-samples", "1e6"), ("rules.alert.resend-delay", "-1m"), ("rules.alert.for-grace-period", "10"),
    ("rules.alert.for-outage-tolerance", "an hour"), ("storage.retention.size", "much"),
    ("web.listen-address", "9090"), ("web.listen-address", "localhost:http"), ("web.listen-address", ":99999"),
    ("web.external-url", "myhost:9090"), ("web.external-url", "http://"), ("web.external-url", "http://a b/")])
def test_a_flag_that_cannot_be_meant_is_told_with_its_value(flag, value):
    done = tolld("run", f"--{flag}", value)
    assert done.returncode == 2
    assert f"--{flag} {value}: " in done.stderr


@pytest.mark.parametrize("flag", ["storage.tsdb.retention.size", "storage.retention.size", "storage.memory-limit"])
@pytest.mark.parametrize("value", ["1TB", "20GiB", "1.5GB", "512MB", "1PB"])
def test_sizes_are_those_of_the_settings(flag, value):
    # The flags are read in their order, and the second one is at fault: tolld does not start.
    done = tolld("run", f"--{flag}", value, "--log.level", "none")
    assert done.returncode == 2
    assert done.stderr.startswith("tolld run: --log.level none: "), done.stderr


@pytest.mark.parametrize("value", ["0", "0B", "1", "-1GB", "1XB", "GB", "99EB"])
def test_a_size_that_is_none_is_told(value):
    done = tolld("run", "--storage.tsdb.retention.size", value)
    assert done.returncode == 2
    assert f"retention.size {value}: " in done.stderr


@pytest.mark.parametrize("path,word", [("/dev/zero", "too large"), (".", "Is a directory")])
def test_a_text_that_has_no_end_or_is_none_is_told(path, word, tmp_path):
    done = tolld("check", "--openmetrics", path, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{path}: {word}"), done.stderr


@pytest.mark.parametrize("args,status", [(("query", "up"), 1), (("status",), 2), (("history",), 2)])
def test_an_answer_that_is_too_large_is_no_missing_daemon(args, status):
    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(66):
                    self.wfile.write(b" " * (1 << 20))

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = tolld(*args, "--url", f"127.0.0.1:{server.server_port}")
        server.shutdown()
    assert done.returncode == status
    assert "larger than 64 MiB" in done.stderr and "no answer" not in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "rules.yml", "alertmanager.yml"])
def test_the_owners_files_are_without_fault(name, tmp_path):
    write_seed(tmp_path, Ports())
    done = tolld("check", name, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_three_at_once(tmp_path):
    write_seed(tmp_path, Ports())
    done = tolld("check", "prometheus.yml", "rules.yml", "alertmanager.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


# file, text, the place and a word of what is said
FAULTS = [
    ("prometheus.yml", "global:\n  scrape_intervall: 15s\n", "prometheus.yml:2:3: error: ", "scrape_intervall"),
    ("prometheus.yml", "global:\n  scrape_interval: 15 seconds\n", "prometheus.yml:2:20: error: ", "15 seconds"),
    ("prometheus.yml", "global: [1, 2]\n", "prometheus.yml:1:9: error: ", "global"),
    ("prometheus.yml", "scrape_configs:\n- job_name: a\n- job_name: a\n", "prometheus.yml:3:13: error: ", "a"),
    ("prometheus.yml", "global:\n  scrape_interval: 1s\n scrape_timeout: 1s\n", "prometheus.yml:3:", ""),
    ("prometheus.yml", "global: {}\nglobal: {}\n", "prometheus.yml:2:1: error: ", "global"),
    ("rules.yml", "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: rats(up[5m])\n", "rules.yml:5:11: error: ", "rats"),
    ("rules.yml", "groups:\n- name: g\n  rules:\n  - alert: A\n", "rules.yml:4:5: error: ", "expr"),
    ("rules.yml", "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    for: soon\n", "rules.yml:6:10: error: ",
     "soon"),
    ("rules.yml", "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations: {a: '{{ .X'}\n",
     "rules.yml:6:", ""),
    ("alertmanager.yml", "route: {receiver: nobody}\nreceivers: []\n", "alertmanager.yml:1:19: error: ", "nobody"),
    ("alertmanager.yml", "route:\n  receiver: a\nreceivers:\n- name: a\n  email_configs:\n  - to: a@example.org\n",
     "alertmanager.yml:6:5: error: ", "SMTP"),
]


@pytest.mark.parametrize("name,text,place,word", FAULTS)
def test_a_fault_is_told_with_its_place(tmp_path, name, text, place, word):
    (tmp_path / name).write_text(text)
    done = tolld("check", name, cwd=tmp_path)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    line = [l for l in said.splitlines() if l.startswith(place)]
    assert line, said
    assert word in line[0]


def test_all_faults_of_all_files_are_told_in_one_run(tmp_path):
    (tmp_path / "a.yml").write_text("global:\n  one: 1\n  two: 2\n")
    (tmp_path / "rules.yml").write_text("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: rats(up)\n")
    done = tolld("check", "a.yml", "rules.yml", cwd=tmp_path)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    for place in ("a.yml:2:3: error", "a.yml:3:3: error", "rules.yml:5:11: error"):
        assert place in said, said


def test_the_password_in_a_faulty_file_is_not_shown(tmp_path):
    (tmp_path / "alertmanager.yml").write_text("global:\n  smtp_auth_password: 'hunter2' x\n  smtp_auth_password: hunter2\n")
    done = tolld("check", "alertmanager.yml", cwd=tmp_path)
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr


def test_a_file_that_is_not_there_is_told(tmp_path):
    done = tolld("check", "none.yml", cwd=tmp_path)
    assert done.returncode == 1
    assert "none.yml" in done.stdout + done.stderr


def rule_syntax():
    folder = os.path.join(CONFORMANCE, "rule-syntax")
    # `legacy_validation` is about a scheme of names that a flag of Prometheus's chooses, and tolld has none.
    return sorted(n for n in os.listdir(folder) if "legacy" not in n) if os.path.isdir(folder) else []


@needs_conformance
@pytest.mark.parametrize("name", rule_syntax())
def test_rule_files_pass_or_fail_as_prometheus_says(name):
    done = tolld("check", os.path.join(CONFORMANCE, "rule-syntax", name))
    assert done.returncode == (1 if ".bad." in name else 0), done.stdout + done.stderr


@needs_conformance
@pytest.mark.parametrize("name", ["blackbox.yml", "host-and-hardware.yml", "node-mixin-alerts.yml", "node-mixin-rules.yml",
                                  "process-exporter.yml", "prometheus-self-monitoring.yml", "systemd.yml"])
def test_rule_files_that_people_use_load(name):
    done = tolld("check", os.path.join(CONFORMANCE, "rule-files", name))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_json_log_is_json(start, exporter):
    subject = start(options=["--log.format", "json"])
    subject.end()
    lines = subject.processes[0].log().splitlines()
    assert lines
    for line in lines:
        assert isinstance(json.loads(line), dict)


def test_the_readme_has_the_metrics_that_tolld_has():
    done = tolld("metrics", "--markdown")
    assert done.returncode == 0 and done.stderr == ""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        chapter = re.search(r"^## Metrics\n(.*?)(?=^## )", f.read(), re.M | re.S).group(1)
    assert chapter[chapter.index("### "):].strip() == done.stdout.strip(), \
        "the chapter 'Metrics' of README.md is what `tolld metrics --markdown` prints"


def test_metrics_are_listed_for_people_too():
    done = tolld("metrics")
    assert done.returncode == 0
    assert "tolld_service_exits_total{kind}  counter\n" in done.stdout
    assert tolld("metrics", "--no-such").returncode == 2
