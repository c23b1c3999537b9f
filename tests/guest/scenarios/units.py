"""Units as systemd runs them, and each way in which they end: what tolld says of it, in the API, the series, the journal."""
import os
import re
import signal
import socket
import subprocess
import sys

from inside import URL
from process import http


def unit(exec_start, service="", first=""):
    return f"[Unit]\n{first}\n[Service]\nExecStart={exec_start}\n{service}\n"


# A program that listens until it is told to close, and lives on.
CLOSER = """\
import signal, socket
listener = socket.create_server(("127.0.0.1", 9300))
signal.signal(signal.SIGUSR1, lambda *_: listener.close())
while True:
    signal.pause()
"""
# One that takes what systemd hands it, answers once and is done.
ANSWERER = """\
import socket
listener = socket.socket(fileno=3)
connection, _ = listener.accept()
connection.sendall(b"here\\n")
connection.close()
"""
# More than its unit may have.
GREEDY = """\
import time
held = bytearray()
while True:
    held += b"x" * (1 << 20)
    time.sleep(0.001)
"""
FILES = {f"/opt/units/{name}.py": text for name, text in
         (("closer", CLOSER), ("answerer", ANSWERER), ("greedy", GREEDY))}

SLEEP = "/usr/bin/sleep infinity"
UNITS = {
    "u-stop.service": unit(SLEEP),
    "u-kill.service": unit(SLEEP),
    "u-hostile.service": unit(SLEEP),
    "u-asked.service": unit(SLEEP),
    "crash-loop.service": unit("/usr/bin/false", "Restart=always\nRestartSec=100ms", "StartLimitIntervalSec=0"),
    "u-greedy.service": unit("/usr/bin/python3 /opt/units/greedy.py", "MemoryMax=32M\nMemorySwapMax=0"),
    "u-worker.service": unit("/bin/sh -c 'until test -e /run/u-worker; do sleep 0.1; done;"
                             " python3 /opt/units/greedy.py & wait; exec sleep infinity'",
                             "MemoryMax=32M\nMemorySwapMax=0\nOOMPolicy=continue"),
    "u-forking.service": unit("/bin/sh -c 'sleep infinity & echo $! > /run/u-forking.pid'",
                              "Type=forking\nPIDFile=/run/u-forking.pid"),
    "u-once.service": unit("/usr/bin/true", "Type=oneshot"),
    "u-fails.service": unit("/bin/sh -c 'exit 3'", "Type=oneshot"),
    "u-watchdog.service": unit(SLEEP, "WatchdogSec=1"),
    "u-closer.service": unit("/usr/bin/python3 /opt/units/closer.py"),
    "u-socket.service": unit("/usr/bin/python3 /opt/units/answerer.py"),
    "u-socket.socket": "[Socket]\nListenStream=127.0.0.1:9301\n",
}
WATCH = "".join(f"  - service: {name}\n    unit: u-{name}.service\n" for name in
                ("stop", "kill", "hostile", "asked", "greedy", "worker", "forking", "once", "fails", "watchdog", "socket")) + """\
  - service: closer
    unit: u-closer.service
    expect: listening
  - service: loops
    unit: 'crash-*.service'
"""
# Up to 15 bytes: more the kernel does not keep.
NAMES = (b"x\r\nBcc: e@v.il", b"a\nlevel=info b=", b"\x1b[2J\x1b]0;own\x07", b"\xff\xfe\xc3(\xe2\x82")
KILL = ("import ctypes, os, signal, sys\n"
        "ctypes.CDLL(None).prctl(15, os.fsencode(sys.argv[1]))\n"
        "os.kill(int(sys.argv[2]), signal.SIGKILL)\n")


# -- what is asked --------------------------------------------------------------------------------

def service(machine, name):
    return next((s for s in machine.api("/api/v1/services")["services"] if s["name"] == name), None)


def state(machine, name):
    return (service(machine, name) or {}).get("state")


def wait_state(machine, name, wanted):
    try:
        machine.wait(f"{name} is {wanted}", lambda: state(machine, name) == wanted, 60)
    except AssertionError as e:
        raise AssertionError(f"{e}: {service(machine, name)}") from None
    return service(machine, name)


def start(machine, name):
    machine.systemctl("start", f"u-{name}.service")
    return wait_state(machine, name, "up")


def death(machine, name):
    """Its last death, when all is known of it."""
    wait_state(machine, name, "down")
    return machine.wait(f"{name} has a cause", lambda: service(machine, name).get("lastDeath"))


def values(machine, name):
    """All samples of its `up` that there are, oldest first."""
    got = machine.api("/api/v1/query", {"query": f'up{{service="{name}"}}[10m]'})["result"]
    return [value for _, value in got[0]["values"]] if got else []


def deaths_in_journal(machine, name):
    return [e for e in machine.journal("-u", "tolld", f"TOLLD_SERVICE={name}") if "TOLLD_KIND" in e]


def text_of(field):
    """journalctl shows what is no text as the numbers of its bytes."""
    return bytes(field).decode("utf-8", "replace") if isinstance(field, list) else field


# -- tests ----------------------------------------------------------------------------------------

def test_a_unit_that_was_never_started_is_down_from_the_first_second(machine):
    known = wait_state(machine, "stop", "down")
    assert "is not started" in known["cause"], known
    assert machine.value('up{service="stop"}') == "0"


def test_a_stop_is_told_from_a_crash(machine):
    pid = start(machine, "stop")["pid"]
    assert pid == machine.pid("u-stop")
    machine.systemctl("stop", "u-stop")
    last = death(machine, "stop")
    assert last["requested"] and last["signalName"] == "SIGTERM" and last["pid"] == pid, last
    assert last["sender"]["pid"] == 1 and last["sender"]["comm"] == "systemd", last
    entry = machine.wait("the journal has it", lambda: deaths_in_journal(machine, "stop"))[-1]
    assert entry["TOLLD_REQUESTED"] == "yes" and entry["PRIORITY"] == "6", entry


def test_a_kill_names_who_sent_it(machine):
    pid = start(machine, "kill")["pid"]
    os.kill(pid, signal.SIGKILL)
    last = death(machine, "kill")
    assert not last["requested"] and last["signalName"] == "SIGKILL", last
    assert last["sender"]["pid"] == os.getpid() and last["sender"]["uid"] == 0, last
    cause = wait_state(machine, "kill", "down")["cause"]
    assert f"killed by SIGKILL from python3 (pid {os.getpid()}, uid 0)" in cause, cause
    entry = machine.wait("the journal has it", lambda: deaths_in_journal(machine, "kill"))[-1]
    assert entry["TOLLD_REQUESTED"] == "no" and entry["PRIORITY"] == "4" and entry["TOLLD_SIGNAL"] == "SIGKILL", entry


def test_systemctl_kill_is_systemd_s_signal(machine):
    start(machine, "asked")
    machine.systemctl("kill", "-s", "SEGV", "u-asked")
    last = death(machine, "asked")
    assert not last["requested"] and last["signalName"] == "SIGSEGV", last
    assert last["sender"]["comm"] == "systemd" and last["sender"]["pid"] == 1, last


def test_a_crash_loop_shows_each_death_and_each_restart(machine):
    machine.systemctl("start", "crash-loop", ok=False)
    machine.wait("it is a service by its pattern", lambda: service(machine, "crash-loop.service"))
    name = "crash-loop.service"
    machine.wait("it came back a few times", lambda: service(machine, name)["restarts"] >= 3)
    known = service(machine, name)
    assert known["lastDeath"]["kind"] == "exit" and known["lastDeath"]["code"] == 1, known
    assert known["deaths"] >= known["restarts"], known
    assert int(machine.show(name, "NRestarts")) >= known["restarts"]
    machine.wait("up was 0 and 1", lambda: {"0", "1"} <= set(values(machine, name)))


def test_a_crash_loop_that_is_stopped_is_missed(machine):
    name = "crash-loop.service"
    machine.systemctl("stop", name)
    assert machine.show(name, "ActiveState") == "inactive"
    wait_state(machine, name, "down")
    # systemd forgets it, and whoever asks for it makes it known anew: that is no reason to forget it, too.
    for _ in range(3):
        assert machine.show(name, "ActiveState") == "inactive"
        machine.wait("tolld has heard of all that systemd said", lambda: machine.api("/api/v1/services"))
    assert state(machine, name) == "down", service(machine, name)


def test_memory_that_is_out_in_a_unit_is_told_with_its_limit(machine):
    machine.systemctl("start", "u-greedy")
    last = death(machine, "greedy")
    assert last["kind"] == "oom", last
    # The unit closes the kernel's log to tolld: the group's own counters say that it was its limit.
    assert last["oomKind"] == "cgroup" and last["oomCgroup"] == "/system.slice/u-greedy.service", last
    known = service(machine, "greedy")
    assert "(the memory limit of /system.slice/u-greedy.service was reached)" in known["cause"], known
    machine.wait("the kill is counted", lambda: re.search(
        r'^tolld_service_oom_kills_total\{.*service="greedy".*\} 1$', http(URL + "/metrics").text, re.M))
    # The death says all of it.
    assert [e["kind"] for e in machine.events("greedy")[:2]] == ["death", "start"], machine.events("greedy")


def test_a_worker_that_memory_cost_is_in_the_history_of_a_service_that_lives_on(machine):
    pid = start(machine, "worker")["pid"]
    machine.wait("its group is measured", lambda: machine.value('tolld_service_cgroup_memory_bytes{service="worker"}'))
    open("/run/u-worker", "w").close()
    machine.wait("it is told", lambda: machine.events("worker")[0]["kind"] == "oom_kill")
    known = service(machine, "worker")
    assert (known["state"], known["pid"], known["deaths"]) == ("up", pid, 0), known
    assert "killed a process of it for lack of memory" in machine.run("tolld", "status", "worker").stdout
    machine.systemctl("stop", "u-worker")


def test_a_daemon_that_forks_is_its_main_process(machine):
    known = start(machine, "forking")
    with open("/run/u-forking.pid") as f:
        assert known["pid"] == int(f.read())
    assert known["deaths"] == 0, known
    os.kill(known["pid"], signal.SIGKILL)
    assert death(machine, "forking")["signalName"] == "SIGKILL"


def test_a_oneshot_is_down_only_if_it_failed(machine):
    machine.systemctl("start", "u-once")
    known = wait_state(machine, "once", "up")
    assert "pid" not in known, known
    machine.systemctl("start", "u-fails", ok=False)
    last = death(machine, "fails")
    assert last["kind"] == "exit" and last["code"] == 3, last


def test_one_that_a_socket_starts_may_be_without_a_process(machine):
    machine.systemctl("start", "u-socket.socket")
    known = wait_state(machine, "socket", "up")
    assert "pid" not in known, known
    zeros = values(machine, "socket").count("0")
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", 9301), 30) as s:
            assert s.makefile().readline() == "here\n"
        machine.wait("it is done", lambda: machine.show("u-socket.service", "ActiveState") == "inactive")
    known = wait_state(machine, "socket", "up")
    # It does its work and ends: that is no death that anybody should hear of.
    assert values(machine, "socket").count("0") == zeros, values(machine, "socket")
    machine.systemctl("stop", "u-socket.socket")
    wait_state(machine, "socket", "down")


def test_a_watchdog_that_ran_out_stands_in_the_cause(machine):
    machine.systemctl("start", "u-watchdog")
    last = death(machine, "watchdog")
    assert last["signalName"] == "SIGABRT" and last["sender"]["comm"] == "systemd", last
    machine.wait("systemd's word is in the cause",
                 lambda: "watchdog time ran out" in service(machine, "watchdog").get("cause", ""), 60)


def test_a_listener_that_is_gone_is_told_while_the_process_lives(machine):
    pid = start(machine, "closer")["pid"]
    os.kill(pid, signal.SIGUSR1)
    known = wait_state(machine, "closer", "down")
    assert known["pid"] == pid and not known["listening"] and "does not listen" in known["cause"], known
    assert os.path.exists(f"/proc/{pid}")


def test_hostile_names_stay_names_in_the_journal(machine):
    for n, name in enumerate(NAMES):
        pid = start(machine, "hostile")["pid"]
        subprocess.run([sys.executable, "-c", KILL, os.fsdecode(name), str(pid)], check=True)
        death(machine, "hostile")
        entry = machine.wait("the journal has it", lambda: deaths_in_journal(machine, "hostile")[n:])[0]
        for field, value in entry.items():
            if field.startswith("TOLLD_") or field == "MESSAGE":
                bad = [c for c in text_of(value) if ord(c) < 32 or 127 <= ord(c) < 160]
                assert not bad, (field, value)
        assert "SIGKILL from " in entry["MESSAGE"] and "Bcc" not in entry, entry
