"""Whom the kernel ended for lack of memory: the mail names him, though nobody watched him."""
import os
import re
import socket
import sys
from dataclasses import replace

import pytest

from process import Process, http, wait_until
from subject import Timing, write_settings

BACKENDS = ["kernel", "pidfd", "poll"]
pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="only tolld does this")

LIMIT = 48 << 20  # what the program maps of files is not counted to it
RULES = """\
    - alert: MachineOomKill
      expr: increase(tolld_machine_oom_kills_total[5m]) > 0
    - alert: Other
      expr: vector(1) unless on() tolld_machine_oom_kills_total == 0
      labels: {instance: nowhere}
    - alert: Unconcerned
      expr: vector(1) and on() tolld_machine_forks_total > 0
"""
# Goes into the group, calls itself as told, and takes more memory than that has; not all of the machine's, should it go wrong.
EATER = """\
import ctypes, os, sys
with open(sys.argv[1] + "/cgroup.procs", "r+") as f:
    f.write("0")
ctypes.CDLL(None).prctl(15, os.fsencode(sys.argv[2]))
eaten = [bytearray(os.urandom(1 << 20)) for _ in range(256)]
"""


@pytest.fixture
def group(ports):
    """A memory cgroup with a limit: version 2, or version 1."""
    for root, limit in (("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        path = f"{root}/tolld-test-{ports.prometheus}"
        try:
            os.mkdir(path)
            # Where there is no such hierarchy there is no such file either, and none is made.
            with open(f"{path}/{limit}", "r+") as f:
                f.write(str(LIMIT))
        except OSError:
            if os.path.isdir(path):
                os.rmdir(path)
            continue
        yield path
        os.rmdir(path)
        return
    pytest.skip("no memory limit can be set here")


@pytest.fixture
def without_log(tmp_path):
    """Puts a process where /dev/kmsg cannot be opened, as the systemd unit does: there it is a socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "no-log"))

        def go(process):
            process.argv = ["unshare", "--mount", "sh", "-c", f"mount --bind '{tmp_path}/no-log' /dev/kmsg && exec \"$@\"",
                            "sh", *process.argv]

        yield go


def eat_and_wait(subject, tmp_path, group, called):
    """Until the kernel's counter tells of it; returns the number of the process."""
    wait_until("the kills of before are counted", lambda: counted(subject) is not None, detail=subject.log)
    before = counted(subject)
    with Process("eater", [sys.executable, "-c", EATER, group, os.fsdecode(called)], tmp_path) as eater:
        pid = eater.pid
        assert eater.wait(60) == -9, eater.log()
    wait_until("it is counted", lambda: counted(subject) > before, detail=subject.log)
    return pid


def counted(subject):
    got = subject.query("tolld_machine_oom_kills_total")
    return float(got[0][1]) if got else None


def cause_of(subject, alert):
    found = [a for a in subject.alerts() if a["labels"]["alertname"] == alert and a["state"] == "firing"]
    return found and found[0]["annotations"].get("cause", "-")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_mail_names_whom_the_kernel_killed(start, ports, tmp_path, mailbox, exporter, group, needs_root, backend):
    quick = Timing(hold="1m", group_wait="0s")
    subject = start(quick, options=["--watch.backend", backend])
    pid = eat_and_wait(subject, tmp_path, group, b"x\r\nBcc: e@v.il")
    # Only now: the kernel may have killed others before, of other tests.
    write_settings(tmp_path, ports, replace(quick, rules=RULES))
    subject.reload()
    mail, = wait_until("the mail is there", lambda: [m for m in mailbox.mails if "MachineOomKill" in m.subject], 30,
                       detail=subject.log)
    assert mail.message["Bcc"] is None
    text = " ".join(mail.text.split())
    told = re.search(r"(x\S*.{0,4}Bcc: e@v\.il) \(pid (\d+)\), with (\d+) MiB of memory, was killed by the kernel's OOM "
                     r"killer \(the memory limit of (\S+) was reached\) at \d{4}-", text)
    assert told, text
    assert int(told[2]) == pid and LIMIT * 0.7 < int(told[3]) << 20 < LIMIT * 1.5 and told[4].endswith(os.path.basename(group))
    # Whatever reads the counter tells it, and nothing else does; the log does, too.
    wait_until("another alert that reads the counter tells it", lambda: str(pid) in str(cause_of(subject, "Other")),
               detail=subject.log)
    assert cause_of(subject, "Unconcerned") == "-"
    assert re.search(rf"alert MachineOomKill is firing: .*\(pid {pid}\)", subject.log()), subject.log()


@pytest.mark.parametrize("backend", ["kernel", "pidfd"])
def test_without_the_kernels_log_what_is_known_is_told(start, ports, tmp_path, mailbox, exporter, group, needs_root, without_log,
                                                       backend, subject_class):
    quick = Timing(hold="1m", group_wait="0s")
    write_settings(tmp_path, ports, quick)
    subject = subject_class(tmp_path, ports, ["--watch.backend", backend])
    without_log(subject.processes[0])
    with subject:
        pid = eat_and_wait(subject, tmp_path, group, b"eater")
        write_settings(tmp_path, ports, replace(quick, rules=RULES))
        subject.reload()
        cause = wait_until("the alert fires", lambda: cause_of(subject, "MachineOomKill"), 30, detail=subject.log)
    if backend == "kernel":
        told = re.search(rf"eater \(pid {pid}\).*, with (\d+) MiB of memory, was killed by the kernel's OOM killer \(", cause)
        assert told and LIMIT * 0.7 < int(told[1]) << 20 < LIMIT * 1.5, cause
    else:
        assert cause == ("whom the kernel's OOM killer ended is not known: the backend pidfd does not see it, "
                         "and /dev/kmsg cannot be read")
