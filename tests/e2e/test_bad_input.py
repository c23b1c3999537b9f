"""Whatever comes in, from files, targets, mail servers, disks: a clear line, and all else goes on."""
import contextlib
import functools
import gzip
import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import time

import pytest

import sanitizer
from exporter import Exporter
from mail_server import STEPS
from mailbox import Mailbox
from process import answers, boottime, free_port, http, wait_until
from subject import TOLLD, Timing, Tolld, as_nobody, dies, write_settings

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="what tolld promises")
MB = 1 << 20


# -- files -----------------------------------------------------------------------------------------

def check(folder, *names, timeout=60, memory=1024 * MB):
    """`tolld check` under a limit of memory: a fault of the file must not become a fault of the program."""
    def limit():
        if not sanitizer.ON:  # which reserves terabytes of addresses for itself
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    done = subprocess.run([TOLLD, "check", *names], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=timeout, preexec_fn=limit)
    done.said = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode in (0, 1), f"it ended with {done.returncode}\n{done.said[-2000:]}"
    return done


@pytest.mark.parametrize("text", [
    b"[" * 200_000, b"{a: " * 200_000, b"- " * 200_000, b"\n".join(b" " * i + b"a:" for i in range(2000)),
    b"groups: " + b"[" * 200_000 + b"]" * 200_000,
], ids=["brackets", "braces", "dashes", "indents", "closed"])
def test_depth_is_refused(tmp_path, text):
    (tmp_path / "rules.yml").write_bytes(text)
    done = check(tmp_path, "rules.yml")
    assert done.returncode == 1
    assert "rules.yml" in done.said


@pytest.mark.parametrize("expr", ["(" * 200_000 + "1" + ")" * 200_000, "-" * 200_000 + "1", "1" + "+1" * 200_000,
                                  "sum(" * 200_000, "up[" * 200_000, "{" * 200_000, "a" * (8 * MB)],
                         ids=["parentheses", "signs", "sums", "calls", "ranges", "braces", "name"])
def test_a_deep_expression_is_refused(tmp_path, expr):
    (tmp_path / "rules.yml").write_text(f"groups:\n- name: g\n  rules:\n  - record: r\n    expr: {expr!r}\n")
    done = check(tmp_path, "rules.yml")
    if "+1" not in expr and not expr.startswith("a"):
        assert done.returncode == 1


def many(line, n=90_000):
    return "".join(line.format(i=i) for i in range(n))


RECEIVER = "route: {receiver: r}\nreceivers:\n- name: r\n"


@pytest.mark.long  # for the sanitizers, which look at each allocation
@pytest.mark.parametrize("text,status", [
    ("route: {receiver: r, group_by: [" + many("l{i},") + "]}\nreceivers: [{name: r}]\n", 0),
    ("scrape_configs:\n" + many("- job_name: j{i}\n"), 0),
    ("route: {receiver: r0}\nreceivers:\n" + many("- name: r{i}\n"), 0),
    (RECEIVER + "  slack_configs:\n  - api_url: http://h/\n" + many("    k{i}: x\n"), 1),
    (RECEIVER + "  email_configs:\n  - to: a@b\n    from: a@b\n    smarthost: h:25\n    headers:\n" +
     many("      K{i}: x\n"), 0),
    ("global:\n" + many("  k{i}: x\n"), 1),
], ids=["labels", "jobs", "receivers", "keys", "headers", "global"])
def test_settings_with_very_many_names_are_answered_in_time(tmp_path, text, status):
    """Each held against all others would take minutes, in which the daemon that reads them hears of nothing."""
    (tmp_path / "a.yml").write_text(text)
    assert check(tmp_path, "a.yml", timeout=600 if sanitizer.ON else 60).returncode == status


def test_a_rules_file_of_100_mb_is_answered_in_time(tmp_path):
    rule = "  - alert: Number{n}\n    expr: up == {n}\n    for: 1m\n    labels: {{severity: page}}\n"
    with open(tmp_path / "rules.yml", "w") as f:
        f.write("groups:\n- name: g\n  rules:\n")
        n = 0
        while f.tell() < 100 * MB:
            f.write("".join(rule.format(n=n + i) for i in range(1000)))
            n += 1000
    begun = boottime()
    done = check(tmp_path, "rules.yml", timeout=120)
    assert boottime() - begun < 60
    assert done.returncode == 1 and "rules.yml" in done.said


@pytest.mark.parametrize("text", [
    b"\0", b"\xff\xfe\x00", b"groups:\n- name: \xff\xff\n", b"a: &a [*a]\n", b"a: &a {b: *a}\n", b"a: *nothing\n",
    b"a: &x [" + b"&y [" * 5 + b"]" * 5 + b"]\n", b"%YAML 9.9\n---\na: 1\n", b"a: !!binary x\n", b"? [a]\n: b\n", b"\t a: 1\n",
    b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9)),
    b"- just\n- a list\n", b"plain", b"\xef\xbb\xbfgroups: {}\n",
    b"groups:\n- name: g\n  interval: -1s\n", b"groups:\n- name: g\n  interval: 99999999999999999999y\n",
])
def test_rubbish_in_place_of_yaml_is_refused(tmp_path, text):
    (tmp_path / "x.yml").write_bytes(text)
    done = check(tmp_path, "x.yml")
    assert done.returncode == 1
    assert "x.yml" in done.said
    assert "\x1b" not in done.said and "\0" not in done.said


@pytest.mark.parametrize("kind", ["missing", "folder", "unreadable", "device"])
def test_a_settings_file_that_cannot_be_read_ends_the_start_with_a_clear_line(tmp_path, ports, kind, needs_root):
    write_settings(tmp_path, ports, Timing())
    file = tmp_path / "prometheus.yml"
    file.unlink()
    if kind == "folder":
        file.mkdir()
    elif kind == "unreadable":
        file.write_text("global: {}\n")
        file.chmod(0)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    subject = Tolld(tmp_path, ports)
    process = subject.processes[0]
    if kind == "unreadable":
        as_nobody(subject)
    subject.start(ready=False)
    assert process.wait(10) in (1, 2), process.log()
    assert "prometheus.yml" in process.log()
    assert len(process.log()) < 2000


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "rules.yml")
    done = check(tmp_path, "rules.yml", timeout=10)
    assert "rules.yml" in done.said


def test_a_pipe_that_somebody_writes_to_is_waited_for(tmp_path):
    process = subprocess.Popen([TOLLD, "check", "/dev/stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    folder = f"/proc/{process.pid}/fd"
    pipe = os.readlink(folder + "/0")
    wait_until("it has opened the pipe", lambda: [os.readlink(f"{folder}/{n}") for n in os.listdir(folder)].count(pipe) > 1)
    said = process.communicate(b"global: {}\n", timeout=20)[0].decode()
    assert process.returncode == 0, said


# -- targets ---------------------------------------------------------------------------------------

def hang(handler):
    handler.connection.recv(1)


def rubbish(handler):
    handler.wfile.write(bytes(range(256)) * 64)


def text_answer(body):
    def behave(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain; version=0.0.4")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for chunk in body():
            handler.wfile.write(chunk)
        handler.close_connection = True
    return behave


def endless():
    line = b"endless{a=\"b\"} 1\n" * 4096
    while True:
        yield line


def one_line_without_end():
    while True:
        yield b"a" * 65536


def a_million_series():
    for i in range(0, 1_000_000, 1000):
        yield b"".join(b"series{n=\"%d\"} 1\n" % n for n in range(i, i + 1000))


def not_metrics():
    yield b"<html><body>It works!</body></html>\n"


def half_a_line():
    yield b"a 1\nb{c=\"d\" 2\n"


def error_500(handler):
    handler.send_error(500)


def redirect_to_itself(handler):
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@functools.lru_cache
def bomb():
    return gzip.compress(b"a" * (512 * MB) + b" 1\n", 1)


def gzip_bomb(handler):
    body = bomb()
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain; version=0.0.4")
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def endless_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X-Header: " + b"a" * 1000 + b"\r\n")


def hang_up(handler):
    handler.close_connection = True


BEHAVIOURS = {f.__name__: f for f in (hang, rubbish, error_500, redirect_to_itself, gzip_bomb, endless_headers, hang_up)}
BEHAVIOURS.update({f.__name__: text_answer(f) for f in (endless, one_line_without_end, a_million_series, not_metrics,
                                                       half_a_line)})
MEMORY_LIMIT = 512 * MB


@pytest.mark.parametrize("name", sorted(BEHAVIOURS))
def test_a_bad_target_is_down_and_troubles_no_other(start, exporter, mailbox, name):
    port = free_port()
    bomb()  # made before it matters how long things take
    with Exporter(port, behave=BEHAVIOURS[name]) as target:
        subject = start(Timing(hold="300ms", group_wait="0s", targets={"bad": port}))
        wait_until("the good target is up", lambda: subject.up() == "1", detail=subject.log)
        wait_until("the bad one was asked", lambda: target.scrapes >= 2, 30, detail=subject.log)
        if name != "a_million_series":  # which may well be taken, if it stays within the limits
            wait_until("the bad target is down", lambda: subject.up("bad") == "0", detail=subject.log)
        begun = boottime()
        assert subject.up() == "1"
        assert boottime() - begun < 3.0
        assert subject.processes[0].memory_bytes()["rss"] < MEMORY_LIMIT
        # The alarm for the good one comes as promptly as ever, whatever the bad one does.
        before = len(mailbox.mails)
        died = exporter.kill()
        exporter.wait()
        wait_until("the alert of the good one fires",
                   lambda: any(a["labels"].get("job") == "node" and a["state"] == "firing" for a in subject.alerts()),
                   detail=subject.log)
        assert boottime() - died < 8.0
        mailbox.wait(before + 1, 10, subject.log)


# -- mail servers ----------------------------------------------------------------------------------

def dies_and_is_told(start, exporter, ports, tmp_path, step, how, patience):
    with Mailbox(ports.smtp, tmp_path, [f"{step} {how}"]) as server:
        subject = start(Timing(hold="0s", group_wait="0s"))
        dies(subject, exporter)
        wait_until("the server failed once", lambda: server.failures, detail=subject.log)
        begun = boottime()
        assert subject.up() == "0" and answers(subject.url + "/-/healthy")
        assert boottime() - begun < 3.0
        server.mend()
        wait_until("the mail comes all the same", lambda: server.mails, patience, detail=subject.log)
        end = boottime() + 3
        wait_until("three group_intervals pass", lambda: boottime() >= end, 10, 0.1)
        assert len(server.mails) == 1


@pytest.mark.parametrize("step,how", [("mail", "451 try later"), ("auth", "535 no"), ("body", "452 full"),
                                      ("connect", "drop"), ("body", "drop"), ("handshake", "drop")])
def test_a_mail_server_that_refuses_is_tried_again(start, exporter, ports, tmp_path, step, how):
    dies_and_is_told(start, exporter, ports, tmp_path, step, how, 30)


@pytest.mark.parametrize("step", [s if s in ("connect", "auth") else pytest.param(s, marks=pytest.mark.storm) for s in STEPS])
def test_a_mail_server_that_hangs_is_given_up_and_tried_again(start, exporter, ports, tmp_path, step):
    # Who has all of the mail may have taken it, and is given time to say so.
    dies_and_is_told(start, exporter, ports, tmp_path, step, "hang", 330 if step == "body" else 90)


def test_without_a_mail_server_all_else_goes_on_and_the_mail_comes_when_it_is_there(
        start, exporter, ports, tmp_path):
    subject = start(Timing(hold="0s", group_wait="0s"))
    dies(subject, exporter)
    wait_until("the failure is told", lambda: str(ports.smtp) in subject.processes[0].log(), detail=subject.log)
    with Mailbox(ports.smtp, tmp_path) as box:
        box.wait(1, 30, subject.log)


# -- disks -----------------------------------------------------------------------------------------

@pytest.fixture
def small_disk(tmp_path, needs_root):
    """The storage path on a disk of 2 MiB."""
    folder = tmp_path / "data"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "small", str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("cannot mount a tmpfs: " + done.stderr.strip())
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    with open(folder / "filler", "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass


def test_a_disk_that_fills_up_stops_no_mail(small_disk, start, exporter, mailbox):
    subject = start()
    wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
    fill(small_disk)
    exporter.kill()
    exporter.wait()
    mailbox.wait(1, 20, subject.log)
    assert answers(subject.url + "/-/healthy")
    wait_until("the fault of the disk is told",
               lambda: "full" in subject.log() or "No space left" in subject.log(), 10, detail=subject.log)


def test_what_was_kept_stays_while_all_is_written_anew(small_disk, start):
    """A disk was full for so long that rows were given up. When it takes them again nothing may be gone in between."""
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    subject = start(Timing(group_wait="1h"))

    def post(first, n):
        for i in range(first, first + n, 1000):
            body = json.dumps([{"labels": {"alertname": "Many", "n": str(k)}} for k in range(i, i + 1000)])
            assert http(subject.alertmanager_url + "/api/v2/alerts", "POST", body=body.encode(),
                        headers={"Content-Type": "application/json"}).status == 200

    def kept():
        with contextlib.closing(sqlite3.connect(f"file:{small_disk}/tolld.db?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM kept WHERE kind = 'alert' AND value LIKE '%Many%'").fetchone()[0]

    post(0, 3000)
    wait_until("they are kept", lambda: kept() == 3000, detail=subject.log)
    fill(small_disk)
    post(3000, 12000)
    wait_until("some are given up", lambda: "cannot keep" in subject.log(), detail=subject.log)
    (small_disk / "filler").unlink()
    least = []
    wait_until("all are kept anew", lambda: least.append(kept()) or least[-1] == 15000, 60, 0, subject.log)
    assert min(least) >= 3000


@pytest.mark.parametrize("room", [0, 40_000, 100_000, "ended", "killed"])
def test_a_disk_that_was_full_before_stops_neither_the_start_nor_a_mail(small_disk, start, exporter, mailbox, room):
    """At the first start, with more or less of room for the tables; and where all was laid out before."""
    def failing():
        return http(subject.url + "/metrics").text.split("\ntolld_store_failing ")[1][0]

    def silences():
        return sorted(s["comment"] for s in http(subject.alertmanager_url + "/api/v2/silences").json())

    def silence(comment):
        body = {"matchers": [{"name": "a", "value": comment, "isRegex": False}], "createdBy": "me", "comment": comment,
                "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z"}
        assert http(subject.alertmanager_url + "/api/v2/silences", "POST", body=json.dumps(body).encode(),
                    headers={"Content-Type": "application/json"}).status == 200

    known = room in ("ended", "killed")
    if known:
        subject = start()
        silence("before")
        wait_until("it is kept", lambda: "\ntolld_store_queued_statements 0\n" in http(subject.url + "/metrics").text, 20)
        subject.end() if room == "ended" else subject.kill()
        fill(small_disk)
        subject.start()
        assert silences() == ["before"]
    else:
        (small_disk / "room").write_bytes(bytes(room))
        fill(small_disk)
        (small_disk / "room").unlink()
        subject = start()
    if room in (0, "ended"):  # after a kill SQLite has its files, and notices nothing until it writes
        line, = [l for l in subject.log().splitlines() if "the disk is full" in l]
        assert str(small_disk) in line and "level=error" in line
        assert failing() == "1"
    silence("meanwhile")
    exporter.kill()
    exporter.wait()
    mailbox.wait(1, 20, subject.log)
    (small_disk / "filler").unlink()
    wait_until("it is told that there is room", lambda: room in (100_000, "killed") or "room on the disk again" in subject.log(), 40,
               detail=subject.log)
    wait_until("all is kept", lambda: failing() == "0", 20, detail=subject.log)
    wait_until("nothing waits", lambda: "\ntolld_store_queued_statements 0\n" in http(subject.url + "/metrics").text, 20,
               detail=subject.log)
    subject.kill()
    subject.start()
    assert "the disk is full" not in subject.log().split("is ready")[-1]
    assert silences() == (["before"] if known else []) + ["meanwhile"]


def test_a_state_that_comes_after_the_start_on_a_full_disk_is_not_written_over(small_disk, start, tmp_path):
    """It is nobody's whom this daemon knows; and that there is room would not be the whole truth."""
    subject = start()
    subject.end()
    state = small_disk / "tolld.db"
    known = state.read_bytes()
    state.unlink()
    fill(small_disk)
    subject.start()
    (small_disk / "filler").unlink()
    state.write_bytes(known)
    wait_until("it is told", lambda: "there is a state that was not read" in subject.log(), 40, detail=subject.log)
    time.sleep(11)  # it is tried every 10 s
    line, = [l for l in subject.log().splitlines() if "there is a state that was not read" in l]
    assert "level=error" in line and str(small_disk) in line and "start tolld again" in line
    assert "room on the disk again" not in subject.log()


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_spoilt_state_file_is_told_and_does_not_stop_the_alarms(tmp_path, start, exporter, mailbox, content):
    subject = start()
    subject.end()
    files = [f for f in (tmp_path / "data").iterdir() if f.is_file()]
    assert files
    for f in files:
        f.write_bytes(content) if f.suffix in (".db", ".sqlite", "") else f.unlink()
    subject.start()
    dies(subject, exporter)
    mailbox.wait(1, 20, subject.log)


@pytest.mark.parametrize("kind", ["file", "read-only"])
def test_a_storage_path_that_cannot_be_used_ends_the_start_with_a_clear_line(tmp_path, ports, kind, needs_root):
    write_settings(tmp_path, ports, Timing())
    subject = Tolld(tmp_path, ports)
    process = subject.processes[0]
    if kind == "file":
        (tmp_path / "data").write_text("in the way")
    else:
        as_nobody(subject)
        shutil.chown(tmp_path / "data", "root", "root")
    subject.start(ready=False)
    assert process.wait(10) == 1, process.log()
    assert "data" in process.log()


# -- addresses -------------------------------------------------------------------------------------

def test_an_address_in_use_that_was_asked_for_is_an_error(tmp_path, ports):
    write_settings(tmp_path, ports, Timing())
    with socket.create_server(("127.0.0.1", ports.alertmanager)):
        subject = Tolld(tmp_path, ports)
        subject.start(ready=False)
        process = subject.processes[0]
        assert process.wait(10) == 1, process.log()
        assert f"127.0.0.1:{ports.alertmanager}" in process.log()
        assert "in use" in process.log()


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:99999", "127.0.0.1:", "256.1.1.1:80", "", "[::1:80"])
def test_an_address_that_is_none_is_an_error(tmp_path, ports, address):
    write_settings(tmp_path, ports, Timing())
    subject = Tolld(tmp_path, ports, ["--web.listen-address", address])
    subject.start(ready=False)
    process = subject.processes[0]
    assert process.wait(10) in (1, 2), process.log()
    assert "listen" in process.log()
