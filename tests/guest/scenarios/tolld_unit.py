"""tolld as the service that it is: reload, rights, fence, watchdog, end."""
import os
import re
import signal
import time

from inside import URL
from process import answers

LAST = True
PINS = "/sys/fs/bpf/tolld"
# The unit's own half minute is right for a machine, and long for a test.
UNITS = {"tolld.service.d/watchdog.conf": """\
[Service]
WatchdogSec=5
"""}


def status(machine):
    with open(f"/proc/{machine.pid('tolld')}/status") as f:
        return f.read()


def pins():
    return sorted(os.listdir(PINS)) if os.path.isdir(PINS) else []


def test_a_reload_keeps_the_process(machine):
    before = machine.pid("tolld")
    machine.systemctl("reload", "tolld")
    machine.wait("it answers after the reload", lambda: answers(URL + "/-/healthy"))
    assert machine.pid("tolld") == before


def test_it_gives_up_what_it_no_longer_needs(machine):
    SYS_ADMIN, NET_ADMIN, SYS_MODULE = 21, 12, 16
    effective = int(re.search(r"^CapEff:\s+(\w+)", status(machine), re.M).group(1), 16)
    assert not effective & (1 << SYS_ADMIN | 1 << NET_ADMIN | 1 << SYS_MODULE), hex(effective)
    assert re.search(r"^NoNewPrivs:\s+1$", status(machine), re.M)


def test_the_fence_around_the_unit_is_narrow(machine):
    said = machine.run("systemd-analyze", "security", "--no-pager", "tolld.service", ok=False).stdout
    # systemd's own scale: below 3 is "OK", plain root services stand at 9.6.
    assert float(re.search(r"exposure level for \S+: ([\d.]+)", said).group(1)) < 3.0, said


def test_its_maps_are_pinned_while_it_runs(machine):
    assert pins()


def test_the_watchdog_restarts_it_when_it_hangs(machine):
    before = machine.show("tolld", "NRestarts")
    os.kill(machine.pid("tolld"), signal.SIGSTOP)
    machine.wait("the watchdog restarts it", lambda: machine.show("tolld", "NRestarts") != before)
    machine.wait("it answers after the restart", lambda: answers(URL + "/-/ready"))


def test_it_ends_when_asked_and_leaves_no_pins(machine):
    begun = time.monotonic()
    machine.systemctl("stop", "tolld")
    assert time.monotonic() - begun < 5
    assert machine.show("tolld", "Result") == "success"
    assert pins() == []
