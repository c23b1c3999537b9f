"""The way to systemd is lost: it begins anew, or there is no D-Bus any more. Units are watched all the same."""
import os
import signal

LAST = True
UNITS = {"u-bus.service": """\
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/bin/sleep infinity
Restart=always
RestartSec=100ms
"""}
WATCH = "  - service: bus\n    unit: u-bus.service\n"


def service(machine):
    return next(s for s in machine.api("/api/v1/services")["services"] if s["name"] == "bus")


def wait_up(machine, other_than=0):
    """Its process, once it is up with another one than that."""
    def is_up():
        known = service(machine)
        return known["state"] == "up" and known["pid"] != other_than and known
    try:
        return machine.wait("u-bus is up", is_up)["pid"]
    except AssertionError as e:
        raise AssertionError(f"{e}: {service(machine)}") from None


def said(machine, text):
    return sum(text in str(e["MESSAGE"]) for e in machine.journal("-u", "tolld"))


def asked(machine):
    return said(machine, "systemd is asked about units")


def kill_and_wait(machine, pid):
    restarts = service(machine)["restarts"]
    os.kill(pid, signal.SIGKILL)
    pid = wait_up(machine, other_than=pid)
    assert pid == machine.pid("u-bus")
    machine.wait("the restart is counted", lambda: service(machine)["restarts"] == restarts + 1)
    return pid


def test_systemd_that_begins_anew_is_asked_anew(machine):
    machine.systemctl("start", "u-bus")
    pid = wait_up(machine)
    before = asked(machine)
    machine.systemctl("daemon-reexec")
    machine.wait("tolld asks again", lambda: asked(machine) == before + 1)
    assert wait_up(machine) == pid
    kill_and_wait(machine, pid)


def test_without_dbus_control_groups_tell_and_the_log_says_what_to_do(machine):
    before, pid = asked(machine), wait_up(machine)
    daemon = machine.pid("dbus")
    machine.systemctl("stop", "dbus.socket", "dbus.service", ok=False)
    # Debian's unit leaves the process alone.
    if machine.run("kill", "-9", str(daemon), ok=False).returncode == 0:
        machine.wait("it is gone", lambda: not os.path.exists(f"/proc/{daemon}/exe"))
    machine.wait("tolld says so", lambda: said(machine, "install dbus"))
    assert wait_up(machine) == pid
    pid = kill_and_wait(machine, pid)
    machine.systemctl("stop", "u-bus")
    machine.wait("it is down", lambda: service(machine)["state"] == "down")
    machine.systemctl("start", "u-bus")
    wait_up(machine, other_than=pid)
    assert said(machine, "install dbus") == 1 and asked(machine) == before
    machine.systemctl("start", "dbus.socket")
    machine.wait("systemd is asked again", lambda: asked(machine) == before + 1)
    kill_and_wait(machine, wait_up(machine))
