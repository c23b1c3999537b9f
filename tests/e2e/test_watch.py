"""Services that the owner names under `watch`: found by program, arguments, pidfile, address; their `up`."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from process import ROOT, Process, answers, http, port_is_free, wait_until
from subject import TOLLD, Timing, write_settings

WAITS = os.path.join(ROOT, "build/tests/helpers/waits")
FORKS = os.path.join(ROOT, "build/tests/helpers/fork_loop")
BACKENDS = ["kernel", "pidfd", "poll"]

pytestmark = [
    pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="only tolld does this"),
    pytest.mark.skipif(not os.path.exists(WAITS), reason="SKIPPED: the helpers are not built (make helpers)"),
]


@pytest.fixture
def program(tmp_path):
    """A program of its own, which nobody else on this machine runs."""
    return shutil.copy2(WAITS, tmp_path / "a program")


@pytest.fixture
def watching(start, ports, tmp_path):
    """watching(text of the section, options, timing) -> tolld with it; watching.write() changes the section."""

    def write(section):
        (tmp_path / "watch.yml").write_text("watch:\n" + section)

    def go(section, options=(), timing=Timing(hold="0s", group_wait="0s")):
        write_settings(tmp_path, ports, timing)
        write(section)
        return start(options=["--config.file", "watch.yml", "--watch.bpffs", "", *options], settings=False)

    go.write = write
    return go


def services(subject):
    return {s["name"]: s for s in http(subject.url + "/api/v1/services").json()["data"]["services"]}


def up(subject, service):
    got = subject.query(f'up{{service="{service}"}}')
    return got[0][1] if got else None


def wait_up(subject, service, value):
    wait_until(f"up of {service} is {value}", lambda: up(subject, service) == value, detail=subject.log)


def runs(tmp_path, program, *arguments, name="a service"):
    return Process(name, [program, *arguments], tmp_path)


# -- selectors -------------------------------------------------------------------------------------

@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_program_is_down_at_once_and_the_mail_says_why(watching, program, tmp_path, mailbox, needs_root,
                                                                backend, exporter):
    with runs(tmp_path, program, "1000") as service:
        subject = watching(f"""\
  - service: sleeper
    exe: {program}
    labels: {{team: home}}
""", ["--watch.backend", backend])
        wait_up(subject, "sleeper", "1")
        labels, = [m for m, _ in subject.query('up{service="sleeper"}')]
        assert labels == {"__name__": "up", "job": "watch", "instance": socket.gethostname(), "service": "sleeper",
                          "team": "home"}
        shown = services(subject)["sleeper"]
        assert shown["state"] == "up" and shown["pid"] == service.pid
        service.kill()
        service.wait()
    wait_up(subject, "sleeper", "0")
    mail, = mailbox.wait(1, 20, subject.log)
    assert "InstanceDown" in mail.subject
    if backend == "kernel":
        assert "SIGKILL from" in mail.text
    shown = services(subject)["sleeper"]
    assert shown["state"] == "down" and shown["deaths"] == 1 and "pid" not in shown


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_restart_within_20_ms_is_a_dip(watching, program, tmp_path, needs_root, backend, exporter):
    subject = watching(f"  - {{service: sleeper, exe: {program}}}\n", ["--watch.backend", backend])
    with runs(tmp_path, program, "1000") as service:
        wait_up(subject, "sleeper", "1")
        service.kill()
        service.wait()
        service.start()
        wait_until("the restart is counted", lambda: services(subject)["sleeper"]["restarts"] == 1,
                   detail=subject.log)
        wait_up(subject, "sleeper", "1")
        assert services(subject)["sleeper"]["deaths"] == 1
        assert subject.query('resets(up{service="sleeper"}[1m])')[0][1] == "1"


def test_a_service_never_seen_is_down_from_the_first_second(watching, program, tmp_path, exporter):
    subject = watching(f"""\
  - {{service: by-exe, exe: {program}}}
  - {{service: by-cmdline, cmdline: 'no such thing as this [[]1[]]$'}}
  - {{service: by-pidfile, pidfile: {tmp_path}/run/nobody.pid}}
  - {{service: by-port, listen: {subject_port()}}}
""", timing=Timing(scrape_interval="15s", evaluation_interval="15s"))
    for service in ("by-exe", "by-cmdline", "by-pidfile", "by-port"):
        wait_until(f"{service} is down", lambda: up(subject, service) == "0", 3, detail=subject.log)
        assert services(subject)[service]["state"] == "down"


def subject_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_each_selector_finds_its_process(watching, program, tmp_path, needs_root, exporter, ports):
    pidfile = tmp_path / "run" / "service.pid"
    with runs(tmp_path, program, "1001", name="first") as first, runs(tmp_path, WAITS, "1002", name="second") as second:
        subject = watching(f"""\
  - {{service: by-exe, exe: {program}}}
  - {{service: by-cmdline, cmdline: '/waits 100[2]$'}}
  - {{service: by-pidfile, pidfile: {pidfile}}}
  - {{service: by-port, listen: {ports.exporter}}}
  - {{service: by-address, listen: 'localhost:{ports.exporter}'}}
""")
        pidfile.parent.mkdir()
        pidfile.write_text(f"{second.pid}\n")
        expected = {"by-exe": first.pid, "by-cmdline": second.pid, "by-pidfile": second.pid,
                    "by-port": exporter.pid, "by-address": exporter.pid}
        for service, pid in expected.items():
            wait_up(subject, service, "1")
            assert services(subject)[service]["pid"] == pid, service


def test_a_service_that_is_to_listen_is_down_while_it_does_not(watching, tmp_path, needs_root, exporter):
    code = """\
import socket, signal, time
s = None
def on(*_):
    global s
    s = socket.create_server(("127.0.0.1", 0))
def off(*_):
    s.close()
signal.signal(signal.SIGUSR1, on)
signal.signal(signal.SIGUSR2, off)
print("ready", flush=True)
while True:
    time.sleep(1000)
"""
    script = tmp_path / "listens by and by.py"
    script.write_text(code)
    subject = watching("  - {service: listener, cmdline: 'listens by and by[.]py', expect: listening}\n")
    with Process("listener", ["/usr/bin/python3", str(script)], tmp_path) as service:
        wait_until("it is ready", lambda: "ready" in service.log())
        wait_until("its process is found", lambda: services(subject)["listener"].get("pid") == service.pid,
                   detail=subject.log)
        assert up(subject, "listener") == "0"
        service.signal(signal.SIGUSR1)
        wait_up(subject, "listener", "1")
        service.signal(signal.SIGUSR2)
        wait_up(subject, "listener", "0")
        assert services(subject)["listener"]["pid"] == service.pid


# -- without settings ------------------------------------------------------------------------------

def test_without_settings_and_systemd_who_listens_is_watched(ports, tmp_path, exporter, needs_root):
    if os.path.isdir("/run/systemd/system") or os.path.exists("/etc/tolld/tolld.yml"):
        pytest.skip("this machine runs systemd, or has settings")
    listener = low_port()
    with Process("listener", ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", str(listener)],
                 tmp_path) as service:
        wait_until("it listens", lambda: answers(f"http://127.0.0.1:{listener}/"))
        tolld = Process("tolld", [TOLLD, "run", "--storage.path", str(tmp_path / "data"), "--watch.bpffs", "",
                                  "--web.listen-address", f"127.0.0.1:{ports.prometheus}"], tmp_path)
        url = f"http://127.0.0.1:{ports.prometheus}"
        with tolld:
            wait_until("it is ready", lambda: answers(url + "/-/ready"), detail=tolld.log)
            names = {s["name"]: s["state"] for s in http(url + "/api/v1/services").json()["data"]["services"]}
            name, = [n for n in names if n.endswith(f":{listener}")]
            assert names[name] == "up"
            # Whoever watches is no service of its own.
            assert not [n for n in names if n.endswith(f":{ports.prometheus}")]
            groups = http(url + "/api/v1/rules").json()["data"]["groups"]
            assert "ServiceDown" in [r["name"] for g in groups for r in g["rules"]]
            service.kill()
            wait_until("the death is in the log", lambda: "SIGKILL" in tolld.log(), detail=tolld.log)
            wait_until("the alert is pending in the log", lambda: "alert ServiceDown is pending" in tolld.log(),
                       detail=tolld.log)


def low_port():
    """One below those that the kernel gives out by itself, where services are."""
    for port in range(20000, 32000, 37):
        if port_is_free(port):
            return port
    raise AssertionError("no port is free")


# -- settings --------------------------------------------------------------------------------------

def test_a_reload_ends_the_series_of_who_is_not_watched_any_more(watching, program, tmp_path, exporter):
    subject = watching(f"""\
  - {{service: goes, exe: {program}}}
  - {{service: stays, exe: {program}}}
""")
    with runs(tmp_path, program, "1000"):
        wait_up(subject, "goes", "1")
        wait_up(subject, "stays", "1")
        since = services(subject)["stays"]["since"]
        watching.write(f"""\
  - {{service: stays, exe: {program}}}
  - {{service: comes, exe: {program}}}
""")
        subject.reload()
        wait_up(subject, "comes", "1")
        assert up(subject, "goes") is None
        assert set(services(subject)) >= {"stays", "comes"} and "goes" not in services(subject)
        # Who stays was not touched: no gap, no new beginning.
        assert services(subject)["stays"]["since"] == since
        assert subject.query('resets(up{service="stays"}[1m])')[0][1] == "0"


def bpftool(*words):
    return json.loads(subprocess.run(["bpftool", "-j", *words], check=True, capture_output=True, text=True).stdout)


def test_the_kernel_counts_by_place_who_is_watched(watching, tmp_path, exporter, needs_root):
    """What an unwatched process is told by: a place that said 0 for a watched one would lose its death."""
    subject = watching(f"  - {{service: shell, cmdline: 'echo {tmp_path}'}}\n", ["--watch.backend", "kernel"])
    maps = {m["id"]: m.get("name") for m in bpftool("map", "show")}
    infos = [Path(e.path).read_text() for e in os.scandir(f"/proc/{subject.processes[0].pid}/fdinfo")]
    own = {int(n) for info in infos for n in re.findall(r"^map_id:\s+(\d+)", info, re.M)}
    watched = next(n for n in own if maps.get(n) == "tolld_watch")
    # Both were made by one load.
    places = min((n for n, name in maps.items() if name == "tolld_may_be"), key=lambda n: abs(n - watched))

    def counted():
        value = bpftool("map", "dump", "id", str(places))[0]["formatted"]["value"]["watched"]
        return {i: n for i, n in enumerate(value) if n}

    def entries():
        keys = [e["formatted"]["key"]["pid"] for e in bpftool("map", "dump", "id", str(watched))]
        return dict(Counter(k % 16384 for k in keys))

    for life in range(5):
        shell = subprocess.Popen(["sh", "-c", f"echo {tmp_path}; sleep 1000 & sleep 1000 & sleep 0.3; wait"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            wait_up(subject, "shell", "1")
            assert shell.pid % 16384 in counted()
            wait_until("the counts are those of the entries", lambda: counted() == entries(), detail=lambda: f"{counted()} {entries()}")
        finally:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
        wait_up(subject, "shell", "0")
        assert services(subject)["shell"]["deaths"] == life + 1
    watching.write("  - {service: other, exe: /nowhere}\n")
    subject.reload()
    wait_until("nobody is watched", lambda: counted() == entries() and shell.pid % 16384 not in counted())


@pytest.mark.parametrize("backend", BACKENDS)
def test_whoever_is_not_watched_wakes_nobody_by_its_end(watching, program, tmp_path, exporter, needs_root, backend):
    pidfile = tmp_path / "pid"
    with runs(tmp_path, program, "1000") as service:
        pidfile.write_text(f"{service.pid}\n")
        subject = watching(f"  - {{service: sleeper, pidfile: {pidfile}}}\n", ["--watch.backend", backend],
                           Timing(scrape_interval="2m", evaluation_interval="2m"))
        wait_up(subject, "sleeper", "1")
        tolld, before = subject.processes[0], subject.processes[0].wakeups()
        subprocess.run([FORKS, "10000"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
        # A few a second come from its own timers; each end of those would have been one more.
        assert tolld.wakeups() - before < 1000
        assert up(subject, "sleeper") == "1"


def test_a_faulty_section_is_refused_with_its_place(watching, tmp_path, exporter):
    subject = watching("  - {service: a, exe: /bin/true}\n")
    watching.write("  - {service: a, exe: true}\n")
    subject.reload()
    wait_until("the fault is told", lambda: "watch.yml:2" in subject.log(), detail=subject.log)
    assert "begins with a slash" in subject.log()
    assert "a" in services(subject)


def test_status_shows_them(watching, program, tmp_path, exporter, ports):
    subject = watching(f"  - {{service: sleeper, exe: {program}}}\n")
    with runs(tmp_path, program, "1000") as service:
        wait_up(subject, "sleeper", "1")
        done = subprocess.run([subject.processes[0].argv[0], "status", "--url", subject.url, "sleeper"],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr
        assert "sleeper" in done.stdout and str(service.pid) in done.stdout and "up" in done.stdout
