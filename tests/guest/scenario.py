"""Runs inside the systemd guest: stops a service as its owner would, and reports what tolld did.

Results are lines `key: value` on the second serial port; the test on the host reads and judges them.
"""
import html
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, "/opt/guest")
from mailbox import Mailbox  # noqa: E402
from process import answers, boottime, http, wait_until  # noqa: E402

URL = "http://127.0.0.1:9090"
PATIENCE_S = 120  # emulated, on a machine that does other things as well


def say(key, value):
    print(f"{key}: {str(value).strip()}", flush=True)


def systemctl(*args):
    return subprocess.run(["systemctl", *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def show(unit, name):
    return systemctl("show", "-P", name, unit).stdout.strip()


def up():
    try:
        result = http(URL + "/api/v1/query", "POST", {"query": 'up{job="node"}'}).json()["data"]["result"]
        return result[0]["value"][1] if result else None
    except OSError:
        return None


def wait(what, predicate, timeout=PATIENCE_S):
    wait_until(what, predicate, timeout, 0.1)


def a_stop_brings_a_mail(box):
    stopped = boottime()
    say("stop_exit", systemctl("stop", "node_exporter").returncode)
    # systemctl came back when the process was gone: the death lies between the two.
    say("stop_took_s", f"{boottime() - stopped:.3f}")
    mail, = box.wait(1, PATIENCE_S)
    say("mail_after_s", f"{mail.accepted - stopped:.3f}")
    say("mail_subject", mail.subject)
    body = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", mail.text)))
    say("mail_body", body)
    systemctl("start", "node_exporter")
    wait("the service is seen up again", lambda: up() == "1")
    wait("the alert is over", lambda: not http(URL + "/api/v1/alerts").json()["data"]["alerts"])
    say("alert_over", "yes")
    say("mails", len(box.mails))


def the_unit_behaves():
    pid = show("tolld", "MainPID")
    say("reload_exit", systemctl("reload", "tolld").returncode)
    wait("it answers after the reload", lambda: answers(URL + "/-/healthy"))
    say("reload_kept_pid", "yes" if show("tolld", "MainPID") == pid else "no")

    status = open(f"/proc/{pid}/status").read()
    say("uid", re.search(r"^Uid:\s+\d+\s+(\d+)", status, re.M).group(1))
    say("cap_eff", re.search(r"^CapEff:\s+(\w+)", status, re.M).group(1))
    say("no_new_privs", re.search(r"^NoNewPrivs:\s+(\d)", status, re.M).group(1))
    say("watchdog_usec", show("tolld", "WatchdogUSec"))
    security = subprocess.run(["systemd-analyze", "security", "--no-pager", "tolld.service"],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    say("exposure", (re.findall(r"exposure level for \S+: ([\d.]+)", security) or ["?"])[0])

    maps = sorted(os.listdir("/sys/fs/bpf/tolld")) if os.path.isdir("/sys/fs/bpf/tolld") else []
    say("pinned", " ".join(maps))

    # Frozen, it cannot answer: systemd must end it and start it again.
    before = show("tolld", "NRestarts")
    os.kill(int(pid), 19)
    wait("the watchdog restarts it", lambda: show("tolld", "NRestarts") != before, PATIENCE_S)
    wait("it answers after the restart", lambda: answers(URL + "/-/ready"))
    say("watchdog_restarted", "yes")

    begun = time.monotonic()
    say("end_exit", systemctl("stop", "tolld").returncode)
    say("end_took_s", f"{time.monotonic() - begun:.3f}")
    say("end_result", show("tolld", "Result"))
    say("pins_left", " ".join(os.listdir("/sys/fs/bpf/tolld")) if os.path.isdir("/sys/fs/bpf/tolld") else "")


def journal():
    lines = subprocess.run(["journalctl", "-u", "tolld", "-o", "json", "--no-pager"],
                           capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.splitlines()
    for line in lines:
        entry = json.loads(line)
        keep = {k: v for k, v in entry.items()
                if not k.startswith(("__", "_SYSTEMD", "_MACHINE", "_BOOT", "_SELINUX", "_STREAM"))}
        print("journal " + json.dumps(keep), flush=True)


def main():
    say("kernel", os.uname().release)
    say("btf", "yes" if os.path.exists("/sys/kernel/btf/vmlinux") else "no")
    try:
        with Mailbox(2587, "/run") as box:
            begun = time.monotonic()
            started = systemctl("start", "tolld")
            say("start_exit", started.returncode)
            say("start_took_s", f"{time.monotonic() - begun:.3f}")
            say("active", show("tolld", "ActiveState"))
            if started.returncode == 0:
                wait("the service is seen up", lambda: up() == "1")
                a_stop_brings_a_mail(box)
                the_unit_behaves()
    except Exception as e:  # whatever it was, the host must read it
        say("error", repr(e))
    journal()
    print("done", flush=True)


main()
