"""tolld as the service that it is: reload, rights, fence, watchdog, end."""
import os
import pwd
import re
import signal
import time

from inside import URL
from process import answers, http

LAST = True
PINS = "/sys/fs/bpf/tolld"
READING = 1 << 2 | 1 << 19  # CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE, for /proc of others
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


def reloads():
    text = http(URL + "/metrics").text
    return int(re.search(r'^tolld_config_reloads_total{result="success"} (\d+)$', text, re.M).group(1))


def test_a_reload_keeps_the_process(machine):
    before = machine.pid("tolld")
    machine.systemctl("reload", "tolld")
    machine.wait("it answers after the reload", lambda: answers(URL + "/-/healthy"))
    assert machine.pid("tolld") == before


def test_it_runs_as_its_own_user_and_keeps_only_what_reading_proc_needs(machine):
    said = dict(re.findall(r"^(\w+):\s*(.*?)\s*$", status(machine), re.M))
    tolld = pwd.getpwnam("tolld")
    assert said["Uid"].split() == [str(tolld.pw_uid)] * 4 and said["Gid"].split() == [str(tolld.pw_gid)] * 4
    kept = {name: int(said[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")}
    assert kept == {"CapEff": READING, "CapPrm": READING, "CapInh": 0, "CapAmb": 0}
    assert said["NoNewPrivs"] == "1"
    assert any("keeps CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE, and no other right" in e["MESSAGE"]
               for e in machine.journal("-u", "tolld"))


def test_it_still_has_the_backend_kernel(machine):
    assert 'tolld_backend_info{backend="kernel"' in http(URL + "/metrics").text


def test_its_state_is_its_own(machine):
    for path in ("/var/lib/tolld", "/var/lib/tolld/tolld.db"):
        assert os.stat(path).st_uid == pwd.getpwnam("tolld").pw_uid


def test_a_reload_reads_files_that_are_root_s_alone(machine):
    os.chmod("/etc/tolld/tolld.yml", 0o600)
    before = reloads()
    machine.systemctl("reload", "tolld")
    machine.wait("it has read them", lambda: reloads() == before + 1)


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
